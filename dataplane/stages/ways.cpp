#include "stages/ways.hpp"

#include "stages/screen.hpp"
#include "tables/fib.hpp"
#include "tables/neighbours.hpp"

namespace oegate {

std::uint32_t adjacency_of(const Worker& worker, std::uint32_t next_hop, const Address& destination) {
    const NextHop& next = worker.routes->next_hop(next_hop);
    return next.connected ? worker.published->neighbours->find(next.interface, destination)
                          : next.adjacency.load(std::memory_order_acquire);
}

Way way_by(const Worker& worker, std::uint32_t adjacency) {
    if (adjacency == kNoAdjacency || adjacency > 0xffff || worker.way_generation == Way::kNothing) return {};
    return {static_cast<std::uint16_t>(adjacency), static_cast<std::uint16_t>(worker.way_generation)};
}

Way find_way(const Worker& worker, const Address& destination) {
    const std::uint32_t next_hop = worker.routes->lookup(destination);
    if (next_hop == kNoNextHop) return {};
    return way_by(worker, adjacency_of(worker, next_hop, destination));
}

std::uint16_t mtu_towards(const Worker& worker, const Address& destination) {
    const std::uint32_t next_hop = worker.routes->lookup(destination);
    if (next_hop == kNoNextHop) return 0xffff;
    return worker.interfaces[worker.routes->next_hop(next_hop).interface].mtu;
}

Way find_way_inside(const Worker& worker, const Pair& pair) {
    if (!is_transit(worker, pair)) return {};
    const Way way = find_way(worker, pair.destination);
    const Adjacency to = worker.published->neighbours->at(way.adjacency);
    if (!to.resolved() || worker.interfaces[to.interface()].role != InterfaceRole::inside) return {};
    return way;
}

}  // namespace oegate
