// The pure tables of the forwarding part against the plainest implementation of each:
// classes by scanning all prefixes, own addresses by a list, the waiting room by deques.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/random.hpp"
#include "catch.hpp"
#include "tables/classes.hpp"
#include "tables/own_addresses.hpp"
#include "worker/waiting.hpp"

using namespace oegate;

namespace {

/// Few distinct bits, so that random prefixes nest and touch.
Address some_address(Random& random) {
    if (random.below(2) == 0) return Address::ipv4(random.u32() & 0xc0c0c0c3);
    Address a;
    for (std::size_t i : {0u, 1u, 5u, 15u})
        a.mutable_bytes()[i] = static_cast<std::uint8_t>(random.below(4) * 85);
    if (random.below(4) == 0) a.mutable_bytes()[10] = a.mutable_bytes()[9] = 0xff;  // beside the mapped block
    return a;
}

ClassKind by_scan(const std::vector<ClassRule>& rules, const Pair& pair, ClassKind fallback) {
    const auto length = [](const ClassRule& r) {
        return std::pair{r.destination.length(), r.source ? int(r.source->length()) : -1};
    };
    const ClassRule* best = nullptr;
    for (const ClassRule& r : rules)
        if (r.destination.contains(pair.destination) && (!r.source || r.source->contains(pair.source)) &&
            (!best || length(r) > length(*best)))
            best = &r;
    return best ? best->kind : fallback;
}

}  // namespace

TEST_CASE("the class table agrees with a scan of all prefixes, by destination and then by source") {
    SeededRandom random(GENERATE(1u, 2u, 3u, 4u));
    const auto some_prefix = [&] {
        const Address a = some_address(random);
        return Prefix(a, static_cast<unsigned>(random.below(a.is_ipv4() ? 33 : 129)));
    };
    for (int round = 0; round < 200; ++round) {
        std::map<std::pair<Prefix, std::optional<Prefix>>, ClassKind> unique;
        for (std::uint64_t n = random.below(12); n > 0; --n) {
            const Prefix destination = some_prefix();
            for (std::uint64_t k = 1 + random.below(round % 2 == 0 ? 1 : 4); k > 0; --k)
                unique[{destination, round % 2 == 0 || random.below(3) == 0 ? std::nullopt
                                                                            : std::optional(some_prefix())}] =
                    static_cast<ClassKind>(1 + random.below(6));
        }
        std::vector<ClassRule> rules;
        for (const auto& [prefixes, kind] : unique) rules.push_back({prefixes.first, kind, prefixes.second});
        const ClassTable table(rules, ClassKind::none);
        for (int i = 0; i < 200; ++i) {
            Pair pair{some_address(random), some_address(random)};
            if (!rules.empty()) {
                const ClassRule& rule = rules[random.below(rules.size())];
                if (i % 3 == 0) pair.destination = rule.destination.last();
                if (i % 2 == 0 && rule.source) pair.source = rule.source->last();
            }
            CAPTURE(pair.source.text(), pair.destination.text());
            REQUIRE(table.lookup(pair) == by_scan(rules, pair, ClassKind::none));
        }
    }
}

TEST_CASE("a rule for all of IPv6 says nothing of IPv4, and the other way round") {
    const ClassRule v6[] = {{*Prefix::parse("::/0"), ClassKind::oe_paranoid}};
    CHECK(ClassTable(v6, ClassKind::deny).lookup({{}, *Address::parse("192.0.2.1")}) == ClassKind::deny);
    CHECK(ClassTable(v6, ClassKind::deny).lookup({{}, *Address::parse("2001:db8::1")}) ==
          ClassKind::oe_paranoid);
    const ClassRule v4[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_permissive}};
    CHECK(ClassTable(v4, ClassKind::deny).lookup({{}, *Address::parse("255.255.255.255")}) ==
          ClassKind::oe_permissive);
    CHECK(ClassTable(v4, ClassKind::deny).lookup({{}, *Address::parse("::1:0:0:0")}) == ClassKind::deny);
}

