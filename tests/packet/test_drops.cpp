// Every drop reason of the forwarding part, reached by a packet; the ledger after each.
#include <cstring>
#include <functional>
#include <map>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/gateway.hpp"
#include "stages/fragment.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

Bytes changed(Bytes bytes, std::size_t at, std::uint8_t value) {
    bytes.at(at) = value;
    return bytes;
}

/// Repairs an IPv4 header's checksum after a change.
Bytes resummed(Bytes bytes) {
    bytes.at(10) = bytes.at(11) = 0;
    const std::uint16_t sum = checksum(ByteView(bytes).first(4u * (bytes[0] & 15)));
    bytes[10] = static_cast<std::uint8_t>(sum >> 8);
    bytes[11] = static_cast<std::uint8_t>(sum);
    return bytes;
}

Bytes cut(Bytes bytes, std::size_t len) {
    bytes.resize(len);
    return bytes;
}

const Bytes kHello{'h', 'e', 'l', 'l', 'o'};
const Ip kV6{"2001:db8:1::2", "2001:db8:3::2"};
constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806;

struct Row {
    const char* what;
    Drop reason;
    std::function<Bytes(Gateway&)> frame;
    std::uint16_t interface = kInside;
};

Bytes to_us(Gateway& g, std::uint16_t type, const Bytes& payload) {
    return ethernet(g.mac(kInside), type, payload);
}

std::function<Bytes(Gateway&)> v4(const Bytes& bytes) {
    return [bytes](Gateway& g) { return to_us(g, kIpv4, bytes); };
}
std::function<Bytes(Gateway&)> v6(const Bytes& bytes) {
    return [bytes](Gateway& g) { return to_us(g, kIpv6, bytes); };
}

Bytes from_to(const std::string& source, const std::string& destination) {
    return udp({source, destination}, 1000, 2000, kHello);
}

Bytes solicitation(const std::string& target, std::uint8_t hop_limit = 255, const Bytes& options = {},
                   const std::string& source = "2001:db8:1::2", const std::string& to = "ff02::1:ff00:1") {
    Writer w;
    w.u32(0).put(address(target).wire()).put(options);
    return icmp({source, to, hop_limit}, 135, 0, std::move(w).take());
}

Bytes routing_header(std::uint8_t type) {
    Writer w;
    w.u8(17).u8(0).u8(type).u8(0).u32(0).put(Bytes(8, 0));
    Ip ip = kV6;
    ip.protocol = 43;
    return datagram(ip, std::move(w).take());
}

Bytes many_extension_headers(unsigned count) {
    Writer w;
    for (unsigned i = 0; i < count; ++i) w.u8(i + 1 < count ? 60 : 59).u8(0).u16(0x0104).u32(0);
    Ip ip = kV6;
    ip.protocol = 60;
    return datagram(ip, std::move(w).take());
}

/// With these IPv4 options, a multiple of four bytes.
Bytes options(const Bytes& bytes, Bytes whole = udp({}, 1000, 2000, kHello)) {
    whole.insert(whole.begin() + 20, bytes.begin(), bytes.end());
    whole[0] = static_cast<std::uint8_t>(0x45 + bytes.size() / 4);
    whole[2] = static_cast<std::uint8_t>(whole.size() >> 8);
    whole[3] = static_cast<std::uint8_t>(whole.size());
    return resummed(whole);
}

