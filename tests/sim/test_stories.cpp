// Stories of two whole gateways, each on a quiet network: what the demo shows on real
// wires, here to the nanosecond and with both ends in view.
#include <algorithm>
#include <vector>

#include "catch.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::sim;

namespace {

const std::array<ike::PrivateKey, 2>& keys() {
    static const std::array<ike::PrivateKey, 2> made{ike::PrivateKey::generate(2048).value(),
                                                     ike::PrivateKey::generate(2048).value()};
    return made;
}

const Pair kPair{World::host(0, 0), World::host(1, 0)};
const Address kCarol = Address::ipv4(192, 2, 0, 99);  // behind no gateway that DNS knows of

struct Story : World {
    explicit Story(std::uint64_t seed = 1) : World(seed, keys(), false) {}
    ~Story() {
        for (const std::string& v : violations()) {
            INFO(v);
            CHECK(violations().empty());
        }
    }
    std::string reason(unsigned i, const Pair& pair) { return gateway(i).explain(pair, clock.now()).reason; }
    FlowState state(unsigned i, const Pair& pair) {
        const WorkerModel::Flow* f = worker(i).flow(pair);
        return f == nullptr ? FlowState::none : f->state;
    }
    bool told(unsigned i, const Pair& pair, const std::string& row) {
        const auto story = gateway(i).explain(pair, clock.now()).story;
        return std::ranges::any_of(story, [&](const auto& line) { return line.row == row; });
    }
};

}  // namespace

TEST_CASE("cold start: the first datagram arrives, encrypted, and so does every later one") {
    Story s;
    s.start();
    std::vector<std::uint64_t> sent{s.send(0, kPair)};
    s.run(3s);
    for (int i = 0; i < 20; ++i) {
        sent.push_back(s.send(i % 2, i % 2 == 0 ? kPair : kPair.reversed()));
        s.run(200ms);
    }
    REQUIRE(s.delivered().size() == sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
        CHECK(s.delivered()[i].datagram == sent[i]);
        CHECK(s.delivered()[i].encrypted);
    }
    CHECK(s.clear_on_wire() == 0);
    CHECK(s.agreed(kPair));
    CHECK(s.counted(0, "row g.keyed") == 1);
    CHECK(s.counted(1, "row r.key") == 2);  // asked, answered
    CHECK(s.counted(1, "row r.delegated") == 1);
    CHECK(s.counted(1, "row r.install") == 1);
}

TEST_CASE("hold: of a burst of five, the first and the last arrive, in order") {
    Story s;
    s.start();
    std::vector<std::uint64_t> sent;
    s.weather.delay_least = s.weather.delay_most;  // a wire that keeps the order
    for (int i = 0; i < 5; ++i) sent.push_back(s.send(0, kPair));
    s.run(3s);
    REQUIRE(s.delivered().size() == 2);
    CHECK(s.delivered()[0].datagram == sent[0]);
    CHECK(s.delivered()[1].datagram == sent[4]);
}

TEST_CASE("the same over IPv6") {
    Story s;
    s.start();
    const Pair pair{World::address6(0, 0, 65), World::address6(1, 0, 65)};
    const std::uint64_t datagram = s.send(0, pair);
    s.run(3s);
    bool encrypted = false;
    CHECK(s.was_delivered(datagram, &encrypted));
    CHECK(encrypted);
    s.send(1, pair.reversed());
    s.run(1s);
    CHECK(s.agreed(pair));
    const auto v = s.gateway(0).explain(pair, s.clock.now());
    REQUIRE(v.tunnel);
    CHECK(v.tunnel->gateway == World::gateway_address6(1));
    CHECK(v.tunnel->local == World::gateway_address6(0));
}

TEST_CASE("a further pair between the same gateways rides on their channel") {
    Story s;
    s.start();
    s.send(0, kPair);
    s.run(3s);
    const Pair second{World::host(0, 1), World::host(1, 2)};
    s.send(0, second);
    s.run(3s);
    CHECK(s.agreed(kPair));
    CHECK(s.agreed(second));
    CHECK(s.gateway(0).ike(s.clock.now()).size() == 1);
    CHECK(s.gateway(0).tunnels(s.clock.now()).size() == 2);
}

TEST_CASE("both begin at the same instant: one SA pair is left") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Story s(seed);
        s.start();
        const std::uint64_t there = s.send(0, kPair);
        const std::uint64_t back = s.send(1, kPair.reversed());
        s.run(2s);
        for (int i = 0; i < 20; ++i) {
            s.send(0, kPair);
            s.send(1, kPair.reversed());
            s.run(200ms);
        }
        CHECK(s.was_delivered(there));
        CHECK(s.was_delivered(back));
        CHECK(s.agreed(kPair));
        CHECK(s.counted(0, "row s.both") + s.counted(1, "row s.both") + s.counted(0, "row s.peer-first") +
                  s.counted(1, "row s.peer-first") >
              0);
        s.run(40s);  // old inbound SAs are gone
        CHECK(s.gateway(0).tunnels(s.clock.now()).size() <= 1);
        CHECK(s.gateway(1).tunnels(s.clock.now()).size() <= 1);
    }
}

