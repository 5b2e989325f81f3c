// ESP on a whole data plane: every drop reason of encrypt and decrypt reached by a
// packet, what is accepted, and the life of SAs; the ledger after each.
#include <algorithm>

#include "base/random.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/security/pairing.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

TEST_CASE("esp: both directions, every family and suite, many lengths") {
    SeededRandom random(3);
    for (const bool inner6 : {false, true})
        for (const bool outer6 : {false, true})
            for (const EspSuiteFacts& f : kEspSuites) {
                Pairing p(tunnel_of(inner6, outer6, f.suite));
                CAPTURE(inner6, outer6, f.name);
                for (std::uint64_t i = 1; i <= 20; ++i) {
                    const Bytes payload = random.bytes(i <= 8 ? i : random.below(1230));
                    const Bytes sent = p.inner(true, payload);
                    p.send(sent);
                    const auto frames = p.g.out(kOutside);
                    REQUIRE(frames.size() == 1);
                    const Bytes outer = without_link(frames[0]);
                    REQUIRE(outer.size() % 4 == 0);
                    const auto opened = open(p.tunnel, outer);
                    REQUIRE(opened);
                    CHECK(opened->sequence == i);
                    CHECK(opened->next_header == (inner6 ? 41 : 4));
                    CHECK(opened->inner == after_hop(sent));
                    if (!outer6) {
                        CHECK(checksum(ByteView(outer).first(20)) == 0);
                        CHECK((outer[6] & 0x40) == (inner6 ? 0x40 : 0));  // DF
                        CHECK(outer[8] == 64);
                    }
                    const Bytes received = p.inner(false, payload);
                    Forged how;
                    how.sequence = i;
                    how.next_header = inner6 ? 41 : 4;
                    how.tfc = i % 5 == 0 ? 33 : 0;
                    p.receive(seal(p.tunnel, received, how));
                    CHECK(p.delivered() == after_hop(received));
                }
                CHECK(p.g.drops() == 0);
                CHECK(p.g.events().empty());
            }
}

