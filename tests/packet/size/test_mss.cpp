// The MSS that SYNs announce through a tunnel: lowered in both directions, checksum right,
// nothing else touched.
#include "base/cursor.hpp"
#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "stages/mss.hpp"
#include "stages/transport_checksum.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

constexpr std::uint8_t kSyn = 2, kAck = 16;

Bytes options_with_mss(std::uint16_t mss, unsigned nops = 0) {
    Bytes options(nops, 1);
    options.insert(options.end(),
                   {2, 4, static_cast<std::uint8_t>(mss >> 8), static_cast<std::uint8_t>(mss)});
    while (options.size() % 4 != 0) options.push_back(0);
    return options;
}

Bytes tcp(const Pair& pair, std::uint8_t flags, const Bytes& options) {
    Writer w;
    w.u16(4000).u16(80).u32(1).u32(2);
    w.u8(static_cast<std::uint8_t>((20 + options.size()) / 4 << 4)).u8(flags).u16(1000).u16(0).u16(0);
    w.put(options);
    w.set_u16(16, transport_checksum(pair, Protocol::tcp, w.view()));
    return datagram({pair.source.text(), pair.destination.text(), 64, 6}, std::move(w).take());
}

std::uint16_t mss_of(const Bytes& d, unsigned nops = 0) {
    const std::size_t at = (d[0] >> 4 == 4 ? 20u : 40u) + 20 + nops + 2;
    return static_cast<std::uint16_t>(d[at] << 8 | d[at + 1]);
}
std::uint16_t tcp_sum(const Pair& pair, const Bytes& d) {
    return transport_checksum(pair, Protocol::tcp, ByteView(d).subspan(d[0] >> 4 == 4 ? 20 : 40));
}

Tunnel over(bool inner6) {
    Tunnel t;
    if (inner6) t.pair = {address("2001:db8:1::2"), address("2001:db8:3::2")};
    return t;
}

struct Lab {
    explicit Lab(const Tunnel& t) : tunnel(t) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_permissive},
                                   {*Prefix::parse("::/0"), ClassKind::oe_permissive}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
        establish(g, tunnel);
    }
    ~Lab() {
        g.check_ledger();
        g.out(kInside), g.out(kOutside);
    }
    Bytes outbound(const Bytes& d) {
        g.in(kInside, ethernet(g.mac(kInside), d[0] >> 4 == 4 ? kIpv4 : kIpv6, d));
        g.turn();
        const auto out = g.out(kOutside);
        REQUIRE(out.size() == 1);
        const auto opened = open(tunnel, without_link(out[0]));
        REQUIRE(opened);
        return opened->inner;
    }
    Bytes inbound(const Bytes& d) {
        Forged how;
        how.sequence = ++sequence;
        how.next_header = d[0] >> 4 == 4 ? 4 : 41;
        g.in(kOutside, ethernet(g.mac(kOutside), kIpv4, seal(tunnel, d, how)));
        g.turn();
        const auto out = g.out(kInside);
        REQUIRE(out.size() == 1);
        return without_link(out[0]);
    }
    Gateway g;
    Tunnel tunnel;
    std::uint64_t sequence = 0;
};

}  // namespace

TEST_CASE("SYNs through a tunnel announce what fits it, both directions and families") {
    for (const bool inner6 : {false, true}) {
        CAPTURE(inner6);
        Lab lab(over(inner6));
        const Pair out = lab.tunnel.pair, in = out.reversed();
        // An outside MTU of 1400 leaves 1346 for AES-GCM over IPv4.
        const unsigned room = 1346 - (inner6 ? 60 : 40);
        for (const std::uint8_t flags : {kSyn, static_cast<std::uint8_t>(kSyn | kAck)})
            for (unsigned nops = 0; nops < 4; ++nops) {
                CAPTURE(nops);
                Bytes d = lab.outbound(tcp(out, flags, options_with_mss(1460, nops)));
                CHECK(mss_of(d, nops) == room);
                CHECK(tcp_sum(out, d) == 0);
                d = lab.inbound(tcp(in, flags, options_with_mss(8960, nops)));
                CHECK(mss_of(d, nops) == room);
                CHECK(tcp_sum(in, d) == 0);
            }
        // Never raised, and only in SYNs.
        CHECK(mss_of(lab.outbound(tcp(out, kSyn, options_with_mss(536)))) == 536);
        CHECK(mss_of(lab.outbound(tcp(out, kAck, options_with_mss(1460)))) == 1460);
        CHECK(mss_of(lab.inbound(tcp(in, kAck, options_with_mss(1460)))) == 1460);
        // The path's MTU counts.
        lab.g.command(0, Command(SetPathMtu{lab.tunnel.out, 1300}));
        const std::uint16_t lower = mss_of(lab.outbound(tcp(out, kSyn, options_with_mss(1460))));
        CHECK(lower == (inner6 ? 1280 - 60 : room - 100));
    }
}

TEST_CASE("an interface without the clamp leaves SYNs alone") {
    Lab lab(over(false));
    lab.g.parts().interfaces[kInside].mss_clamp = false;
    CHECK(mss_of(lab.outbound(tcp(lab.tunnel.pair, kSyn, options_with_mss(1460)))) == 1460);
    CHECK(mss_of(lab.inbound(tcp(lab.tunnel.pair.reversed(), kSyn, options_with_mss(1460)))) == 1460);
}

TEST_CASE("options that lie are left alone, and nothing beyond them is read") {
    const auto unchanged = [](Bytes header) {
        const Bytes before = header;
        const bool changed = lower_mss(header, 1000);
        return !changed && header == before;
    };
    const auto header = [](std::uint8_t words, const Bytes& options) {
        Bytes h(20, 0);
        h[12] = static_cast<std::uint8_t>(words << 4);
        h[13] = kSyn;
        h.insert(h.end(), options.begin(), options.end());
        return h;
    };
    CHECK(unchanged(Bytes(19, 0xff)));
    CHECK(unchanged(header(4, {2, 4, 0xff, 0xff})));  // header shorter than a header
    CHECK(unchanged(header(7, {2, 4, 0xff, 0xff})));  // longer than the segment
    CHECK(unchanged(header(6, {1, 1, 1, 2})));        // length byte behind the end
    CHECK(unchanged(header(6, {1, 2, 4, 0xff})));     // value behind the end
    CHECK(unchanged(header(6, {2, 0, 0xff, 0xff})));  // length 0
    CHECK(unchanged(header(6, {2, 3, 0xff, 0})));     // another length
    CHECK(unchanged(header(6, {0, 2, 4, 0xff})));     // behind the end of the list
    CHECK(unchanged(header(7, {3, 99, 7, 2, 4, 0xff, 0xff, 0})));
    Bytes twice = header(7, {2, 4, 0xff, 0xff, 2, 4, 0xff, 0xff});
    CHECK(lower_mss(twice, 1000));
    CHECK(twice[22] == 1000 >> 8);
    CHECK(twice[26] == 1000 >> 8);
}
