// The way of a datagram changes while traffic flows: routes, gateways, neighbours and our
// own addresses; and what its interface permits: source check and directed broadcast.
// The ledger after each.
#include <cstring>

#include "base/random.hpp"
#include "catch.hpp"
#include "packet/gateway.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;
const Bytes kHello{'h', 'e', 'l', 'l', 'o'};

Prefix prefix(const char* text) {
    return *Prefix::parse(text);
}

Bytes framed(Gateway& g, std::uint16_t interface, const std::string& source, const std::string& destination) {
    return ethernet(g.mac(interface), address(source).is_ipv4() ? kIpv4 : kIpv6,
                    udp({source, destination}, 1000, 2000, kHello), interface == kTagged ? 7 : -1);
}

/// Sends one from Alice; the interface that it left by, or -1.
int way_of(Gateway& g, const std::string& destination) {
    g.in(kInside, framed(g, kInside, "10.1.0.2", destination));
    g.turn();
    int way = -1;
    for (const std::uint16_t interface : {kOutside, kJumbo, kInside})
        for (const Bytes& frame : g.out(interface)) {
            if (interface == kInside && frame[12] != 0x81) continue;  // ICMP to Alice; else tagged
            way = interface == kInside ? kTagged : interface;
        }
    return way;
}

MacAddress to_mac(const Bytes& frame) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), frame.data(), 6);
    return mac;
}

}  // namespace

TEST_CASE("a route that is added, replaced or removed decides about the next datagram") {
    Gateway g;
    g.know_neighbours();
    Tables& tables = g.dataplane().tables();
    CHECK(way_of(g, "10.3.0.2") == kOutside);
    REQUIRE(tables.add_route({prefix("10.3.0.0/24"), address("10.9.0.2"), kJumbo}));
    CHECK(way_of(g, "10.3.0.2") == kJumbo);
    CHECK(way_of(g, "10.3.1.2") == kOutside);
    REQUIRE(tables.add_route({prefix("10.3.0.2/32"), address("10.7.0.2"), kTagged}));
    CHECK(way_of(g, "10.3.0.2") == kTagged);
    REQUIRE(tables.add_route({prefix("10.3.0.2/32"), address("10.9.0.2"), kJumbo}));  // replaced
    CHECK(way_of(g, "10.3.0.2") == kJumbo);
    CHECK(tables.remove_route(prefix("10.3.0.0/24")));
    CHECK(way_of(g, "10.3.0.2") == kJumbo);
    CHECK(tables.remove_route(prefix("10.3.0.2/32")));
    CHECK(way_of(g, "10.3.0.2") == kOutside);  // falls to the shorter prefix
    CHECK_FALSE(tables.remove_route(prefix("10.3.0.2/32")));
    CHECK(tables.remove_route(prefix("10.3.0.0/16")));
    CHECK(way_of(g, "10.3.0.2") == -1);
    CHECK(g.drops(Drop::no_route) == 1);
    REQUIRE(tables.add_route({prefix("0.0.0.0/0"), address("10.9.0.2"), kJumbo}));
    CHECK(way_of(g, "10.3.0.2") == kJumbo);
    CHECK(way_of(g, "198.51.100.1") == kJumbo);
    CHECK(tables.add_route({prefix("0.0.0.0/0"), {}, 17}).error() == TablesError::bad_interface);
    CHECK(way_of(g, "198.51.100.1") == kJumbo);
    g.out(kInside);
    g.check_ledger();
}

