// The short way (stages/recall): a remembered flow still meets everything that the long
// way would have said of its next datagram, and every change of tables at once.
#include <algorithm>

#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

const Pair kPair{Address::ipv4(10, 1, 0, 2), Address::ipv4(10, 3, 0, 2)};
const Pair kPair6{address("2001:db8:1::2"), address("2001:db8:3::2")};
const MacAddress kOther = *MacAddress::parse("02:00:00:00:00:0d");

/// A pair in *pass*, with two datagrams behind it: the first found the way, the second
/// went by it.
struct Remembered {
    explicit Remembered(const Pair& of = kPair) : pair(of) {
        Tables& tables = g.dataplane().tables();
        g.know_neighbours();
        REQUIRE(tables.set_neighbour(kOutside, address("10.2.0.253"), kOther));
        g.command(0, Command(SetPolicy{pair, FlowState::pass, ClassKind::oe_permissive, 1, {}, 0}));
        g.turn();
        CHECK_FALSE(knows_way());
        for (int i = 0; i < 2; ++i) {
            send();
            REQUIRE(g.out(kOutside).size() == 1);
            CHECK(knows_way());
        }
    }
    ~Remembered() { g.check_ledger(); }
    FlowEntry& entry() {
        FlowCache& flows = g.worker().security->flows;
        return flows.entry(flows.find(pair));
    }
    bool knows_way() {
        const std::uint32_t now = g.parts().publisher->published().generation.load() & 0xffff;
        return entry().way.generation == now;
    }
    Ip ip() const { return {pair.source.text(), pair.destination.text()}; }
    void send(const Ip& with, const Bytes& payload = {'x'}) {
        g.in(kInside,
             ethernet(g.mac(kInside), pair.source.is_ipv4() ? kIpv4 : kIpv6, udp(with, 1, 2, payload)));
        g.turn();
    }
    void send() { send(ip()); }
    /// Whom the one frame that left outside was for.
    MacAddress sent_to() {
        const auto frames = g.out(kOutside);
        REQUIRE(frames.size() == 1);
        MacAddress to;
        std::copy_n(frames[0].begin(), 6, to.bytes.begin());
        return to;
    }
    Gateway g;
    Pair pair;
};

Route via(const char* prefix, const char* gateway) {
    return {*Prefix::parse(prefix), address(gateway), kOutside};
}

}  // namespace

TEST_CASE("recall: what leaves by the short way is what left by the long one") {
    for (const Pair& pair : {kPair, kPair6}) {
        Remembered flow(pair);
        const Bytes sent = udp(flow.ip(), 1, 2, {'y'});
        flow.send(flow.ip(), {'y'});
        const auto frames = flow.g.out(kOutside);
        REQUIRE(frames.size() == 1);
        Ip one_less = flow.ip();
        one_less.ttl = 63;
        Bytes expected = udp(one_less, 1, 2, {'y'});
        CHECK(Bytes(frames[0].begin() + 14, frames[0].end()) == expected);
        CHECK(Bytes(frames[0].begin(), frames[0].begin() + 6) ==
              Bytes(kRouter.bytes.begin(), kRouter.bytes.end()));
        const MacAddress ours = flow.g.mac(kOutside);
        CHECK(Bytes(frames[0].begin() + 6, frames[0].begin() + 12) ==
              Bytes(ours.bytes.begin(), ours.bytes.end()));
        FlowCache& flows = flow.g.worker().security->flows;
        CHECK(flows.packets(flows.find(pair)) == 3);
        CHECK(flow.entry().bytes == 3 * sent.size());
        const auto interfaces = flow.g.dataplane().observer().interfaces();
        CHECK(interfaces[kOutside].counters.transmitted_packets == 3);
        CHECK(interfaces[kOutside].counters.transmitted_bytes == 3 * (sent.size() + 14));
    }
}

