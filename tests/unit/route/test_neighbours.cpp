// ARP and ND as a story between our link (192.1.0.1, 2001:db8:a::1) and Alice.
#include "route/neighbours.hpp"

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"

using namespace oegate;
using namespace oegate::route;

namespace {

const MacAddress kOurs{{2, 0, 0, 0, 0, 1}};
const MacAddress kAlice{{2, 0, 0, 0, 0, 0xa}};
Address ip(const char* text) {
    return *Address::parse(text);
}

Neighbours make(std::size_t max_entries = 4096) {
    NeighbourSettings settings;
    settings.max_entries = max_entries;
    return Neighbours({Link{kOurs,
                            {{ip("192.1.0.1"), *Prefix::parse("192.1.0.0/24")},
                             {ip("2001:db8:a::1"), *Prefix::parse("2001:db8:a::/64")}}}},
                      settings);
}

Bytes arp(std::uint16_t operation, const MacAddress& mac, const char* sender, const char* target) {
    Writer out;
    out.u16(1)
        .u16(0x0800)
        .u8(6)
        .u8(4)
        .u16(operation)
        .put(mac.bytes)
        .put(ip(sender).wire())
        .zeros(6)
        .put(ip(target).wire());
    return std::move(out).take();
}

Bytes nd(std::uint8_t type, std::uint32_t flags, const char* source, const char* target, std::uint8_t option,
         const MacAddress& mac, std::uint8_t option_len = 1) {
    Writer out;
    out.u32(6u << 28).u16(32).u8(58).u8(255).put(ip(source).bytes()).put(ip("2001:db8:a::1").bytes());
    out.u8(type).u8(0).u16(0).u32(flags).put(ip(target).bytes()).u8(option).u8(option_len).put(mac.bytes);
    return std::move(out).take();
}

template <class T>
T expect(Neighbours& n) {
    auto action = n.next_action();
    REQUIRE(action);
    REQUIRE(std::holds_alternative<T>(*action));
    return std::get<T>(*action);
}

}  // namespace

TEST_CASE("arp: a wanted neighbour is asked by broadcast, answers, and is published") {
    Neighbours n = make();
    Time now{};
    n.wanted(0, ip("192.1.0.65"), now);
    const Bytes request = expect<SendFrame>(n).frame;
    CHECK(to_hex(ByteView(request).first(42)) ==
          "ffffffffffff020000000001080600010800060400010200000000"
          "01c0010001000000000000c0010041");
    CHECK(request.size() == 60);
    n.on_arp(0, arp(2, kAlice, "192.1.0.65", "192.1.0.1"), now);
    const Learned learned = expect<Learned>(n);
    CHECK(learned.mac == kAlice);
    CHECK(learned.address == ip("192.1.0.65"));
    CHECK_FALSE(n.next_action());
}

TEST_CASE("arp: three questions a second apart, then lost; a later wish starts again") {
    Neighbours n = make();
    Time now{};
    n.wanted(0, ip("192.1.0.65"), now);
    expect<SendFrame>(n);
    for (int i = 0; i < 2; ++i) {
        now = n.next_deadline();
        n.on_timer(now);
        expect<SendFrame>(n);
    }
    CHECK(now == Time{} + 2s);
    now = n.next_deadline();
    n.on_timer(now);
    CHECK(expect<Lost>(n).address == ip("192.1.0.65"));
    n.wanted(0, ip("192.1.0.65"), now);
    CHECK_FALSE(n.next_action());
    now = n.next_deadline();
    n.on_timer(now);
    CHECK(n.next_deadline() == kNever);
    n.wanted(0, ip("192.1.0.65"), now);
    expect<SendFrame>(n);
}

TEST_CASE("arp: a request for our address is answered and teaches the sender") {
    Neighbours n = make();
    n.on_arp(0, arp(1, kAlice, "192.1.0.65", "192.1.0.1"), Time{});
    CHECK(expect<Learned>(n).mac == kAlice);
    const Bytes reply = expect<SendFrame>(n).frame;
    CHECK(to_hex(ByteView(reply).first(42)) ==
          "02000000000a020000000001080600010800060400020200000000"
          "01c001000102000000000ac0010041");
}

TEST_CASE("arp: rows that teach nothing and get no answer") {
    struct Row {
        const char* story;
        Bytes packet;
        bool refused;
    };
    const Row rows[] = {
        {"request for somebody else", arp(1, kAlice, "192.1.0.65", "192.1.0.66"), false},
        {"unasked reply", arp(2, kAlice, "192.1.0.65", "192.1.0.1"), false},
        {"sender claims our address", arp(1, kAlice, "192.1.0.1", "192.1.0.1"), true},
        {"sender of a foreign subnet", arp(1, kAlice, "192.2.0.66", "192.1.0.1"), true},
        {"sender with a multicast MAC", arp(1, MacAddress{{1, 0, 0, 0, 0, 1}}, "192.1.0.65", "192.1.0.1"),
         true},
        {"cut short", Bytes(27), true},
        {"other hardware", Bytes(28), true},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        Neighbours n = make();
        n.on_arp(0, row.packet, Time{});
        CHECK_FALSE(n.next_action());
        CHECK(n.num_refused() == (row.refused ? 1 : 0));
        CHECK(n.status(Time{}).empty());
    }
}

