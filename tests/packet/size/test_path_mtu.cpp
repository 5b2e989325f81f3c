// Path MTU: which ICMP errors from outside reach control, what an SA's MTU does to the
// datagrams inside, and what is cut after encryption; the ledger after each.
#include <algorithm>
#include <span>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/security/peer.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

const std::string kRouterName = "10.2.0.254";

/// An outer header of ours and the beginning of its ESP, as a router quotes it.
Bytes quoted(std::uint32_t spi, std::uint8_t protocol = 50, std::size_t esp_len = 1480,
             const std::string& source = "10.2.0.1") {
    Writer esp;
    if (protocol == 17) esp.u16(4500).u16(4500).u16(static_cast<std::uint16_t>(esp_len)).u16(0);
    esp.u32(spi).u32(1);
    Bytes payload(esp.view().begin(), esp.view().end());
    payload.resize(esp_len, 0xaa);
    Bytes whole = datagram({source, "10.3.9.9", 60, protocol, 0x4000}, payload);
    whole.resize(20 + 8 + (protocol == 17 ? 8 : 0));
    return whole;
}
Bytes quoted6(std::uint32_t spi, bool fragment = false) {
    Writer esp;
    if (fragment) esp.u8(50).u8(0).u16(1).u32(7);
    esp.u32(spi).u32(1);
    Bytes payload(esp.view().begin(), esp.view().end());
    payload.resize(1440, 0xaa);
    const auto protocol = static_cast<std::uint8_t>(fragment ? 44 : 50);
    Bytes whole = datagram({"2001:db8:2::1", "2001:db8:3::99", 60, protocol}, payload);
    whole.resize(40 + 16);
    return whole;
}
Bytes message(std::uint32_t mtu, const Bytes& quote) {
    Writer w;
    w.u32(mtu).put(quote);
    return std::move(w).take();
}
Bytes too_big(std::uint16_t mtu, const Bytes& quote, const std::string& to = "10.2.0.1") {
    return icmp({kRouterName, to}, 3, 4, message(mtu, quote));
}
Bytes too_big6(std::uint32_t mtu, const Bytes& quote) {
    return icmp({"2001:db8:2::fe", "2001:db8:2::1"}, 2, 0, message(mtu, quote));
}

struct Lab {
    explicit Lab(const Tunnel& t = {}, Options options = {}) : g(options), tunnel(t) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_permissive},
                                   {*Prefix::parse("::/0"), ClassKind::oe_permissive}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
        establish(g, tunnel);
        g.events();
    }
    ~Lab() {
        g.check_ledger();
        g.out(kInside), g.out(kOutside);
    }
    void receive(const Bytes& d) {
        g.in(kOutside, ethernet(g.mac(kOutside), d[0] >> 4 == 4 ? kIpv4 : kIpv6, d));
        g.turn();
    }
    void send(const Bytes& d) {
        g.in(kInside, ethernet(g.mac(kInside), d[0] >> 4 == 4 ? kIpv4 : kIpv6, d));
        g.turn();
    }
    Bytes inner(std::size_t len, bool dont_fragment) {
        const bool v4 = tunnel.pair.source.is_ipv4();
        Ip ip{tunnel.pair.source.text(), tunnel.pair.destination.text()};
        if (dont_fragment) ip.fragment = 0x4000;
        return udp(ip, 7, 9, Bytes(len - (v4 ? 28 : 48), 0x42));
    }
    Gateway g;
    Tunnel tunnel;
};

Tunnel over(bool inner6, bool outer6) {
    Tunnel t;
    if (inner6) t.pair = {address("2001:db8:1::2"), address("2001:db8:3::2")};
    if (outer6) {
        t.local = address("2001:db8:2::1");
        t.remote = address("2001:db8:3::99");
    }
    return t;
}