TEST_CASE("the generation moves with every change of a way, and only then") {
    Gateway g;
    g.know_neighbours();
    Tables& tables = g.dataplane().tables();
    const auto generation = [&] { return g.parts().publisher->published().generation.load(); };
    std::uint32_t last = generation();
    const auto moved = [&] { return std::exchange(last, generation()) != last; };
    const Route route{prefix("10.5.0.0/16"), address("10.9.0.2"), kJumbo};
    REQUIRE(tables.add_route(route));
    CHECK(moved());
    REQUIRE(tables.add_route(route));
    CHECK_FALSE(moved());
    REQUIRE(tables.set_neighbour(kJumbo, address("10.9.0.2"), kAlice));  // another MAC
    CHECK_FALSE(moved());
    REQUIRE(tables.set_neighbour(kJumbo, address("10.9.0.77"), kAlice));  // a new one
    CHECK_FALSE(moved());
    tables.remove_neighbour(kJumbo, address("10.9.0.78"));  // never there
    CHECK_FALSE(moved());
    tables.remove_neighbour(kJumbo, address("10.9.0.77"));
    CHECK(moved());
    REQUIRE(tables.set_classes({}, ClassKind::always_clear_text));
    CHECK(moved());
    tables.begin_changes();
    for (std::uint32_t i = 0; i < 100; ++i)
        REQUIRE(tables.add_route({Prefix(Address::ipv4(20, 0, static_cast<std::uint8_t>(i), 0), 24),
                                  address("10.9.0.2"), kJumbo}));
    CHECK(generation() == last);
    tables.end_changes();
    CHECK(generation() == last + 1);
    moved();
    CHECK(tables.remove_route(route.prefix));
    CHECK(moved());
    CHECK_FALSE(tables.remove_route(route.prefix));
    CHECK_FALSE(moved());
    for (std::uint32_t i = 0; i < 0x10100; ++i) {  // the part that flows remember is never 0
        if (i % 2 == 0)
            REQUIRE(tables.add_route(route));
        else
            tables.remove_route(route.prefix);
        if ((generation() & 0xffff) == 0) FAIL("0");
        if (i % 64 == 0) {
            g.turn();
            tables.reclaim();
        }
    }
    g.check_ledger();
}

TEST_CASE("ten thousand changes of routes cost an unaffected flow nothing, and all memory comes back") {
    Gateway g;
    g.know_neighbours();
    Tables& tables = g.dataplane().tables();
    Publisher& publisher = *g.parts().publisher;
    g.turn();
    tables.reclaim();
    const std::size_t nodes = publisher.routes().num_nodes(), next_hops = publisher.routes().num_next_hops();
    SeededRandom random(5);
    std::vector<Prefix> added;
    unsigned sent = 0, left = 0;
    for (int change = 0; change < 10'000; ++change) {
        // Around the flow's own route 10.3.0.0/16 and nested in it beside 10.3.0.2.
        const std::uint32_t host = (random.below(2) == 0 ? 0x0a030000u : 0x0a000000u) |
                                   (random.u32() & (random.below(2) == 0 ? 0x00ff3f3fu : 0x00003f3fu));
        const Prefix p(Address::ipv4(host), 8 + static_cast<unsigned>(random.below(25)));
        const bool ours = p.contains(address("10.3.0.2")) && p.length() > 15;
        if (!ours && random.below(3) != 0 && p != prefix("10.1.0.0/24") && p != prefix("10.2.0.0/24") &&
            !p.contains(address("10.1.0.2"))) {
            const Address via = Address::ipv4(10, 9, 0, static_cast<std::uint8_t>(2 + random.below(200)));
            REQUIRE(tables.add_route({p, via, kJumbo}));
            added.push_back(p);
        } else if (!added.empty()) {
            const std::size_t i = random.below(added.size());
            tables.remove_route(added[i]);
            added.erase(added.begin() + static_cast<std::ptrdiff_t>(i));
        }
        g.in(kInside, framed(g, kInside, "10.1.0.2", "10.3.0.2"));
        ++sent;
        if (change % 16 == 15) {
            g.turn();
            left += static_cast<unsigned>(g.out(kOutside).size());
            tables.reclaim();
        }
    }
    g.turn();
    left += static_cast<unsigned>(g.out(kOutside).size());
    CHECK(left == sent);
    CHECK(g.drops() == 0);
    for (const Prefix& p : added) tables.remove_route(p);
    g.turn();
    tables.reclaim();
    CHECK(publisher.num_retired() == 0);
    CHECK(publisher.routes().num_nodes() == nodes);
    CHECK(publisher.routes().num_next_hops() == next_hops);
    g.check_ledger();
}

