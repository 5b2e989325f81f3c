// punt: copies a packet into the ring to control. Called by parse (ARP) and local
// (neighbour discovery, IKE); decides nothing.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Copies `len` bytes from `offset` of the packet's data and consumes the packet, or
/// drops it when the ring is full or the record too short.
void punt(Worker&, rte_mbuf* packet, Punt::Kind kind, std::size_t offset, std::size_t len);

}  // namespace oegate