std::uint32_t told_mtu(const Bytes& d) {
    const std::size_t at = d[0] >> 4 == 4 ? 20 : 40;
    return static_cast<std::uint32_t>(d[at + 4]) << 24 | d[at + 5] << 16 | d[at + 6] << 8 | d[at + 7];
}

/// An ICMP error that nobody is told of: dropped, once, under its reason.
struct Refused {
    const char* story;
    Drop reason;
    Bytes datagram;
};
void check_refused(std::span<const Refused> rows) {
    for (const Refused& row : rows) {
        INFO(row.story);
        Lab lab;
        lab.receive(row.datagram);
        CHECK(lab.g.drops(row.reason) == 1);
        CHECK(lab.g.drops() == 1);
        CHECK(lab.g.events().empty());
    }
}

}  // namespace

TEST_CASE("a too-big about our ESP reaches control with what it quotes") {
    Lab lab;
    lab.receive(too_big(1300, quoted(0xabcd0001)));
    lab.receive(too_big(0, quoted(0xabcd0002, 17)));
    lab.receive(too_big6(1300, quoted6(0xabcd0003)));
    lab.receive(too_big6(1280, quoted6(0xabcd0004, true)));
    const auto events = of_kind(lab.g.events(), Event::Kind::path_mtu);
    REQUIRE(events.size() == 4);
    CHECK(events[0].path_mtu.local == address("10.2.0.1"));
    CHECK(events[0].path_mtu.remote == address("10.3.9.9"));
    CHECK(events[0].path_mtu.reporter == address(kRouterName));
    CHECK(events[0].path_mtu.spi == 0xabcd0001);
    CHECK(events[0].path_mtu.mtu == 1300);
    CHECK(events[1].path_mtu.spi == 0xabcd0002);
    CHECK(events[1].path_mtu.mtu == 0);
    CHECK(events[2].path_mtu.remote == address("2001:db8:3::99"));
    CHECK(events[2].path_mtu.spi == 0xabcd0003);
    CHECK(events[3].path_mtu.spi == 0xabcd0004);
    CHECK(events[3].path_mtu.mtu == 1280);
    CHECK(lab.g.drops() == 0);
}

TEST_CASE("a too-big that cannot be, or is about nothing of ours, has its reason") {
    Bytes wrong_version = quoted(0xabcd0001);
    wrong_version[0] = 0x55;
    Bytes short_header = quoted(0xabcd0001);
    short_header[0] = 0x43;
    Bytes later = quoted(0xabcd0001);
    later[7] = 9;
    Bytes bad_sum = too_big(1300, quoted(0xabcd0001));
    bad_sum[25] ^= 1;
    const Refused rows[] = {
        {"MTU below 68", Drop::icmp_implausible, too_big(67, quoted(0xabcd0001))},
        {"MTU that the datagram fits", Drop::icmp_implausible, too_big(1500, quoted(0xabcd0001))},
        {"no quote", Drop::icmp_implausible, too_big(1300, {})},
        {"half a header quoted", Drop::icmp_implausible, too_big(1300, Bytes(12, 0x45))},
        {"version 5 quoted", Drop::icmp_implausible, too_big(1300, wrong_version)},
        {"header of 12 bytes quoted", Drop::icmp_implausible, too_big(1300, short_header)},
        {"another sender's datagram", Drop::icmp_implausible,
         too_big(1300, quoted(0xabcd0001, 50, 1480, "10.9.9.9"))},
        {"IPv6 MTU below 1280", Drop::icmp_implausible, too_big6(1279, quoted6(0xabcd0001))},
        {"IPv6 MTU of four bytes", Drop::icmp_implausible, too_big6(0x10000500, quoted6(0xabcd0001))},
        {"TCP quoted", Drop::icmp_quote_unknown, too_big(1300, quoted(0xabcd0001, 6))},
        {"reserved SPI", Drop::icmp_quote_unknown, too_big(1300, quoted(255))},
        {"IKE in UDP", Drop::icmp_quote_unknown, too_big(1300, quoted(0, 17))},
        {"a later fragment", Drop::icmp_quote_unknown, too_big(1300, later)},
        {"wrong checksum", Drop::icmp_malformed, bad_sum},
    };
    check_refused(rows);
    // From inside, or for an address inside, it is no router of the path.
    Lab lab;
    lab.g.in(kInside, ethernet(lab.g.mac(kInside), kIpv4,
                               icmp({"10.1.0.2", "10.2.0.1"}, 3, 4, message(1300, quoted(0xabcd0001)))));
    lab.g.turn();
    CHECK(lab.g.drops(Drop::icmp_quote_unknown) == 1);
}

