// What goes through: forwarding, tags, fragments, neighbours that must be asked for,
// punts and control's own datagrams. The ledger after each.
#include <rte_rcu_qsbr.h>

#include <cstring>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/gateway.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806;
const Bytes kHello{'h', 'e', 'l', 'l', 'o'};

Bytes body(const Bytes& frame, std::size_t link_len = 14) {
    return {frame.begin() + static_cast<std::ptrdiff_t>(link_len), frame.end()};
}
MacAddress mac_at(const Bytes& frame, std::size_t at) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), frame.data() + at, 6);
    return mac;
}
std::uint16_t u16_at(const Bytes& bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}

Command changed(const char* text, std::uint16_t interface, bool resolved, std::uint64_t sequence = 1) {
    Command c(NeighbourChanged{address(text), interface, resolved});
    c.sequence = sequence;
    return c;
}

Transmit record(Transmit::Kind kind, std::uint16_t interface, const Bytes& bytes) {
    Transmit t{};
    t.kind = kind;
    t.interface = interface;
    t.len = static_cast<std::uint16_t>(bytes.size());
    std::memcpy(t.data.data(), bytes.data(), bytes.size());
    return t;
}

}  // namespace

TEST_CASE("IPv4 is forwarded with one TTL less and a right checksum, for every TTL and sum") {
    Gateway g;
    g.know_neighbours();
    for (unsigned ttl = 2; ttl < 256; ++ttl) {
        // The varying fragment field walks the checksum through its end-around carry.
        const Bytes sent =
            udp({.ttl = static_cast<std::uint8_t>(ttl)}, 1000, static_cast<std::uint16_t>(ttl * 257), kHello);
        Bytes padded = sent;
        padded.resize(46);  // Ethernet pads; the padding must not travel on
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, padded));
        g.turn();
        const std::vector<Bytes> out = g.out(kOutside);
        REQUIRE(out.size() == 1);
        CHECK(mac_at(out[0], 0) == kRouter);
        CHECK(mac_at(out[0], 6) == g.mac(kOutside));
        CHECK(u16_at(out[0], 12) == kIpv4);
        CHECK(body(out[0]) == udp({.ttl = static_cast<std::uint8_t>(ttl - 1)}, 1000,
                                  static_cast<std::uint16_t>(ttl * 257), kHello));
    }
    CHECK(g.drops() == 0);
    CHECK(g.sum().transmitted == 254);
    g.check_ledger();
}

TEST_CASE("IPv6 is forwarded, extension headers and fragments too") {
    Gateway g;
    g.know_neighbours();
    Ip ip{"2001:db8:1::2", "2001:db8:3::2", 9};
    const auto lowered = [&](Bytes b) {
        --b[7];
        return b;
    };
    const Bytes plain = udp(ip, 1000, 2000, kHello);
    ip.protocol = 44;
    const Bytes fragment = datagram(ip, {17, 0, 0x05, 0x01, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8});
    ip.protocol = 0;
    const Bytes options = datagram(ip, {17, 0, 1, 4, 0, 0, 0, 0, 0, 1, 0, 2, 0, 8, 0, 0});
    for (const Bytes& b : {plain, fragment, options}) {
        Bytes padded = b;
        padded.resize(b.size() + 6);  // somebody's link pads; it must not travel on
        g.in(kInside, ethernet(g.mac(kInside), kIpv6, padded));
        g.turn();
        const auto out = g.out(kOutside);
        REQUIRE(out.size() == 1);
        CHECK(u16_at(out[0], 12) == kIpv6);
        CHECK(body(out[0]) == lowered(b));
    }
    g.check_ledger();
}