TEST_CASE("recall: the very next datagram sees every change") {
    Remembered flow;
    Gateway& g = flow.g;
    Tables& tables = g.dataplane().tables();
    SECTION("another gateway") {
        REQUIRE(tables.add_route(via("10.3.0.0/24", "10.2.0.253")));
        flow.send();
        CHECK(flow.sent_to() == kOther);
        CHECK(flow.knows_way());
        CHECK(tables.remove_route(*Prefix::parse("10.3.0.0/24")));
        flow.send();
        CHECK(flow.sent_to() == kRouter);
    }
    SECTION("no route any more") {
        CHECK(tables.remove_route(*Prefix::parse("10.3.0.0/16")));
        flow.send();
        CHECK(g.drops(Drop::no_route) == 1);
        CHECK(g.out(kOutside).empty());
    }
    SECTION("the neighbour has another MAC address") {
        REQUIRE(tables.set_neighbour(kOutside, address("10.2.0.254"), kOther));
        CHECK(flow.knows_way());
        flow.send();
        CHECK(flow.sent_to() == kOther);
    }
    SECTION("the neighbour is gone, and comes back") {
        tables.remove_neighbour(kOutside, address("10.2.0.254"));
        flow.send();
        CHECK(g.out(kOutside).empty());
        CHECK(g.sum().waiting_neighbour == 1);
        g.check_ledger();
        REQUIRE(tables.set_neighbour(kOutside, address("10.2.0.254"), kBob));
        g.command(0, Command(NeighbourChanged{address("10.2.0.254"), kOutside, true}));
        g.turn();
        CHECK(flow.sent_to() == kBob);
        flow.send();
        CHECK(flow.sent_to() == kBob);
        CHECK(flow.knows_way());
    }
    SECTION("the destination became ours") {
        const OwnAddress own[] = {{flow.pair.destination, *Prefix::parse("10.3.0.0/24"), kOutside}};
        REQUIRE(tables.set_addresses(own));
        flow.send();
        CHECK(g.out(kOutside).empty());
        CHECK(g.drops(Drop::own_unserved) == 1);
    }
    SECTION("the source became ours") {
        const OwnAddress own[] = {{flow.pair.source, *Prefix::parse("10.1.0.0/24"), kInside}};
        REQUIRE(tables.set_addresses(own));
        flow.send();
        CHECK(g.out(kOutside).empty());
        CHECK(g.drops(Drop::ip_spoofed_own) == 1);
    }
    SECTION("the pair is denied") {
        g.command(0, Command(SetPolicy{flow.pair, FlowState::deny, ClassKind::oe_paranoid, 1, {}, 0}));
        g.turn();
        flow.send();
        CHECK(g.out(kOutside).empty());
        CHECK(g.drops(Drop::policy_deny) == 1);
    }
    SECTION("the pair is held") {
        g.command(0, Command(SetPolicy{flow.pair, FlowState::hold, ClassKind::oe_paranoid, 1, {}, 0}));
        g.turn();
        flow.send();
        CHECK(g.out(kOutside).empty());
        CHECK(g.sum().held == 1);
    }
    SECTION("the pair is removed") {
        g.command(0, Command(RemovePolicy{flow.pair}));
        g.turn();
        flow.send();
        CHECK(flow.sent_to() == kRouter);  // always-clear-text, without an entry
        CHECK(g.worker().security->flows.size() == 0);
    }
    SECTION("the interface is down") {
        g.parts().link_up[g.parts().interfaces[kOutside].port] = false;
        flow.send();
        CHECK(g.drops(Drop::interface_down) == 1);
    }
}

