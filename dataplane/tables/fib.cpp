#include "tables/fib.hpp"

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_memory.h>
#include <rte_version.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>

namespace oegate {
namespace {

#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
int add_ipv6(rte_fib6* fib, const Prefix& prefix, std::uint64_t number) {
    rte_ipv6_addr address;
    std::memcpy(address.a, prefix.address().bytes().data(), sizeof address.a);
    return rte_fib6_add(fib, &address, static_cast<std::uint8_t>(prefix.length()), number);
}
int find_ipv6(rte_fib6* fib, std::span<const Address> destinations, std::uint64_t* out) {
    static_assert(sizeof(Address) == sizeof(rte_ipv6_addr));
    return rte_fib6_lookup_bulk(fib, reinterpret_cast<const rte_ipv6_addr*>(destinations.data()), out,
                                static_cast<int>(destinations.size()));
}
#else
int add_ipv6(rte_fib6* fib, const Prefix& prefix, std::uint64_t number) {
    return rte_fib6_add(fib, prefix.address().bytes().data(), static_cast<std::uint8_t>(prefix.length()),
                        number);
}
int find_ipv6(rte_fib6* fib, std::span<const Address> destinations, std::uint64_t* out) {
    using Row = std::uint8_t[RTE_FIB6_IPV6_ADDR_SIZE];
    Row* rows = reinterpret_cast<Row*>(const_cast<Address*>(destinations.data()));  // read only
    return rte_fib6_lookup_bulk(fib, rows, out, static_cast<int>(destinations.size()));
}
#endif

/// rte_fib finds objects by name in the process; a new table exists beside the old.
std::string fresh_name(const char* kind) {
    static std::atomic<unsigned> count{0};
    return std::string(kind) + std::to_string(count.fetch_add(1));
}

/// Each distinct /24 with a longer route takes a tbl8.
std::uint32_t groups_ipv4(std::span<const Route> routes) {
    std::set<std::uint32_t> groups;
    for (const Route& route : routes) {
        const Prefix& p = route.prefix;
        if (p.family() == Family::ipv4 && p.length() > 24) groups.insert(p.address().ipv4_host() >> 8);
    }
    return static_cast<std::uint32_t>(groups.size());
}

/// Each level behind the first 24 bits that a route descends takes one at most.
std::uint32_t groups_ipv6(std::span<const Route> routes) {
    std::uint32_t groups = 0;
    for (const Route& route : routes) {
        const Prefix& p = route.prefix;
        if (p.family() == Family::ipv6 && p.length() > 24) groups += (p.length() - 24 + 7) / 8;
    }
    return groups;
}

constexpr std::uint32_t kSpareGroups = 16;
constexpr std::uint32_t kMaxGroupsIpv4 = (1u << 15) - 1;  // one bit of a 2-byte entry marks a tbl8

}  // namespace

std::size_t route_memory(std::uint32_t max_routes) {
    // tbl24 with 2 (IPv4) and 4 bytes (IPv6) an entry; then tbl8s and RIB nodes, with
    // half the routes of each family descending behind the first 24 bits.
    const std::size_t tables = (std::size_t{2} << 24) + (std::size_t{4} << 24);
    const std::size_t groups =
        std::size_t{max_routes} / 2 * 64 + std::min<std::size_t>(max_routes, 16384) * 1024;
    const std::size_t nodes = std::size_t{max_routes} * 2 * 128;
    return 2 * (tables + groups + nodes);
}

Result<std::unique_ptr<RouteTable>, TablesError> RouteTable::build(std::span<const Route> routes,
                                                                   unsigned num_interfaces) {
    std::unique_ptr<RouteTable> table(new RouteTable);
    table->next_hops_.resize(1 + num_interfaces);
    for (unsigned i = 0; i < num_interfaces; ++i) {
        table->next_hops_[1 + i].connected = true;
        table->next_hops_[1 + i].interface = static_cast<std::uint16_t>(i);
    }
    int num_ipv4 = 0, num_ipv6 = 0;
    for (const Route& route : routes) {
        if (route.interface >= num_interfaces) return fail(TablesError::bad_interface);
        ++(route.prefix.family() == Family::ipv4 ? num_ipv4 : num_ipv6);
    }
    if (num_ipv4 > 0) {
        const std::uint32_t groups = groups_ipv4(routes) + kSpareGroups;
        if (groups > kMaxGroupsIpv4) return fail(TablesError::too_many_routes);
        rte_fib_conf conf{};
        conf.type = RTE_FIB_DIR24_8;
        conf.max_routes = num_ipv4 + 16;
        conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
        conf.dir24_8.num_tbl8 = groups;
        table->ipv4_ = rte_fib_create(fresh_name("routes4_").c_str(), SOCKET_ID_ANY, &conf);
        if (table->ipv4_ == nullptr) return fail(TablesError::out_of_memory);
    }
    if (num_ipv6 > 0) {
        rte_fib6_conf conf{};
        conf.type = RTE_FIB6_TRIE;
        conf.max_routes = num_ipv6 + 16;
        conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
        conf.trie.num_tbl8 = groups_ipv6(routes) + kSpareGroups;
        table->ipv6_ = rte_fib6_create(fresh_name("routes6_").c_str(), SOCKET_ID_ANY, &conf);
        if (table->ipv6_ == nullptr) return fail(TablesError::out_of_memory);
    }
    std::map<std::pair<std::uint16_t, Address>, std::uint32_t> gateways;
    for (const Route& route : routes) {
        std::uint32_t number = connected(route.interface);
        if (route.next_hop) {
            const auto [at, fresh] = gateways.try_emplace(
                {route.interface, *route.next_hop}, static_cast<std::uint32_t>(table->next_hops_.size()));
            if (fresh) table->next_hops_.push_back({*route.next_hop, false, route.interface});
            number = at->second;
        }
        if (table->next_hops_.size() >= 1u << 15) return fail(TablesError::too_many_routes);
        const Prefix& p = route.prefix;
        const int status = p.family() == Family::ipv4
                               ? rte_fib_add(table->ipv4_, p.address().ipv4_host(),
                                             static_cast<std::uint8_t>(p.length()), number)
                               : add_ipv6(table->ipv6_, p, number);
        if (status != 0) return fail(TablesError::too_many_routes);
    }
    return table;
}

RouteTable::~RouteTable() {
    if (ipv4_ != nullptr) rte_fib_free(ipv4_);
    if (ipv6_ != nullptr) rte_fib6_free(ipv6_);
}

void RouteTable::lookup_ipv4(std::span<const std::uint32_t> destinations, std::uint64_t* out) const {
    if (ipv4_ == nullptr) {
        std::fill_n(out, destinations.size(), 0);
        return;
    }
    rte_fib_lookup_bulk(ipv4_, const_cast<std::uint32_t*>(destinations.data()), out,
                        static_cast<int>(destinations.size()));
}

void RouteTable::lookup_ipv6(std::span<const Address> destinations, std::uint64_t* out) const {
    if (ipv6_ == nullptr) {
        std::fill_n(out, destinations.size(), 0);
        return;
    }
    find_ipv6(ipv6_, destinations, out);
}

std::uint32_t RouteTable::lookup(const Address& destination) const {
    std::uint64_t number = 0;
    if (destination.is_ipv4()) {
        const std::uint32_t host = destination.ipv4_host();
        lookup_ipv4({&host, 1}, &number);
    } else {
        lookup_ipv6({&destination, 1}, &number);
    }
    return static_cast<std::uint32_t>(number);
}

}  // namespace oegate
