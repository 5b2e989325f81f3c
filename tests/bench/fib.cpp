// The route table at the size of the Internet's: what a lookup costs by itself and in
// bursts, how fast routes come and go, what memory they take; next to rte_fib with the
// same IPv4 routes. Run by scripts/bench fib; no root, no huge pages.
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_memory.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_set>

#include "base/random.hpp"
#include "tables/fib.hpp"

using namespace oegate;

namespace {

constexpr unsigned kInterfaces = 2, kGateways = 64;
constexpr std::size_t kRoutesIpv4 = 1'000'000, kRoutesIpv6 = 200'000, kAsked = 1 << 20;

struct Share {
    unsigned length, percent;
};
/// About what the default-free zone looks like; the last two stand for inside routes.
constexpr Share kSharesIpv4[] = {{24, 58}, {23, 10}, {22, 11}, {21, 5}, {20, 4}, {19, 3},
                                 {18, 1},  {17, 1},  {16, 2},  {28, 2}, {32, 3}};
constexpr Share kSharesIpv6[] = {{48, 48}, {44, 8}, {40, 8}, {36, 5}, {32, 20}, {29, 4}, {56, 3}, {64, 4}};

template <std::size_t kNum>
unsigned pick(const Share (&shares)[kNum], Random& random) {
    auto at = static_cast<unsigned>(random.below(100));
    for (const Share& share : shares) {
        if (at < share.percent) return share.length;
        at -= share.percent;
    }
    return shares[0].length;
}

Address some_ipv4(Random& random) {
    return Address::ipv4(static_cast<std::uint32_t>((1 + random.below(223)) << 24) |
                         (random.u32() & 0xffffff));
}

/// Within 20,000 allocations of /32 under the registries' /12 blocks.
Address some_ipv6(Random& random) {
    static constexpr std::uint8_t kBlocks[] = {0x24, 0x26, 0x28, 0x2a, 0x2c};
    SeededRandom allocation(1000 + random.below(20'000));
    Address a;
    auto& b = a.mutable_bytes();
    for (std::size_t i = 1; i < 4; ++i) b[i] = static_cast<std::uint8_t>(allocation.below(256));
    b[0] = kBlocks[allocation.below(std::size(kBlocks))];
    b[1] &= 0x0f;
    for (std::size_t i = 4; i < 16; ++i) b[i] = static_cast<std::uint8_t>(random.below(256));
    return a;
}

std::vector<Route> make_routes() {
    SeededRandom random(1);
    std::vector<Route> routes;
    const auto fill = [&](std::size_t count, const auto& shares, const auto& some) {
        std::unordered_set<std::string> seen;
        for (std::size_t made = 0; made < count;) {
            const Prefix prefix(some(random), pick(shares, random));
            if (!seen.insert(prefix.text()).second) continue;
            const auto gateway = static_cast<std::uint32_t>(random.below(kGateways));
            routes.push_back({prefix, Address::ipv4(0x0a000001 + gateway),
                              static_cast<std::uint16_t>(gateway % kInterfaces)});
            ++made;
        }
    };
    fill(kRoutesIpv4, kSharesIpv4, some_ipv4);
    fill(kRoutesIpv6, kSharesIpv6, some_ipv6);
    return routes;
}

double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double resident_mib() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    long all = 0, resident = 0;
    if (file == nullptr || std::fscanf(file, "%ld %ld", &all, &resident) != 2) resident = 0;
    if (file != nullptr) std::fclose(file);
    return static_cast<double>(resident) * 4096 / (1 << 20);
}

void move_on(RouteTable& table) {
    table.stamp(1);
    table.reclaim([](std::uint64_t) { return true; });
}

/// Median over rounds of cycles per lookup; `look` asks for all in bursts of 32.
template <class Look>
double cycles(std::size_t asked, const Look& look) {
    std::vector<double> rounds;
    for (int round = 0; round < 7; ++round) {
        const std::uint64_t from = rte_rdtsc();
        look();
        rounds.push_back(static_cast<double>(rte_rdtsc() - from) / static_cast<double>(asked));
    }
    std::nth_element(rounds.begin(), rounds.begin() + 3, rounds.end());
    return rounds[3];
}

std::uint64_t sink = 0;

template <class Key, class Find>
double burst_cycles(const std::vector<Key>& keys, const Find& find) {
    return cycles(keys.size(), [&] {
        std::uint32_t out[32];
        for (std::size_t i = 0; i + 32 <= keys.size(); i += 32) {
            find(std::span<const Key>(keys.data() + i, 32), out);
            sink += out[0] + out[31];
        }
    });
}

struct Asked {
    std::vector<std::uint32_t> ipv4, hot;
    std::vector<Address> ipv6;
};

/// Addresses that the routes cover, all over them; `hot`: a thousand of them again and again.
Asked make_asked(const std::vector<Route>& routes) {
    SeededRandom random(2);
    Asked asked;
    for (std::size_t i = 0; i < kAsked; ++i) {
        const Prefix& p = routes[random.below(kRoutesIpv4)].prefix;
        const std::uint32_t span = p.length() == 32 ? 0 : 0xffffffffu >> p.length();
        asked.ipv4.push_back(p.address().ipv4_host() | (random.u32() & span));
        asked.ipv6.push_back(routes[kRoutesIpv4 + random.below(kRoutesIpv6)].prefix.address());
    }
    for (std::size_t i = 0; i < kAsked; ++i) asked.hot.push_back(asked.ipv4[random.below(1000)]);
    return asked;
}

void time_changes(RouteTable& table, const std::vector<Route>& routes) {
    SeededRandom random(3);
    constexpr int kChanges = 200'000;
    std::vector<Route> some;
    for (int i = 0; i < kChanges; ++i) some.push_back(routes[random.below(routes.size())]);
    double longest = 0;
    double from = seconds(), last = from;
    for (const Route& route : some) {
        table.remove(route.prefix);
        static_cast<void>(table.add(route));
        move_on(table);
        const double now = seconds();
        longest = std::max(longest, now - last);
        last = now;
    }
    std::printf("remove and add one of them: %.2f us both, the longest %.0f us\n",
                (seconds() - from) / kChanges * 1e6, longest * 1e6);
    from = seconds();
    for (Route& route : some) {
        route.next_hop = Address::ipv4(0x0a000001 + static_cast<std::uint32_t>(random.below(kGateways)));
        static_cast<void>(table.add(route));
    }
    std::printf("give one of them another gateway: %.2f us\n", (seconds() - from) / kChanges * 1e6);
    for (const auto& [text, what] :
         {std::pair{"0.0.0.0/0", "the default route"}, std::pair{"16.0.0.0/4", "a /4"}}) {
        from = seconds();
        static_cast<void>(table.add({*Prefix::parse(text), Address::ipv4(0x0a000001), 0}));
        const double added = seconds();
        table.remove(*Prefix::parse(text));
        std::printf("add, then remove, %s over all: %.0f us, %.0f us\n", what, (added - from) * 1e6,
                    (seconds() - added) * 1e6);
    }
    std::vector<Route> next = routes;
    for (std::size_t i = 0; i < next.size(); i += 100) next[i].next_hop = Address::ipv4(0x0a0000ff);
    from = seconds();
    static_cast<void>(table.assign(next));
    std::printf("replace the whole set, 1 %% of it new: %.0f ms\n", (seconds() - from) * 1e3);
    move_on(table);
}

void time_peer(const std::vector<Route>& routes, const Asked& asked) {
    rte_fib_conf conf{};
    conf.type = RTE_FIB_DIR24_8;
    conf.max_routes = kRoutesIpv4 + 16;
    conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_4B;
    conf.dir24_8.num_tbl8 = 1 << 16;
    rte_fib* fib = rte_fib_create("peer", SOCKET_ID_ANY, &conf);
    if (fib == nullptr) {
        std::printf("rte_fib: no memory\n");
        return;
    }
    const double from = seconds();
    std::size_t added = 0;
    for (std::size_t i = 0; i < kRoutesIpv4; ++i)
        added += rte_fib_add(fib, routes[i].prefix.address().ipv4_host(),
                             static_cast<std::uint8_t>(routes[i].prefix.length()), 1 + i % kGateways) == 0;
    const double took = seconds() - from;
    const auto find = [fib](std::span<const std::uint32_t> keys, std::uint32_t* out) {
        std::uint64_t ids[32];
        rte_fib_lookup_bulk(fib, const_cast<std::uint32_t*>(keys.data()), ids, 32);
        out[0] = static_cast<std::uint32_t>(ids[0]);
        out[31] = static_cast<std::uint32_t>(ids[31]);
    };
    std::printf("%-34s %8.1f\n", "rte_fib DIR24_8, all over", burst_cycles(asked.ipv4, find));
    std::printf("%-34s %8.1f\n", "rte_fib DIR24_8, 1,000 of them", burst_cycles(asked.hot, find));
    std::printf("rte_fib took %.2f s for %zu routes (%.2f us each)\n", took, added,
                took / static_cast<double>(added) * 1e6);
    rte_fib_free(fib);
}

}  // namespace

int main() {
    const char* arguments[] = {"bench_fib",   "--no-huge", "-m", "1536",        "--no-pci",
                               "--no-shconf", "-l",        "0",  "--log-level", "4"};
    const bool eal = rte_eal_init(static_cast<int>(std::size(arguments)), const_cast<char**>(arguments)) >= 0;
    const std::vector<Route> routes = make_routes();
    const Asked asked = make_asked(routes);
    const double before = resident_mib();
    RouteTable table(kInterfaces, static_cast<std::uint32_t>(routes.size() + 16));
    double from = seconds();
    for (std::size_t i = 0; i < kRoutesIpv4; ++i)
        if (!table.add(routes[i])) return 1;
    std::printf("%zu IPv4 routes added one by one: %.2f s (%.2f us each); tries %.0f MiB, all %.0f MiB\n",
                kRoutesIpv4, seconds() - from, (seconds() - from) / kRoutesIpv4 * 1e6,
                static_cast<double>(table.num_bytes()) / (1 << 20), resident_mib() - before);
    from = seconds();
    for (std::size_t i = kRoutesIpv4; i < routes.size(); ++i)
        if (!table.add(routes[i])) return 1;
    std::printf("%zu IPv6 routes more: %.2f s (%.2f us each); tries %.0f MiB, all %.0f MiB\n\n", kRoutesIpv6,
                seconds() - from, (seconds() - from) / kRoutesIpv6 * 1e6,
                static_cast<double>(table.num_bytes()) / (1 << 20), resident_mib() - before);
    std::printf("TSC cycles per lookup, bursts of 32, %zu destinations\n", kAsked);
    const auto find4 = [&](std::span<const std::uint32_t> keys, std::uint32_t* out) {
        table.lookup_ipv4(keys, out);
    };
    const auto find6 = [&](std::span<const Address> keys, std::uint32_t* out) {
        table.lookup_ipv6(keys, out);
    };
    std::printf("%-34s %8.1f\n", "IPv4, all over the routes", burst_cycles(asked.ipv4, find4));
    std::printf("%-34s %8.1f\n", "IPv4, 1,000 of them", burst_cycles(asked.hot, find4));
    std::printf("%-34s %8.1f\n", "IPv4, one at a time, all over", cycles(kAsked, [&] {
                    for (const std::uint32_t host : asked.ipv4) sink += table.lookup(Address::ipv4(host));
                }));
    std::printf("%-34s %8.1f\n", "IPv6, all over the routes", burst_cycles(asked.ipv6, find6));
    if (eal) time_peer(routes, asked);
    std::printf("\n");
    time_changes(table, routes);
    return sink == 1 ? 1 : 0;
}