TEST_CASE("arp: somebody's probe for our address (sender 0.0.0.0) is answered, teaches nothing") {
    Neighbours n = make();
    n.on_arp(0, arp(1, kAlice, "0.0.0.0", "192.1.0.1"), Time{});
    expect<SendFrame>(n);
    CHECK(n.status(Time{}).empty());
}

TEST_CASE("arp: a reachable neighbour is asked again by unicast, and kept while it answers") {
    Neighbours n = make();
    Time now{};
    n.on_arp(0, arp(1, kAlice, "192.1.0.65", "192.1.0.1"), now);
    expect<Learned>(n);
    expect<SendFrame>(n);
    now = n.next_deadline();
    CHECK(now == Time{} + 30s);
    n.on_timer(now);
    CHECK(to_hex(ByteView(expect<SendFrame>(n).frame).first(6)) == "02000000000a");
    n.on_arp(0, arp(2, kAlice, "192.1.0.65", "192.1.0.1"), now);
    CHECK_FALSE(n.next_action());
    CHECK(n.next_deadline() == now + 30s);
}

TEST_CASE("nd: a wanted neighbour is solicited at its multicast group with a right checksum") {
    Neighbours n = make();
    n.wanted(0, ip("2001:db8:a::65"), Time{});
    const Bytes frame = expect<SendFrame>(n).frame;
    CHECK(to_hex(ByteView(frame).first(6)) == "3333ff000065");
    CHECK(*Address::from_wire(ByteView(frame).subspan(14 + 24, 16)) == ip("ff02::1:ff00:65"));
    Writer pseudo;
    pseudo.put(ByteView(frame).subspan(14 + 8, 32)).u32(32).u32(58);
    CHECK(checksum_finish(checksum_add(checksum_add(0, pseudo.view()), ByteView(frame).subspan(54))) == 0);
    n.on_nd(0, nd(136, 0x60000000, "2001:db8:a::65", "2001:db8:a::65", 2, kAlice), Time{});
    CHECK(expect<Learned>(n).mac == kAlice);
}

TEST_CASE("nd: a solicitation for us is answered by unicast, duplicate detection to all nodes") {
    Neighbours n = make();
    n.on_nd(0, nd(135, 0, "2001:db8:a::65", "2001:db8:a::1", 1, kAlice), Time{});
    expect<Learned>(n);
    CHECK(to_hex(ByteView(expect<SendFrame>(n).frame).first(6)) == "02000000000a");
    n.on_nd(0, nd(135, 0, "::", "2001:db8:a::1", 14, kAlice), Time{});
    CHECK(to_hex(ByteView(expect<SendFrame>(n).frame).first(6)) == "333300000001");
}

TEST_CASE("nd: rows that teach nothing") {
    const MacAddress mallory{{2, 0, 0, 0, 0, 0xee}};
    struct Row {
        const char* story;
        Bytes packet;
    };
    const Row rows[] = {
        {"advertisement nobody asked for",
         nd(136, 0x60000000, "2001:db8:a::66", "2001:db8:a::66", 2, mallory)},
        {"advertisement of our own address",
         nd(136, 0x60000000, "2001:db8:a::66", "2001:db8:a::1", 2, mallory)},
        {"advertisement without override against a known neighbour",
         nd(136, 0x40000000, "2001:db8:a::65", "2001:db8:a::65", 2, mallory)},
        {"solicitation from a foreign subnet", nd(135, 0, "2001:db8:b::66", "2001:db8:a::1", 1, mallory)},
        {"option of length zero", nd(136, 0x60000000, "2001:db8:a::65", "2001:db8:a::65", 2, mallory, 0)},
        {"option longer than the packet",
         nd(136, 0x60000000, "2001:db8:a::65", "2001:db8:a::65", 2, mallory, 9)},
        {"multicast target", nd(136, 0x60000000, "2001:db8:a::65", "ff02::1", 2, mallory)},
        {"cut short", Bytes(50)},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        Neighbours n = make();
        n.on_nd(0, nd(135, 0, "2001:db8:a::65", "2001:db8:a::1", 1, kAlice), Time{});
        while (n.next_action()) {
        }
        n.on_nd(0, row.packet, Time{});
        CHECK_FALSE(n.next_action());
        REQUIRE(n.status(Time{}).size() == 1);
        CHECK(n.status(Time{})[0].mac == kAlice);
    }
}

