// ICMP that we originate: echo replies, errors with what they quote, where none may be
// sent, and the rate limit.
#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/gateway.hpp"
#include "stages/transport_checksum.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

const Bytes kHello{'h', 'e', 'l', 'l', 'o'};
constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;

struct Error {
    const char* what;
    bool v4;
    std::uint8_t type, code;
    std::uint32_t rest;
    Bytes offender;
};

}  // namespace

TEST_CASE("echo requests to any of our addresses are answered") {
    Gateway g;
    g.know_neighbours();
    for (const char* own : {"10.1.0.1", "10.2.0.1"}) {
        for (std::size_t len : {4u, 5u, 60u, 1400u}) {
            Bytes rest(len, 0x61);
            g.in(kInside, ethernet(g.mac(kInside), kIpv4, icmp({"10.1.0.2", own, 9}, 8, 0, rest)));
            g.turn();
            const auto out = g.out(kInside);
            REQUIRE(out.size() == 1);
            Bytes expected = icmp({own, "10.1.0.2", 64}, 0, 0, rest);
            Bytes got(out[0].begin() + 14, out[0].end());
            CHECK(checksum(ByteView(got).first(20)) == 0);
            for (std::size_t i : {4u, 5u, 10u, 11u}) got[i] = expected[i] = 0;  // identification and its sum
            CHECK(got == expected);
        }
    }
    Ip ip{"2001:db8:1::2", "2001:db8:2::1"};
    g.in(kInside, ethernet(g.mac(kInside), kIpv6, icmp(ip, 128, 0, {1, 2, 3, 4, 5})));
    g.turn();
    auto out = g.out(kInside);
    REQUIRE(out.size() == 1);
    CHECK(Bytes(out[0].begin() + 14, out[0].end()) ==
          icmp({"2001:db8:2::1", "2001:db8:1::2", 64}, 129, 0, {1, 2, 3, 4, 5}));
    CHECK(g.sum().consumed == 9);
    CHECK(g.sum().generated == 9);
    g.check_ledger();
}

TEST_CASE("a link-local echo request is answered out of the interface it came from") {
    Gateway g;
    const Address own = g.dataplane().link_local(kInside);
    g.in(kInside, ethernet(g.mac(kInside), kIpv6, icmp({"fe80::2", own.text()}, 128, 0, {1, 2, 3, 4})));
    g.turn();
    auto events = g.events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].neighbour_wanted.address == address("fe80::2"));
    CHECK(events[0].neighbour_wanted.interface == kInside);
    REQUIRE(g.dataplane().tables().set_neighbour(kInside, address("fe80::2"), kAlice));
    g.command(0, Command(NeighbourChanged{address("fe80::2"), kInside, true}));
    g.turn();
    CHECK(g.out(kInside).size() == 1);
    g.check_ledger();
}

TEST_CASE("errors name what happened and quote the datagram") {
    Gateway g;
    g.know_neighbours();
    const std::string v6 = "2001:db8:1::2";
    const Error errors[] = {
        {"TTL", true, 11, 0, 0, udp({.ttl = 1}, 1, 2, kHello)},
        {"no route", true, 3, 0, 0, udp({"10.1.0.2", "203.0.113.1"}, 1, 2, kHello)},
        {"too big", true, 3, 4, 1400, udp({.fragment = 0x4000}, 1, 2, Bytes(1400, 7))},
        {"hop limit", false, 3, 0, 0, udp({v6, "2001:db8:3::2", 1}, 1, 2, kHello)},
        {"no route 6", false, 1, 0, 0, udp({v6, "2001:db8:f::2"}, 1, 2, kHello)},
        {"too big 6", false, 2, 0, 1400, udp({v6, "2001:db8:3::2"}, 1, 2, Bytes(1400, 7))},
    };
    for (const Error& e : errors) {
        INFO(e.what);
        g.in(kInside, ethernet(g.mac(kInside), e.v4 ? kIpv4 : kIpv6, e.offender));
        g.turn();
        const auto out = g.out(kInside);
        REQUIRE(out.size() == 1);
        const Bytes d(out[0].begin() + 14, out[0].end());
        const std::size_t ip_len = e.v4 ? 20 : 40;
        const ByteView message = ByteView(d).subspan(ip_len);
        CHECK(d.size() <= (e.v4 ? 576u : 1280u));
        CHECK(message[0] == e.type);
        CHECK(message[1] == e.code);
        CHECK((static_cast<std::uint32_t>(message[4]) << 24 | message[5] << 16 | message[6] << 8 |
               message[7]) == e.rest);
        const Pair pair{*Address::from_wire(ByteView(d).subspan(e.v4 ? 12 : 8, e.v4 ? 4 : 16)),
                        *Address::from_wire(ByteView(d).subspan(e.v4 ? 16 : 24, e.v4 ? 4 : 16))};
        CHECK(pair.source == address(e.v4 ? "10.1.0.1" : "2001:db8:1::1"));
        CHECK(pair.destination == address(e.v4 ? "10.1.0.2" : v6));
        CHECK((e.v4 ? checksum(message) : transport_checksum(pair, Protocol::icmpv6, message)) == 0);
        // Quoted from its first byte; TTL and the header sum may be lower by the hop.
        const ByteView quoted = message.subspan(8);
        REQUIRE(quoted.size() >= std::min<std::size_t>(e.offender.size(), 28));
        CHECK(std::equal(quoted.begin() + 12, quoted.end(), e.offender.begin() + 12));
    }
    g.check_ledger();
}

