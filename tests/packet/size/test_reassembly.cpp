// Fragments of ESP, UDP-encapsulated ESP and ICMP to ourselves: what becomes whole, what
// is refused and under which name, over one worker and two.
#include <algorithm>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/security/peer.hpp"
#include "packet/size/pieces.hpp"
#include "worker/burst.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

Tunnel tunnel(bool v6) {
    Tunnel t;
    if (!v6) return t;
    t.local = address("2001:db8:2::1");
    t.remote = address("2001:db8:3::99");
    return t;
}

struct Lab {
    explicit Lab(Options options = {}, const Tunnel& t = {}) : g(options), tunnel(t) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_permissive}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
        establish(g, tunnel);
    }
    ~Lab() {
        g.check_ledger();
        g.out(kInside), g.out(kOutside);
    }
    void receive(const Bytes& d) {
        g.in(kOutside, ethernet(g.mac(kOutside), d[0] >> 4 == 4 ? kIpv4 : kIpv6, d));
        g.turn();
    }
    Bytes inner(std::size_t payload) {
        return udp({tunnel.pair.destination.text(), tunnel.pair.source.text()}, 7, 9, Bytes(payload, 0x5a));
    }
    Gateway g;
    Tunnel tunnel;
};

/// The payload that the fragments of one datagram carry, in the order they left.
Bytes payload_of(const std::vector<Bytes>& frames) {
    Bytes all;
    for (const Bytes& frame : frames) {
        const Bytes d = without_link(frame);
        const std::size_t offset = 8u * ((d[6] << 8 | d[7]) & 0x1fff);
        CHECK(offset == all.size());
        all.insert(all.end(), d.begin() + 20, d.end());
    }
    return all;
}

}  // namespace

TEST_CASE("fragmented ESP is put together and opened, whatever the order") {
    for (const bool v6 : {false, true})
        for (const std::size_t len : {100u, 1400u, 1600u, 3000u, 9000u, 30000u}) {
            CAPTURE(v6, len);
            Lab lab({}, tunnel(v6));
            const Bytes inner = lab.inner(len);
            auto all = pieces(seal(lab.tunnel, inner), len < 200 ? 64 : 1344);
            const int order = GENERATE(0, 1, 2);
            if (order == 1) std::reverse(all.begin(), all.end());
            if (order == 2) std::rotate(all.begin(), all.begin() + 1, all.end());
            for (std::size_t i = 0; i + 1 < all.size(); ++i) lab.receive(all[i]);
            CHECK(lab.g.sum().reassembling == all.size() - 1);
            lab.g.check_ledger();
            lab.receive(all.back());
            CHECK(lab.g.sum().reassembling == 0);
            CHECK(lab.g.sum().merged == all.size() - 1);
            CHECK(lab.g.drops() == 0);
            const auto out = lab.g.out(kInside);
            CHECK((payload_of(out) == Bytes(inner.begin() + 20, inner.end())));
            CHECK(out.size() == (inner.size() <= 1500 ? 1 : (inner.size() - 20 + 1479) / 1480));
            for (const Bytes& frame : out) CHECK(frame.size() <= 1514);
        }
}

TEST_CASE("fragmented ESP in UDP is put together and opened") {
    for (const bool v6 : {false, true})
        for (const std::size_t len : {100u, 1600u, 4000u, 30000u})
            for (const std::uint16_t port : {4500, 61234}) {
                CAPTURE(v6, len, port);
                Tunnel t = tunnel(v6);
                t.udp = {4500, port};
                Lab lab({}, t);
                const Bytes inner = lab.inner(len);
                Forged how;
                how.udp_source = port;
                auto all = pieces(seal(t, inner, how), len < 200 ? 64 : 1344);
                if (port == 4500) std::reverse(all.begin(), all.end());
                for (const Bytes& d : all) lab.receive(d);
                CHECK(lab.g.sum().merged == all.size() - 1);
                CHECK(lab.g.drops() == 0);
                const auto out = lab.g.out(kInside);
                CHECK((payload_of(out) == Bytes(inner.begin() + 20, inner.end())));
                CHECK(out.size() == (inner.size() <= 1500 ? 1 : (inner.size() - 20 + 1479) / 1480));
            }
}