TEST_CASE("recall: what a datagram brings along is its own") {
    Remembered flow;
    Gateway& g = flow.g;
    SECTION("its last hop") {
        Ip ip = flow.ip();
        ip.ttl = 1;
        flow.send(ip);
        CHECK(g.out(kOutside).empty());
        CHECK(g.drops(Drop::ttl_expired) == 1);
        CHECK(g.out(kInside).size() == 1);  // time exceeded
    }
    SECTION("too big, and must not be fragmented") {
        Ip ip = flow.ip();
        ip.fragment = 0x4000;
        flow.send(ip, Bytes(1400, 1));
        CHECK(g.out(kOutside).empty());
        CHECK(g.drops(Drop::too_big) == 1);
        CHECK(g.out(kInside).size() == 1);
    }
    SECTION("too big, and may be fragmented") {
        flow.send(flow.ip(), Bytes(1400, 1));
        CHECK(g.out(kOutside).size() == 2);
    }
    SECTION("a frame to everybody") {
        g.in(kInside, ethernet({{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, kIpv4, udp(flow.ip(), 1, 2, {'x'})));
        g.turn();
        CHECK(g.drops(Drop::ip_broadcast) == 1);
    }
    SECTION("another interface") {
        g.in(kOutside, ethernet(g.mac(kOutside), kIpv4, udp(flow.ip(), 1, 2, {'x'})));
        g.turn();
        CHECK(g.out(kOutside).empty());
        CHECK(g.drops() == 1);
    }
    SECTION("a bad checksum") {
        Bytes bad = udp(flow.ip(), 1, 2, {'x'});
        bad[10] ^= 1;
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, bad));
        g.turn();
        CHECK(g.drops(Drop::ip_checksum) == 1);
    }
    SECTION("a fragment goes the same way") {
        Ip ip = flow.ip();
        ip.fragment = 0x2000;
        flow.send(ip, Bytes(15, 1));
        CHECK(flow.sent_to() == kRouter);
    }
    SECTION("a full transmit queue is counted where it happens") {
        for (unsigned i = 0; i < 600; ++i) {
            g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp(flow.ip(), 1, 2, {'x'})));
            if (i % 32 == 31) g.turn();
        }
        g.turn();
        CHECK(g.drops(Drop::transmit_full) == 600 - 511);
        const auto interfaces = g.dataplane().observer().interfaces();
        CHECK(interfaces[kOutside].counters.transmitted_packets == 2 + 511);
        CHECK(g.out(kOutside).size() == 511);
    }
}

TEST_CASE("recall: a flow that is encrypted keeps its order and its checks") {
    Gateway g;
    g.know_neighbours();
    const Tunnel tunnel;
    establish(g, tunnel);
    g.out(kOutside);
    const auto send = [&](std::uint8_t ttl, const Bytes& payload, std::uint16_t fragment = 0) {
        Ip ip{tunnel.pair.source.text(), tunnel.pair.destination.text(), ttl};
        ip.fragment = fragment;
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp(ip, 1, 2, payload)));
    };
    for (std::uint8_t i = 0; i < 100; ++i) {
        send(64, {i});
        if (i % 7 == 0) g.turn();
    }
    send(1, {'x'});
    send(64, Bytes(1380, 1), 0x4000);
    g.turn();
    const auto frames = g.out(kOutside);
    REQUIRE(frames.size() == 100);
    for (std::uint8_t i = 0; i < 100; ++i) {
        const auto opened = open(tunnel, without_link(frames[i]));
        REQUIRE(opened);
        CHECK(opened->sequence == i + 1u);
        CHECK(opened->inner.back() == i);
        CHECK(opened->inner[8] == 63);
    }
    CHECK(g.drops(Drop::ttl_expired) == 1);
    CHECK(g.drops(Drop::too_big) == 1);
    CHECK(g.out(kInside).size() == 2);
    g.check_ledger();
}

