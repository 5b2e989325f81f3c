// The route table against the plainest one there is: a map of prefixes, scanned by
// length. Random adds, replacements, removals and whole sets; a reader on another
// thread while they go on; the bounds.
#include <atomic>
#include <map>
#include <optional>
#include <thread>

#include "base/random.hpp"
#include "catch.hpp"
#include "tables/fib.hpp"

using namespace oegate;

namespace {

constexpr unsigned kInterfaces = 3;

Route some_route(Random& random, unsigned num_gateways = 20) {
    Address a;
    unsigned length = 0;
    if (random.below(2) == 0) {
        a = Address::ipv4(random.u32() & 0x0c03c3c3);
        length = static_cast<unsigned>(random.below(33));
    } else {
        for (std::size_t i : {0u, 1u, 2u, 3u, 5u, 8u, 15u})
            a.mutable_bytes()[i] = static_cast<std::uint8_t>(random.below(3) * 85);
        length = static_cast<unsigned>(random.below(129));
    }
    Route route{Prefix(a, length), std::nullopt, static_cast<std::uint16_t>(random.below(kInterfaces))};
    if (const auto g = random.below(num_gateways); g > 0)
        route.next_hop = Address::ipv4(static_cast<std::uint32_t>(g));
    return route;
}

class Model {
  public:
    void add(const Route& route) { routes_[route.prefix] = route; }
    bool remove(const Prefix& prefix) { return routes_.erase(prefix) > 0; }
    const Route* find(const Address& a) const {
        const bool v4 = a.is_ipv4();
        for (int length = v4 ? 32 : 128; length >= 0; --length) {
            const auto at = routes_.find(Prefix(a, static_cast<unsigned>(length)));
            if (at != routes_.end()) return &at->second;
        }
        return nullptr;
    }
    const std::map<Prefix, Route>& all() const { return routes_; }

  private:
    std::map<Prefix, Route> routes_;
};

bool same(const RouteTable& table, std::uint32_t id, const Route* wanted) {
    if (wanted == nullptr) return id == 0;
    const NextHop& next = table.next_hop(id);
    return id != 0 && next.interface == wanted->interface && next.connected == !wanted->next_hop &&
           (next.connected || next.gateway == *wanted->next_hop);
}

void compare(const RouteTable& table, const Model& model, Random& random) {
    std::vector<Address> asked;
    for (const auto& [prefix, route] : model.all()) {
        asked.push_back(prefix.address());
        asked.push_back(prefix.last());
    }
    while (asked.size() % RouteTable::kLookupBurst != 0) asked.push_back(some_route(random).prefix.last());
    std::vector<std::uint32_t> hosts;
    std::vector<Address> v6;
    for (const Address& a : asked) {
        CAPTURE(a.text());
        REQUIRE(same(table, table.lookup(a), model.find(a)));
        if (a.is_ipv4())
            hosts.push_back(a.ipv4_host());
        else
            v6.push_back(a);
    }
    std::uint32_t out[RouteTable::kLookupBurst];
    for (std::size_t from = 0; from < hosts.size(); from += RouteTable::kLookupBurst) {
        const std::size_t num = std::min<std::size_t>(RouteTable::kLookupBurst, hosts.size() - from);
        table.lookup_ipv4({hosts.data() + from, num}, out);
        for (std::size_t i = 0; i < num; ++i)
            REQUIRE(same(table, out[i], model.find(Address::ipv4(hosts[from + i]))));
    }
    for (std::size_t from = 0; from < v6.size(); from += RouteTable::kLookupBurst) {
        const std::size_t num = std::min<std::size_t>(RouteTable::kLookupBurst, v6.size() - from);
        table.lookup_ipv6({v6.data() + from, num}, out);
        for (std::size_t i = 0; i < num; ++i) REQUIRE(same(table, out[i], model.find(v6[from + i])));
    }
    REQUIRE(table.num_routes() == model.all().size());
}

void move_on(RouteTable& table) {
    table.stamp(1);
    table.reclaim([](std::uint64_t) { return true; });
}

}  // namespace

