// ICMP errors about datagrams that came out of a tunnel: ours go back through it, those
// of routers behind the peer come in by it (RFC 4301 §6.2).
#include <algorithm>

#include "base/cursor.hpp"
#include "packet/security/pairing.hpp"
#include "stages/transport_checksum.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

struct Told {
    std::uint8_t type = 0, code = 0;
    std::uint32_t rest = 0;
    Pair pair;
    Bytes quoted;
};

/// An ICMP error as it comes out of the tunnel at the peer; checksums right.
Told read_error(const Bytes& d) {
    const bool v4 = d[0] >> 4 == 4;
    const std::size_t ip_len = v4 ? 20 : 40, at = v4 ? 12 : 8, len = v4 ? 4 : 16;
    const auto message = ByteView(d).subspan(ip_len);
    Told told;
    told.pair = {*Address::from_wire(ByteView(d).subspan(at, len)),
                 *Address::from_wire(ByteView(d).subspan(at + len, len))};
    if (v4) CHECK(checksum(ByteView(d).first(20)) == 0);
    CHECK((v4 ? checksum(message) : transport_checksum(told.pair, Protocol::icmpv6, message)) == 0);
    CHECK(d[v4 ? 9 : 6] == (v4 ? 1 : 58));
    CHECK(d.size() <= (v4 ? 576u : 1280u));
    Reader reader(message);
    told.type = reader.u8();
    told.code = reader.u8();
    reader.skip(2);
    told.rest = reader.u32();
    told.quoted.assign(message.begin() + 8, message.end());
    return told;
}

/// What the peer finds in the only frame that left outside.
Bytes answer(Pairing& p) {
    const auto frames = p.g.out(kOutside);
    REQUIRE(frames.size() == 1);
    const auto opened = open(p.tunnel, without_link(frames[0]));
    REQUIRE(opened);
    CHECK(opened->next_header == (opened->inner[0] >> 4 == 4 ? 4 : 41));
    return opened->inner;
}

Forged numbered(const Bytes& inner, std::uint64_t sequence) {
    Forged how;
    how.sequence = sequence;
    how.next_header = inner[0] >> 4 == 4 ? 4 : 41;
    return how;
}

/// Nobody answers for it inside: control gives up.
void fail_neighbour(Pairing& p, const char* host) {
    CHECK(p.g.sum().waiting_neighbour == 1);
    p.g.command(0, Command(NeighbourChanged{address(host), kInside, false}));
    p.g.turn();
}

const Bytes kHello{'h', 'e', 'l', 'l', 'o'};

}  // namespace

TEST_CASE("what cannot go on behind a tunnel is answered through the tunnel") {
    struct Row {
        const char* story;
        Drop reason;
        const char* inside;  // the datagram's destination
        std::uint8_t type, code;
        std::uint32_t rest;
        std::uint8_t ttl = 64;
        std::uint16_t fragment = 0;
        std::size_t len = 5;
        bool wait = false;
    };
    const Row rows[] = {
        {"TTL 1", Drop::ttl_expired, "10.1.0.2", 11, 0, 0, 1},
        {"TTL 0", Drop::ttl_expired, "10.1.0.2", 11, 0, 0, 0},
        {"no route", Drop::no_route, "10.8.0.2", 3, 0, 0},
        {"too big for the link inside", Drop::too_big, "10.1.0.2", 3, 4, 1500, 64, 0x4000, 1473},
        {"a neighbour that does not answer", Drop::neighbour_failed, "10.1.0.77", 3, 1, 0, 64, 0, 5, true},
        {"hop limit 1", Drop::ttl_expired, "2001:db8:1::2", 3, 0, 0, 1},
        {"no route, IPv6", Drop::no_route, "2001:db8:8::2", 1, 0, 0},
        {"too big, IPv6", Drop::too_big, "2001:db8:1::2", 2, 0, 1500, 64, 0, 1453},
        {"a neighbour that does not answer, IPv6", Drop::neighbour_failed, "2001:db8:1::77", 1, 3, 0, 64, 0,
         5, true},
    };
    for (const Row& row : rows)
        for (const bool outer6 : {false, true}) {
            CAPTURE(row.story, outer6);
            const bool v6 = address(row.inside).is_ipv6();
            Tunnel t = tunnel_of(v6, outer6, EspSuite::aes_gcm_16_128);
            t.pair.source = address(row.inside);
            Pairing p(t);
            p.g.parts().interfaces[kOutside].mtu = 9000;
            Ip ip{t.pair.destination.text(), row.inside, row.ttl};
            ip.fragment = row.fragment;
            const Bytes inner = udp(ip, 7, 9, Bytes(row.len, 0x42));
            p.receive(seal(t, inner, numbered(inner, 1)));
            if (row.wait) fail_neighbour(p, row.inside);
            CHECK(p.g.drops(row.reason) == 1);
            CHECK(p.g.drops() == 1);
            CHECK(p.g.out(kInside).empty());
            const Told told = read_error(answer(p));
            CHECK(told.type == row.type);
            CHECK(told.code == row.code);
            CHECK(told.rest == row.rest);
            CHECK(told.pair.source == address(v6 ? "2001:db8:1::1" : "10.1.0.1"));
            CHECK(told.pair.destination == t.pair.destination);
            // Quoted as it came, but for the hop that it may have made.
            REQUIRE(told.quoted.size() >= std::min<std::size_t>(inner.size(), 500));
            CHECK(std::equal(told.quoted.begin() + 12, told.quoted.end(), inner.begin() + 12));
        }
}