TEST_CASE("what is wrong with ESP in UDP is found when its fragments are together") {
    struct Row {
        const char* story;
        Drop reason;
        void (*forge)(Forged&);
    };
    const Row rows[] = {
        {"a wrong checksum", Drop::esp_udp_malformed, [](Forged& f) { f.udp_checksum = 0x1234; }},
        {"a length beyond the datagram", Drop::esp_udp_malformed, [](Forged& f) { f.udp_length = 1; }},
        {"a length of the first fragment alone", Drop::esp_bad_icv, [](Forged& f) { f.udp_length = -1600; }},
        {"another's SPI", Drop::esp_unknown_spi, [](Forged& f) { f.spi = Spi::make(1, 0, 6); }},
        {"a spoilt ICV", Drop::esp_bad_icv, [](Forged& f) { f.spoil = 1; }},
    };
    for (const Row& row : rows)
        for (const bool v6 : {false, true}) {
            CAPTURE(row.story, v6);
            Tunnel t = tunnel(v6);
            t.udp = {4500, 4500};
            Lab lab({}, t);
            Forged how;
            row.forge(how);
            if (v6 && how.udp_length < 0) continue;  // its checksum says so first
            for (const Bytes& d : pieces(seal(t, lab.inner(3000), how), 1344)) lab.receive(d);
            CHECK(lab.g.drops(row.reason) == 1);
            CHECK(lab.g.drops() == 1);
            CHECK(lab.g.out(kInside).empty());
        }
}

TEST_CASE("an echo request in fragments is answered, in fragments") {
    for (const bool v6 : {false, true})
        for (const std::size_t len : {100u, 1400u, 3000u, 9000u, 65000u}) {
            CAPTURE(v6, len);
            Lab lab;
            Bytes rest(len);
            for (std::size_t i = 0; i < len; ++i) rest[i] = static_cast<std::uint8_t>(i * 7);
            const std::string asker = v6 ? "2001:db8:2::fe" : "10.2.0.254";
            const std::string own = v6 ? "2001:db8:2::1" : "10.2.0.1";
            const auto all = pieces(icmp({asker, own}, v6 ? 128 : 8, 0, rest), len < 200 ? 64 : 1344);
            for (const Bytes& d : all) lab.receive(d);
            CHECK(lab.g.sum().merged == all.size() - 1);
            CHECK(lab.g.drops() == 0);
            const auto out = lab.g.out(kOutside);
            CHECK(out.size() == (len < 1300 ? 1 : (len + 4 + (v6 ? 1343 : 1375)) / (v6 ? 1344 : 1376)));
            Bytes got;
            for (const Bytes& frame : out) {
                const Bytes d = without_link(frame);
                CHECK(d.size() <= 1400);
                const bool cut = v6 && d[6] == 44;
                got.insert(got.end(), d.begin() + (v6 ? cut ? 48 : 40 : 20), d.end());
            }
            const Bytes whole = icmp({own, asker}, v6 ? 129 : 0, 0, rest);
            CHECK((got == Bytes(whole.begin() + (v6 ? 40 : 20), whole.end())));
        }
}

TEST_CASE("ICMP in fragments is looked at whole: checksum, and no neighbour discovery") {
    Lab lab;
    Bytes wrong = icmp({"10.2.0.254", "10.2.0.1"}, 8, 0, Bytes(2000));
    wrong[22] ^= 1;
    for (const Bytes& d : pieces(wrong, 1344)) lab.receive(d);
    CHECK(lab.g.drops(Drop::icmp_malformed) == 1);
    // RFC 6980: whatever else would be right with it.
    Writer target;
    target.u32(0).put(address("2001:db8:2::1").wire()).put(Bytes{1, 1, 2, 0, 0, 0, 0, 9});
    const Bytes solicitation = icmp({"2001:db8:2::fe", "2001:db8:2::1", 255}, 135, 0,
                                    Bytes(target.view().begin(), target.view().end()));
    for (const Bytes& d : pieces(solicitation, 16)) lab.receive(d);
    CHECK(lab.g.drops(Drop::nd_malformed) == 1);
    CHECK(lab.g.punts().empty());
    CHECK(lab.g.drops() == 2);
    CHECK(lab.g.out(kOutside).empty());
    lab.receive(solicitation);
    CHECK(lab.g.punts().size() == 1);
}