TEST_CASE("a neighbour's new MAC holds from the next datagram on; one that is removed is asked for") {
    Gateway g;
    g.know_neighbours();
    Tables& tables = g.dataplane().tables();
    const NeighbourTable& neighbours = *g.parts().publisher->published().neighbours;
    // On the link itself, and as a gateway.
    for (const auto& [destination, neighbour] :
         {std::pair{"10.9.0.2", "10.9.0.2"}, std::pair{"10.77.0.1", "10.9.0.2"}}) {
        INFO(destination);
        REQUIRE(tables.add_route({prefix("10.77.0.0/16"), address("10.9.0.2"), kJumbo}));
        REQUIRE(tables.set_neighbour(kJumbo, address(neighbour), kBob));
        const std::uint32_t id = neighbours.find(kJumbo, address(neighbour));
        REQUIRE(id != kNoAdjacency);
        for (const MacAddress& mac : {kBob, kRouter}) {
            REQUIRE(tables.set_neighbour(kJumbo, address(neighbour), mac));
            CHECK(neighbours.find(kJumbo, address(neighbour)) == id);  // the same neighbour, the same id
            g.in(kInside, framed(g, kInside, "10.1.0.2", destination));
            g.turn();
            const auto out = g.out(kJumbo);
            REQUIRE(out.size() == 1);
            CHECK(to_mac(out[0]) == mac);
        }
        tables.remove_neighbour(kJumbo, address(neighbour));
        CHECK_FALSE(neighbours.at(id).resolved());
        g.in(kInside, framed(g, kInside, "10.1.0.2", destination));
        g.turn();
        CHECK(g.out(kJumbo).empty());
        CHECK(g.sum().waiting_neighbour == 1);
        REQUIRE(g.events().size() == 1);
        REQUIRE(tables.set_neighbour(kJumbo, address(neighbour), kBob));
        for (int i = 0; i < 200; ++i) g.turn();
        CHECK(g.out(kJumbo).size() == 1);
        CHECK(g.sum().waiting_neighbour == 0);
    }
    g.check_ledger();
}

TEST_CASE("an adjacency's id goes to nobody else before all workers have moved on") {
    Gateway g;
    Tables& tables = g.dataplane().tables();
    Publisher& publisher = *g.parts().publisher;
    const NeighbourTable& neighbours = *publisher.published().neighbours;
    const auto at = [](unsigned i) { return Address::ipv4(0x0a090000 + i); };
    g.turn();
    tables.reclaim();
    REQUIRE(tables.set_neighbour(kJumbo, at(1), kBob));
    const std::uint32_t id = neighbours.find(kJumbo, at(1));
    tables.remove_neighbour(kJumbo, at(1));
    for (unsigned i = 2; i < 2000; ++i) {
        REQUIRE(tables.set_neighbour(kJumbo, at(i), kAlice));
        REQUIRE(neighbours.find(kJumbo, at(i)) != id);
        tables.reclaim();
    }
    CHECK(publisher.num_retired() > 0);
    REQUIRE(tables.set_neighbour(kJumbo, at(1), kRouter));  // it comes back: it is the same one
    CHECK(neighbours.find(kJumbo, at(1)) == id);
    g.turn();
    tables.reclaim();
    CHECK(neighbours.at(id).mac() == kRouter);  // the removal did not catch up with it
    CHECK(publisher.num_retired() == 0);
}