TEST_CASE("no error goes into a tunnel about errors, later fragments and what nobody sent") {
    struct Row {
        const char* story;
        Drop reason;
        Bytes inner;
    };
    const Ip ip{"10.3.0.2", "10.1.0.2", 1};
    Ip later = ip, first = ip;
    later.fragment = 9;
    first.fragment = 0x2000;
    const Row rows[] = {
        {"unreachable", Drop::ttl_expired, icmp(ip, 3, 1, Bytes(28, 0))},
        {"time exceeded", Drop::ttl_expired, icmp(ip, 11, 0, Bytes(28, 0))},
        {"a redirect", Drop::ttl_expired, icmp(ip, 5, 0, Bytes(28, 0))},
        {"a later fragment", Drop::ttl_expired, datagram(later, Bytes(16, 0))},
    };
    for (const Row& row : rows) {
        CAPTURE(row.story);
        Pairing p;
        p.receive(seal(p.tunnel, row.inner));
        CHECK(p.g.drops(row.reason) == 1);
        CHECK(p.g.drops() == 1);
        CHECK(p.g.out(kOutside).empty());
        CHECK(p.g.sum().generated == 0);
    }
    Pairing p;
    p.receive(seal(p.tunnel, datagram(first, Bytes(16, 0)), numbered(rows[0].inner, 1)));
    p.receive(seal(p.tunnel, icmp(ip, 8, 0, Bytes(28, 0)), numbered(rows[0].inner, 2)));
    CHECK(p.g.out(kOutside).size() == 2);
}

TEST_CASE("without an SA back there is no answer, and no clear text") {
    for (const FlowState state : {FlowState::none, FlowState::hold, FlowState::pass, FlowState::deny}) {
        CAPTURE(static_cast<int>(state));
        Pairing p;
        p.g.command(0, Command(SetPolicy{p.tunnel.pair, state, ClassKind::oe_permissive, 42, SaRef{}, 0}));
        p.receive(seal(p.tunnel, udp({"10.3.0.2", "10.1.0.2", 1}, 7, 9, kHello)));
        CHECK(p.g.drops(Drop::ttl_expired) == 1);
        CHECK(p.g.drops(Drop::icmp_no_sa) == 1);
        CHECK(p.g.drops() == 2);
        CHECK(p.g.out(kOutside).empty());
        CHECK(p.g.out(kInside).empty());
    }
}