TEST_CASE("an error that says that our ESP got nowhere is a hint for control, and seldom") {
    const auto v4 = [](std::uint8_t code, const Bytes& quote, const std::string& to = "10.2.0.1") {
        return icmp({kRouterName, to}, 3, code, message(0, quote));
    };
    const auto v6 = [](std::uint8_t type, std::uint8_t code, const Bytes& quote) {
        return icmp({"2001:db8:2::fe", "2001:db8:2::1"}, type, code, message(0, quote));
    };
    {
        Lab lab;
        lab.receive(v4(1, quoted(0xabcd0001)));      // no way to the host
        lab.receive(v4(2, quoted(0xabcd0001)));      // nobody takes ESP there
        lab.receive(v4(3, quoted(0xabcd0001, 17)));  // nor ESP in UDP
        lab.receive(v6(1, 3, quoted6(0xabcd0001)));
        lab.receive(v6(4, 1, quoted6(0xabcd0001)));
        const auto events = lab.g.events();
        REQUIRE(events.size() == 5);
        for (std::size_t i = 0; i < events.size(); ++i) {
            REQUIRE(events[i].kind == Event::Kind::unknown_spi);
            CHECK(events[i].unknown_spi.spi == 0);
            CHECK(events[i].unknown_spi.local == address(i < 3 ? "10.2.0.1" : "2001:db8:2::1"));
            CHECK(events[i].unknown_spi.remote == address(i < 3 ? "10.3.9.9" : "2001:db8:3::99"));
        }
        CHECK(lab.g.drops() == 0);
        // It changes nothing of the pair.
        lab.g.out(kOutside);
        lab.send(lab.inner(100, false));
        CHECK(lab.g.out(kOutside).size() == 1);
    }
    const Refused rows[] = {
        {"nothing quoted", Drop::icmp_implausible, v4(1, {})},
        {"another sender's datagram", Drop::icmp_implausible,
         v4(1, quoted(0xabcd0001, 50, 1480, "10.9.9.9"))},
        {"TCP quoted", Drop::icmp_quote_unknown, v4(3, quoted(0xabcd0001, 6))},
        {"IKE in UDP", Drop::icmp_quote_unknown, v4(3, quoted(0, 17))},
        {"nothing quoted, IPv6", Drop::icmp_implausible, v6(1, 0, {})},
        {"a parameter problem of another kind", Drop::own_unserved, v6(4, 0, quoted6(0xabcd0001))},
        {"time exceeded", Drop::own_unserved,
         icmp({kRouterName, "10.2.0.1"}, 11, 0, message(0, quoted(0xabcd0001)))},
    };
    check_refused(rows);
    Lab lab;
    lab.g.in(kInside, ethernet(lab.g.mac(kInside), kIpv4,
                               icmp({"10.1.0.2", "10.2.0.1"}, 3, 1, message(0, quoted(0xabcd0001)))));
    lab.g.turn();
    CHECK(lab.g.drops(Drop::icmp_quote_unknown) == 1);
    for (unsigned i = 0; i < 30; ++i) lab.receive(v4(1, quoted(0xabcd0001)));
    const std::size_t heard = lab.g.events().size();
    CHECK(heard <= 10);
    CHECK(heard + lab.g.drops(Drop::icmp_rate_limited) == 30);
}