TEST_CASE("recall: ESP of a known SA takes the short way until the tables change") {
    const Tunnel tunnel;
    Gateway g;
    g.know_neighbours();
    establish(g, tunnel);
    std::uint64_t sequence = 0;
    const Bytes inner = udp({"10.3.0.2", "10.1.0.2"}, 9, 7, {'y'});
    const auto receive = [&] {
        Forged how;
        how.sequence = ++sequence;
        g.in(kOutside, ethernet(g.mac(kOutside), kIpv4, seal(tunnel, inner, how)));
        g.turn();
        return g.out(kInside).size();
    };
    const InboundSa& sa = g.worker().security->sad.inbound_at(tunnel.in.slot);
    CHECK(receive() == 1);
    CHECK(sa.way.generation == g.worker().generation);  // from here on by the short way
    CHECK(receive() == 1);
    Tables& tables = g.dataplane().tables();

    SECTION("the host inside moves to another MAC address, then is gone") {
        const MacAddress moved = *MacAddress::parse("02:00:00:00:00:1a");
        REQUIRE(tables.set_neighbour(kInside, address("10.1.0.2"), moved));
        Forged how;
        how.sequence = ++sequence;
        g.in(kOutside, ethernet(g.mac(kOutside), kIpv4, seal(tunnel, inner, how)));
        g.turn();
        const auto frames = g.out(kInside);
        REQUIRE(frames.size() == 1);
        CHECK(std::equal(moved.bytes.begin(), moved.bytes.end(), frames[0].begin()));
        tables.remove_neighbour(kInside, address("10.1.0.2"));
        CHECK(receive() == 0);
        CHECK(g.sum().waiting_neighbour == 1);
    }
    SECTION("the route inside goes") {
        REQUIRE(tables.remove_route(*Prefix::parse("10.1.0.0/24")));
        CHECK(receive() == 0);
        CHECK(g.drops() == 1);
    }
    SECTION("the outer address is no longer ours") {
        const OwnAddress own[] = {{address("10.1.0.1"), *Prefix::parse("10.1.0.0/24"), kInside},
                                  {address("10.2.0.9"), *Prefix::parse("10.2.0.0/24"), kOutside}};
        REQUIRE(tables.set_addresses(own));
        CHECK(receive() == 0);
        CHECK(sa.packets == 2);
    }
    SECTION("a replayed number, a spoiled ICV and a group frame are what they were") {
        --sequence;
        CHECK(receive() == 0);
        CHECK(g.drops(Drop::esp_replayed) == 1);
        Forged how;
        how.sequence = ++sequence;
        how.spoil = 1;
        g.in(kOutside, ethernet(g.mac(kOutside), kIpv4, seal(tunnel, inner, how)));
        g.turn();
        CHECK(g.drops(Drop::esp_bad_icv) == 1);
        const MacAddress everybody = *MacAddress::parse("ff:ff:ff:ff:ff:ff");
        how.spoil = 0;
        g.in(kOutside, ethernet(everybody, kIpv4, seal(tunnel, inner, how)));
        g.turn();
        CHECK(g.drops(Drop::ip_broadcast) == 1);
        CHECK(g.out(kInside).empty());
    }
    g.check_ledger();
}

TEST_CASE("recall: who waits for one neighbour sends nobody else the long way") {
    Remembered flow;
    flow.send({"10.1.0.2", "10.2.0.77"});
    REQUIRE(flow.g.sum().waiting_neighbour == 1);
    flow.g.command(0, Command(MeasureStages{true, 1'000'000'000}));
    flow.send();
    CHECK(flow.sent_to() == kRouter);
    const auto status = flow.g.dataplane().observer().workers();
    for (const StageStatus& stage : status[0].stages) {
        INFO(to_text(stage.stage));
        CHECK((stage.packets == 0 || (stage.stage != Stage::route && stage.stage != Stage::fit)));
    }
    CHECK(flow.g.sum().waiting_neighbour == 1);
}

TEST_CASE("recall: ESP that knows its way overtakes none that waits for the same neighbour") {
    Gateway g;
    g.know_neighbours();
    const Tunnel tunnel;
    establish(g, tunnel);
    Tables& tables = g.dataplane().tables();
    const auto send = [&] {
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", "10.3.0.2"}, 1, 2, {'x'})));
    };
    tables.remove_neighbour(kOutside, address("10.2.0.254"));
    for (int i = 0; i < 2; ++i) send();
    g.turn();
    REQUIRE(g.sum().waiting_neighbour == 2);
    // Published, and the worker not told: the third asks for the way of its SA and gets it.
    REQUIRE(tables.set_neighbour(kOutside, address("10.2.0.254"), kRouter));
    for (int i = 0; i < 2; ++i) send();
    g.turn();
    const auto frames = g.out(kOutside);
    REQUIRE(frames.size() == 4);
    for (std::uint32_t n = 0; n < 4; ++n) {
        const auto opened = open(tunnel, without_link(frames[n]));
        REQUIRE(opened);
        CHECK(opened->sequence == n + 1);
    }
    g.check_ledger();
}
