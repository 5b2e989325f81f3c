// Peers over a restart, as the whole gateway sees it: what it gives to the store, and how
// it tells stored peers of its restart: some at a time, with the keys that DNS has now.
#include <algorithm>
#include <deque>

#include "ike/wire/message.hpp"
#include "parts.hpp"
#include "sim/zone.hpp"

using namespace oegate;
using namespace oegate::gateway;
using namespace whole_gateway;

namespace {

const Address kOwn = ip("192.1.1.5");
constexpr std::int64_t kWall = 1'800'000'000;

config::Config configuration() {
    config::Config c;
    c.interfaces.resize(2);
    c.interfaces[0].role = InterfaceRole::inside;
    c.interfaces[0].addresses = {{ip("192.1.0.1"), Prefix(ip("192.1.0.0"), 24)}};
    c.interfaces[1].role = InterfaceRole::outside;
    c.interfaces[1].addresses = {{kOwn, Prefix(ip("192.1.1.0"), 24)}};
    c.classes = {{ClassKind::oe_permissive, {Prefix(Address::ipv4(0), 0)}}};
    c.dns.resolvers = {{ip("10.53.0.1"), 53, true}};
    c.ike.groups = {config::DhGroup::curve25519};
    return c;
}

store::PeerRecord record(const Address& remote) {
    return {Identity::of(kOwn), Identity::of(remote), kOwn, remote, Verdict::secure, kWall - 60};
}

struct Rig {
    explicit Rig(std::vector<store::PeerRecord> peers, config::Config c = configuration())
        : config(std::move(c)), random(7) {
        Options options;
        options.keep_state = true;
        options.wall_seconds = [] { return kWall; };
        options.stored.peers = std::move(peers);
        gateway = std::make_unique<Gateway>(config, key(), random, pool, options);
    }

    /// Time passes; everything is carried out. DNS answers what `zone` has, at once.
    void pass(Duration d) {
        for (const Time end = now + d; now < end;) {
            now = std::min(end, std::max(now, gateway->next_deadline()));
            gateway->on_timer(now);
            drain();
        }
    }
    void drain() {
        for (bool any = true; any;) {
            any = false;
            while (!pool.jobs.empty()) {
                ike::Job job = std::move(pool.jobs.front());
                pool.jobs.pop_front();
                job.work();
                job.done(now);
                any = true;
            }
            while (auto action = gateway->next_dns()) {
                any = true;
                const auto* query = std::get_if<discovery::SendQuery>(&*action);
                if (query == nullptr) continue;
                ++num_queries;
                if (answers) gateway->on_dns(query->query, zone.answer(query->message), now);
            }
            while (auto datagram = gateway->next_datagram()) sent.push_back(*datagram), any = true;
            while (auto log = gateway->next_log()) logs.push_back(log->text), any = true;
            while (auto action = gateway->next_store()) stores.push_back(*action), any = true;
        }
    }
    std::size_t num_logged(const std::string& part) const {
        return static_cast<std::size_t>(std::count_if(
            logs.begin(), logs.end(), [&](const auto& l) { return l.find(part) != std::string::npos; }));
    }

    config::Config config;
    SeededRandom random;
    Pool pool;
    std::unique_ptr<Gateway> gateway;
    sim::Zone zone;
    bool answers = true;
    Time now = Time{} + 100s;
    unsigned num_queries = 0;
    std::vector<ike::SendDatagram> sent;
    std::vector<std::string> logs;
    std::vector<store::Action> stores;
};

}  // namespace

