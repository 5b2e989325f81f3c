// SAs on a whole data plane: sequence numbers of 64 bits, windows, exact limits, ESP in
// UDP, what the outer header takes from the inner one, selectors of many flows.
#include <map>

#include "packet/security/pairing.hpp"
#include "stages/transport_checksum.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

OutboundSa& outbound(Pairing& p) {
    return *p.g.worker().security->sad.outbound(p.tunnel.out);
}
InboundSa& inbound(Pairing& p) {
    return *p.g.worker().security->sad.inbound(p.tunnel.in);
}

Bytes sealed(const Pairing& p, std::uint64_t sequence) {
    Forged how;
    how.sequence = sequence;
    how.next_header = p.tunnel.pair.source.is_ipv4() ? 4 : 41;
    return seal(p.tunnel, p.inner(false), how);
}

/// The only datagram that left outside.
Bytes sent_outside(Pairing& p) {
    const auto frames = p.g.out(kOutside);
    REQUIRE(frames.size() == 1);
    return without_link(frames[0]);
}

constexpr std::uint64_t k2_32 = std::uint64_t{1} << 32;

}  // namespace

TEST_CASE("sa: 64-bit sequence numbers cross the cycle, both directions, every suite") {
    for (const EspSuiteFacts& f : kEspSuites) {
        CAPTURE(f.name);
        Tunnel t;
        t.suite = f.suite;
        t.esn = true;
        Pairing p(t);
        outbound(p).sequence.sent = k2_32 - 2;
        for (std::uint64_t n = k2_32 - 1; n <= k2_32 + 1; ++n) {
            p.send(p.inner(true));
            const Bytes outer = sent_outside(p);
            const auto opened = open(p.tunnel, outer, static_cast<std::uint32_t>(n >> 32));
            REQUIRE(opened);
            CHECK(opened->sequence == static_cast<std::uint32_t>(n));
            CHECK_FALSE(open(p.tunnel, outer, static_cast<std::uint32_t>(n >> 32) ^ 1));
        }
        inbound(p).replay.highest = 5 * k2_32 - 3;
        for (const std::uint64_t n : {5 * k2_32 - 1, 5 * k2_32 + 2, 5 * k2_32 - 2, 5 * k2_32 + 1}) {
            p.receive(sealed(p, n));
            CHECK(p.g.out(kInside).size() == 1);
        }
        CHECK(p.g.drops() == 0);
        p.receive(sealed(p, 5 * k2_32 - 2));
        CHECK(p.g.drops(Drop::esp_replayed) == 1);
        // A whole cycle old: the guess makes a later number of it, which its ICV denies.
        p.receive(sealed(p, 4 * k2_32 + 500));
        CHECK(p.g.drops(Drop::esp_bad_icv) == 1);
        CHECK(inbound(p).replay.highest == 5 * k2_32 + 2);
    }
}

TEST_CASE("sa: an SA without ESN ignores a high half that the peer has") {
    Pairing p;
    Tunnel with = p.tunnel;
    with.esn = true;
    Forged how;
    how.sequence = k2_32 + 1;
    p.receive(seal(with, p.inner(false), how));
    CHECK(p.g.drops(Drop::esp_bad_icv) == 1);
}

TEST_CASE("sa: exhausted sequence numbers, 32 and 64 bits") {
    for (const bool esn : {false, true}) {
        CAPTURE(esn);
        Tunnel t;
        t.esn = esn;
        Pairing p(t);
        outbound(p).sequence.sent = esp::last_sequence(esn) - 1;
        p.send(p.inner(true));
        CHECK(open(p.tunnel, sent_outside(p), esn ? 0xffffffff : 0)->sequence == 0xffffffff);
        p.send(p.inner(true));
        CHECK(p.g.out(kOutside).empty());
        CHECK(p.g.drops(Drop::sa_sequence_exhausted) == 1);
        const auto events = of_kind(p.g.events(), Event::Kind::sa_expired);
        REQUIRE(events.size() == 2);
        CHECK_FALSE(events[0].sa_expired.hard);
        CHECK(events[1].sa_expired.hard);
    }
}

