#include "stages/route.hpp"

#include <algorithm>

#include "net/headers.hpp"
#include "stages/hop.hpp"
#include "stages/icmp.hpp"
#include "tables/fib.hpp"

namespace oegate {

void look_up(const RouteTable& routes, rte_mbuf* const* packets, unsigned count, Address Pair::*towards,
             std::uint32_t* next_hops) {
    std::uint32_t ipv4[RouteTable::kLookupBurst], found[RouteTable::kLookupBurst];
    alignas(16) Address ipv6[RouteTable::kLookupBurst];
    unsigned num_ipv4 = 0, num_ipv6 = 0;
    for (unsigned i = 0; i < count; ++i) {
        const Meta& m = meta(packets[i]);
        if (m.family == Family::ipv4)
            ipv4[num_ipv4++] = (m.pair.*towards).ipv4_host();
        else
            ipv6[num_ipv6++] = m.pair.*towards;
    }
    const auto store = [&](Family family) {
        for (unsigned i = 0, k = 0; i < count; ++i)
            if (meta(packets[i]).family == family) next_hops[i] = found[k++];
    };
    if (num_ipv4 > 0) {
        routes.lookup_ipv4({ipv4, num_ipv4}, found);
        store(Family::ipv4);
    }
    if (num_ipv6 > 0) {
        routes.lookup_ipv6({ipv6, num_ipv6}, found);
        store(Family::ipv6);
    }
}

void find_routes(Worker& worker, Burst& burst) {
    for (unsigned at = 0; at < burst.size(); at += RouteTable::kLookupBurst) {
        std::uint32_t next_hops[RouteTable::kLookupBurst];
        const unsigned count = std::min(RouteTable::kLookupBurst, burst.size() - at);
        look_up(*worker.routes, burst.data() + at, count, &Pair::destination, next_hops);
        for (unsigned i = 0; i < count; ++i) meta(burst[at + i]).next_hop = next_hops[i];
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < burst.size(); ++i) {
        rte_mbuf* packet = burst[i];
        Meta& m = meta(packet);
        // Link-local answers go back where their cause came from; transit ones died in screen.
        if (m.pair.destination.is_link_local()) m.next_hop = RouteTable::connected(m.in_interface);
        if (m.next_hop == kNoNextHop) {
            refuse(worker, packet, Drop::no_route, IcmpError::network_unreachable);
            continue;
        }
        m.out_interface = worker.routes->next_hop(m.next_hop).interface;
        // A tunnel's logical interface lies outside, whatever its packets came in on: none may
        // use a peer's SA to get outside again, in the clear.
        if (m.origin == Origin::decrypted &&
            worker.interfaces[m.out_interface].role == InterfaceRole::outside) {
            drop(worker, packet, Drop::route_same_interface);
            continue;
        }
        burst.set(kept++, packet);
    }
    burst.truncate(kept);
}

void route(Worker& worker, Burst& burst) {
    find_routes(worker, burst);
    unsigned kept = 0;
    for (unsigned i = 0; i < burst.size(); ++i) {
        rte_mbuf* packet = burst[i];
        const Meta& m = meta(packet);
        if (m.out_interface == m.in_interface) {
            drop(worker, packet, Drop::route_same_interface);
        } else if (!hop(packet)) {
            refuse(worker, packet, Drop::ttl_expired, IcmpError::time_exceeded);
        } else {
            burst.set(kept++, packet);
        }
    }
    burst.truncate(kept);
}

}  // namespace oegate