std::vector<Row> rows() {
    const Bytes good = udp({}, 1000, 2000, kHello);
    const Bytes good6 = udp(kV6, 1000, 2000, kHello);
    const Ip us{"10.1.0.2", "10.1.0.1"};
    const Ip us6{"2001:db8:1::2", "2001:db8:1::1"};
    Bytes with_options = good;
    with_options[0] = 0x46;
    with_options.insert(with_options.begin() + 20, {1, 1, 1, 1});
    with_options[3] = static_cast<std::uint8_t>(with_options.size());
    Bytes mapped = good6;
    for (std::size_t i = 0; i < 12; ++i) mapped[8 + i] = i < 10 ? 0 : 0xff;
    Bytes to_mapped = good6;
    for (std::size_t i = 0; i < 12; ++i) to_mapped[24 + i] = i < 10 ? 0 : 0xff;
    const Bytes arp = *from_hex(
        "0001080006040001020000000000"
        "0a0100020000000000000a010001");
    const Bytes bad_udp = changed(udp(us, 500, 500, kHello), 27, 0x77);
    return {
        {"half an Ethernet header", Drop::frame_short, [](Gateway&) { return Bytes(9, 0); }},
        {"tag cut off", Drop::frame_short,
         [](Gateway& g) { return cut(ethernet(g.mac(kInside), kIpv4, {}, 7), 15); }},
        {"another station's", Drop::frame_not_for_us, [=](Gateway&) { return ethernet(kBob, kIpv4, good); }},
        {"VLAN that nobody has", Drop::vlan_unknown,
         [=](Gateway& g) { return ethernet(g.mac(kInside), kIpv4, good, 99); }},
        {"LLDP", Drop::ether_type_unknown, [](Gateway& g) { return to_us(g, 0x88cc, Bytes(20, 0)); }},
        {"IPv6 under IPv4's EtherType", Drop::ip_version, v4(good6)},
        {"version 5", Drop::ip_version, v4(changed(good, 0, 0x55))},
        {"19 bytes", Drop::ip_short, v4(cut(good, 19))},
        {"no bytes", Drop::ip_short, v4({})},
        {"total length beyond the frame", Drop::ip_short, v4(resummed(changed(good, 2, 9)))},
        {"total length below the header", Drop::ip_short, v4(resummed(changed(good, 3, 19)))},
        {"fragment beyond 65535", Drop::ip_short, v4(datagram({.fragment = 0x1fff}, Bytes(16, 0)))},
        {"IPv6 payload beyond the frame", Drop::ip_short, v6(changed(good6, 4, 1))},
        {"IPv6 cut in its header", Drop::ip_short, v6(cut(good6, 39))},
        {"IPv6 cut in an extension header", Drop::ip_short,
         v6(datagram({kV6.source, kV6.destination, 64, 60}, {17, 9, 0, 0, 0, 0, 0, 0}))},
        {"header length 16", Drop::ip_header_length, v4(changed(good, 0, 0x44))},
        {"header length beyond the datagram", Drop::ip_header_length, v4(changed(good, 0, 0x4f))},
        {"nine extension headers", Drop::ipv6_extension_chain, v6(many_extension_headers(9))},
        {"hop-by-hop options that are not first", Drop::ipv6_extension_chain,
         v6(datagram({kV6.source, kV6.destination, 64, 60},
                     {0, 0, 1, 4, 0, 0, 0, 0, 59, 0, 1, 4, 0, 0, 0, 0}))},
        {"header checksum", Drop::ip_checksum,
         v4(changed(good, 10, static_cast<std::uint8_t>(good[10] ^ 1)))},
        {"options", Drop::ip_options, v4(resummed(with_options))},
        {"option longer than the header", Drop::ip_options_malformed, v4(options({148, 9, 0, 0}))},
        {"option of length 1", Drop::ip_options_malformed, v4(options({148, 1, 0, 0}))},
        {"option's length behind the header", Drop::ip_options_malformed, v4(options({1, 1, 1, 7}))},
        {"record route with a pointer into itself", Drop::ip_options_malformed,
         v4(options({7, 7, 3, 0, 0, 0, 0, 0}))},
        {"the same option twice", Drop::ip_options_malformed, v4(options({148, 4, 0, 0, 148, 4, 0, 0}))},
        {"loose source route", Drop::ip_source_route, v4(options({131, 7, 4, 10, 3, 0, 9, 0}))},
        {"strict source route", Drop::ip_source_route, v4(options({137, 7, 4, 10, 3, 0, 9, 0}))},
        {"source route to us", Drop::ip_source_route,
         v4(options({131, 7, 4, 10, 1, 0, 1, 0}, udp(us, 500, 500, kHello)))},
        {"first fragment without a TCP header", Drop::ip_fragment_tiny,
         v4(datagram({"10.1.0.2", "10.3.0.2", 64, 6, 0x2000}, Bytes(16, 0)))},
        {"fragment behind eight bytes of TCP", Drop::ip_fragment_tiny,
         v4(datagram({"10.1.0.2", "10.3.0.2", 64, 6, 1}, Bytes(64, 0)))},
        {"IPv6 first fragment without a TCP header", Drop::ip_fragment_tiny,
         v6(datagram({kV6.source, kV6.destination, 64, 44},
                     {6, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8}))},
        {"multicast source", Drop::ip_source_invalid, v4(from_to("224.0.0.1", "10.3.0.2"))},
        {"loopback source", Drop::ip_source_invalid, v4(from_to("127.0.0.1", "10.3.0.2"))},
        {"unspecified source", Drop::ip_source_invalid, v4(from_to("0.0.0.0", "10.3.0.2"))},
        {"0/8 source", Drop::ip_source_invalid, v4(from_to("0.1.2.3", "10.3.0.2"))},
        {"class E source", Drop::ip_source_invalid, v4(from_to("240.0.0.1", "10.3.0.2"))},
        {"broadcast source", Drop::ip_source_invalid, v4(from_to("255.255.255.255", "10.3.0.2"))},
        {"our subnet's broadcast as source", Drop::ip_source_invalid, v4(from_to("10.1.0.255", "10.3.0.2"))},
        {"IPv6 multicast source", Drop::ip_source_invalid, v6(from_to("ff02::1", "2001:db8:3::2"))},
        {"IPv6 unspecified source", Drop::ip_source_invalid, v6(from_to("::", "2001:db8:3::2"))},
        {"IPv4-mapped source on the wire", Drop::ip_source_invalid, v6(mapped)},
        {"IPv4-mapped destination on the wire", Drop::ip_destination_invalid, v6(to_mapped)},
        {"loopback destination", Drop::ip_destination_invalid, v4(from_to("10.1.0.2", "127.0.0.1"))},
        {"unspecified destination", Drop::ip_destination_invalid, v4(from_to("10.1.0.2", "0.0.0.0"))},
        {"IPv6 loopback destination", Drop::ip_destination_invalid, v6(from_to(kV6.source, "::1"))},
        {"our own address as source", Drop::ip_spoofed_own, v4(from_to("10.2.0.1", "10.3.0.2"))},
        {"our own IPv6 address as source", Drop::ip_spoofed_own,
         v6(from_to("2001:db8:2::1", kV6.destination))},
        {"type 0 routing header", Drop::ipv6_routing_header, v6(routing_header(0))},
        {"multicast", Drop::ip_multicast, v4(from_to("10.1.0.2", "239.1.1.1"))},
        {"IPv6 multicast", Drop::ip_multicast, v6(from_to(kV6.source, "ff02::fb"))},
        {"a report of IGMP from nobody yet", Drop::ip_multicast, v4(from_to("0.0.0.0", "224.0.0.22"))},
        {"a report of MLD from nobody yet", Drop::ip_multicast, v6(from_to("::", "ff02::16"))},
        {"limited broadcast", Drop::ip_broadcast, v4(from_to("10.1.0.2", "255.255.255.255"))},
        {"directed broadcast", Drop::ip_broadcast, v4(from_to("10.1.0.2", "10.2.0.255"))},
        {"unicast datagram in a broadcast frame", Drop::ip_broadcast,
         [=](Gateway&) {
             return ethernet({{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, kIpv4, good);
         }},
        {"link-local source", Drop::ip_link_local, v4(from_to("169.254.1.1", "10.3.0.2"))},
        {"link-local destination", Drop::ip_link_local, v6(from_to(kV6.source, "fe80::99"))},
        {"TTL 1", Drop::ttl_expired, v4(udp({.ttl = 1}, 1, 2, kHello))},
        {"TTL 0", Drop::ttl_expired, v4(udp({.ttl = 0}, 1, 2, kHello))},
        {"hop limit 1", Drop::ttl_expired, v6(udp({kV6.source, kV6.destination, 1}, 1, 2, kHello))},
        {"nowhere", Drop::no_route, v4(from_to("10.1.0.2", "203.0.113.1"))},
        {"nowhere, IPv6", Drop::no_route, v6(from_to(kV6.source, "2001:db8:ffff::1"))},
        {"back where it came from", Drop::route_same_interface, v4(from_to("10.1.0.2", "10.1.0.3"))},
        {"DF and larger than the outside MTU", Drop::too_big,
         v4(udp({.fragment = 0x4000}, 1, 2, Bytes(1380, 1)))},
        {"IPv6 larger than the outside MTU", Drop::too_big, v6(udp(kV6, 1, 2, Bytes(1400, 1)))},
        {"TCP to us", Drop::own_unserved, v4(datagram({"10.1.0.2", "10.1.0.1", 64, 6}, Bytes(20, 0)))},
        {"UDP to a port of ours that nobody has", Drop::own_unserved, v4(udp(us, 1, 53, kHello))},
        {"echo reply to us", Drop::own_unserved, v4(icmp(us, 0, 0, Bytes(4, 0)))},
        {"ESP in UDP of an SPI that nobody has", Drop::esp_unknown_spi,
         v4(udp(us, 4500, 4500, Bytes(40, 1)))},
        {"ESP in UDP without room for its header", Drop::esp_udp_malformed,
         v4(udp(us, 4500, 4500, Bytes(6, 1)))},
        {"fragment to us", Drop::own_fragment,
         v4(datagram({"10.1.0.2", "10.1.0.1", 64, 6, 0x2000}, Bytes(24, 0)))},
        {"ESP fragment of twelve bytes, and more to come", Drop::reassembly_malformed,
         v4(datagram({"10.1.0.2", "10.1.0.1", 64, 50, 0x2000}, Bytes(12, 0)))},
        {"ESP of seven bytes", Drop::esp_short, v4(datagram({"10.1.0.2", "10.1.0.1", 64, 50}, Bytes(7, 0)))},
        {"ICMP checksum", Drop::icmp_malformed, v4(changed(icmp(us, 8, 0, Bytes(8, 0)), 23, 0x99))},
        {"ICMP of seven bytes", Drop::icmp_malformed, v4(icmp(us, 8, 0, Bytes(3, 0)))},
        {"ICMPv6 checksum", Drop::icmp_malformed, v6(changed(icmp(us6, 128, 0, Bytes(8, 0)), 43, 0x99))},
        {"ARP cut", Drop::arp_malformed, [=](Gateway& g) { return to_us(g, kArp, cut(arp, 27)); }},
        {"ARP for another hardware", Drop::arp_malformed,
         [=](Gateway& g) { return to_us(g, kArp, changed(arp, 1, 6)); }},
        {"ND with hop limit 254", Drop::nd_malformed, v6(solicitation("2001:db8:1::1", 254))},
        {"ND for a multicast target", Drop::nd_malformed, v6(solicitation("ff02::1"))},
        {"ND option of length 0", Drop::nd_malformed, v6(solicitation("2001:db8:1::1", 255, Bytes(8, 0)))},
        {"ND checksum", Drop::nd_malformed, v6(changed(solicitation("2001:db8:1::1"), 42, 0x13))},
        {"ND from nobody with a link address", Drop::nd_malformed,
         v6(solicitation("2001:db8:1::1", 255, {1, 1, 2, 0, 0, 0, 0, 1}, "::"))},
        {"UDP checksum", Drop::udp_malformed, v4(bad_udp)},
        {"UDP length beyond the datagram", Drop::udp_malformed,
         v4(changed(udp(us, 500, 500, kHello), 25, 99))},
        {"UDP over IPv6 without checksum", Drop::udp_malformed,
         v6(changed(changed(udp(us6, 500, 500, kHello), 46, 0), 47, 0))},
    };
}

}  // namespace

TEST_CASE("each malformed or unwanted frame dies under its own reason") {
    Gateway g;
    g.know_neighbours();
    for (const Row& row : rows()) {
        INFO(row.what);
        CAPTURE(to_text(row.reason));
        const std::uint64_t before = g.drops(row.reason), all = g.drops();
        g.in(row.interface, row.frame(g));
        g.turn();
        CHECK(g.drops(row.reason) == before + 1);
        CHECK(g.drops() == all + 1);
        // Nothing of it leaves; at most an ICMP error goes back to the sender.
        CHECK(g.out(kOutside).empty());
        CHECK(g.out(kInside).size() + g.out(kJumbo).size() <= 1);
        CHECK(g.punts().empty());
        g.check_ledger();
    }
}

TEST_CASE("datagrams with options go where the interface and their kind allow it") {
    Gateway g;
    g.know_neighbours();
    const Bytes alert{148, 4, 0, 0};
    const Bytes ping = icmp({"10.1.0.2", "10.1.0.1"}, 8, 0, Bytes(8, 1));
    g.in(kInside, to_us(g, kIpv4, options(alert, ping)));  // to us: answered, without them
    g.turn();
    auto out = g.out(kInside);
    REQUIRE(out.size() == 1);
    CHECK(out[0][14] == 0x45);
    CHECK(out[0][34] == 0);
    g.parts().interfaces[kInside].ip_options = true;
    const Bytes source_route{131, 7, 4, 10, 3, 0, 9, 0};
    g.in(kInside, to_us(g, kIpv4, options(alert)));
    g.in(kInside, to_us(g, kIpv4, options(source_route)));
    g.turn();
    out = g.out(kOutside);
    REQUIRE(out.size() == 1);
    CHECK(out[0][14] == 0x46);
    CHECK(Bytes(out[0].begin() + 34, out[0].begin() + 38) == alert);
    CHECK(g.drops(Drop::ip_source_route) == 1);
    g.parts().interfaces[kInside].source_route = true;
    g.in(kInside, to_us(g, kIpv4, options(source_route)));
    g.turn();
    CHECK(g.out(kOutside).size() == 1);
    // Cut, the first fragment has all of them, the others those that say so (RFC 791 §3.1).
    Bytes both = alert;
    both.insert(both.end(), {7, 7, 4, 0, 0, 0, 0, 0});  // record route: not copied
    g.in(kInside, to_us(g, kIpv4, options(both, udp({}, 1, 2, Bytes(1440, 3)))));
    g.turn();
    out = g.out(kOutside);
    REQUIRE(out.size() == 2);
    CHECK(out[0][14] == 0x48);
    CHECK(Bytes(out[0].begin() + 34, out[0].begin() + 46) == both);
    CHECK(out[1][14] == 0x46);
    CHECK(Bytes(out[1].begin() + 34, out[1].begin() + 38) == alert);
    for (const Bytes& frame : out) {
        const std::size_t header = 4u * (frame[14] & 15);
        CHECK(checksum(ByteView(frame).subspan(14, header)) == 0);
        CHECK(frame.size() - 14 <= 1400);
    }
    CHECK(8u * ((out[1][20] << 8 | out[1][21]) & 0x1fff) == out[0].size() - 14 - 32);
    g.check_ledger();
}

TEST_CASE("a frame in several buffers is put into one, when one takes it") {
    Gateway g;
    g.know_neighbours();
    const Bytes good = ethernet(g.mac(kInside), 0x0800, udp({}, 1, 2, Bytes(1000, 9)));
    g.in_chained(kInside, Bytes(good.begin(), good.begin() + 300), Bytes(good.begin() + 300, good.end()));
    g.turn();
    const auto out = g.out(kOutside);
    REQUIRE(out.size() == 1);
    CHECK(std::equal(out[0].begin() + 34, out[0].end(), good.begin() + 34, good.end()));
    g.check_ledger();
}

TEST_CASE("a frame that a NIC merged, or longer than its interface's MTU, is dropped") {
    Gateway g;
    g.know_neighbours();
    const auto whole = [](std::size_t len) { return udp({}, 1, 2, Bytes(len - 28, 9)); };
    const auto dies = [&](const Bytes& frame, std::uint64_t flags = 0) {
        g.in(kInside, frame, flags);
        g.turn();
        CHECK(g.out(kOutside).empty());
        CHECK(g.out(kInside).empty());
    };
    // Two small segments in one are merged too.
    dies(to_us(g, kIpv4, whole(200)), RTE_MBUF_F_RX_LRO);
    dies(ethernet(g.mac(kTagged), kIpv4, whole(200), 7), RTE_MBUF_F_RX_LRO);
    CHECK(g.drops(Drop::frame_merged) == 2);
    dies(to_us(g, kIpv4, whole(1501)));
    dies(ethernet(g.mac(kTagged), kIpv4, whole(1501), 7));
    dies(to_us(g, kIpv6, udp(kV6, 1, 2, Bytes(1501 - 48, 1))));
    CHECK(g.drops(Drop::frame_too_long) == 3);
    CHECK(g.drops() == 5);
    // As long as may be goes, in two over the outside MTU of 1400.
    g.in(kInside, to_us(g, kIpv4, whole(1500)));
    g.in(kInside, ethernet(g.mac(kTagged), kIpv4, udp({"10.7.0.2", "10.3.0.2"}, 1, 2, Bytes(1472, 9)), 7));
    g.turn();
    CHECK(g.out(kOutside).size() == 4);
    g.check_ledger();
}

TEST_CASE("a frame in two buffers that none takes is dropped") {
    Gateway g;
    const Bytes good = ethernet(g.mac(kInside), 0x0800, udp({}, 1, 2, Bytes(16000, 1)));
    g.in_chained(kInside, Bytes(good.begin(), good.begin() + 8000), Bytes(good.begin() + 8000, good.end()));
    g.turn();
    CHECK(g.drops(Drop::frame_multi_segment) == 1);
    g.check_ledger();
}

TEST_CASE("a datagram that would need too many fragments is dropped") {
    Gateway g;
    g.know_neighbours();
    g.in(kJumbo, ethernet(g.mac(kJumbo), 0x0800, udp({"10.9.0.2", "10.3.0.2"}, 1, 2, Bytes(8000, 5))));
    g.turn();
    CHECK(g.out(kOutside).size() == 6);  // 1400: six fragments are fine
    Worker& w = g.worker();
    rte_mbuf* packet = make_packet(w);
    const Bytes bytes = udp({}, 1, 2, Bytes(1000, 5));
    std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes.size())), bytes.data(),
                bytes.size());
    w.ledger.generated.add();
    Burst out;
    fit(w, packet, 28, out);  // 8 bytes each: 126 fragments
    CHECK(out.empty());
    CHECK(g.drops(Drop::fragment_failed) == 1);
    g.check_ledger();
}