TEST_CASE("the neighbour table is bounded, and what is removed makes room") {
    Options options;
    options.dataplane.neighbours = 16;
    Gateway g(options);
    Tables& tables = g.dataplane().tables();
    const auto at = [](unsigned i) { return Address::ipv4(0x0a090000 + i); };
    for (unsigned round = 0; round < 200; ++round) {
        for (unsigned i = 0; i < 16; ++i) REQUIRE(tables.set_neighbour(kJumbo, at(round * 16 + i), kBob));
        CHECK(tables.set_neighbour(kJumbo, at(60'000), kBob).error() == TablesError::too_many_neighbours);
        REQUIRE(tables.set_neighbour(kJumbo, at(round * 16), kAlice));  // not one more
        for (unsigned i = 0; i < 16; ++i) tables.remove_neighbour(kJumbo, at(round * 16 + i));
        g.turn();
        tables.reclaim();
    }
    CHECK(g.parts().publisher->num_retired() == 0);
}

TEST_CASE("our addresses change while traffic flows") {
    Gateway g;
    g.know_neighbours();
    Tables& tables = g.dataplane().tables();
    const auto echo = [&](const char* to) {
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, icmp({"10.1.0.2", to, 64}, 8, 0, Bytes(8, 1))));
        g.turn();
        return !g.out(kInside).empty();
    };
    CHECK(echo("10.1.0.1"));
    CHECK(way_of(g, "10.3.0.2") == kOutside);
    const OwnAddress own[] = {{address("10.1.0.9"), prefix("10.1.0.0/25"), kInside},
                              {address("10.2.0.1"), prefix("10.2.0.0/24"), kOutside}};
    REQUIRE(tables.set_addresses(own));
    CHECK(echo("10.1.0.9"));
    CHECK(way_of(g, "10.3.0.2") == kOutside);
    CHECK(g.drops() == 0);
    CHECK_FALSE(echo("10.1.0.1"));  // a neighbour like any other now
    CHECK(g.drops(Drop::route_same_interface) == 1);
    CHECK(way_of(g, "10.1.0.127") == -1);
    CHECK(g.drops(Drop::ip_broadcast) == 1);  // the new subnet's
    const OwnAddress bad[] = {{address("10.1.0.9"), prefix("10.1.0.0/25"), 17}};
    CHECK(tables.set_addresses(bad).error() == TablesError::bad_interface);
    CHECK(echo("10.1.0.9"));
    g.turn();
    tables.reclaim();
    CHECK(g.parts().publisher->num_retired() == 0);
    g.check_ledger();
}

// ---- what an interface permits -------------------------------------------------------

TEST_CASE("source check: each mode, side and family") {
    struct Row {
        const char* story;
        SourceCheck mode;
        std::uint16_t interface;
        const char* source;
        const char* destination;
        Drop reason;  // kCount: it passes
    };
    using enum SourceCheck;
    const Drop passes = Drop::kCount;
    const Row rows[] = {
        {"inside, its own subnet", automatic, kInside, "10.1.0.2", "10.3.0.2", passes},
        {"inside, routed to another inside interface", automatic, kInside, "10.9.0.2", "10.3.0.2",
         Drop::source_check},
        {"inside, routed outside", automatic, kInside, "10.3.0.9", "10.3.0.2", Drop::source_check},
        {"inside, routed nowhere", automatic, kInside, "198.51.100.1", "10.3.0.2", Drop::source_check},
        {"inside behind a gateway there", automatic, kInside, "10.50.0.9", "10.3.0.2", passes},
        {"tagged, of the untagged one's subnet", automatic, kTagged, "10.1.0.2", "10.3.0.2",
         Drop::source_check},
        {"tagged, its own", automatic, kTagged, "10.7.0.2", "10.3.0.2", passes},
        {"IPv6 inside, its own subnet", automatic, kInside, "2001:db8:1::2", "2001:db8:3::2", passes},
        {"IPv6 inside, routed outside", automatic, kInside, "2001:db8:3::9", "2001:db8:3::2",
         Drop::source_check},
        {"IPv6 inside, routed nowhere", automatic, kInside, "2001:db8:99::1", "2001:db8:3::2",
         Drop::source_check},
        {"inside strict", strict, kInside, "10.3.0.9", "10.3.0.2", Drop::source_check},
        {"inside loose, routed outside", loose, kInside, "10.3.0.9", "10.3.0.2", passes},
        {"inside loose, routed nowhere", loose, kInside, "198.51.100.1", "10.3.0.2", Drop::source_check},
        {"IPv6 inside loose, routed nowhere", loose, kInside, "2001:db8:99::1", "2001:db8:3::2",
         Drop::source_check},
        {"inside off", off, kInside, "198.51.100.1", "10.3.0.2", passes},
        {"IPv6 inside off", off, kInside, "2001:db8:99::1", "2001:db8:3::2", passes},
        {"outside, routed outside", automatic, kOutside, "10.3.0.2", "10.1.0.2", passes},
        {"outside, routed nowhere", automatic, kOutside, "198.51.100.1", "10.1.0.2", Drop::source_check},
        {"outside, spoofed inside", automatic, kOutside, "10.9.0.2", "10.1.0.2", Drop::ip_spoofed_inside},
        {"outside, spoofed inside behind a gateway", automatic, kOutside, "10.50.0.9", "10.1.0.2",
         Drop::ip_spoofed_inside},
        {"IPv6 outside, spoofed inside", automatic, kOutside, "2001:db8:1::9", "2001:db8:1::2",
         Drop::ip_spoofed_inside},
        {"IPv6 outside, routed outside", automatic, kOutside, "2001:db8:3::2", "2001:db8:1::2", passes},
        {"IPv6 outside, routed nowhere", automatic, kOutside, "2001:db8:99::1", "2001:db8:1::2",
         Drop::source_check},
        {"outside strict, routed outside", strict, kOutside, "10.3.0.2", "10.1.0.2", passes},
        {"outside strict, spoofed inside has its own name", strict, kOutside, "10.9.0.2", "10.1.0.2",
         Drop::ip_spoofed_inside},
        {"outside strict, routed nowhere", strict, kOutside, "198.51.100.1", "10.1.0.2", Drop::source_check},
        {"outside loose, spoofed inside", loose, kOutside, "10.9.0.2", "10.1.0.2", Drop::ip_spoofed_inside},
        {"outside off, spoofed inside", off, kOutside, "10.9.0.2", "10.1.0.2", passes},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        Options options;
        options.source_check = row.mode;
        Gateway g(options);
        g.know_neighbours();
        REQUIRE(g.dataplane().tables().add_route({prefix("10.50.0.0/16"), address("10.1.0.2"), kInside}));
        g.in(row.interface, framed(g, row.interface, row.source, row.destination));
        g.turn();
        const bool passed = row.reason == passes;
        const std::uint16_t to = row.interface == kOutside ? kInside : kOutside;
        CHECK(g.out(to).size() == (passed ? 1 : 0));
        CHECK(g.drops() == (passed ? 0 : 1));
        if (!passed) CHECK(g.drops(row.reason) == 1);
        g.check_ledger();
    }
}

TEST_CASE("source check: a default route is a way back, and only out of its own interface") {
    Gateway g;
    g.know_neighbours();
    Tables& tables = g.dataplane().tables();
    REQUIRE(tables.add_route({prefix("0.0.0.0/0"), address("10.2.0.254"), kOutside}));
    g.in(kOutside, framed(g, kOutside, "198.51.100.1", "10.1.0.2"));
    g.turn();
    CHECK(g.out(kInside).size() == 1);
    g.in(kInside, framed(g, kInside, "198.51.100.1", "10.3.0.2"));
    g.turn();
    CHECK(g.drops(Drop::source_check) == 1);
    REQUIRE(tables.add_route({prefix("0.0.0.0/0"), address("10.9.0.2"), kJumbo}));
    g.in(kOutside, framed(g, kOutside, "198.51.100.1", "10.1.0.2"));
    g.turn();
    CHECK(g.drops(Drop::ip_spoofed_inside) == 1);
    g.check_ledger();
}

TEST_CASE("source check: datagrams to us are checked, ESP and neighbour discovery are spared") {
    Gateway g;
    g.know_neighbours();
    const auto to_us = [&](const Bytes& bytes, std::uint16_t type = kIpv4) {
        g.in(kOutside, ethernet(g.mac(kOutside), type, bytes));
        g.turn();
    };
    to_us(icmp({"10.9.0.2", "10.2.0.1", 64}, 8, 0, Bytes(8, 1)));
    CHECK(g.drops(Drop::ip_spoofed_inside) == 1);
    CHECK(g.out(kJumbo).empty());  // nobody inside is answered who has not asked
    to_us(udp({"198.51.100.1", "10.2.0.1"}, 500, 500, Bytes(64, 1)));
    CHECK(g.drops(Drop::source_check) == 1);
    CHECK(g.punts().empty());
    to_us(datagram({"198.51.100.1", "10.2.0.1", 64, 50}, Bytes(60, 1)));
    CHECK(g.drops(Drop::esp_unknown_spi) == 1);
    Bytes solicitation(4, 0);
    const Address own = address("2001:db8:2::1");
    const auto target = own.wire();
    solicitation.insert(solicitation.end(), target.begin(), target.end());
    to_us(icmp({"fe80::77", "2001:db8:2::1", 255}, 135, 0, solicitation), kIpv6);
    CHECK(g.punts().size() == 1);
    g.check_ledger();
}

TEST_CASE("a directed broadcast is forwarded where its interface allows it, as a link broadcast") {
    const MacAddress everybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    Options options;
    options.directed_broadcast = GENERATE(true, false);
    Gateway g(options);
    g.know_neighbours();
    g.in(kInside, framed(g, kInside, "10.1.0.2", "10.9.0.255"));
    g.in(kInside, framed(g, kInside, "10.1.0.2", "10.7.0.255"));
    g.turn();
    const auto plain = g.out(kJumbo), tagged = g.out(kTagged);
    if (options.directed_broadcast) {
        REQUIRE(plain.size() == 1);
        CHECK(to_mac(plain[0]) == everybody);
        CHECK(Bytes(plain[0].begin() + 14, plain[0].end()) ==
              udp({"10.1.0.2", "10.9.0.255", 63}, 1000, 2000, kHello));
        REQUIRE(tagged.size() == 1);
        CHECK(to_mac(tagged[0]) == everybody);
        CHECK(tagged[0][12] == 0x81);
        CHECK(tagged[0][15] == 7);
        CHECK(g.drops() == 0);
    } else {
        CHECK(plain.empty());
        CHECK(tagged.empty());
        CHECK(g.drops(Drop::ip_broadcast) == 2);
    }
    CHECK(g.events().empty());  // nobody is asked for the broadcast address
    const std::uint64_t before = g.drops(Drop::ip_broadcast);
    g.in(kInside, framed(g, kInside, "10.1.0.2", "10.1.0.255"));  // its own link has heard it
    g.in(kInside, framed(g, kInside, "10.1.0.2", "10.9.0.0"));    // the obsolete form
    g.in(kInside, framed(g, kInside, "10.1.0.2", "10.2.0.255"));  // outside: never
    g.in(kInside, ethernet(everybody, kIpv4, udp({"10.1.0.2", "10.9.0.255"}, 1, 2, kHello)));
    g.turn();
    CHECK(g.drops(Drop::ip_broadcast) == before + 4);
    CHECK(g.drops() == before + 4);
    for (const std::uint16_t interface : {kInside, kOutside, kJumbo}) CHECK(g.out(interface).empty());
    g.check_ledger();
}

TEST_CASE("a scan of one interface's subnet leaves the others room to wait") {
    Options options;
    options.dataplane.waiting_total = 64;
    Gateway g(options);
    for (unsigned i = 0; i < 200; ++i)  // by many, so that no source's own share ends it
        g.in(kInside,
             framed(g, kInside, "10.1.0." + std::to_string(2 + i), "10.9.0." + std::to_string(2 + i)));
    g.turn();
    CHECK(g.sum().waiting_neighbour == 32);
    CHECK(g.drops(Drop::neighbour_queue_full) == 168);
    g.in(kInside, framed(g, kInside, "10.1.0.2", "10.3.0.2"));
    g.turn();
    CHECK(g.sum().waiting_neighbour == 33);
    REQUIRE(g.dataplane().tables().set_neighbour(kOutside, address("10.2.0.254"), kRouter));
    for (int i = 0; i < 200; ++i) g.turn();
    CHECK(g.out(kOutside).size() == 1);
    g.check_ledger();
}