TEST_CASE("random changes of routes leave what a scan of all prefixes finds") {
    SeededRandom random(GENERATE(1u, 2u, 3u, 4u));
    RouteTable table(kInterfaces, 4096);
    Model model;
    for (int step = 0; step < 3000; ++step) {
        const Route route = some_route(random);
        if (random.below(5) < 3 && model.all().size() < 400) {
            REQUIRE(table.add(route));
            model.add(route);
        } else {
            Prefix victim = route.prefix;
            if (!model.all().empty() && random.below(4) != 0) {
                auto at = model.all().lower_bound(victim);
                victim = (at == model.all().end() ? model.all().begin() : at)->first;
            }
            REQUIRE(table.remove(victim) == model.remove(victim));
        }
        if (step % 3 == 0) move_on(table);
        if (step % 100 == 0) compare(table, model, random);
    }
    compare(table, model, random);
    std::vector<Prefix> all;
    for (const auto& [prefix, route] : model.all()) all.push_back(prefix);
    for (const Prefix& prefix : all) REQUIRE(table.remove(prefix));
    move_on(table);
    CHECK(table.num_routes() == 0);
    CHECK(table.num_nodes() == 0);  // every node came back
    CHECK(table.num_next_hops() == kInterfaces);
    CHECK(table.num_retired() == 0);
}

TEST_CASE("a whole set of routes replaces another, touching only what differs") {
    SeededRandom random(7);
    RouteTable table(kInterfaces, 4096);
    Model model;
    std::vector<Route> routes;
    for (int round = 0; round < 60; ++round) {
        const std::vector<Route> before = routes;
        if (round % 3 == 0) routes.clear();
        for (std::uint64_t n = random.below(80); n > 0; --n) routes.push_back(some_route(random));
        const auto changed = table.assign(routes);
        REQUIRE(changed);
        model = {};
        for (const Route& r : routes) model.add(r);  // the last to a prefix wins
        compare(table, model, random);
        CHECK_FALSE(*table.assign(std::vector<Route>{[&] {
            std::vector<Route> same_again;
            for (const auto& [prefix, route] : model.all()) same_again.push_back(route);
            return same_again;
        }()}));
        move_on(table);
    }
    SECTION("and when it cannot, the former set stays") {
        std::vector<Route> bad = {some_route(random), some_route(random), some_route(random)};
        bad.push_back({*Prefix::parse("10.0.0.0/8"), {}, kInterfaces});
        CHECK(table.assign(bad).error() == TablesError::bad_interface);
        compare(table, model, random);
        move_on(table);
        REQUIRE(table.assign({}));
        move_on(table);
        CHECK(table.num_nodes() == 0);
        CHECK(table.num_next_hops() == kInterfaces);
    }
}