TEST_CASE("errors into a tunnel are limited in rate with all others") {
    Options o = Pairing::options();
    o.dataplane.icmp_per_second = 10;
    Pairing p({}, o);
    p.g.pass_time(5'000'000'000);
    for (std::uint64_t i = 1; i <= 25; ++i) {
        const Bytes inner = udp({"10.3.0.2", "10.1.0.2", 1}, 7, 9, kHello);
        p.g.in(kOutside, ethernet(p.g.mac(kOutside), kIpv4, seal(p.tunnel, inner, numbered(inner, i))));
    }
    p.g.turn();
    CHECK(p.g.out(kOutside).size() == 10);
    CHECK(p.g.drops(Drop::icmp_rate_limited) == 15);
    CHECK(p.g.drops(Drop::ttl_expired) == 25);
}

TEST_CASE("an error finds its SA on another worker") {
    Options o = Pairing::options();
    o.num_workers = 3;
    // Whoever opens the tunnel's packets, whoever owns the pair, and whoever has the SA.
    for (std::uint8_t inbound = 0; inbound < 3; ++inbound)
        for (std::uint8_t outbound = 0; outbound < 3; ++outbound) {
            CAPTURE(int{inbound}, int{outbound});
            Gateway g(o);
            g.know_neighbours();
            const ClassRule rules[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_permissive}};
            REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
            Tunnel t;
            t.spi_in = Spi::make(0x5a, inbound, 5);
            g.command(inbound, Command(t.inbound()));
            g.command(outbound, Command(t.outbound()));
            SetPolicy policy = t.encrypt();
            policy.sa_worker = outbound;
            g.command(owner(g.worker(), t.pair), Command(policy));
            g.turn();
            const Bytes inner = udp({"10.3.0.2", "10.1.0.2", 1}, 7, 9, kHello);
            g.in(kOutside, ethernet(g.mac(kOutside), kIpv4, seal(t, inner)));
            g.turn();
            const auto frames = g.out(kOutside);
            REQUIRE(frames.size() == 1);
            const auto opened = open(t, without_link(frames[0]));
            REQUIRE(opened);
            CHECK(read_error(opened->inner).type == 11);
            CHECK(g.drops() == 1);
            g.check_ledger();
        }
}

TEST_CASE("an error from behind the peer about what went into its tunnel comes in") {
    for (const bool v6 : {false, true}) {
        CAPTURE(v6);
        Pairing p(tunnel_of(v6, false, EspSuite::aes_gcm_16_128));
        const Pair pair = p.tunnel.pair;
        const std::string router = v6 ? "2001:db8:3::fe" : "10.3.0.254";
        const std::string alice = pair.source.text(), bob = pair.destination.text();
        const std::string stranger = v6 ? "2001:db8:1::99" : "10.1.0.99";
        const auto message = [&](const std::string& from, const std::string& to, std::size_t quoted = 1000) {
            Bytes quote = udp({from, to}, 7, 9, kHello);
            quote.resize(std::min(quoted, quote.size()));
            Writer w;
            w.u32(0).put(quote);
            return std::move(w).take();
        };
        const auto error = [&](const Bytes& rest, std::uint8_t type) {
            return icmp({router, alice}, type, 0, rest);
        };
        std::uint64_t sequence = 0;
        const std::uint8_t types4[] = {3, 11, 12}, types6[] = {1, 2, 3, 4};
        for (const std::uint8_t type : v6 ? std::span<const std::uint8_t>(types6) : types4) {
            const Bytes good = error(message(alice, bob), type);
            p.receive(seal(p.tunnel, good, numbered(good, ++sequence)));
            CHECK(p.delivered() == after_hop(good));
        }
        CHECK(p.g.drops() == 0);
        const auto other = static_cast<std::uint8_t>(v6 ? 3 : 11);
        const Bytes bad[] = {
            error(message(bob, alice), other),                        // about the other direction
            error(message(alice, router), other),                     // about another peer
            error(message(stranger, bob), other),                     // about another host
            error(message(alice, bob, v6 ? 39 : 19), other),          // too little to tell
            error(message(alice, bob), v6 ? 129 : 0),                 // an echo reply
            error(message(alice, bob), v6 ? 137 : 5),                 // a redirect
            icmp({router, stranger}, other, 0, message(alice, bob)),  // for somebody else
            icmp({stranger, alice}, other, 0, message(alice, bob)),   // from an address inside
        };
        for (const Bytes& inner : bad) {
            CAPTURE(&inner - bad);
            const std::uint64_t before = p.g.drops(Drop::esp_selector_mismatch);
            p.receive(seal(p.tunnel, inner, numbered(inner, ++sequence)));
            CHECK(p.g.drops(Drop::esp_selector_mismatch) == before + 1);
            CHECK(p.g.out(kInside).empty());
        }
    }
}