TEST_CASE("tags are taken off and put on") {
    Gateway g;
    g.know_neighbours();
    g.in(kTagged, ethernet(g.mac(kTagged), kIpv4, udp({"10.7.0.2", "10.1.0.2"}, 1, 2, kHello), 7));
    g.turn();
    auto out = g.out(kInside);
    REQUIRE(out.size() == 1);
    CHECK(body(out[0]) == udp({"10.7.0.2", "10.1.0.2", 63}, 1, 2, kHello));
    g.in(kInside,
         ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", "10.7.0.2"}, 1, 2, kHello), 0));  // priority tag
    g.turn();
    out = g.out(kTagged);
    REQUIRE(out.size() == 1);
    CHECK(u16_at(out[0], 12) == 0x8100);
    CHECK(u16_at(out[0], 14) == 7);
    CHECK(u16_at(out[0], 16) == kIpv4);
    CHECK(body(out[0], 18) == udp({"10.1.0.2", "10.7.0.2", 63}, 1, 2, kHello));
    g.check_ledger();
}

TEST_CASE("an IPv4 datagram larger than the outgoing MTU is cut, and so is a fragment") {
    Gateway g;
    g.know_neighbours();
    const std::uint16_t fragment = GENERATE(as<std::uint16_t>{}, 0, 0x2000 | 100, 100);
    Bytes payload(1480);
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i * 7);
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, datagram({.fragment = fragment}, payload)));
    g.turn();
    const auto out = g.out(kOutside);
    REQUIRE(out.size() == 2);
    Bytes whole;
    for (std::size_t i = 0; i < 2; ++i) {
        const Bytes d = body(out[i]);
        CHECK(d.size() <= 1400);
        CHECK(u16_at(d, 2) == d.size());
        CHECK(checksum(ByteView(d).first(20)) == 0);
        CHECK(u16_at(d, 4) == 0x4242);
        const unsigned field = u16_at(d, 6);
        CHECK((field & 0x1fff) == (fragment & 0x1fff) + whole.size() / 8);
        CHECK(((field & 0x2000) != 0) == (i == 0 || (fragment & 0x2000) != 0));
        whole.insert(whole.end(), d.begin() + 20, d.end());
    }
    CHECK(whole == payload);
    CHECK(g.sum().fragments_made == 1);
    g.check_ledger();
}

TEST_CASE("a cold neighbour loses nothing: datagrams wait, in order, and control is asked") {
    Gateway g;
    Worker& w = g.worker();
    for (std::uint16_t port = 1; port <= 5; ++port)
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({}, 9, port, kHello)));
    g.turn();
    CHECK(g.out(kOutside).empty());
    CHECK(g.sum().waiting_neighbour == 5);
    auto events = g.events();
    REQUIRE(events.size() == 1);
    REQUIRE(events[0].kind == Event::Kind::neighbour_wanted);
    CHECK(events[0].neighbour_wanted.address == address("10.2.0.254"));
    CHECK(events[0].neighbour_wanted.interface == kOutside);
    g.check_ledger();

    SECTION("it is asked for again, but not within a second") {
        g.pass_time(900'000'000);
        g.turn();
        CHECK(g.events().empty());
        g.pass_time(200'000'000);
        for (int i = 0; i < 200; ++i) g.turn();  // reminders walk the room a few places a turn
        CHECK(g.events().size() == 1);
    }
    SECTION("resolved: all leave in order") {
        REQUIRE(g.dataplane().tables().set_neighbour(kOutside, address("10.2.0.254"), kRouter));
        g.command(0, changed("10.2.0.254", kOutside, true, 42));
        g.turn();
        const auto out = g.out(kOutside);
        REQUIRE(out.size() == 5);
        for (std::uint16_t i = 0; i < 5; ++i) CHECK(u16_at(out[i], 14 + 22) == i + 1);
        CHECK(w.shared.applied.load() == 42);
        CHECK(g.drops() == 0);
        g.dataplane().tables().remove_neighbour(kOutside, address("10.2.0.254"));
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({}, 9, 7, kHello)));
        g.turn();
        CHECK(g.sum().waiting_neighbour == 1);
    }
    SECTION("published but the command is late: a reminder finds it") {
        REQUIRE(g.dataplane().tables().set_neighbour(kOutside, address("10.2.0.254"), kRouter));
        for (int i = 0; i < 200; ++i) g.turn();
        CHECK(g.out(kOutside).size() == 5);
    }
    SECTION("failed: dropped under its reason, and the sender is told") {
        REQUIRE(g.dataplane().tables().set_neighbour(kInside, address("10.1.0.2"), kAlice));
        g.command(0, changed("10.2.0.254", kOutside, false));
        g.turn();
        CHECK(g.drops(Drop::neighbour_failed) == 5);
        const auto out = g.out(kInside);
        REQUIRE(out.size() == 5);
        CHECK(out[0][14 + 20] == 3);
        CHECK(out[0][14 + 21] == 1);
    }
    g.check_ledger();
}

