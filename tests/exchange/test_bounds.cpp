// What strangers and peers may use up: half-open exchanges, channels of one identity and
// in total, verifications; and the ends of IKE SAs that nobody can forge.
#include <algorithm>

#include "wire.hpp"

using namespace exchange;

namespace {

/// An IKE_SA_INIT of A, as the wire has it, from another port and with another SPI.
Datagram flood_init(const Datagram& model, unsigned number) {
    Datagram forged = model;
    for (int i = 0; i < 4; ++i) forged.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    forged.bytes[7] = 0xff;
    return forged;
}

}  // namespace

TEST_CASE("100,000 half-open exchanges of one host cost its own budget only", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    Datagram model = p.world.take();
    model.from.address = ip("198.51.100.9");
    std::size_t most = 0;
    for (unsigned i = 1; i <= 100'000; ++i) {
        const Datagram forged = flood_init(model, i);
        p.b.engine->on_datagram(forged.to, forged.from, forged.bytes, p.world.now);
        if (i % 1000 == 0) {
            while (p.b.drain()) {
            }
            p.world.wire.clear();
            p.world.story.clear();
            most = std::max(most, p.b.engine->status().size());
        }
    }
    // Without a cookie not one exchange beyond its share is remembered.
    CHECK(most == config::Ike{}.half_open_per_source);
    CHECK(p.b.engine->counters().cookies_sent == 100'000 - most);
    // Somebody else keys as ever, in four messages and without a cookie.
    p.world.wire.clear();
    p.world.story.clear();
    p.world.now += 1s;
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.a.engine->forget(1);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.world.story.size() == 4);
}

TEST_CASE("channels of one identity: the oldest without children gives way", "[exchange]") {
    Pairing p([](Settings& s) { s.limits.ike_sas_per_peer = 100; },
              [](Settings& s) { s.limits.ike_sas_per_peer = 4; });
    for (ConnectionId i = 1; i <= 4; ++i) {
        p.world.now += 1s;
        p.a.initiate(p.b, p.pair, i, Verdict::secure, true);
        p.world.run();
    }
    REQUIRE(p.b.num_established() == 4);
    SECTION("one is empty") {
        const ChildId first = p.b.installed.front().child;
        const IkeSaId oldest = p.b.installed.front().sa;
        p.b.engine->delete_child(first, p.world.now);
        p.world.run();
        p.a.initiate(p.b, p.pair, 5, Verdict::secure, true);
        p.world.run();
        CHECK(p.a.failed.empty());
        CHECK(p.b.num_established() == 4);
        CHECK(p.a.num_established() == 4);  // it was told
        for (const IkeSaStatus& sa : p.b.engine->status()) CHECK(sa.id != oldest);
        CHECK(p.b.engine->counters().channels_ousted == 1);
    }
    SECTION("none is empty") {
        p.a.initiate(p.b, p.pair, 5, Verdict::secure, true);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::full);
        CHECK(p.b.num_established() == 4);
        CHECK(p.b.live.size() == 4);
        CHECK(p.b.engine->counters().channels_refused == 1);
        CHECK(p.b.noticed("limits.ike-sas-per-peer"));
    }
}

TEST_CASE("our own exchanges keep to the bound of channels, too", "[exchange]") {
    Pairing p([](Settings& s) { s.limits.ike_sas_per_peer = 2; });
    for (ConnectionId i = 1; i <= 3; ++i) {
        p.a.initiate(p.b, p.pair, i, Verdict::secure, true);
        p.world.run();
    }
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::too_many);
    CHECK(p.a.num_established() == 2);
}

TEST_CASE("channels in total: the longest idle gives way to another peer's", "[exchange]") {
    Pairing p([](Settings&) {}, [](Settings& s) { s.limits.ike_sas = 1; });
    Peer& c = p.world.add("C", "192.3.0.3");
    for (Peer* peer : {&p.b, &c}) peer->dns[Identity::of(c.address)] = {key_c().public_key()};
    c.dns[Identity::of(p.b.address)] = {key_b().public_key()};
    const Address carol = ip("192.3.0.65");
    p.b.delegations[{Identity::of(c.address), carol}] = true;
    p.key_up();
    c.initiate(p.b, {carol, p.bob}, 7);
    p.world.run();
    REQUIRE(c.failed.size() == 1);  // A's has a child
    CHECK(c.failed.front().failure == Failure::full);
    p.a.engine->delete_child(p.a.live.begin()->first, p.world.now);
    p.world.run();
    c.initiate(p.b, {carol, p.bob}, 8);
    p.world.run();
    CHECK(c.live.size() == 1);
    CHECK(p.b.num_established() == 1);
    CHECK(p.a.num_established() == 0);
}