TEST_CASE("the largest datagram comes through, and one byte more does not exist") {
    Lab lab;
    // 65,535 bytes outside: 20 of header, 16 before and 18 or more behind the inner datagram.
    const Bytes inner = lab.inner(65535 - 20 - 16 - 16 - 2 - 28 - 3);
    const Bytes outer = seal(lab.tunnel, inner);
    CHECK(outer.size() <= 65535);
    CHECK(outer.size() > 65530);
    for (const Bytes& d : pieces(outer, 1344)) lab.receive(d);
    CHECK(lab.g.drops() == 0);
    CHECK((payload_of(lab.g.out(kInside)) == Bytes(inner.begin() + 20, inner.end())));
    CHECK(lab.g.worker().reassembly != nullptr);
}

TEST_CASE("two hundred large datagrams leave no large buffer behind") {
    Lab lab;
    for (unsigned i = 1; i <= 200; ++i) {
        const Bytes inner = lab.inner(4000);
        Forged how;
        how.sequence = i;
        how.spoil = i % 2 == 0 ? 1 : 0;
        for (const Bytes& d : pieces(seal(lab.tunnel, inner, how), 1344, static_cast<std::uint16_t>(i)))
            lab.receive(d);
        lab.g.out(kInside);
    }
    CHECK(lab.g.drops(Drop::esp_bad_icv) == 100);
    CHECK(lab.g.drops() == 100);
}

TEST_CASE("a whole IPv6 datagram behind a Fragment header needs no other") {
    Lab lab({}, tunnel(true));
    const Bytes outer = seal(lab.tunnel, lab.inner(50));
    lab.receive(piece(outer, 0, outer.size() - 40, false));
    CHECK(lab.g.out(kInside).size() == 1);
    CHECK(lab.g.sum().merged == 0);
}

TEST_CASE("exact duplicates are tolerated, others refuse the datagram") {
    Lab lab;
    const auto all = pieces(seal(lab.tunnel, lab.inner(3000)), 1344);
    REQUIRE(all.size() == 3);
    SECTION("the same fragment twice") {
        lab.receive(all[0]);
        lab.receive(all[0]);
        lab.receive(all[2]);
        lab.receive(all[2]);
        lab.receive(all[1]);
        CHECK(lab.g.sum().merged == 4);
        CHECK(lab.g.drops() == 0);
        CHECK(lab.g.out(kInside).size() == 3);
    }
    SECTION("same place, other bytes") {
        Bytes other = all[1];
        other.back() ^= 1;
        for (const Bytes& d : {all[0], all[1], other, all[2]}) lab.receive(d);
        CHECK(lab.g.drops(Drop::reassembly_overlap) == 4);
        CHECK(lab.g.out(kInside).empty());
        CHECK(lab.g.sum().reassembling == 0);
    }
    SECTION("teardrop: inside another, and what comes later") {
        const Bytes whole = seal(lab.tunnel, lab.inner(3000));
        lab.receive(all[0]);
        lab.receive(piece(whole, 80, 160, true));
        CHECK(lab.g.drops(Drop::reassembly_overlap) == 2);
        lab.receive(all[1]);
        lab.receive(all[2]);
        CHECK(lab.g.drops(Drop::reassembly_overlap) == 4);
        CHECK(lab.g.out(kInside).empty());
    }
    SECTION("two ends") {
        const Bytes whole = seal(lab.tunnel, lab.inner(3000));
        lab.receive(all[0]);
        lab.receive(piece(whole, 2752, 16, false));
        lab.receive(all[2]);
        CHECK(lab.g.drops(Drop::reassembly_overlap) == 3);
    }
}

TEST_CASE("impossible fragments die alone") {
    for (const bool v6 : {false, true}) {
        CAPTURE(v6);
        Lab lab({}, tunnel(v6));
        const Bytes whole = seal(lab.tunnel, lab.inner(3000));
        const auto all = pieces(whole, 1344);
        lab.receive(all[0]);
        lab.receive(piece(whole, 1344, 0, true));   // no bytes
        lab.receive(piece(whole, 1344, 12, true));  // not a multiple of 8, and more to come
        CHECK(lab.g.drops(Drop::reassembly_malformed) == 2);
        lab.receive(all[1]);
        lab.receive(all[2]);
        CHECK(lab.g.drops() == 2);
        CHECK(lab.g.out(kInside).size() == 3);
    }
}

