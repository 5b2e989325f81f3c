// reassemble: fragments of ESP, UDP and ICMP to ourselves until the datagram is whole (RFC 791
// §3.2, RFC 8200 §4.5, RFC 5722). local brings the fragments, the loop takes the whole
// datagrams. What is in transit is never put together.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Buffers for datagrams longer than an ordinary one, per worker, and their length.
inline constexpr std::uint32_t kLargeBuffers = 32;
inline constexpr std::uint16_t kLargeRoom = 65535;

/// Takes a fragment of a datagram to us: it waits, goes to the worker that collects its
/// datagram, or dies. A datagram that it makes whole goes to Lanes::whole, parsed anew,
/// no fragment, in one segment.
void reassemble(Worker&, rte_mbuf* fragment);

/// Whole datagrams can be longer than an ordinary buffer. Packets of the burst that
/// became short enough again move back into one (ports see no others); filters in place.
void settle(Worker&, Burst&);

/// Once a loop, bounded: fragments whose rest did not come die.
void forget_fragments(Worker&);

}  // namespace oegate