TEST_CASE("one source opens channels up to a bound, which their ends lift", "[exchange]") {
    Pairing p([](Settings&) {}, [](Settings& s) { s.limits.ike_sas_per_source = 3; });
    for (ConnectionId i = 1; i <= 4; ++i) {
        p.a.initiate(p.b, p.pair, i, Verdict::secure, true);
        p.world.run();
    }
    CHECK(p.b.num_established() == 3);
    CHECK(p.b.engine->counters().channels_over_share == 1);
    CHECK(p.b.engine->counters().half_open_dropped == 0);
    CHECK(p.b.noticed("limits.ike-sas-per-source"));
    p.world.pass(15s);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().connection == 4);
    CHECK(p.b.engine->counters().channels_over_share == 5);  // each of its transmissions
    // Another source is another matter.
    Peer& c = p.world.add("C", "192.3.0.3");
    p.b.dns[Identity::of(c.address)] = {key_c().public_key()};
    c.dns[Identity::of(p.b.address)] = {key_b().public_key()};
    c.initiate(p.b, {c.address, p.bob}, 7);
    p.world.run();
    CHECK(p.b.num_established() == 4);
    p.b.engine->delete_ike_sa(p.b.engine->status().front().id, p.world.now);
    p.world.pass(100s);  // the silence of B is forgotten, too
    p.a.initiate(p.b, p.pair, 5, Verdict::secure, true);
    p.world.run();
    CHECK(p.b.num_established() == 4);
    CHECK(p.a.failed.size() == 1);
    CHECK(p.b.engine->counters().channels_over_share == 5);
}

TEST_CASE("one source makes children up to a bound, over all its channels", "[exchange]") {
    Pairing p([](Settings&) {}, [](Settings& s) { s.limits.children_per_source = 3; });
    ConnectionId connection = 0;
    const auto key = [&](unsigned host, bool fresh) {
        const Address bob = Address::ipv4(0xC0020000u + 256 + host);  // 192.2.1.0 and on
        p.a.initiate(p.b, {p.alice, bob}, ++connection, Verdict::secure, fresh);
        p.world.run();
    };
    for (unsigned host = 0; host < 3; ++host) key(host, host != 1);
    CHECK(p.b.live.size() == 3);
    CHECK(p.b.num_established() == 2);
    CHECK(p.b.engine->counters().children_over_share == 0);
    key(3, false);
    key(4, true);  // on an IKE_AUTH
    CHECK(p.b.live.size() == 3);
    CHECK(p.b.num_established() == 3);
    CHECK(p.b.engine->counters().children_over_share == 2);
    CHECK(p.b.noticed("limits.children-per-source"));
    REQUIRE(p.a.failed.size() == 2);
    for (const InitiateFailed& failed : p.a.failed) CHECK(failed.failure == Failure::full);
    // A rekey is no further child, and what B asks for is its own affair.
    p.a.engine->rekey_child(p.a.live.begin()->first, p.world.now);
    p.world.run();
    CHECK(p.a.rekey_failed.empty());
    p.b.initiate(p.a, {p.bert, p.alice}, 9);
    p.world.run();
    CHECK(p.b.live.size() == 4);
    CHECK(p.b.engine->counters().children_over_share == 2);
    p.a.engine->delete_child(p.a.live.begin()->first, p.world.now);
    p.world.run();
    key(5, false);
    CHECK(p.b.live.size() == 4);
    CHECK(p.a.failed.size() == 2);
}

TEST_CASE("a signature beyond the budget is put off until the peer asks again", "[exchange]") {
    World world;
    Peer& b = world.add("B", "2001:db8:2::2", [](Settings& s) { s.limits.verifications_per_source = 1; });
    Peer& a = world.add("A", "2001:db8:1::1");
    Peer& c = world.add("C", "2001:db8:1::3");  // of the same /64
    b.dns[Identity::of(a.address)] = {key_a().public_key()};
    b.dns[Identity::of(c.address)] = {key_c().public_key()};
    for (Peer* peer : {&a, &c}) peer->dns[Identity::of(b.address)] = {key_b().public_key()};
    const Address bob = ip("2001:db8:2::66");
    b.answer_keys = false;
    a.initiate(b, {a.address, bob}, 1);
    c.initiate(b, {c.address, bob}, 2);
    world.run();
    REQUIRE(b.wanted_keys.size() == 2);
    b.pool.paused = true;
    for (const WantPeerKeys& question : b.wanted_keys)
        b.engine->peer_keys(question.sa, b.dns[question.peer], Verdict::secure, world.now);
    CHECK(b.engine->counters().verifications_put_off == 1);
    b.pool.paused = false;
    b.answer_keys = true;
    world.run();
    CHECK(a.live.size() + c.live.size() == 1);
    world.pass(1s);  // the other's retransmission
    CHECK(a.live.size() + c.live.size() == 2);
    CHECK(b.wanted_keys.size() == 3);
    CHECK(b.engine->counters().verifications_put_off == 1);
}