TEST_CASE("neighbours: the table is bounded, wishes beyond it are lost at once") {
    Neighbours n = make(1);
    n.wanted(0, ip("192.1.0.65"), Time{});
    expect<SendFrame>(n);
    n.wanted(0, ip("192.1.0.66"), Time{});
    CHECK(expect<Lost>(n).address == ip("192.1.0.66"));
    CHECK(n.num_refused() == 1);
}

// ---- a scan of a subnet (RFC 6583) ---------------------------------------------------

namespace {

NeighbourSettings narrow() {
    NeighbourSettings settings;
    settings.max_entries = 64;
    settings.max_unresolved = 8;
    settings.requests_per_second = 4;
    settings.gateways = {ip("2001:db8:a::fe")};
    return settings;
}

Neighbours two_links(const NeighbourSettings& settings) {
    const Link link{kOurs,
                    {{ip("192.1.0.1"), *Prefix::parse("192.1.0.0/24")},
                     {ip("2001:db8:a::1"), *Prefix::parse("2001:db8:a::/64")}}};
    return Neighbours({link, link}, settings);
}

Address scanned(unsigned i) {
    Address a = ip("2001:db8:a::");
    a.mutable_bytes()[13] = 7;
    a.mutable_bytes()[14] = static_cast<std::uint8_t>(i >> 8);
    a.mutable_bytes()[15] = static_cast<std::uint8_t>(i);
    return a;
}

unsigned sent(Neighbours& n) {
    unsigned num = 0;
    while (const auto action = n.next_action()) num += std::holds_alternative<SendFrame>(*action) ? 1 : 0;
    return num;
}

}  // namespace

TEST_CASE("a scan makes us ask so often and keep so many, per interface, and no more") {
    Neighbours n = two_links(narrow());
    Time now{};
    for (unsigned i = 0; i < 1000; ++i) n.wanted(0, scanned(i), now);
    CHECK(sent(n) == 4);  // a second's worth
    CHECK(n.num_put_off() == 996);
    for (unsigned second = 1; second <= 60; ++second) {
        now += 1s;
        n.on_timer(now);
        for (unsigned i = 0; i < 1000; ++i) n.wanted(0, scanned(1000 * second + i), now);
        CHECK(sent(n) <= 4 + 8);  // new ones, and those asked again
        CHECK(n.status(now).size() <= 8);
    }
    SECTION("the other interface has its own bounds") {
        n.wanted(1, scanned(1), now);
        CHECK(sent(n) == 1);
    }
    SECTION("a gateway is always asked for") {
        n.wanted(0, ip("2001:db8:a::fe"), now);
        CHECK(sent(n) == 1);
    }
    SECTION("who answers or shows itself is learned, and stays whatever is scanned") {
        n.on_nd(0, nd(135, 0, "2001:db8:a::65", "2001:db8:a::1", 1, kAlice), now);
        CHECK(std::holds_alternative<Learned>(*n.next_action()));
        sent(n);
        for (unsigned i = 0; i < 1000; ++i) n.wanted(0, scanned(90'000 + i), now);
        bool there = false;
        for (const NeighbourStatus& s : n.status(now))
            there |= s.address == ip("2001:db8:a::65") && s.state == "reachable";
        CHECK(there);
    }
    SECTION("when it ends, all of it is forgotten") {
        for (int i = 0; i < 10; ++i) n.on_timer(now += 1s);
        sent(n);
        CHECK(n.status(now).empty());
        CHECK(n.next_deadline() == kNever);
        n.wanted(0, ip("2001:db8:a::77"), now);
        CHECK(sent(n) == 1);
    }
}

TEST_CASE("in a full table one that has shown itself takes the place of one that has not") {
    NeighbourSettings settings = narrow();
    settings.max_entries = 3;
    Neighbours n = two_links(settings);
    const Time now{};
    n.wanted(0, scanned(1), now);
    n.on_nd(0, nd(135, 0, "2001:db8:a::61", "2001:db8:a::1", 1, kAlice), now);
    n.on_nd(0, nd(135, 0, "2001:db8:a::62", "2001:db8:a::1", 1, kAlice), now);
    sent(n);
    n.on_nd(0, nd(135, 0, "2001:db8:a::63", "2001:db8:a::1", 1, kAlice), now);
    CHECK(expect<Lost>(n).address == scanned(1));
    CHECK(expect<Learned>(n).address == ip("2001:db8:a::63"));
    sent(n);
    n.on_nd(0, nd(135, 0, "2001:db8:a::64", "2001:db8:a::1", 1, kAlice), now);
    CHECK_FALSE(n.next_action());  // all three have
    CHECK(n.status(now).size() == 3);
}