TEST_CASE("congestion on a fragment is congestion of the datagram") {
    const auto with_ecn = [](Bytes d, std::uint8_t ecn) {
        d[1] = ecn;
        return summed(d);
    };
    Lab lab;
    Bytes inner = lab.inner(2000);
    inner[1] = 2;
    inner = summed(inner);
    auto all = pieces(seal(lab.tunnel, inner), 1344);
    REQUIRE(all.size() == 2);
    SECTION("one of them says so") {
        lab.receive(with_ecn(all[0], 2));
        lab.receive(with_ecn(all[1], 3));
        const auto out = lab.g.out(kInside);
        REQUIRE(out.size() == 2);
        CHECK((without_link(out[0])[1] & 3) == 3);
    }
    SECTION("another cannot") {
        lab.receive(with_ecn(all[0], 0));
        lab.receive(with_ecn(all[1], 3));
        CHECK(lab.g.drops(Drop::reassembly_malformed) == 2);
    }
}

TEST_CASE("what stays a fragment dies in time, and its sender is told") {
    config::Dataplane d;
    d.reassembly_timeout = std::chrono::seconds(15);
    Lab lab({.dataplane = d});
    const auto all = pieces(seal(lab.tunnel, lab.inner(3000)), 1344);
    lab.receive(all[0]);
    lab.receive(all[1]);
    lab.g.pass_time(14'999'000'000);
    lab.g.turn();
    CHECK(lab.g.sum().reassembling == 2);
    lab.g.pass_time(2'000'000);
    lab.g.turn();
    CHECK(lab.g.drops(Drop::reassembly_timeout) == 2);
    const auto out = lab.g.out(kOutside);
    REQUIRE(out.size() == 1);
    const Bytes told = without_link(out[0]);
    CHECK(told[9] == 1);
    CHECK(told[20] == 11);
    CHECK(told[21] == 1);
    // Without the first fragment there is nothing to quote.
    lab.receive(all[1]);
    lab.g.pass_time(16'000'000'000);
    lab.g.turn();
    CHECK(lab.g.drops(Drop::reassembly_timeout) == 3);
    CHECK(lab.g.out(kOutside).empty());
}

TEST_CASE("bounds: datagrams of one source, and off altogether") {
    config::Dataplane d;
    SECTION("one source has a share") {
        d.reassemblies = 16;
        Lab lab({.dataplane = d});
        const Bytes whole = seal(lab.tunnel, lab.inner(3000));
        for (std::uint16_t id = 0; id < 10; ++id) lab.receive(piece(whole, 0, 8, true, id));
        CHECK(lab.g.drops(Drop::reassembly_full) == 6);
        CHECK(lab.g.sum().reassembling == 4);
    }
    SECTION("switched off") {
        d.reassemblies = 0;
        Lab lab({.dataplane = d});
        lab.receive(pieces(seal(lab.tunnel, lab.inner(3000)), 1344)[0]);
        lab.receive(pieces(udp({"10.3.9.9", "10.2.0.1"}, 500, 500, Bytes(1900)), 1344)[0]);
        CHECK(lab.g.drops(Drop::esp_fragment) == 1);
        CHECK(lab.g.drops(Drop::own_fragment) == 1);
    }
    SECTION("only ESP, UDP and ICMP are put together") {
        Lab lab;
        const Bytes tcp = datagram({"10.3.9.9", "10.2.0.1", 64, 6}, Bytes(2000));
        for (const Bytes& p : pieces(tcp, 1344)) lab.receive(p);
        CHECK(lab.g.drops(Drop::own_fragment) == 2);
    }
}

TEST_CASE("fragments of a datagram meet at one worker, whole it goes to its SA's") {
    for (const unsigned sa_worker : {0u, 1u}) {
        Lab lab({.num_workers = 2});
        Tunnel t;
        t.spi_in = Spi::make(0x5a, sa_worker, 5);
        lab.g.command(sa_worker, Command(t.inbound()));
        lab.g.turn();
        const std::uint64_t handed = lab.g.sum().handed_over;
        for (std::uint16_t id = 1; id <= 40; ++id) {
            Forged how;
            how.sequence = id;
            for (const Bytes& d : pieces(seal(t, lab.inner(3000), how), 1344, id)) lab.receive(d);
        }
        CHECK(lab.g.out(kInside).size() == 120);
        CHECK(lab.g.drops() == 0);
        CHECK(lab.g.sum().handed_over > handed + 40);
    }
}