TEST_CASE("sa: windows of every size on the wire") {
    for (const std::uint32_t window : {32u, 64u, 96u, 1024u, 32768u}) {
        CAPTURE(window);
        Tunnel t;
        t.replay_window = window;
        Options o = Pairing::options();
        o.dataplane.replay_window = 32768;
        Pairing p(t, o);
        p.receive(sealed(p, 100'000));
        p.receive(sealed(p, 100'001 - window));
        CHECK(p.g.out(kInside).size() == 2);
        p.receive(sealed(p, 100'000 - window));
        CHECK(p.g.drops(Drop::esp_too_old) == 1);
        p.receive(sealed(p, 100'001 - window));
        CHECK(p.g.drops(Drop::esp_replayed) == 1);
        CHECK(p.g.drops() == 2);
    }
}

TEST_CASE("sa: each limit is exact: one more does not pass") {
    struct Row {
        const char* story;
        SaLimits limits;
        unsigned passes;  // datagrams of 33 bytes
    };
    const Row rows[] = {
        {"packets", {.hard_packets = 3}, 3},
        {"bytes, reached by the third", {.hard_bytes = 99}, 3},
        {"bytes, passed by the third", {.hard_bytes = 67}, 3},
        {"bytes, reached by the second", {.hard_bytes = 66}, 2},
    };
    for (const Row& row : rows)
        for (const bool one_burst : {false, true}) {
            CAPTURE(row.story, one_burst);
            Tunnel t;
            t.out_limits = t.in_limits = row.limits;
            Pairing p(t);
            for (std::uint64_t i = 1; i <= 5; ++i) {
                p.g.in(kInside, ethernet(p.g.mac(kInside), kIpv4, p.inner(true)));
                p.g.in(kOutside, ethernet(p.g.mac(kOutside), kIpv4, sealed(p, i)));
                if (!one_burst) p.g.turn();
            }
            p.g.turn();
            CHECK(p.g.out(kOutside).size() == row.passes);
            CHECK(p.g.out(kInside).size() == row.passes);
            CHECK(p.g.drops(Drop::sa_hard_limit) == 5 - row.passes);
            std::map<Direction, unsigned> told;
            for (const Event& e : of_kind(p.g.events(), Event::Kind::sa_expired))
                if (e.sa_expired.hard) ++told[e.sa_expired.direction];
            CHECK(told[Direction::outbound] == 1);
            CHECK(told[Direction::inbound] == 1);
        }
}

TEST_CASE("sa: the soft limit asks at its very packet, byte and moment") {
    Tunnel t;
    t.out_limits = {.soft_packets = 2};
    t.in_limits = {.soft_bytes = 34};
    Pairing p(t);
    p.send(p.inner(true));
    p.receive(sealed(p, 1));
    CHECK(p.g.events().empty());
    p.send(p.inner(true));
    p.receive(sealed(p, 2));
    const auto events = p.g.events();
    REQUIRE(events.size() == 2);
    for (const Event& e : events) CHECK_FALSE(e.sa_expired.hard);
    p.send(p.inner(true));
    p.receive(sealed(p, 3));
    CHECK(p.g.events().empty());
}

TEST_CASE("sa: the time limit holds for the packet that comes at its moment, before any scan") {
    Tunnel t;
    t.out_limits.hard_ns = t.in_limits.hard_ns = 1'000'000'000;
    Pairing p(t);
    // Nothing is scanned: the next turn of the scan lies ahead.
    p.g.worker().security->next_expire_ns = UINT64_MAX;
    p.g.pass_time(999'999'999);
    p.send(p.inner(true));
    p.receive(sealed(p, 1));
    CHECK(p.g.out(kOutside).size() == 1);
    CHECK(p.g.out(kInside).size() == 1);
    p.g.pass_time(1);
    p.send(p.inner(true));
    p.receive(sealed(p, 2));
    CHECK(p.g.out(kOutside).empty());
    CHECK(p.g.out(kInside).empty());
    CHECK(p.g.drops(Drop::sa_hard_limit) == 1);
    CHECK(p.g.sum().held == 1);
}

TEST_CASE("sa: ESP in UDP, both directions, every family and suite") {
    for (const bool inner6 : {false, true})
        for (const bool outer6 : {false, true})
            for (const EspSuite suite : {EspSuite::aes_gcm_16_128, EspSuite::chacha20_poly1305,
                                         EspSuite::aes_cbc_256_sha384_192, EspSuite::triple_des_md5_96}) {
                CAPTURE(inner6, outer6, to_text(suite));
                Tunnel t = tunnel_of(inner6, outer6, suite);
                t.udp = {4500, 61234};
                Pairing p(t);
                for (std::uint64_t i = 1; i <= 5; ++i) {
                    const Bytes payload(i * 7, 'u');
                    p.send(p.inner(true, payload));
                    const Bytes outer = sent_outside(p);
                    const std::size_t ip_len = outer6 ? 40 : 20;
                    CHECK(outer.at(outer6 ? 6 : 9) == 17);
                    CHECK(to_hex(ByteView(outer).subspan(ip_len, 4)) == "1194ef32");
                    const auto udp = ByteView(outer).subspan(ip_len);
                    CHECK((udp[4] << 8 | udp[5]) == static_cast<int>(udp.size()));
                    if (outer6)
                        CHECK(transport_checksum({t.local, t.remote}, Protocol::udp, udp) == 0);
                    else
                        CHECK((udp[6] | udp[7]) == 0);
                    const auto opened = open(p.tunnel, outer);
                    REQUIRE(opened);
                    CHECK(opened->inner == after_hop(p.inner(true, payload)));
                    Forged how;
                    how.sequence = 2 * i - 1;
                    how.next_header = inner6 ? 41 : 4;
                    how.udp_source = 61234;
                    p.receive(seal(p.tunnel, p.inner(false, payload), how));
                    CHECK(p.delivered() == after_hop(p.inner(false, payload)));
                    how.sequence = 2 * i;  // RFC 7296 2.23: plain ESP is taken too
                    how.plain = true;
                    p.receive(seal(p.tunnel, p.inner(false, payload), how));
                    CHECK(p.delivered() == after_hop(p.inner(false, payload)));
                }
                CHECK(p.g.drops() == 0);
            }
}

TEST_CASE("sa: what comes to port 4500: ESP, IKE, keepalives and nonsense") {
    struct Row {
        const char* story;
        Drop reason;  // kCount: delivered
        void (*forge)(Forged&);
    };
    const Row rows[] = {
        {"no checksum", Drop::kCount, [](Forged&) {}},
        {"an SA that is plain by itself", Drop::kCount, [](Forged& f) { f.udp_source = 1; }},
        {"a wrong checksum", Drop::esp_udp_malformed, [](Forged& f) { f.udp_checksum = 0x1234; }},
        {"a length beyond the datagram", Drop::esp_udp_malformed, [](Forged& f) { f.udp_length = 1; }},
        {"a length that cuts the ICV", Drop::esp_length, [](Forged& f) { f.udp_length = -3; }},
        {"a length shorter than its own header", Drop::esp_udp_malformed,
         [](Forged& f) { f.udp_length = -1000; }},
        {"another port", Drop::own_unserved, [](Forged& f) { f.udp_destination = 4501; }},
        {"an SPI that nobody has", Drop::esp_unknown_spi, [](Forged& f) { f.spi = Spi::make(1, 0, 6); }},
    };
    for (const Row& row : rows) {
        CAPTURE(row.story);
        Tunnel t;
        t.udp = {4500, 4500};
        Pairing p(t);
        Forged how;
        row.forge(how);
        p.receive(seal(p.tunnel, p.inner(false), how));
        if (row.reason == Drop::kCount) {
            CHECK(p.delivered() == after_hop(p.inner(false)));
        } else {
            CHECK(p.g.drops(row.reason) == 1);
            CHECK(p.g.out(kInside).empty());
        }
        CHECK(p.g.drops() == (row.reason == Drop::kCount ? 0 : 1));
    }
    Pairing p;
    const auto datagram = [&](const Bytes& body) { return udp({"10.3.9.9", "10.2.0.1"}, 4500, 4500, body); };
    p.receive(datagram({0xff}));
    CHECK(p.g.sum().consumed == 1);
    CHECK(p.g.drops() == 0);
    p.receive(datagram({0, 0, 0, 0, 1, 2, 3}));
    REQUIRE(p.g.punts().size() == 1);
    for (const Bytes& body : {Bytes{}, Bytes{0xfe}, Bytes{0xff, 0xff}, Bytes{1, 2, 3, 4, 5, 6, 7}})
        p.receive(datagram(body));
    CHECK(p.g.drops(Drop::esp_udp_malformed) == 4);
    p.receive(datagram(Bytes(12, 1)));
    CHECK(p.g.drops(Drop::esp_short) == 1);
    CHECK(p.g.drops() == 5);
}

TEST_CASE("sa: bytes behind the UDP length do not belong to the packet") {
    Tunnel t;
    t.udp = {4500, 4500};
    Pairing p(t);
    Bytes outer = seal(p.tunnel, p.inner(false));
    const std::size_t len = outer.size() + 6;
    outer.resize(len, 0xaa);
    outer[2] = static_cast<std::uint8_t>(len >> 8);
    outer[3] = static_cast<std::uint8_t>(len);
    p.receive(with_tos(outer, 0));
    CHECK(p.delivered() == after_hop(p.inner(false)));
}

TEST_CASE("sa: a tunnel in UDP that is idle is kept alive, one that sends is not") {
    for (const bool outer6 : {false, true}) {
        Tunnel t = tunnel_of(false, outer6, EspSuite::aes_gcm_16_128);
        t.udp = {4500, 4501};
        Pairing p(t);
        const auto wait = [&](std::uint64_t ns) {
            p.g.pass_time(ns);
            for (int i = 0; i < 20; ++i) {
                p.g.pass_time(50'000);
                p.g.turn();
            }
            return p.g.out(kOutside);
        };
        CHECK(wait(19'000'000'000).empty());
        p.send(p.inner(true));
        CHECK(p.g.out(kOutside).size() == 1);
        CHECK(wait(19'000'000'000).empty());
        const auto frames = wait(2'000'000'000);
        REQUIRE(frames.size() == 1);
        const Bytes sent = without_link(frames[0]);
        const auto segment = ByteView(sent).subspan(outer6 ? 40 : 20);
        REQUIRE(segment.size() == 9);
        CHECK(to_hex(segment.first(6)) == "119411950009");
        CHECK(segment[8] == 0xff);
        if (outer6)
            CHECK(transport_checksum({t.local, t.remote}, Protocol::udp, segment) == 0);
        else
            CHECK(checksum(ByteView(sent).first(20)) == 0);
        CHECK(wait(19'000'000'000).empty());
        CHECK(wait(2'000'000'000).size() == 1);
        CHECK(p.g.sum().generated == 2);
    }
}

TEST_CASE("sa: DSCP, ECN, DF and TTL of the outer header follow the policy") {
    struct Row {
        const char* story;
        OuterPolicy policy;
        bool inner_df;
        std::uint8_t outer_tos;
        bool outer_df;
    };
    constexpr std::uint8_t kInner = 0xb8 | 2;
    const Row rows[] = {
        {"copied", {}, false, kInner, false},
        {"copied, DF too", {}, true, kInner, true},
        {"DSCP set", {.dscp = 10}, false, 10 << 2 | 2, false},
        {"compatibility mode", {.copy_ecn = false}, false, 0xb8, false},
        {"DF set", {.df = DfPolicy::set}, false, kInner, true},
        {"DF cleared", {.df = DfPolicy::clear}, true, kInner, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.story);
        Tunnel t;
        t.outer = row.policy;
        Pairing p(t);
        Bytes inner = p.inner(true);
        inner[8] = 7;
        if (row.inner_df) inner[6] = 0x40;
        inner = with_tos(inner, kInner);
        p.send(inner);
        const Bytes outer = sent_outside(p);
        CHECK(outer.at(1) == row.outer_tos);
        CHECK(((outer.at(6) & 0x40) != 0) == row.outer_df);
        CHECK(outer.at(8) == 64);
        CHECK(checksum(ByteView(outer).first(20)) == 0);
        CHECK(open(p.tunnel, outer)->inner == after_hop(inner));  // decremented once
    }
}

TEST_CASE("sa: the outer IPv6 header: traffic class, hop limit, one flow label for the SA") {
    Tunnel t = tunnel_of(false, true, EspSuite::aes_gcm_16_128);
    Pairing p(t);
    p.send(with_tos(p.inner(true), 0x2e));
    const Bytes first = sent_outside(p);
    p.send(with_tos(p.inner(true, {'x'}), 0xff & ~3));
    const Bytes second = sent_outside(p);
    CHECK(((first[0] << 8 | first[1]) >> 4 & 0xff) == 0x2e);
    CHECK(((second[0] << 8 | second[1]) >> 4 & 0xff) == 0xfc);
    const auto label = [](const Bytes& d) { return (d[1] & 15) << 16 | d[2] << 8 | d[3]; };
    CHECK(label(first) == label(second));
    CHECK(label(first) != 0);
    CHECK(first[7] == 64);
}

TEST_CASE("sa: ECN comes out as RFC 6040 says, both outer families") {
    for (const bool outer6 : {false, true})
        for (std::uint8_t outer = 0; outer < 4; ++outer)
            for (std::uint8_t inner = 0; inner < 4; ++inner) {
                CAPTURE(outer6, outer, inner);
                Pairing p(tunnel_of(false, outer6, EspSuite::aes_gcm_16_128));
                Forged how;
                how.outer_ecn = outer;
                p.receive(seal(p.tunnel, with_tos(p.inner(false), inner), how));
                const auto expected = esp::decapsulated_ecn(inner, outer);
                if (!expected) {
                    CHECK(p.g.drops(Drop::esp_congestion) == 1);
                    continue;
                }
                const Bytes got = p.delivered();
                CHECK((got.at(1) & 3) == *expected);
                CHECK(checksum(ByteView(got).first(20)) == 0);
            }
}

TEST_CASE("sa: cipher text that is no whole number of blocks never reaches the cipher") {
    for (const EspSuiteFacts& f : kEspSuites) {
        CAPTURE(f.name);
        Tunnel t;
        t.suite = f.suite;
        Pairing p(t);
        Bytes outer = seal(p.tunnel, p.inner(false));
        outer.resize(outer.size() + 1);
        outer[3] = static_cast<std::uint8_t>(outer.size());
        p.receive(with_tos(outer, 0));
        CHECK(p.g.drops(Drop::esp_length) == 1);
        // Shorter than its own transform needs, though not than any.
        outer.resize(20 + esp::min_esp_len(f.suite) - 1);
        outer[3] = static_cast<std::uint8_t>(outer.size());
        p.receive(with_tos(outer, 0));
        CHECK(p.g.drops(Drop::esp_short) == 1);
        CHECK(p.g.drops() == 2);
    }
}

TEST_CASE("sa: selectors by leading bits take the tunnel's flows and no others") {
    struct Row {
        const char* source;
        const char* destination;
        bool taken;
    };
    Tunnel t;
    t.source_bits = 96 + 20;  // 10.3.0.0/20 to 10.1.0.0/28
    t.destination_bits = 96 + 28;
    for (const Row& row : {Row{"10.3.0.2", "10.1.0.2", true}, Row{"10.3.15.255", "10.1.0.2", true},
                           Row{"10.3.16.0", "10.1.0.2", false}, Row{"10.2.255.255", "10.1.0.2", false},
                           Row{"10.3.0.2", "10.1.0.16", false}}) {
        CAPTURE(row.source, row.destination);
        Pairing p(t);
        p.receive(seal(p.tunnel, udp({row.source, row.destination}, 7, 9, {'x'})));
        CHECK(p.g.drops(Drop::esp_selector_mismatch) == (row.taken ? 0 : 1));
        CHECK(p.g.out(kInside).size() == (row.taken ? 1u : 0u));
    }
}

TEST_CASE("sa: the status of a worker says how each suite is computed") {
    Pairing p;
    const auto workers = p.g.dataplane().observer().workers();
    REQUIRE(workers.size() == 1);
    CHECK(workers[0].crypto.architecture != "none");
    for (const CryptoChoice& choice : workers[0].crypto.seal) CHECK(choice.cycles > 0);
    for (const CryptoChoice& choice : workers[0].crypto.open) CHECK(choice.cycles > 0);
}
