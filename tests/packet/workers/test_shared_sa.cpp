// One SA with many flows: it lives on one worker, its flows on all of them. Sequence
// numbers are counted in one place, stale references are harmless, and an SA goes only
// after every hand-over ring has been passed.
#include <map>

#include "base/cursor.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "worker/foreign_sa.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

constexpr unsigned kWorkers = 4, kHosts = 24;

std::string host(unsigned i) {
    return "10.3.1." + std::to_string(i + 1);
}

struct Shared {
    explicit Shared(unsigned where) : home(where), g(options()) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("10.3.0.0/16"), ClassKind::configured}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
        tunnel.pair = {address("10.1.0.0"), address("10.3.0.0")};
    }
    ~Shared() { g.check_ledger(); }
    static Options options() {
        Options o;
        o.num_workers = kWorkers;
        o.dataplane.flows_per_worker = 1024;
        o.dataplane.sas_per_worker = 64;
        o.dataplane.held_per_worker = 64;
        return o;
    }
    Pair pair(unsigned i) const { return {address("10.1.0.2"), address(host(i))}; }
    unsigned owner_of(unsigned i) { return owner(g.worker(), pair(i)); }
    void install() {
        g.command(home, Command(tunnel.outbound()));
        g.turn();
    }
    void encrypt(unsigned i, SaRef sa) {
        SetPolicy policy{pair(i), FlowState::encrypt, ClassKind::configured, 1, sa, 0};
        policy.sa_worker = static_cast<std::uint8_t>(home);
        g.command(owner_of(i), Command(policy));
    }
    void send(unsigned i) {
        Writer w;
        w.u32(++sent[i]);
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", host(i)}, 1, 2, std::move(w).take())));
    }
    /// Opens what left; its sequence numbers have no gap, its flows are in order.
    void take() {
        for (const Bytes& frame : g.out(kOutside)) {
            const auto opened = open(tunnel, without_link(frame));
            REQUIRE(opened);
            CHECK(opened->sequence == ++sequence);
            Reader reader(ByteView(opened->inner).subspan(19));
            const unsigned i = reader.u8() - 1u;
            reader.skip(8);
            const std::uint32_t n = reader.u32();
            CHECK(n > last[i]);
            last[i] = n;
        }
    }

    unsigned home;
    Gateway g;
    Tunnel tunnel;
    std::map<unsigned, std::uint32_t> sent, last;
    std::uint32_t sequence = 0;
};

}  // namespace

TEST_CASE("shared SA: all workers' flows leave through it, numbered once") {
    Shared s(GENERATE(0u, 1u, 2u, 3u));
    CAPTURE(s.home);
    SeededRandom random(s.home);
    unsigned per_worker[kWorkers] = {};
    for (unsigned i = 0; i < kHosts; ++i) {
        ++per_worker[s.owner_of(i)];
        s.send(i);  // the first two wait in hold
        s.send(i);
    }
    for (const unsigned num : per_worker) REQUIRE(num > 0);
    s.g.turn();
    CHECK(s.g.sum().held == 2 * kHosts);
    s.install();
    for (unsigned i = 0; i < kHosts; ++i) s.encrypt(i, s.tunnel.out);
    for (int step = 0; step < 3000; ++step) {
        if (random.below(3) == 0 && s.g.waiting_on_wire(kInside) < 200)
            s.send(static_cast<unsigned>(random.below(kHosts)));
        else
            s.g.poll(static_cast<unsigned>(random.below(kWorkers)));
        s.take();
    }
    s.g.turn();
    s.take();
    std::uint32_t all = 0;
    for (unsigned i = 0; i < kHosts; ++i) {
        CHECK(s.last[i] == s.sent[i]);
        all += s.sent[i];
    }
    CHECK(s.sequence == all);
    CHECK(s.g.drops() == 0);
}

TEST_CASE("shared SA: too big for it is told by the worker that has it") {
    Shared s(0);
    unsigned i = 0;
    while (s.owner_of(i) == 0) ++i;
    s.tunnel.mtu = 600;
    s.install();
    s.encrypt(i, s.tunnel.out);
    s.g.turn();
    s.g.in(kInside, ethernet(s.g.mac(kInside), kIpv4,
                             udp({"10.1.0.2", host(i), 64, 17, 0x4000}, 1, 2, Bytes(700, 1))));
    s.g.turn();
    CHECK(s.g.drops(Drop::too_big) == 1);
    const auto answers = s.g.out(kInside);
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].at(14 + 20) == 3);  // destination unreachable,
    CHECK(answers[0].at(14 + 21) == 4);  // fragmentation needed
}