TEST_CASE("who has no gateway is reached in the clear, or not at all, as the class says") {
    for (const ClassKind kind : {ClassKind::oe_permissive, ClassKind::oe_paranoid}) {
        Story s;
        s.config(0).classes[0].kind = kind;
        s.start();
        const Pair pair{World::host(0, 0), kCarol};
        const std::uint64_t datagram = s.send(0, pair);
        s.run(3s);
        bool encrypted = true;
        CHECK(s.was_delivered(datagram, &encrypted) == (kind == ClassKind::oe_permissive));
        if (kind == ClassKind::oe_permissive) CHECK_FALSE(encrypted);
        CHECK(s.state(0, pair) == (kind == ClassKind::oe_permissive ? FlowState::pass : FlowState::deny));
        CHECK(s.reason(0, pair) == "p.none");
    }
}

TEST_CASE("a tampered zone denies even permissive pairs, a lame one does not") {
    Story tampered;
    tampered.zone.mood = Zone::Mood::tampered;
    tampered.start();
    const std::uint64_t a = tampered.send(0, kPair);
    tampered.run(10s);
    CHECK_FALSE(tampered.was_delivered(a));
    CHECK(tampered.state(0, kPair) == FlowState::deny);
    CHECK(tampered.reason(0, kPair) == "p.bogus");
    CHECK_FALSE(tampered.gateway(0).status().alarms.empty());

    Story lame;
    lame.zone.mood = Zone::Mood::lame;
    lame.start();
    const std::uint64_t b = lame.send(0, kPair);
    lame.run(10s);
    CHECK(lame.was_delivered(b));
    CHECK(lame.state(0, kPair) == FlowState::pass);
    CHECK(lame.reason(0, kPair) == "p.dnsfail");
}

TEST_CASE("a gateway that DNS does not name may not speak for a host") {
    Story s;
    s.start();
    s.zone.forget(kPair.source);  // nobody delegates Alice to SG-A
    s.send(0, kPair);
    s.run(5s);
    CHECK(s.counted(1, "row r.undelegated") == 1);
    CHECK(s.counted(1, "row r.install") == 0);
    CHECK(s.reason(0, kPair) == "g.child");
    CHECK(s.state(0, kPair) == FlowState::pass);
    CHECK(s.gateway(1).tunnels(s.clock.now()).empty());
}

TEST_CASE("a wrong key in DNS: the gateway's signature is not believed") {
    Story s;
    s.start();
    const auto other = ike::PrivateKey::generate(2048).value();
    s.zone.forget(kPair.destination);
    s.zone.delegate(kPair.destination, World::gateway_address(1), other.public_key());
    s.send(0, kPair);
    s.run(25s);
    CHECK(s.state(0, kPair) == FlowState::pass);
    CHECK(s.reason(0, kPair) == "g.signature");
    CHECK_FALSE(s.agreed(kPair));
}

TEST_CASE("a gateway behind an address translator keys under its name, and nobody can begin with it") {
    Story s;
    s.config(0).ike.name = "sg-a.sim";
    s.translate(0);
    s.start();
    s.zone.forget(kPair.source);
    s.zone.delegate_to_identity(kPair.source, "sg-a.sim.", keys()[0].public_key());
    s.zone.publish_key("sg-a.sim.", keys()[0].public_key());
    const std::uint64_t clear = s.send(1, kPair.reversed());
    s.run(5s);
    bool encrypted = true;
    CHECK(s.was_delivered(clear, &encrypted));
    CHECK_FALSE(encrypted);
    CHECK(s.reason(1, kPair.reversed()) == "p.unusable");
    const std::uint64_t there = s.send(0, kPair);
    s.run(3s);
    CHECK(s.was_delivered(there, &encrypted));
    CHECK(encrypted);
    const std::uint64_t back = s.send(1, kPair.reversed());
    s.run(1s);
    CHECK(s.was_delivered(back, &encrypted));
    CHECK(encrypted);
    CHECK(s.counted(1, "row f.peer") == 1);
    const auto v = s.gateway(1).explain(kPair.reversed(), s.clock.now());
    REQUIRE(v.tunnel);
    CHECK(v.tunnel->gateway == Address::ipv4(198, 51, 100, 10));
}