TEST_CASE("each family, each address and interface has a waiting queue of its own") {
    Gateway g;
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", "10.2.0.5"}, 1, 2, kHello)));
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", "10.2.0.6"}, 1, 2, kHello)));
    g.in(kInside, ethernet(g.mac(kInside), kIpv6, udp({"2001:db8:1::2", "2001:db8:2::5"}, 1, 2, kHello)));
    g.turn();
    CHECK(g.events().size() == 3);
    REQUIRE(g.dataplane().tables().set_neighbour(kOutside, address("10.2.0.6"), kBob));
    g.command(0, changed("10.2.0.6", kOutside, true));
    g.turn();
    CHECK(g.out(kOutside).size() == 1);
    CHECK(g.sum().waiting_neighbour == 2);
    g.check_ledger();
}

TEST_CASE("ARP and neighbour discovery are punted whole") {
    Gateway g;
    const Bytes arp = *from_hex(
        "000108000604000102000000000a"
        "0a010002000000000000"
        "0a010001");
    Bytes padded = arp;
    padded.resize(46);
    const MacAddress everybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    g.in(kInside, ethernet(everybody, kArp, padded));
    g.in(kTagged, ethernet(everybody, kArp, padded, 7));
    Writer target;
    target.u32(0).put(address("2001:db8:1::1").wire());
    const MacAddress group{{0x33, 0x33, 0xff, 0, 0, 1}};
    const Bytes asked = icmp({"2001:db8:1::2", "ff02::1:ff00:1", 255}, 135, 0,
                             Bytes(target.view().begin(), target.view().end()));
    const Bytes probed =
        icmp({"::", "ff02::1:ff00:1", 255}, 135, 0, Bytes(target.view().begin(), target.view().end()));
    const Bytes told = icmp({"2001:db8:1::2", "2001:db8:1::1", 255}, 136, 0,
                            Bytes(target.view().begin(), target.view().end()));
    for (const Bytes& b : {asked, probed}) g.in(kInside, ethernet(group, kIpv6, b));
    g.in(kInside, ethernet(g.mac(kInside), kIpv6, told));
    g.turn();
    const auto punts = g.punts();
    REQUIRE(punts.size() == 5);
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(punts[i].kind == Punt::Kind::arp);
        CHECK(punts[i].interface == (i == 0 ? kInside : kTagged));
        CHECK(punts[i].source_mac == kAlice);
        CHECK(Bytes(punts[i].data.begin(), punts[i].data.begin() + punts[i].len) == arp);
    }
    CHECK(punts[2].kind == Punt::Kind::nd);
    CHECK(punts[2].source == address("2001:db8:1::2"));
    CHECK(Bytes(punts[2].data.begin(), punts[2].data.begin() + punts[2].len) == asked);
    CHECK(Bytes(punts[3].data.begin(), punts[3].data.begin() + punts[3].len) == probed);
    CHECK(Bytes(punts[4].data.begin(), punts[4].data.begin() + punts[4].len) == told);
    CHECK(g.sum().consumed == 5);
    g.check_ledger();
}

TEST_CASE("IKE is punted, markers off, keepalives eaten") {
    Gateway g;
    const Ip us{"10.1.0.2", "10.2.0.1"};
    const Ip us6{"2001:db8:1::2", "2001:db8:1::1"};
    const Bytes message(100, 0x5a);
    Bytes marked(4, 0);
    marked.insert(marked.end(), message.begin(), message.end());
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp(us, 500, 500, message)));
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp(us, 31000, 4500, marked)));
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp(us, 31000, 4500, {0xff})));
    g.in(kInside, ethernet(g.mac(kInside), kIpv6, udp(us6, 500, 500, message)));
    Bytes unsummed = udp(us, 501, 500, message);
    unsummed[26] = unsummed[27] = 0;  // allowed over IPv4
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, unsummed));
    g.turn();
    const auto punts = g.punts();
    REQUIRE(punts.size() == 4);
    const Punt::Kind kinds[] = {Punt::Kind::ike, Punt::Kind::ike_nat_t, Punt::Kind::ike, Punt::Kind::ike};
    const unsigned ports[] = {500, 31000, 500, 501};
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(punts[i].kind == kinds[i]);
        CHECK(punts[i].source_port == ports[i]);
        CHECK(Bytes(punts[i].data.begin(), punts[i].data.begin() + punts[i].len) == message);
    }
    CHECK(punts[0].source == address(us.source));
    CHECK(punts[0].destination == address(us.destination));
    CHECK(punts[2].source == address(us6.source));
    CHECK(g.drops() == 0);
    g.check_ledger();
}