TEST_CASE("at most eight published keys are tried", "[exchange]") {
    const bool within = GENERATE(true, false);
    Pairing p;
    auto& keys = p.b.dns[Identity::of(p.a.address)];
    keys.assign(within ? 7 : 8, key_c().public_key());
    keys.push_back(key_a().public_key());
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    CHECK(p.b.live.size() == (within ? 1u : 0u));
    CHECK(p.a.failed.size() == (within ? 0u : 1u));
}

TEST_CASE("IKE SAs that only repeat their last answer are bounded", "[exchange]") {
    Pairing p;
    p.world.narrate = false;
    p.b.dns.clear();  // every exchange is refused: AUTHENTICATION_FAILED
    for (ConnectionId i = 1; i <= 1100; ++i) {
        p.a.initiate(p.b, p.pair, i, Verdict::secure, true);
        p.world.run();
    }
    CHECK(p.a.failed.size() == 1100);
    CHECK(p.b.engine->status().size() == 1024);
    CHECK(p.b.engine->counters().lingering_dropped == 76);
    CHECK(p.b.engine->num_alive() == 0);
    p.world.pass(11s);
    CHECK(p.b.engine->status().empty());
}

TEST_CASE("a request of an unknown IKE SA is told so, seldom; the word of it ends nothing", "[exchange]") {
    Pairing p;
    p.key_up();
    const ChildId child = p.a.live.begin()->first;
    // B has lost its memory: another engine at its address.
    Peer reborn(p.world, "B", p.b.address, key_b(), 5, [](Settings&) {});
    p.world.story.clear();
    p.a.engine->check_liveness(child, p.world.now);
    const Datagram alive = p.world.take();
    reborn.engine->on_datagram(alive.to, alive.from, alive.bytes, p.world.now);
    auto event = reborn.engine->next_event();
    while (event && !std::holds_alternative<SendDatagram>(*event)) event = reborn.engine->next_event();
    REQUIRE(event);
    const auto told = std::get<SendDatagram>(*event);
    const auto message = wire::parse(told.payload);
    REQUIRE(message);
    const auto asked = wire::parse(alive.bytes);
    CHECK(message->header.response);
    CHECK(message->header.message_id == asked->header.message_id);
    CHECK(message->header.spi_initiator == asked->header.spi_initiator);
    CHECK(message->header.spi_responder == asked->header.spi_responder);
    CHECK(message->payloads.notify(wire::NotifyType::invalid_ike_spi) != nullptr);
    // Anybody could have sent this: the check goes on for its full time (RFC 7296 §2.4).
    p.world.hand_over({told.local, told.remote, told.payload, "told"});
    CHECK(p.a.live.size() == 1);
    CHECK(p.a.engine->counters().unprotected == 1);
    const Time at = p.world.now;
    while (p.a.gone.empty() && p.world.now - at < 60s) {
        p.world.pass(100ms, false);
        p.world.wire.clear();
    }
    CHECK(p.world.now - at > 31s);
    CHECK(p.a.gone.front().reason == ChildGone::Reason::ike_dead);
    // A flood of strangers' requests gets at most a burst of answers.
    for (unsigned i = 0; i < 1000; ++i) {
        Datagram other = alive;
        other.bytes[8] = static_cast<std::uint8_t>(i);
        other.bytes[9] = static_cast<std::uint8_t>(i >> 8);
        reborn.engine->on_datagram(other.to, other.from, other.bytes, at);
    }
    CHECK(reborn.engine->counters().invalid_spi_answered <= 20);
    // And never an answer to an answer.
    const auto before = reborn.engine->counters().invalid_spi_answered;
    reborn.engine->on_datagram(told.remote, told.local, told.payload, p.world.now + 100s);
    CHECK(reborn.engine->counters().invalid_spi_answered == before);
}