TEST_CASE("reports of paths are limited in rate") {
    Lab lab;
    for (unsigned i = 0; i < 30; ++i) lab.receive(too_big(1300, quoted(0xabcd0001)));
    const std::size_t heard = lab.g.events().size();
    CHECK(heard <= 10);
    CHECK(heard + lab.g.drops(Drop::icmp_rate_limited) == 30);
}

TEST_CASE("an SA's path MTU decides what the inner sender is told, and what is cut") {
    Lab lab(over(false, false));
    lab.g.command(0, Command(SetPathMtu{lab.tunnel.out, 1000}));
    lab.send(lab.inner(1000, true));
    auto back = lab.g.out(kInside);
    REQUIRE(back.size() == 1);
    const Bytes told = without_link(back[0]);
    CHECK(told[20] == 3);
    CHECK(told[21] == 4);
    const std::uint32_t mtu = told_mtu(told);
    CHECK(mtu < 1000 - 20 - 8);
    CHECK(mtu > 900);
    CHECK(lab.g.drops(Drop::too_big) == 1);
    // What was told goes through, and fills the path but for the padding.
    lab.send(lab.inner(mtu, true));
    auto out = lab.g.out(kOutside);
    REQUIRE(out.size() == 1);
    CHECK(without_link(out[0]).size() <= 1000);
    CHECK(without_link(out[0]).size() > 996);
    // One byte more goes in two when it may be cut, before encryption.
    lab.send(lab.inner(mtu + 1, false));
    out = lab.g.out(kOutside);
    REQUIRE(out.size() == 2);
    for (const Bytes& frame : out) {
        const auto opened = open(lab.tunnel, without_link(frame));
        REQUIRE(opened);
        CHECK((opened->inner[6] & 0x20) == (&frame == &out[0] ? 0x20 : 0));
    }
    // 0 forgets.
    lab.g.command(0, Command(SetPathMtu{lab.tunnel.out, 0}));
    lab.send(lab.inner(1300, true));
    CHECK(lab.g.out(kOutside).size() == 1);
}

TEST_CASE("IPv6 inside is never told less than 1280: the outer datagram is cut") {
    for (const bool outer6 : {false, true}) {
        CAPTURE(outer6);
        Lab lab(over(true, outer6));
        lab.g.command(0, Command(SetPathMtu{lab.tunnel.out, 1280}));
        lab.send(lab.inner(1300, false));
        auto back = lab.g.out(kInside);
        REQUIRE(back.size() == 1);
        CHECK(without_link(back[0])[40] == 2);
        CHECK(told_mtu(without_link(back[0])) == 1280);
        const Bytes inner = lab.inner(1280, false);
        lab.send(inner);
        auto out = lab.g.out(kOutside);
        if (outer6) {
            // A Fragment header behind each IPv6 header; the same identification.
            REQUIRE(out.size() == 2);
            const Bytes a = without_link(out[0]), b = without_link(out[1]);
            CHECK(a.size() <= 1280);
            CHECK(a[6] == 44);
            CHECK(a[40] == 50);
            CHECK((a[43] & 1) == 1);
            CHECK((b[43] & 1) == 0);
            CHECK(std::equal(a.begin() + 44, a.begin() + 48, b.begin() + 44));
            CHECK(static_cast<std::size_t>(b[42] << 8 | (b[43] & 0xf8)) == a.size() - 48);
            Bytes whole(a.begin(), a.begin() + 40);
            whole[6] = 50;
            whole.insert(whole.end(), a.begin() + 48, a.end());
            whole.insert(whole.end(), b.begin() + 48, b.end());
            whole[4] = static_cast<std::uint8_t>((whole.size() - 40) >> 8);
            whole[5] = static_cast<std::uint8_t>(whole.size() - 40);
            const auto opened = open(lab.tunnel, whole);
            REQUIRE(opened);
            CHECK(opened->inner.size() == 1280);
        } else {
            // Over IPv4 routers cut it: DF is off, the interface's MTU is large enough.
            REQUIRE(out.size() == 1);
            const Bytes a = without_link(out[0]);
            CHECK((a[6] & 0x40) == 0);
            CHECK(checksum(ByteView(a).first(20)) == 0);
            const auto opened = open(lab.tunnel, a);
            REQUIRE(opened);
            CHECK(opened->inner.size() == 1280);
        }
    }
}