TEST_CASE("key rollover as the draft has it: nothing is lost, and in haste the peer is keyed anew") {
    for (const bool hasty : {false, true}) {
        static const auto next = ike::PrivateKey::generate(2048).value();
        std::vector<ike::PrivateKey> three{keys()[0], keys()[1], next};
        World w(1, three, false);
        w.zone.ttl = 30s;
        for (unsigned i = 0; i < 2; ++i) w.config(i).ike.ike_lifetime = 60s;
        w.start();
        const auto publish = [&](std::vector<unsigned> which) {
            w.zone.forget(kPair.destination);
            for (const unsigned k : which)
                w.zone.delegate(kPair.destination, World::gateway_address(1), three[k].public_key());
        };
        const auto talk = [&](Duration how_long) {
            std::size_t lost = 0;
            for (Duration d{}; d < how_long; d += 500ms) {
                const std::uint64_t datagram = w.send(0, kPair);
                w.run(500ms);
                lost += w.was_delivered(datagram) ? 0 : 1;
            }
            return lost;
        };
        talk(10s);
        if (!hasty) {
            publish({1, 2});
            CHECK(talk(70s) == 0);
        }
        w.set_key(1, 2);
        publish({2});
        CHECK(talk(5min) < (hasty ? 60 : 1));
        CHECK(talk(30s) == 0);
        CHECK(w.agreed(kPair));
        CHECK(w.violations().empty());
    }
}

TEST_CASE("precedence: the second gateway is tried when the first is silent") {
    Story s;
    s.start();
    s.zone.forget(kPair.destination);
    s.zone.delegate(kPair.destination, Address::ipv4(192, 2, 1, 250), keys()[1].public_key(), 1);
    s.zone.delegate(kPair.destination, World::gateway_address(1), keys()[1].public_key(), 9);
    const std::uint64_t datagram = s.send(0, kPair);
    s.run(25s);
    CHECK(s.told(0, kPair, "g.silence"));
    CHECK(s.agreed(kPair));
    CHECK(s.was_delivered(datagram));
}

TEST_CASE("a delete from either side closes both; the next datagram keys anew") {
    for (unsigned side = 0; side < 2; ++side) {
        Story s;
        s.start();
        s.send(0, kPair);
        s.run(3s);
        s.send(1, kPair.reversed());
        s.run(1s);
        REQUIRE(s.agreed(kPair));
        CHECK(s.gateway(side).tunnel_delete(side == 0 ? kPair : kPair.reversed(), s.clock.now()));
        CHECK_FALSE(s.gateway(side).tunnel_delete({kPair.source, kCarol}, s.clock.now()));
        s.send(side, side == 0 ? kPair.reversed().reversed() : kPair.reversed());
        s.run(2s);
        s.run(3s);
        const std::uint64_t datagram = s.send(0, kPair);
        s.run(3s);
        bool encrypted = false;
        CHECK(s.was_delivered(datagram, &encrypted));
        CHECK(encrypted);
        CHECK(s.counted(1 - side, "row k.delete") >= 1);
    }
}

TEST_CASE("an SA pair that one end has lost is keyed anew at once: the sender is told (INVALID_SPI)") {
    for (unsigned loser = 0; loser < 2; ++loser) {
        Story s;
        s.start();
        s.send(0, kPair);
        s.run(15s);
        REQUIRE(s.agreed(kPair));
        s.worker(loser).lose_inbound();
        const unsigned sender = 1 - loser;
        const Pair pair = sender == 0 ? kPair : kPair.reversed();
        const std::uint64_t lost = s.send(sender, pair);
        s.run(1s);
        const std::uint64_t first = s.send(sender, pair);
        s.run(3s);
        CHECK_FALSE(s.was_delivered(lost));
        bool encrypted = false;
        CHECK(s.was_delivered(first, &encrypted));
        CHECK(encrypted);
        CHECK(s.agreed(kPair));
        CHECK(s.counted(loser, "ike unknown ESP SPIs told") == 1);
        CHECK(s.counted(sender, "ike SA pairs that the peer lost") == 1);
        CHECK(s.counted(sender, "row k.delete") == 1);
        s.run(5min);  // idle
        for (unsigned i = 0; i < 2; ++i) CHECK(s.worker(i).num_sas() == 0);
    }
}

TEST_CASE("a rekey loses nothing") {
    Story s;
    s.config(0).ike.child_lifetime = s.config(1).ike.child_lifetime = 40s;
    s.start();
    std::vector<std::uint64_t> sent;
    for (int i = 0; i < 600; ++i) {
        sent.push_back(s.send(0, kPair));
        sent.push_back(s.send(1, kPair.reversed()));
        if (i == 0) s.run(3s);
        s.run(200ms);
    }
    CHECK(s.counted(0, "row k.rekey-own") + s.counted(1, "row k.rekey-own") >= 2);
    std::size_t lost = 0;
    for (const std::uint64_t datagram : sent) lost += s.was_delivered(datagram) ? 0 : 1;
    CHECK(lost == 0);
}

