#include "stages/route.hpp"

#include "net/headers.hpp"
#include "stages/hop.hpp"
#include "stages/icmp.hpp"
#include "tables/fib.hpp"

namespace oegate {
namespace {

/// Numbers for up to kLookupBurst packets, one bulk lookup a family.
void look_up(const RouteTable& routes, rte_mbuf** packets, unsigned count) {
    std::uint32_t ipv4[RouteTable::kLookupBurst];
    alignas(16) Address ipv6[RouteTable::kLookupBurst];
    std::uint32_t numbers[RouteTable::kLookupBurst];
    unsigned num_ipv4 = 0, num_ipv6 = 0;
    for (unsigned i = 0; i < count; ++i) {
        const Meta& m = meta(packets[i]);
        if (m.family == Family::ipv4) {
            ipv4[num_ipv4++] = m.pair.destination.ipv4_host();
        } else {
            ipv6[num_ipv6++] = m.pair.destination;
        }
    }
    const auto store = [&](Family family) {
        for (unsigned i = 0, k = 0; i < count; ++i)
            if (meta(packets[i]).family == family) meta(packets[i]).next_hop = numbers[k++];
    };
    if (num_ipv4 > 0) {
        routes.lookup_ipv4({ipv4, num_ipv4}, numbers);
        store(Family::ipv4);
    }
    if (num_ipv6 > 0) {
        routes.lookup_ipv6({ipv6, num_ipv6}, numbers);
        store(Family::ipv6);
    }
}

}  // namespace

void find_routes(Worker& worker, Burst& burst) {
    for (unsigned at = 0; at < burst.size(); at += RouteTable::kLookupBurst)
        look_up(*worker.routes, burst.data() + at, std::min(RouteTable::kLookupBurst, burst.size() - at));
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
