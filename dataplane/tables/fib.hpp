// Destination → next hop by rte_fib and rte_fib6. A RouteTable is built aside on the
// control thread and never changed; publisher.hpp swaps it in under rte_rcu_qsbr.
// The next-hop numbers of one table mean nothing in another.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "contract/tables.hpp"

struct rte_fib;
struct rte_fib6;

namespace oegate {

struct NextHop {
    Address gateway;
    bool connected = false;  // the datagram's own destination is the neighbour
    std::uint16_t interface = 0;
};

class RouteTable {
  public:
    static Result<std::unique_ptr<RouteTable>, TablesError> build(std::span<const Route> routes,
                                                                  unsigned num_interfaces);
    ~RouteTable();
    RouteTable(const RouteTable&) = delete;
    RouteTable& operator=(const RouteTable&) = delete;

    /// Next-hop number, 0 when there is no route.
    std::uint32_t lookup(const Address& destination) const;
    /// At most kLookupBurst at once; out gets a number for each.
    static constexpr unsigned kLookupBurst = 64;
    void lookup_ipv4(std::span<const std::uint32_t> destinations, std::uint64_t* out) const;
    void lookup_ipv6(std::span<const Address> destinations, std::uint64_t* out) const;

    const NextHop& next_hop(std::uint32_t number) const { return next_hops_[number]; }
    /// "On the link of this interface".
    static std::uint32_t connected(std::uint16_t interface) { return 1u + interface; }

  private:
    RouteTable() = default;
    std::vector<NextHop> next_hops_;  // 0: none; then one connected per interface; then gateways
    rte_fib* ipv4_ = nullptr;         // null: no such routes
    rte_fib6* ipv6_ = nullptr;
};

/// Bytes of DPDK memory that two tables (the old and the new) take at most.
std::size_t route_memory(std::uint32_t max_routes);

}  // namespace oegate
