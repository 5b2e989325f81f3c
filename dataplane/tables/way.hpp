// The remembered way of a flow or of an SA: where its datagrams leave, so that the
// next one asks no table. Kept in flow entries, SAs and Meta; made by stages/ways.hpp.
#pragma once

#include <cstdint>

namespace oegate {

/// A way holds as long as its generation is the worker's (Worker::way_generation): any
/// change of routes, addresses or neighbours' places ends all ways at once, and the
/// next datagram finds its own again.
///
/// Who keeps one: `if (kept.generation != worker.way_generation) kept = <find it>`, then
/// copies it into Meta::way. A datagram whose way is current skips the route look-up
/// (outer ESP), or screen, source check and route (from inside, out of an SA); what is
/// left of them is TTL and MTU. With any other way it goes the long way, which alone
/// refuses, waits for neighbours and counts reasons.
struct Way {
    std::uint16_t adjacency = 0;
    std::uint16_t generation = kUnknown;

    static constexpr std::uint16_t kUnknown = 0;        // never a worker's
    static constexpr std::uint32_t kNothing = 0x10000;  // a worker's that trusts no way for now
};
static_assert(sizeof(Way) == 4);

}  // namespace oegate