TEST_CASE("shared SA: it goes after the rings have been passed, and a stale name is harmless") {
    Shared s(2);
    s.install();
    for (unsigned i = 0; i < kHosts; ++i) s.encrypt(i, s.tunnel.out);
    s.g.turn();
    unsigned of_others = 0;
    for (unsigned i = 0; i < kHosts; ++i)
        for (int n = 0; n < 8; ++n)
            if (s.owner_of(i) != s.home) {
                s.send(i);
                ++of_others;
            }
    // Everybody but the SA's worker turns: all lies in the rings to it.
    for (int n = 0; n < 40; ++n)
        for (const unsigned worker : {0u, 1u, 3u}) s.g.poll(worker);
    REQUIRE(s.g.sum().handed_over >= of_others);
    REQUIRE(of_others > 64);
    const auto& applied = s.g.worker(s.home).shared.applied;
    Command gone(RemoveSa{Direction::outbound, s.tunnel.out});
    gone.sequence = 1000;
    s.g.command(s.home, gone);
    s.g.poll(s.home);
    CHECK(applied.load() != 1000);  // there was more in a ring than one turn takes
    s.g.turn();
    CHECK(applied.load() == 1000);
    s.take();
    CHECK(s.sequence == of_others);
    CHECK(s.g.drops() == 0);

    // From here on the flows' reference is stale: a new tenant of the slot is not used.
    Tunnel other = s.tunnel;
    other.out.generation = 99;
    s.g.command(s.home, Command(other.outbound()));
    s.g.turn();
    for (unsigned i = 0; i < kHosts; ++i) s.send(i);
    s.g.turn();
    CHECK(s.g.out(kOutside).empty());
    CHECK(s.g.drops(Drop::sa_missing) == kHosts);
    CHECK(s.g.worker(s.home).security->sad.outbound(other.out)->sequence.sent == 0);
}

TEST_CASE("shared SA: when it dies its flows wait for the next one, and control is told once") {
    Shared s(1);
    s.tunnel.out_limits.hard_packets = 10;
    s.install();
    for (unsigned i = 0; i < kHosts; ++i) s.encrypt(i, s.tunnel.out);
    s.g.turn();
    for (unsigned i = 0; i < kHosts; ++i) s.send(i);
    s.g.turn();
    s.take();
    CHECK(s.sequence == 10);
    CHECK(s.g.sum().held == kHosts - 10);
    CHECK(s.g.drops() == 0);
    const auto told = of_kind(s.g.events(s.home), Event::Kind::sa_expired);
    REQUIRE(told.size() == 1);
    CHECK(told[0].sa_expired.hard);
    // Who was not among the last ten learns it now, and waits too: with one before it that
    // is its first and this its last.
    for (unsigned i = 0; i < kHosts; ++i) s.send(i);
    s.g.turn();
    CHECK(s.g.out(kOutside).empty());
    CHECK(s.g.sum().held == 2 * kHosts - 10);
    CHECK(s.g.drops() == 0);
    // The next SA: all leaves, in order.
    s.tunnel.out = {9, 10};
    s.tunnel.out_limits = {};
    s.sequence = 0;
    s.install();
    for (unsigned i = 0; i < kHosts; ++i) s.encrypt(i, s.tunnel.out);
    s.g.turn();
    s.take();
    CHECK(s.sequence == 2 * kHosts - 10);
    CHECK(s.g.sum().held == 0);
    CHECK(s.g.drops() == 0);
}

TEST_CASE("shared SA: what comes back from a dead one after its flow has moved on is dropped") {
    Shared s(1);
    unsigned i = 0;
    while (s.owner_of(i) == s.home) ++i;
    s.tunnel.out_limits.hard_packets = 1;
    s.install();
    s.encrypt(i, s.tunnel.out);
    s.g.turn();
    for (int n = 0; n < 3; ++n) s.send(i);
    for (int n = 0; n < 3; ++n)
        for (const unsigned worker : {0u, s.owner_of(i), s.home})  // receives, owns, has the SA
            if (n == 0 || worker == s.home) s.g.poll(worker);
    REQUIRE(s.g.sum().handed_over > s.g.sum().taken_over);  // two are on their way back
    const FlowState next = GENERATE(FlowState::pass, FlowState::hold);
    s.g.command(s.owner_of(i), Command(SetPolicy{s.pair(i), next, ClassKind::configured, 1, {}, 0}));
    s.g.turn();
    CHECK(s.g.drops(Drop::sa_hard_limit) == 2);
    CHECK(s.g.drops() == 2);
    CHECK(s.g.out(kOutside).size() == 1);
    CHECK(s.g.sum().held == 0);
}

TEST_CASE("shared SA: a policy that names an impossible worker sends nothing") {
    Shared s(0);
    s.install();
    SetPolicy policy{s.pair(0), FlowState::encrypt, ClassKind::configured, 1, s.tunnel.out, 0};
    policy.sa_worker = 9;
    s.g.command(s.owner_of(0), Command(policy));
    s.send(0);
    s.g.turn();
    CHECK(s.g.out(kOutside).empty());
    CHECK(s.g.drops(Drop::sa_missing) == 1);
}

TEST_CASE("release: an SA that is replaced in the same turn still sends what was held for it") {
    Shared s(0);
    s.send(0);
    s.send(0);
    s.g.turn();
    REQUIRE(s.g.sum().held == 2);
    const unsigned worker = s.owner_of(0);
    const auto own = [&](SaRef sa) {
        return Command(SetPolicy{s.pair(0), FlowState::encrypt, ClassKind::configured, 1, sa, 0});
    };
    Tunnel next = s.tunnel;
    next.out.generation = 8;  // the same slot: the former tenant goes
    s.g.command(worker, Command(s.tunnel.outbound()));
    s.g.command(worker, own(s.tunnel.out));
    SECTION("by its successor") {
        s.g.command(worker, Command(next.outbound()));
    }
    SECTION("by its removal") {
        s.g.command(worker, Command(RemoveSa{Direction::outbound, s.tunnel.out}));
    }
    s.g.turn();
    s.take();
    CHECK(s.sequence == 2);
    CHECK(s.last[0] == 2);
    CHECK(s.g.drops() == 0);
}
