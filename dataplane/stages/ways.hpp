// Finding a way to remember (tables/way.hpp): what policy keeps in a flow, encrypt and
// decrypt in an SA. Off the short way: asked once a flow or SA and change of tables.
#pragma once

#include "tables/sad.hpp"
#include "worker/worker.hpp"

namespace oegate {

/// The neighbour that a datagram to `destination` by this next hop goes to; kNoAdjacency
/// when it is not resolved.
std::uint32_t adjacency_of(const Worker&, std::uint32_t next_hop, const Address& destination);

/// For datagrams that are exempt from every check but the route: our own ESP. Unknown
/// when there is no route, or the neighbour is not resolved.
Way find_way(const Worker&, const Address& destination);

/// MTU of the interface that datagrams to `destination` leave by; the most there is when
/// nothing leads there, which the long way says.
std::uint16_t mtu_towards(const Worker&, const Address& destination);

/// For datagrams of this pair that come out of a tunnel: screened, routed, and leaving
/// inside. Unknown when any of that refuses them or they are for us: the long way says
/// which, for each of them.
Way find_way_inside(const Worker&, const Pair&);

/// Keeps what was found in this loop in an SA; mtu: that of the way, where it matters.
inline void keep_way(const Worker& worker, CachedWay& kept, Way found, std::uint16_t mtu) {
    kept = {found.adjacency, mtu, found.generation == Way::kUnknown ? 0 : worker.generation};
}
/// The way that an SA keeps; unknown when the tables have changed since it was found.
inline Way kept_way(const Worker& worker, const CachedWay& kept) {
    if (kept.generation != worker.generation) [[unlikely]]
        return {};
    return {kept.adjacency, static_cast<std::uint16_t>(worker.way_generation)};
}

/// What was found in this loop, to be kept; unknown for kNoAdjacency.
Way way_by(const Worker&, std::uint32_t adjacency);

}  // namespace oegate