TEST_CASE("full rings and queues are counted, each under its reason") {
    config::Dataplane d;
    d.waiting_per_neighbour = 2;
    d.waiting_total = 3;
    Gateway g({.dataplane = d});
    SECTION("punts") {
        const Bytes arp = *from_hex(
            "0001080006040001020000000000"
            "0a0100020000000000000a010001");
        for (unsigned i = 0; i < kPuntRing + 3; ++i) {
            g.in(kInside, to_us(g, kArp, arp));
            if (i % 64 == 0) g.turn();
        }
        g.turn();
        CHECK(g.drops(Drop::punt_ring_full) == 4);  // an rte_ring of 512 holds 511
        CHECK(g.punts().size() == kPuntRing - 1);
    }
    SECTION("neighbour, each, per interface and total") {
        const auto arrive = [&](std::initializer_list<const char*> destinations) {
            for (const char* to : destinations) g.in(kInside, to_us(g, kIpv4, from_to("10.1.0.2", to)));
            g.turn();
            return g.drops(Drop::neighbour_queue_full);
        };
        CHECK(arrive({"10.2.0.5", "10.2.0.5", "10.2.0.5"}) == 1);  // two for each
        CHECK(arrive({"10.2.0.6"}) == 2);                          // two for an interface
        CHECK(arrive({"10.9.0.5", "10.9.0.6"}) == 3);              // three for all
        CHECK(g.sum().waiting_neighbour == 3);
        std::map<std::string, std::uint64_t> used;
        for (const MemoryStatus& m : g.dataplane().observer().memory()) used[m.what] = m.used;
        CHECK(used.at("waiting for one neighbour") == 2);
        CHECK(used.at("waiting from one source") == 3);
    }
    SECTION("transmit") {
        g.know_neighbours();
        for (unsigned i = 0; i < 600; ++i) {
            g.in(kInside, to_us(g, kIpv4, from_to("10.1.0.2", "10.3.0.2")));
            if (i % 32 == 31) g.turn();
        }
        g.turn();
        CHECK(g.drops(Drop::transmit_full) == 600 - 511);
        CHECK(g.out(kOutside).size() == 511);
    }
    SECTION("interface down") {
        g.know_neighbours();
        g.parts().link_up[g.parts().interfaces[kOutside].port] = false;
        g.in(kInside, to_us(g, kIpv4, from_to("10.1.0.2", "10.3.0.2")));
        g.turn();
        CHECK(g.drops(Drop::interface_down) == 1);
    }
    SECTION("no buffers") {
        g.know_neighbours();
        g.in(kInside, to_us(g, kIpv4, udp({}, 1, 2, Bytes(1400, 1))));
        std::vector<rte_mbuf*> all;
        while (rte_mbuf* m = rte_pktmbuf_alloc(g.parts().pool)) all.push_back(m);
        g.turn();
        CHECK(g.drops(Drop::no_buffer) == 1);
        for (rte_mbuf* m : all) rte_pktmbuf_free(m);
    }
    g.check_ledger();
}
