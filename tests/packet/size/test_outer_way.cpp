// What fits inside an SA is said by the interface that its outer datagrams leave by, not
// by the one that the inner route leads to; with several outsides they differ.
#include "base/cursor.hpp"
#include "packet/security/pairing.hpp"
#include "stages/transport_checksum.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

/// Bob's network is routed over `outside` (MTU 1400); his gateway is reached by `jumbo`,
/// an outside too, with this MTU.
struct Crossed : Pairing {
    explicit Crossed(std::uint16_t mtu, const Tunnel& t = over_jumbo()) : Pairing(t, with_outside()) {
        g.parts().interfaces[kJumbo].mtu = mtu;
    }
    static Options with_outside() {
        Options o = options();
        o.jumbo = InterfaceRole::outside;
        return o;
    }
    static Tunnel over_jumbo() {
        Tunnel t;
        t.local = address("10.9.0.1");
        t.remote = address("10.9.0.2");
        return t;
    }
    Bytes inner_of(std::size_t len, bool dont_fragment) const {
        Ip ip{tunnel.pair.source.text(), tunnel.pair.destination.text()};
        if (dont_fragment) ip.fragment = 0x4000;
        return udp(ip, 7, 9, Bytes(len - 28, 0x42));
    }
    /// MTU of the ICMP that came back, 0 when none did.
    unsigned told() {
        const auto back = g.out(kInside);
        if (back.empty()) return 0;
        REQUIRE(back.size() == 1);
        const Bytes d = without_link(back[0]);
        CHECK(d[20] == 3);
        CHECK(d[21] == 4);
        return static_cast<unsigned>(d[26] << 8 | d[27]);
    }
    /// Lengths inside of what left by jumbo.
    std::vector<std::size_t> lengths() {
        std::vector<std::size_t> all;
        for (const Bytes& frame : g.out(kJumbo)) {
            CHECK(frame.size() - 14 <= g.parts().interfaces[kJumbo].mtu);
            const auto opened = open(tunnel, without_link(frame));
            REQUIRE(opened);
            all.push_back(opened->inner.size());
        }
        CHECK(g.out(kOutside).empty());
        return all;
    }
};

}  // namespace

TEST_CASE("the MTU inside is that of the outer datagrams' own way") {
    struct Row {
        std::uint16_t mtu;
        unsigned room;
    };
    for (const Row& row : {Row{1300, 1246}, Row{1400, 1346}, Row{9000, 8946}}) {
        CAPTURE(row.mtu);
        Crossed p(row.mtu);
        p.g.parts().interfaces[kInside].mtu = 9000;
        for (const bool known : {false, true}) {  // by the long way, and by the remembered one
            CAPTURE(known);
            p.send(p.inner_of(row.room, true));
            CHECK(p.lengths() == std::vector<std::size_t>{row.room});
            p.send(p.inner_of(row.room + 1, true));
            CHECK(p.told() == row.room);
            p.send(p.inner_of(row.room + 1, false));
            CHECK(p.lengths().size() == 2);
        }
        CHECK(p.g.drops(Drop::too_big) == 2);
        CHECK(p.g.drops() == 2);
    }
}

TEST_CASE("a path's MTU counts where it is less than the way's") {
    Crossed p(1300);
    p.g.command(0, Command(SetPathMtu{p.tunnel.out, 1350}));
    p.send(p.inner_of(1247, true));
    CHECK(p.told() == 1246);
    p.g.command(0, Command(SetPathMtu{p.tunnel.out, 1000}));
    p.send(p.inner_of(947, true));
    CHECK(p.told() == 946);
    p.g.command(0, Command(SetPathMtu{p.tunnel.out, 0}));
    p.send(p.inner_of(1246, true));
    CHECK(p.lengths() == std::vector<std::size_t>{1246});
}

TEST_CASE("the MTU inside follows the outer datagrams to another interface") {
    Crossed p(1300);
    p.send(p.inner_of(1247, true));
    CHECK(p.told() == 1246);
    // The peer is behind the router of `outside` now.
    REQUIRE(p.g.dataplane().tables().add_route(
        {*Prefix::parse("10.9.0.2/32"), Address::parse("10.2.0.254"), kOutside}));
    p.send(p.inner_of(1346, true));
    CHECK(p.told() == 0);
    CHECK(p.g.out(kOutside).size() == 1);
    p.send(p.inner_of(1347, true));
    CHECK(p.told() == 1346);
    REQUIRE(p.g.dataplane().tables().remove_route(*Prefix::parse("10.9.0.2/32")));
    p.send(p.inner_of(1247, true));
    CHECK(p.told() == 1246);
    CHECK(p.g.out(kJumbo).empty());
    p.send(p.inner_of(1246, true));
    CHECK(p.lengths() == std::vector<std::size_t>{1246});
}

TEST_CASE("the way's MTU is known before its neighbour is, and without a route nothing is cut") {
    Crossed p(1300);
    p.g.dataplane().tables().remove_neighbour(kJumbo, address("10.9.0.2"));
    p.send(p.inner_of(1247, true));
    CHECK(p.told() == 1246);
    p.send(p.inner_of(1246, true));
    CHECK(p.g.sum().waiting_neighbour == 1);
    REQUIRE(p.g.dataplane().tables().remove_route(*Prefix::parse("10.9.0.0/24")));
    p.send(p.inner_of(1400, false));
    CHECK(p.g.drops(Drop::no_route) == 1);
    CHECK(p.g.sum().fragments_made == 0);
}

TEST_CASE("SYNs announce what fits the outer datagrams' way") {
    Crossed p(1300);
    const auto syn = [&](const Pair& pair) {
        Writer w;
        w.u16(4000).u16(80).u32(1).u32(2).u8(0x60).u8(2).u16(1000).u16(0).u16(0);
        w.u8(2).u8(4).u16(1460);
        w.set_u16(16, transport_checksum(pair, Protocol::tcp, w.view()));
        return datagram({pair.source.text(), pair.destination.text(), 64, 6}, std::move(w).take());
    };
    const auto mss = [](const Bytes& d) { return d[42] << 8 | d[43]; };
    p.send(syn(p.tunnel.pair));
    const auto out = p.g.out(kJumbo);
    REQUIRE(out.size() == 1);
    CHECK(mss(open(p.tunnel, without_link(out[0]))->inner) == 1246 - 40);
    p.g.in(kJumbo, ethernet(p.g.mac(kJumbo), kIpv4, seal(p.tunnel, syn(p.tunnel.pair.reversed()))));
    p.g.turn();
    CHECK(mss(p.delivered()) == 1246 - 40);
}