TEST_CASE("a stored peer whose key DNS has is sent IKE_SA_INIT after a restart") {
    Rig rig({record(nth_address(1))});
    rig.zone.delegate(nth_address(1), nth_address(1), key().public_key());
    rig.pass(300ms);
    REQUIRE(rig.sent.size() == 1);
    CHECK(rig.sent.front().remote.address == nth_address(1));
    CHECK(rig.sent.front().local.address == kOwn);
    const auto header = ike::wire::parse_header_any_version(rig.sent.front().payload);
    REQUIRE(header);
    CHECK(header->exchange == ike::wire::ExchangeType::ike_sa_init);
    // Nobody answers: it is tried within the gateway timer, once, and the log says so.
    rig.pass(120s);
    CHECK(rig.num_logged("is not told of this restart before it is keyed with") == 1);
    const auto num_sent = rig.sent.size();
    rig.pass(1h);
    CHECK(rig.sent.size() == num_sent);
    CHECK(rig.stores.empty());  // it is still stored: the next start tries again
}

TEST_CASE("a stored peer without a key in DNS is left for later") {
    Rig rig({record(nth_address(1)), record(nth_address(2))});
    rig.zone.delegate(nth_address(2), nth_address(2), key().public_key());
    rig.pass(5s);
    CHECK(rig.num_logged("does not give its key") == 1);
    CHECK_FALSE(rig.sent.empty());
    for (const auto& datagram : rig.sent) CHECK(datagram.remote.address == nth_address(2));
}

TEST_CASE("what was secure then is not said to a weaker verdict now") {
    config::Config untrusting = configuration();
    untrusting.dns.resolvers.front().trusted_path = false;  // AD does not count: indeterminate
    Rig rig({record(nth_address(2))}, untrusting);
    rig.zone.delegate(nth_address(2), nth_address(2), key().public_key());
    rig.pass(5s);
    CHECK(rig.sent.empty());
    CHECK(rig.num_logged("does not give its key") == 1);
}

TEST_CASE("a thousand stored peers are told at a pace, eight at a time") {
    std::vector<store::PeerRecord> peers;
    for (unsigned i = 0; i < 1000; ++i) peers.push_back(record(nth_address(i)));
    Rig rig(std::move(peers));
    SECTION("DNS is silent: no more than eight wait for it") {
        rig.answers = false;
        rig.pass(3s);
        CHECK(rig.num_queries > 0);
        CHECK(rig.num_queries <= 8 * 3 * 4);  // names, types and retransmissions of eight
    }
    SECTION("DNS answers: ten in a second") {
        rig.pass(10s);
        CHECK(rig.num_logged("does not give its key") >= 95);
        CHECK(rig.num_logged("does not give its key") <= 102);
    }
}

TEST_CASE("records of no use are taken out of the store") {
    store::PeerRecord old = record(nth_address(1));
    old.since = kWall - 8 * 24 * 3600;
    store::PeerRecord moved = record(nth_address(2));  // we had another address then
    moved.own = Identity::of(ip("192.1.1.99"));
    moved.local = ip("192.1.1.99");
    store::PeerRecord named = record(nth_address(3));
    named.own = Identity::of_name("sg.example");
    store::PeerRecord inside = record(ip("192.1.0.77"));  // never a gateway
    config::Config c = configuration();
    c.peers = {{"hub", nth_address(5), "", {}}};
    store::PeerRecord configured = record(nth_address(5));
    Rig rig({old, moved, named, inside, configured, record(nth_address(9))}, c);
    rig.pass(2s);
    REQUIRE(rig.stores.size() == 5);
    for (const store::Action& action : rig.stores) {
        const auto* gone = std::get_if<store::RemovePeer>(&action);
        REQUIRE(gone != nullptr);
        CHECK(gone->peer != Identity::of(nth_address(9)));
    }
}

TEST_CASE("greeting ends with an orderly shutdown") {
    std::vector<store::PeerRecord> peers;
    for (unsigned i = 0; i < 100; ++i) peers.push_back(record(nth_address(i)));
    Rig rig(std::move(peers));
    rig.pass(1s);
    const unsigned before = rig.num_queries;
    rig.gateway->shutdown(rig.now);
    rig.drain();
    rig.pass(10s);
    CHECK(rig.num_queries == before);
}