TEST_CASE("the table's bounds are errors, and change nothing") {
    SECTION("routes") {
        RouteTable table(1, 64);
        for (std::uint32_t i = 0; i < 64; ++i)
            REQUIRE(table.add({Prefix(Address::ipv4(i << 8), 24), Address::ipv4(1), 0}));
        const Route one_more{*Prefix::parse("192.0.2.0/24"), Address::ipv4(1), 0};
        CHECK(table.add(one_more).error() == TablesError::too_many_routes);
        CHECK(table.lookup(*Address::parse("192.0.2.1")) == 0);
        CHECK(*table.add(
            {Prefix(Address::ipv4(0), 24), Address::ipv4(2), 0}));  // a replacement is not one more
        CHECK(table.remove(Prefix(Address::ipv4(0), 24)));
        CHECK(table.add(one_more));
    }
    SECTION("next hops; and an id is used again only after its grace") {
        RouteTable table(1, 100'000);
        const auto route = [](std::uint32_t i) {
            return Route{Prefix(Address::ipv4(i << 8), 24), Address::ipv4(0x0a000000 + i), 0};
        };
        for (std::uint32_t i = 0; i < RouteTable::kMaxNextHops - 1; ++i) REQUIRE(table.add(route(i)));
        CHECK(table.add(route(70'000)).error() == TablesError::too_many_next_hops);
        const std::uint32_t id = table.lookup(Address::ipv4(5 << 8));
        CHECK(table.remove(route(5).prefix));
        CHECK(table.add(route(70'000)).error() == TablesError::too_many_next_hops);
        table.stamp(9);
        table.reclaim([](std::uint64_t) { return false; });
        CHECK(table.add(route(70'000)).error() == TablesError::too_many_next_hops);
        CHECK(table.next_hop(id).gateway == Address::ipv4(0x0a000005));  // still what a late reader thinks
        table.reclaim([](std::uint64_t token) { return token == 9; });
        CHECK(table.add(route(70'000)));
        CHECK(table.lookup(Address::ipv4(70'000 << 8)) == id);
    }
    SECTION("trie nodes") {
        RouteTable table(1, 64);
        SeededRandom random(3);
        std::size_t added = 0;
        std::optional<TablesError> error;
        std::vector<Prefix> there;
        // 64 routes of 14 nodes each fit; what is retired and not reclaimed counts too.
        for (int i = 0; i < 5000 && !error; ++i) {
            Address a;
            for (auto& b : a.mutable_bytes()) b = static_cast<std::uint8_t>(random.below(256));
            const auto status = table.add({Prefix(a, 128), Address::ipv4(1), 0});
            if (!status) {
                error = status.error();
                break;
            }
            ++added;
            there.push_back(Prefix(a, 128));
            if (there.size() > 32) {
                CHECK(table.remove(there.front()));
                there.erase(there.begin());
            }
        }
        REQUIRE(error == TablesError::too_many_routes);
        CHECK(added > 250);
        for (const Prefix& prefix : there) CHECK(table.lookup(prefix.address()) != 0);
        move_on(table);
        CHECK(table.add({*Prefix::parse("2001:db8::1/128"), Address::ipv4(1), 0}));
    }
}

TEST_CASE("a reader meets the old route or the new one, never a hole or a neighbour's") {
    // 10.1/16 is always there, through gateway 1; below it routes through gateways 2 to 9
    // come and go; beside it nothing changes. The grace is the reader's own count of rounds.
    RouteTable table(1, 4096);
    const auto gateway = [](std::uint32_t g) { return Address::ipv4(0xc0000200 + g); };
    REQUIRE(table.add({*Prefix::parse("10.1.0.0/16"), gateway(1), 0}));
    REQUIRE(table.add({*Prefix::parse("10.2.0.0/24"), gateway(100), 0}));
    std::atomic<std::uint64_t> round{1};
    std::atomic<bool> stop{false};
    std::atomic<unsigned> wrong{0};
    std::thread reader([&] {
        SeededRandom random(11);
        while (!stop.load()) {
            std::uint32_t hosts[RouteTable::kLookupBurst], out[RouteTable::kLookupBurst];
            for (auto& host : hosts) host = 0x0a010000 | (random.u32() & 0xffff);
            hosts[0] = 0x0a020007;
            table.lookup_ipv4(hosts, out);
            for (unsigned i = 0; i < RouteTable::kLookupBurst; ++i) {
                const std::uint32_t g = table.next_hop(out[i]).gateway.ipv4_host() - 0xc0000200;
                const bool fine = i == 0 ? g == 100 : g >= 1 && g <= 9;
                if (out[i] == 0 || !fine) ++wrong;
            }
            round.store(round.load() + 1);
        }
    });
    SeededRandom random(12);
    for (int step = 0; step < 20'000; ++step) {
        const Prefix prefix(Address::ipv4(0x0a010000 | (random.u32() & 0x3f3f)),
                            17 + static_cast<unsigned>(random.below(16)));
        if (random.below(2) == 0)
            CHECK(table.add({prefix, gateway(2 + static_cast<std::uint32_t>(random.below(8))), 0}));
        else
            table.remove(prefix);
        table.stamp(round.load());
        table.reclaim([&](std::uint64_t token) { return round.load() > token + 1; });
    }
    stop.store(true);
    reader.join();
    CHECK(wrong.load() == 0);
    CHECK(round.load() > 10);
}