TEST_CASE("own addresses are found, others are foreign, own wins over broadcast") {
    SeededRandom random(9);
    using Kind = OwnAddresses::Kind;
    std::map<Address, Kind> wanted;
    std::map<Address, std::set<std::uint16_t>> broadcast_of;
    std::vector<OwnAddress> addresses;
    for (std::uint16_t i = 0; i < 300; ++i) {
        const Address a = Address::ipv4(random.u32() & 0x3ff);
        const Prefix subnet(a, 24 + static_cast<unsigned>(random.below(9)));
        addresses.push_back({a, subnet, i});
        wanted[a] = Kind::own;
        if (subnet.length() >= 31) continue;
        for (const Address& b : {subnet.address(), subnet.last()}) {
            wanted.try_emplace(b, Kind::broadcast);
            broadcast_of[b].insert(b == subnet.last() ? i : OwnAddresses::kNoInterface);
        }
    }
    const OwnAddresses own(addresses);
    for (std::uint32_t i = 0; i < 0x800; ++i) {
        const Address a = Address::ipv4(i);
        const auto at = wanted.find(a);
        CHECK(own.find(a) == (at == wanted.end() ? Kind::foreign : at->second));
        if (own.find(a) == Kind::broadcast) CHECK(broadcast_of[a].contains(own.broadcast_of(a)));
    }
    CHECK(OwnAddresses({}).find(Address::ipv4(1)) == Kind::foreign);
    CHECK(OwnAddresses({}).of(3).empty());
}

TEST_CASE("an interface's addresses keep their order, link-local ones last") {
    const auto at = [](const char* text) { return *Address::parse(text); };
    const OwnAddress all[] = {{at("fe80::1"), *Prefix::parse("fe80::/64"), 1},
                              {at("10.1.0.1"), *Prefix::parse("10.1.0.0/24"), 1},
                              {at("2001:db8::1"), *Prefix::parse("2001:db8::/64"), 1},
                              {at("10.2.0.1"), *Prefix::parse("10.2.0.0/24"), 0}};
    const OwnAddresses own(all);
    const auto of = own.of(1);
    CHECK(std::vector<Address>(of.begin(), of.end()) ==
          std::vector<Address>{at("10.1.0.1"), at("2001:db8::1"), at("fe80::1")});
    CHECK(own.of(0).size() == 1);
}

TEST_CASE("the waiting room keeps order and bounds whatever comes") {
    SeededRandom random(GENERATE(5u, 6u));
    constexpr std::uint32_t kEach = 5, kTotal = 60;
    constexpr std::uint16_t kInterfaces = 3;
    WaitingRoom room(kEach, kTotal, kInterfaces, {1, 2});
    std::uint32_t of_interface[kInterfaces] = {};
    std::map<std::uint32_t, std::deque<rte_mbuf*>> model;
    std::map<rte_mbuf*, std::uint32_t> source_of;
    std::array<std::uint32_t, 6> shares{};
    std::uint32_t total = 0;
    std::uintptr_t serial = 0;
    std::uint64_t now = 1;
    for (int step = 0; step < 20000; ++step) {
        now += 1000;
        const auto host = static_cast<std::uint32_t>(random.below(30));
        const WaitingRoom::Neighbour n{Address::ipv4(host), static_cast<std::uint16_t>(host % kInterfaces)};
        auto& queue = model[host];
        if (random.below(4) != 0) {
            auto* p = reinterpret_cast<rte_mbuf*>(64 * ++serial);  // never looked into
            const auto whose = static_cast<std::uint32_t>(random.below(6));
            const bool full = total == kTotal || queue.size() == kEach ||
                              of_interface[n.interface] == kTotal / 2 || shares[whose] == 16;
            const WaitingRoom::Put put = room.put(n, Address::ipv4(whose), p, now);
            REQUIRE((put == WaitingRoom::Put::full) == full);
            if (full) continue;
            REQUIRE((put == WaitingRoom::Put::waits_and_ask) == queue.empty());
            queue.push_back(p);
            source_of[p] = whose;
            ++shares[whose];
            ++total;
            ++of_interface[n.interface];
            REQUIRE(room.waited_for(n));
        } else {
            Burst out;
            REQUIRE_FALSE(room.take(n, out));
            REQUIRE(std::vector<rte_mbuf*>(out.begin(), out.end()) ==
                    std::vector<rte_mbuf*>(queue.begin(), queue.end()));
            total -= static_cast<std::uint32_t>(queue.size());
            of_interface[n.interface] -= static_cast<std::uint32_t>(queue.size());
            for (rte_mbuf* p : queue) --shares[source_of[p]];
            REQUIRE_FALSE(room.waited_for(n));
            queue.clear();
        }
        REQUIRE(room.size() == total);
        REQUIRE(room.of_one_source().get() == *std::max_element(shares.begin(), shares.end()));
        if (step % 100 != 0) continue;
        std::size_t longest = 0;
        for (const auto& [to, waiting] : model) longest = std::max(longest, waiting.size());
        REQUIRE(room.for_one_neighbour().get() == longest);
    }
}