TEST_CASE("control's datagrams are routed and resolved, its frames go as they are") {
    Gateway g;
    const Bytes ike = udp({"10.2.0.1", "10.3.0.9"}, 500, 500, Bytes(300, 1));
    g.transmit(0, record(Transmit::Kind::datagram, kOutside, ike));
    g.turn();
    CHECK(g.sum().waiting_neighbour == 1);  // the first IKE datagram survives a cold neighbour
    CHECK(g.events().size() == 1);
    REQUIRE(g.dataplane().tables().set_neighbour(kOutside, address("10.2.0.254"), kRouter));
    g.command(0, changed("10.2.0.254", kOutside, true));
    g.turn();
    auto out = g.out(kOutside);
    REQUIRE(out.size() == 1);
    CHECK(body(out[0]) == ike);  // TTL untouched

    const Bytes frame = ethernet(kBob, kArp, Bytes(28, 3));
    g.transmit(0, record(Transmit::Kind::frame, kInside, frame));
    g.transmit(0, record(Transmit::Kind::frame, kTagged, frame));
    g.turn();
    out = g.out(kInside);
    REQUIRE(out.size() == 2);
    CHECK(out[0] == frame);
    CHECK(out[1].size() == frame.size() + 4);
    CHECK(u16_at(out[1], 12) == 0x8100);
    CHECK(u16_at(out[1], 14) == 7);
    CHECK(body(out[1], 16) == body(frame, 12));

    g.transmit(0, record(Transmit::Kind::datagram, kOutside, Bytes(10, 0x45)));  // not a datagram
    g.transmit(0, record(Transmit::Kind::datagram, kOutside, udp({"10.2.0.1", "203.0.113.9"}, 500, 500, {})));
    g.turn();
    CHECK(g.drops() == 2);
    CHECK(g.drops(Drop::no_route) == 1);
    CHECK(g.out(kOutside).empty());  // no ICMP to ourselves
    CHECK(g.sum().generated == 5);
    g.check_ledger();
}

TEST_CASE("routes are replaced while traffic flows, and the old table goes when workers have moved on") {
    Gateway g;
    g.know_neighbours();
    Publisher& publisher = *g.parts().publisher;
    g.turn();
    g.dataplane().tables().reclaim();
    CHECK(publisher.num_retired() == 0);
    const Route only[] = {{*Prefix::parse("10.1.0.0/24"), {}, kInside},
                          {*Prefix::parse("10.3.0.0/16"), address("10.9.0.2"), kJumbo},
                          {*Prefix::parse("10.3.0.7/32"), address("10.7.0.2"), kTagged}};
    REQUIRE(g.dataplane().tables().set_routes(only));
    g.dataplane().tables().reclaim();
    CHECK(publisher.num_retired() == 1);  // a worker may still be in a turn with the old one
    g.turn();
    g.dataplane().tables().reclaim();
    CHECK(publisher.num_retired() == 0);
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({}, 1, 2, kHello)));
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", "10.3.0.7"}, 1, 2, kHello)));
    g.turn();
    CHECK(g.out(kJumbo).size() == 1);
    CHECK(g.out(kTagged).size() == 1);
    const Route bad[] = {{*Prefix::parse("10.1.0.0/24"), {}, 17}};
    CHECK(g.dataplane().tables().set_routes(bad).error() == TablesError::bad_interface);
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({}, 1, 2, kHello)));
    g.turn();
    CHECK(g.out(kJumbo).size() == 1);  // the former routes stay
    g.check_ledger();
}