TEST_CASE("esp: every reason to refuse a received packet") {
    struct Row {
        const char* story;
        Drop reason;
        Bytes (*make)(const Pairing&);
    };
    const Row rows[] = {
        {"too short for IV, trailer and ICV", Drop::esp_short,
         [](const Pairing& p) {
             return datagram({p.tunnel.remote.text(), p.tunnel.local.text(), 60, 50},
                             Bytes{0x5a, 0, 0, 5, 0, 0, 0, 1,  0,  0,  0,  0,  0,  0,  0,  1,  1, 2,
                                   3,    4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19});
         }},
        {"a slot that nobody has", Drop::esp_unknown_spi,
         [](const Pairing& p) {
             Forged how;
             how.spi = Spi::make(0x5a, 0, 6);
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"the slot's former tenant", Drop::esp_unknown_spi,
         [](const Pairing& p) {
             Forged how;
             how.spi = Spi::make(0x59, 0, 5);
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"a slot beyond the table", Drop::esp_unknown_spi,
         [](const Pairing& p) {
             Forged how;
             how.spi = Spi::make(0x5a, 0, 0xfffff);
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"from another gateway", Drop::esp_wrong_address,
         [](const Pairing& p) {
             Forged how;
             how.source = address("10.3.9.8");
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"one bit of the ICV", Drop::esp_bad_icv,
         [](const Pairing& p) {
             Forged how;
             how.spoil = 1;
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"one bit of the sequence number", Drop::esp_bad_icv,
         [](const Pairing& p) {
             Bytes outer = seal(p.tunnel, p.inner(false));
             outer[20 + 7] ^= 2;
             return outer;
         }},
        {"padding of zeros", Drop::esp_bad_padding,
         [](const Pairing& p) {
             Forged how;
             const Bytes inner = p.inner(false, Bytes(4, 'x'));  // 32 bytes: two of padding
             how.padding = Bytes{0, 0, 2};
             return seal(p.tunnel, inner, how);
         }},
        {"pad length beyond the packet", Drop::esp_bad_padding,
         [](const Pairing& p) {
             Forged how;
             how.padding = Bytes{1, 2, 255};
             return seal(p.tunnel, p.inner(false, Bytes(4, 'x')), how);
         }},
        {"not a multiple of four bytes", Drop::esp_length,
         [](const Pairing& p) {
             Forged how;
             how.padding = Bytes{0};
             return seal(p.tunnel, p.inner(false, Bytes(5, 'x')), how);
         }},
        {"a dummy packet", Drop::esp_dummy,
         [](const Pairing& p) {
             Forged how;
             how.next_header = 59;
             return seal(p.tunnel, Bytes(40, 0xaa), how);
         }},
        {"UDP straight inside", Drop::esp_next_header,
         [](const Pairing& p) {
             Forged how;
             how.next_header = 17;
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"IPv4 called IPv6", Drop::esp_inner_invalid,
         [](const Pairing& p) {
             Forged how;
             how.next_header = 41;
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"nothing inside", Drop::esp_inner_invalid, [](const Pairing& p) { return seal(p.tunnel, {}); }},
        {"inner datagram cut short", Drop::esp_inner_invalid,
         [](const Pairing& p) {
             Bytes inner = p.inner(false);
             inner.resize(inner.size() - 3);
             return seal(p.tunnel, inner);
         }},
        {"inner header checksum", Drop::esp_inner_invalid,
         [](const Pairing& p) {
             Bytes inner = p.inner(false);
             inner[11] ^= 1;
             return seal(p.tunnel, inner);
         }},
        {"another host of the peer", Drop::esp_selector_mismatch,
         [](const Pairing& p) {
             return seal(p.tunnel, udp({"10.3.0.3", "10.1.0.2"}, 7, 9, {'x'}));
         }},
        {"to another host of ours", Drop::esp_selector_mismatch,
         [](const Pairing& p) {
             return seal(p.tunnel, udp({"10.3.0.2", "10.1.0.3"}, 7, 9, {'x'}));
         }},
        {"congestion that the inner cannot carry", Drop::esp_congestion,
         [](const Pairing& p) {
             Forged how;
             how.outer_ecn = 3;
             return seal(p.tunnel, p.inner(false), how);
         }},
        {"an impossible fragment of ESP", Drop::reassembly_malformed,
         [](const Pairing& p) {
             return datagram({p.tunnel.remote.text(), p.tunnel.local.text(), 60, 50, 0x2000}, Bytes(63, 1));
         }},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        Pairing p;
        p.receive(row.make(p));
        CHECK(p.g.drops(row.reason) == 1);
        CHECK(p.g.drops() == 1);
        CHECK(p.g.out(kInside).empty());
        p.g.check_ledger();
        const auto events = p.g.events();
        if (row.reason == Drop::esp_unknown_spi) {
            REQUIRE(events.size() == 1);
            CHECK(events[0].kind == Event::Kind::unknown_spi);
            CHECK(events[0].unknown_spi.remote == p.tunnel.remote);
        } else if (row.reason == Drop::esp_selector_mismatch) {
            REQUIRE(events.size() == 1);
            CHECK(events[0].kind == Event::Kind::selector_mismatch);
            CHECK(events[0].selector_mismatch.ref == p.tunnel.in);
        } else {
            CHECK(events.empty());
        }
        // A forged or foreign packet has moved nothing: the first good one is taken.
        Forged good;
        good.sequence = 2;
        p.receive(seal(p.tunnel, p.inner(false), good));
        CHECK(p.delivered() == after_hop(p.inner(false)));
    }
}

TEST_CASE("esp: what comes out of a tunnel goes inside, not outside again and not to us") {
    SECTION("the route of our host leads outside") {
        Tunnel t;
        t.pair = t.pair.reversed();
        Pairing p(t);
        // By another interface than it would leave by: not the ordinary way back.
        p.g.in(kInside, ethernet(p.g.mac(kInside), kIpv4, seal(p.tunnel, p.inner(false))));
        p.g.turn();
        CHECK(p.g.drops(Drop::route_same_interface) == 1);
        CHECK(p.g.out(kOutside).empty());
        CHECK(p.g.out(kInside).empty());
    }
    SECTION("an echo request to the gateway is not answered in the clear") {
        Tunnel t;
        t.pair.source = address("10.1.0.1");
        Pairing p(t);
        p.receive(seal(p.tunnel, icmp({"10.3.0.2", "10.1.0.1"}, 8, 0, Bytes(12, 's'))));
        CHECK(p.g.drops(Drop::own_unserved) == 1);
        CHECK(p.g.out(kOutside).empty());
        CHECK(p.g.out(kInside).empty());
    }
}

TEST_CASE("esp: a replayed packet is dropped, in a later burst and in the same one") {
    Pairing p;
    const Bytes outer = seal(p.tunnel, p.inner(false));
    p.receive(outer);
    CHECK(p.g.out(kInside).size() == 1);
    p.receive(outer);
    CHECK(p.g.drops(Drop::esp_replayed) == 1);
    Forged second;
    second.sequence = 2;
    const Bytes twice = seal(p.tunnel, p.inner(false), second);
    for (int i = 0; i < 2; ++i) p.g.in(kOutside, ethernet(p.g.mac(kOutside), kIpv4, twice));
    p.g.turn();
    CHECK(p.g.out(kInside).size() == 1);
    CHECK(p.g.drops(Drop::esp_replayed) == 2);
    Forged ahead;
    ahead.sequence = 100;
    p.receive(seal(p.tunnel, p.inner(false), ahead));
    Forged left;
    left.sequence = 36;
    p.receive(seal(p.tunnel, p.inner(false), left));
    CHECK(p.g.drops(Drop::esp_too_old) == 1);
    left.sequence = 37;
    p.receive(seal(p.tunnel, p.inner(false), left));
    CHECK(p.g.out(kInside).size() == 2);
}

TEST_CASE("esp: a bad ICV moves no window") {
    Pairing p;
    Forged forged;
    forged.sequence = 5000;
    forged.spoil = 0x80;
    p.receive(seal(p.tunnel, p.inner(false), forged));
    CHECK(p.g.drops(Drop::esp_bad_icv) == 1);
    p.receive(seal(p.tunnel, p.inner(false)));
    CHECK(p.g.out(kInside).size() == 1);
}

TEST_CASE("esp: ECN and DSCP in and out") {
    Pairing p;
    p.send(with_tos(p.inner(true), 0xb8 | 2));
    const auto frames = p.g.out(kOutside);
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].at(15) == (0xb8 | 2));
    Forged marked;
    marked.outer_ecn = 3;
    p.receive(seal(p.tunnel, with_tos(p.inner(false), 2), marked));
    const Bytes inner = p.delivered();
    CHECK(inner.at(1) == 3);
    CHECK(checksum(ByteView(inner).first(20)) == 0);
}

TEST_CASE("esp: a datagram beyond the tunnel's MTU is cut before encryption, or refused") {
    Pairing p;  // the outside's MTU is 1400: 1346 inside
    const auto room = inner_mtu(p.g.worker(), p.tunnel.out);
    CHECK(room == 1346);
    CHECK(inner_mtu(p.g.worker(), SaRef{3, 8}) == 0);
    p.send(p.inner(true, Bytes(1400, 'x')));
    const auto frames = p.g.out(kOutside);
    REQUIRE(frames.size() == 2);
    std::size_t total = 0;
    for (unsigned i = 0; i < 2; ++i) {
        const auto opened = open(p.tunnel, without_link(frames[i]));
        REQUIRE(opened);
        CHECK(opened->sequence == i + 1);
        CHECK(opened->inner.size() <= room);
        const unsigned offset = 8u * ((opened->inner[6] << 8 | opened->inner[7]) & 0x1fff);
        CHECK(offset == total);  // in order
        total += opened->inner.size() - 20;
    }
    CHECK(total == 1408);
    Bytes df = p.inner(true, Bytes(1400, 'x'));
    df[6] = 0x40;
    p.send(with_tos(df, 0));
    CHECK(p.g.out(kOutside).empty());
    CHECK(p.g.drops(Drop::too_big) == 1);
    const Bytes answer = p.delivered();
    CHECK(answer.at(20) == 3);
    CHECK(answer.at(21) == 4);
    CHECK((answer.at(26) << 8 | answer.at(27)) == room);
}

TEST_CASE("esp: soft limits ask once, hard limits return the pair to hold") {
    Tunnel t;
    t.out_limits.soft_packets = 2;
    t.out_limits.hard_packets = 4;
    Pairing p(t);
    for (std::uint8_t i = 0; i < 3; ++i) p.send(p.inner(true, {i}));
    auto events = p.g.events();
    REQUIRE(events.size() == 1);
    REQUIRE(events[0].kind == Event::Kind::sa_expired);
    CHECK_FALSE(events[0].sa_expired.hard);
    CHECK(events[0].sa_expired.ref == t.out);
    CHECK(events[0].sa_expired.pair == t.pair);
    CHECK(p.g.out(kOutside).size() == 3);
    // One burst over the edge: the fourth goes, the rest waits.
    for (std::uint8_t i = 3; i < 7; ++i)
        p.g.in(kInside, ethernet(p.g.mac(kInside), kIpv4, p.inner(true, {i})));
    p.g.turn();
    CHECK(p.g.out(kOutside).size() == 1);
    events = p.g.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].sa_expired.hard);
    CHECK(events[0].sa_expired.direction == Direction::outbound);
    CHECK(p.g.sum().held == 2);
    CHECK(p.g.drops(Drop::hold_replaced) == 1);
    // Unanswered, keying is asked as for every hold.
    p.g.pass_time(1'200'000'000);
    for (int i = 0; i < 600; ++i) p.g.turn();  // eight seats of 4096 a loop
    CHECK(of_kind(p.g.events(), Event::Kind::miss).size() == 1);
    // The next SA carries on.
    Tunnel next = t;
    next.out = {4, 8};
    next.out_limits = {};
    p.g.command(0, Command(next.outbound()));
    p.g.command(0, Command(next.encrypt()));
    p.g.turn();
    const auto frames = p.g.out(kOutside);
    REQUIRE(frames.size() == 2);
    CHECK(open(next, without_link(frames[0]))->inner.back() == 4);
    CHECK(open(next, without_link(frames[1]))->inner.back() == 6);
}

TEST_CASE("esp: byte limits and an inbound hard limit") {
    Tunnel t;
    t.out_limits.soft_bytes = 60;
    t.in_limits.hard_packets = 2;
    Pairing p(t);
    p.send(p.inner(true));  // 33 bytes
    CHECK(p.g.events().empty());
    p.send(p.inner(true));
    CHECK(p.g.events().size() == 1);
    for (std::uint64_t i = 1; i <= 4; ++i) {
        Forged how;
        how.sequence = i;
        p.receive(seal(p.tunnel, p.inner(false), how));
    }
    CHECK(p.g.out(kInside).size() == 2);
    CHECK(p.g.drops(Drop::sa_hard_limit) == 2);
    const auto events = p.g.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].sa_expired.hard);
    CHECK(events[0].sa_expired.direction == Direction::inbound);
    CHECK(events[0].sa_expired.ref == t.in);
}

TEST_CASE("esp: time limits are found without a packet") {
    Tunnel t;
    t.out_limits.soft_ns = 10'000'000'000;
    t.out_limits.hard_ns = 20'000'000'000;
    t.in_limits.hard_ns = 30'000'000'000;
    Pairing p(t);
    const auto wait = [&](std::uint64_t ns) {
        p.g.pass_time(ns);
        for (int i = 0; i < 32; ++i) {
            p.g.pass_time(50'000);
            p.g.turn();
        }
        return of_kind(p.g.events(), Event::Kind::sa_expired);
    };
    CHECK(wait(9'000'000'000).empty());
    auto events = wait(1'100'000'000);
    REQUIRE(events.size() == 1);
    CHECK_FALSE(events[0].sa_expired.hard);
    CHECK(wait(5'000'000'000).empty());
    events = wait(5'000'000'000);
    REQUIRE(events.size() == 1);
    CHECK(events[0].sa_expired.hard);
    p.send(p.inner(true));
    CHECK(p.g.sum().held == 1);
    events = wait(10'000'000'000);
    REQUIRE(events.size() == 1);
    CHECK(events[0].sa_expired.direction == Direction::inbound);
    CHECK(wait(10'000'000'000).empty());
}

TEST_CASE("esp: an outbound SA stops before its sequence numbers cycle") {
    Pairing p;
    p.g.worker().security->sad.outbound(p.tunnel.out)->sequence.sent = 0xfffffffe;
    p.send(p.inner(true, {1}));
    const auto frames = p.g.out(kOutside);
    REQUIRE(frames.size() == 1);
    CHECK(open(p.tunnel, without_link(frames[0]))->sequence == 0xffffffff);
    const auto soft = p.g.events();  // asked for a rekey, although control set no limit
    REQUIRE(soft.size() == 1);
    CHECK_FALSE(soft[0].sa_expired.hard);
    p.send(p.inner(true, {2}));
    CHECK(p.g.drops(Drop::sa_sequence_exhausted) == 1);
    const auto hard = p.g.events();
    REQUIRE(hard.size() == 1);
    CHECK(hard[0].sa_expired.hard);
    p.send(p.inner(true, {3}));
    CHECK(p.g.sum().held == 1);
    CHECK(p.g.out(kOutside).empty());
}

TEST_CASE("esp: a removed SA, a stale generation, a crypto library that is gone") {
    Pairing p;
    p.g.command(0, Command(RemoveSa{Direction::outbound, {p.tunnel.out.slot, p.tunnel.out.generation + 1}}));
    p.g.command(0, Command(RemoveSa{Direction::inbound, {p.tunnel.in.slot, p.tunnel.in.generation - 1}}));
    p.send(p.inner(true));
    CHECK(p.g.out(kOutside).size() == 1);
    p.receive(seal(p.tunnel, p.inner(false)));
    CHECK(p.g.out(kInside).size() == 1);

    Sad& sad = p.g.worker().security->sad;
    const auto* out_key = static_cast<const std::uint8_t*>(sad.outbound_key(p.tunnel.out.slot));
    const auto* in_key = static_cast<const std::uint8_t*>(sad.inbound_key(p.tunnel.in.slot));
    const auto all_zero = [](const std::uint8_t* key) {
        return std::all_of(key, key + esp::Crypto::expanded_len(), [](std::uint8_t b) { return b == 0; });
    };
    CHECK_FALSE(all_zero(out_key));
    {
        const esp::Crypto taken = std::move(p.g.worker().security->crypto);
        p.send(p.inner(true));
        Forged how;
        how.sequence = 2;
        p.receive(seal(p.tunnel, p.inner(false), how));
        CHECK(p.g.drops(Drop::crypto_failed) == 2);
        CHECK(p.g.out(kOutside).empty());
        CHECK(p.g.out(kInside).empty());
    }
    p.g.command(0, Command(RemoveSa{Direction::outbound, p.tunnel.out}));
    p.g.command(0, Command(RemoveSa{Direction::inbound, p.tunnel.in}));
    p.send(p.inner(true));
    CHECK(p.g.drops(Drop::sa_missing) == 1);
    p.receive(seal(p.tunnel, p.inner(false)));
    CHECK(p.g.drops(Drop::esp_unknown_spi) == 1);
    CHECK(all_zero(out_key));
    CHECK(all_zero(in_key));
}

TEST_CASE("esp: the first packet that verifies is reported once") {
    Tunnel t;
    t.report_first = true;
    Pairing p(t);
    Forged bad;
    bad.spoil = 1;
    p.receive(seal(t, p.inner(false), bad));
    CHECK(p.g.events().empty());
    for (std::uint64_t i = 1; i <= 3; ++i) {
        Forged how;
        how.sequence = i;
        p.receive(seal(t, p.inner(false), how));
    }
    const auto events = p.g.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == Event::Kind::first_esp);
    CHECK(events[0].first_esp.ref == t.in);
    CHECK(events[0].first_esp.pair == t.pair.reversed());
}

TEST_CASE("esp: events that strangers cause are rate-limited") {
    Pairing p;
    Forged how;
    how.spi = Spi::make(1, 0, 1);
    for (int i = 0; i < 40; ++i) p.receive(seal(p.tunnel, p.inner(false), how));
    CHECK(p.g.events().size() == 10);
    CHECK(p.g.drops(Drop::esp_unknown_spi) == 40);
}