TEST_CASE("an idle pair is closed on both sides, nothing is left over") {
    Story s;
    s.start();
    s.send(0, kPair);
    s.run(5min);
    for (unsigned i = 0; i < 2; ++i) {
        CHECK(s.gateway(i).connections(s.clock.now()).empty());
        CHECK(s.gateway(i).tunnels(s.clock.now()).empty());
        CHECK(s.worker(i).num_sas() == 0);
        CHECK(s.worker(i).num_flows() == 0);
        CHECK(s.gateway(i).status().commands_unapplied == 0);
    }
}

TEST_CASE("a gateway that lost its memory is noticed and keyed anew") {
    Story s;
    s.start();
    s.send(0, kPair);
    s.run(3s);
    REQUIRE(s.agreed(kPair));
    s.crash(1);
    for (int i = 0; i < 240; ++i) {
        s.send(0, kPair);
        s.send(1, kPair.reversed());
        s.run(500ms);
    }
    CHECK(s.agreed(kPair));
}

TEST_CASE("ICMP about our ESP makes us ask the peer, once; alone it ends nothing") {
    const UnknownSpi icmp{World::gateway_address(1), World::gateway_address(0), 0};
    for (const bool is_dead : {false, true}) {
        Story s;
        s.start();
        s.send(0, kPair);
        s.run(3s);
        REQUIRE(s.agreed(kPair));
        if (is_dead) s.crash(1);
        const std::uint64_t before = s.counted(0, "row k.hint");
        for (int i = 0; i < 50; ++i) {
            s.gateway(0).on_event(Event(icmp), s.clock.now());
            s.run(100ms);
        }
        CHECK(s.told(0, kPair, "k.hint"));
        CHECK(s.counted(0, "row k.hint") == before + 1);
        if (!is_dead) {
            for (int i = 0; i < 30; ++i) {
                s.send(0, kPair);
                s.run(1s);
            }
            CHECK(s.agreed(kPair));
            CHECK(s.counted(0, "row k.dead") == 0);
        }
    }
}

TEST_CASE("shutdown says good-bye: the peer forgets at once") {
    Story s;
    s.start();
    s.send(0, kPair);
    s.run(3s);
    s.gateway(0).shutdown(s.clock.now());
    s.send(1, kPair.reversed());  // drains both sides' queues
    s.run(5s);
    CHECK(s.counted(0, "row x.shutdown") == 1);
    CHECK(s.counted(1, "row k.delete") + s.counted(1, "row k.ike-gone") >= 1);
    const std::uint64_t dropped = s.send(0, kPair);
    s.run(2s);
    CHECK_FALSE(s.was_delivered(dropped));
}

TEST_CASE("explain changes nothing, and says what is") {
    Story s;
    s.start();
    const auto before = s.gateway(0).explain(kPair, s.clock.now());
    CHECK(before.state == "none");
    CHECK(before.class_kind == ClassKind::oe_permissive);
    CHECK(before.what_happens.find("held") != std::string::npos);
    CHECK_FALSE(before.dns);
    CHECK(s.gateway(0).connections(s.clock.now()).empty());
    CHECK_FALSE(s.gateway(0).next_command());
    CHECK_FALSE(s.gateway(0).next_dns());

    s.send(0, kPair);
    s.run(3s);
    const auto v = s.gateway(0).explain(kPair, s.clock.now());
    CHECK(v.state == "keyed");
    CHECK(v.direction == "outbound");
    CHECK(v.reason == "g.keyed");
    REQUIRE(v.tunnel);
    CHECK(v.tunnel->in_use);
    CHECK(v.tunnel->gateway == World::gateway_address(1));
    CHECK(v.tunnel->dnssec == Verdict::secure);
    REQUIRE(v.ike);
    REQUIRE(v.dns);
    CHECK(v.dns->outcome == "usable");
    CHECK_FALSE(v.dns->records.empty());
    REQUIRE(v.gateways.size() == 1);
    CHECK(v.story.front().row == "n.oe");
    CHECK(v.next_in.has_value());
    const auto mirrored = s.gateway(0).explain(kPair.reversed(), s.clock.now());
    CHECK(mirrored.direction == "inbound");
    CHECK(mirrored.pair == kPair);
    CHECK(s.gateway(0).explain({World::gateway_address(0), kPair.destination}, s.clock.now()).direction ==
          "own");
}