TEST_CASE("no error about errors, later fragments, group frames or datagrams that we sent") {
    Gateway g;
    g.know_neighbours();
    const MacAddress everybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    const std::string v6 = "2001:db8:1::2";
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, icmp({.ttl = 1}, 3, 1, Bytes(28, 0))));
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, icmp({.ttl = 1}, 11, 0, Bytes(28, 0))));
    g.in(kInside, ethernet(g.mac(kInside), kIpv6, icmp({v6, "2001:db8:3::2", 1}, 1, 0, Bytes(44, 0))));
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, datagram({.ttl = 1, .fragment = 9}, Bytes(16, 0))));
    g.in(kInside, ethernet(everybody, kIpv4, udp({"10.1.0.2", "203.0.113.1"}, 1, 2, kHello)));
    g.turn();
    CHECK(g.drops() == 5);
    CHECK(g.out(kInside).empty());
    CHECK(g.sum().generated == 0);
    // The first fragment and an echo request may be answered.
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, datagram({.ttl = 1, .fragment = 0x2000}, Bytes(16, 0))));
    g.in(kInside, ethernet(g.mac(kInside), kIpv4, icmp({.ttl = 1}, 8, 0, Bytes(28, 0))));
    g.turn();
    CHECK(g.out(kInside).size() == 2);
    g.check_ledger();
}

TEST_CASE("errors are limited in rate, and the limit recovers") {
    config::Dataplane d;
    d.icmp_per_second = 10;
    Gateway g({.dataplane = d});
    g.know_neighbours();
    const auto burst = [&](unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({.ttl = 1}, 1, 2, kHello)));
        g.turn();
        return g.out(kInside).size();
    };
    g.pass_time(5'000'000'000);
    CHECK(burst(25) == 10);
    CHECK(g.drops(Drop::icmp_rate_limited) == 15);
    CHECK(g.drops(Drop::ttl_expired) == 25);
    g.pass_time(300'000'000);
    CHECK(burst(25) == 3);
    g.pass_time(60'000'000'000);
    CHECK(burst(25) == 10);
    g.check_ledger();
}

TEST_CASE("one asker does not use up the errors of the others") {
    config::Dataplane d;
    d.icmp_per_second = 100;
    Gateway g({.dataplane = d});
    g.know_neighbours();
    const auto ask = [&](const std::string& asker, unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({asker, "10.3.0.2", 1}, 1, 2, kHello)));
        g.turn();
        return g.sum().generated - g.drops(Drop::icmp_rate_limited);
    };
    CHECK(ask("10.1.0.2", 200) == 50);
    CHECK(ask("10.1.0.3", 20) == 70);
    CHECK(ask("10.1.0.2", 20) == 70);
    g.pass_time(1'000'000'000);
    CHECK(ask("10.1.0.2", 200) == 120);
    g.check_ledger();
}
