// A gateway with one tunnel to the peer of peer.hpp, and the datagrams that pass it.
#pragma once

#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/security/peer.hpp"

namespace oegate::packet_test {

struct Pairing {
    explicit Pairing(const Tunnel& t = {}, const Options& with = options()) : g(with), tunnel(t) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_permissive},
                                   {*Prefix::parse("::/0"), ClassKind::oe_permissive}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
        establish(g, tunnel);
    }
    ~Pairing() { g.check_ledger(); }
    static Options options() {
        Options o;
        o.dataplane.flows_per_worker = 1024;
        o.dataplane.sas_per_worker = 64;
        return o;
    }
    /// Bob to Alice, or the other way.
    Bytes inner(bool outbound, const Bytes& payload = {'h', 'e', 'l', 'l', 'o'}) const {
        const Pair pair = outbound ? tunnel.pair : tunnel.pair.reversed();
        return udp({pair.source.text(), pair.destination.text()}, 7, 9, payload);
    }
    void receive(const Bytes& outer) {
        g.in(kOutside, ethernet(g.mac(kOutside), tunnel.local.is_ipv4() ? kIpv4 : kIpv6, outer));
        g.turn();
    }
    void send(const Bytes& datagram) {
        g.in(kInside, ethernet(g.mac(kInside), tunnel.pair.source.is_ipv4() ? kIpv4 : kIpv6, datagram));
        g.turn();
    }
    /// The only datagram that left inside.
    Bytes delivered() {
        const auto frames = g.out(kInside);
        REQUIRE(frames.size() == 1);
        return without_link(frames[0]);
    }
    Gateway g;
    Tunnel tunnel;
};

/// As it arrives after one hop: TTL less one.
inline Bytes after_hop(Bytes datagram) {
    if (datagram[0] >> 4 == 6) {
        --datagram[7];
        return datagram;
    }
    --datagram[8];
    datagram[10] = datagram[11] = 0;
    const std::uint16_t sum = checksum(ByteView(datagram).first(20));
    datagram[10] = static_cast<std::uint8_t>(sum >> 8);
    datagram[11] = static_cast<std::uint8_t>(sum);
    return datagram;
}

inline Bytes with_tos(Bytes datagram, std::uint8_t tos) {
    datagram[1] = tos;
    datagram[10] = datagram[11] = 0;
    const std::uint16_t sum = checksum(ByteView(datagram).first(20));
    datagram[10] = static_cast<std::uint8_t>(sum >> 8);
    datagram[11] = static_cast<std::uint8_t>(sum);
    return datagram;
}

inline Tunnel tunnel_of(bool inner6, bool outer6, EspSuite suite) {
    Tunnel t;
    t.suite = suite;
    if (inner6) t.pair = {address("2001:db8:1::2"), address("2001:db8:3::2")};
    if (outer6) {
        t.local = address("2001:db8:2::1");
        t.remote = address("2001:db8:3::99");
    }
    return t;
}

}  // namespace oegate::packet_test
