// route: longest-prefix lookup of the destination, then the hop itself (TTL). Filters
// in place: what stays has a next hop.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Next hops towards one address of each of up to RouteTable::kLookupBurst packets, one
/// bulk look-up a family.
void look_up(const RouteTable&, rte_mbuf* const* packets, unsigned count, Address Pair::*towards,
             std::uint32_t* next_hops);

/// Sets next_hop and out_interface; drops what has no route. TTL is not touched: for
/// what we send ourselves, and for what was held or handed over since its hop.
void find_routes(Worker&, Burst&);

/// find_routes, then a router's duty to transit datagrams: not back out of the
/// interface they came in on (nor outside, out of a tunnel), TTL or hop limit down by one (RFC 1812 §5.3.1).
void route(Worker&, Burst&);

}  // namespace oegate