TEST_CASE("where DF outside is to be clear, DF inside refuses nothing") {
    config::Dataplane d;
    d.df = DfPolicy::clear;
    Lab lab({}, {.dataplane = d});
    lab.send(lab.inner(1400, true));
    const auto out = lab.g.out(kOutside);  // an outside MTU of 1400
    REQUIRE(out.size() == 2);
    Bytes a = without_link(out[0]), b = without_link(out[1]);
    CHECK(a.size() <= 1400);
    CHECK((a[6] & 0x60) == 0x20);
    CHECK((b[6] & 0x60) == 0);
    a.insert(a.end(), b.begin() + 20, b.end());
    a[6] = a[7] = 0;
    a[2] = static_cast<std::uint8_t>(a.size() >> 8);
    a[3] = static_cast<std::uint8_t>(a.size());
    const auto opened = open(lab.tunnel, a);
    REQUIRE(opened);
    CHECK(opened->inner.size() == 1400);
    CHECK((opened->inner[6] & 0x40) != 0);
    CHECK(lab.g.out(kInside).empty());
}

TEST_CASE("jumbo datagrams go through a tunnel whole, and are cut behind it where they must be") {
    for (const bool clear : {false, true}) {
        CAPTURE(clear);
        config::Dataplane d;
        if (clear) d.df = DfPolicy::clear;
        Tunnel t;
        t.pair = {address("10.9.0.2"), address("10.3.0.2")};
        Lab lab(t, {.dataplane = d});
        lab.g.parts().interfaces[kOutside].mtu = 9000;
        const auto send = [&](std::size_t len) {
            lab.g.in(kJumbo, ethernet(lab.g.mac(kJumbo), kIpv4, lab.inner(len, true)));
            lab.g.turn();
            return lab.g.out(kOutside);
        };
        auto out = send(8946);
        REQUIRE(out.size() == 1);
        const auto opened = open(t, without_link(out[0]));
        REQUIRE(opened);
        CHECK(opened->inner.size() == 8946);
        CHECK(without_link(out[0]).size() == 9000);
        out = send(9000);
        if (!clear) {
            CHECK(out.empty());
            const auto back = lab.g.out(kJumbo);
            REQUIRE(back.size() == 1);
            CHECK(told_mtu(without_link(back[0])) == 8946);
            continue;
        }
        REQUIRE(out.size() == 2);
        Bytes a = without_link(out[0]), b = without_link(out[1]);
        CHECK(a.size() <= 9000);
        a.insert(a.end(), b.begin() + 20, b.end());
        a[6] = a[7] = 0;
        const auto whole = open(t, a);
        REQUIRE(whole);
        CHECK(whole->inner.size() == 9000);
    }
}

TEST_CASE("a jumbo datagram in the peer's ESP comes out whole") {
    Tunnel t;
    t.pair = {address("10.9.0.2"), address("10.3.0.2")};
    Lab lab(t);
    lab.g.parts().interfaces[kOutside].mtu = 9000;
    const Bytes inner = udp({"10.3.0.2", "10.9.0.2"}, 7, 9, Bytes(8900, 0x33));
    lab.receive(seal(t, inner));
    const auto out = lab.g.out(kJumbo);
    REQUIRE(out.size() == 1);
    CHECK(Bytes(out[0].begin() + 34, out[0].end()) == Bytes(inner.begin() + 20, inner.end()));
}
