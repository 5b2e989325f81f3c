// punt: copies a packet into the ring to control. Called by parse (ARP) and local
// (neighbour discovery, IKE); decides nothing.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Copies `len` bytes from `offset` of the packet's data into as many records as they need
/// and consumes the packet, or drops it when the ring has no room or they are too many.
void punt(Worker&, rte_mbuf* packet, Punt::Kind kind, std::size_t offset, std::size_t len);

}  // namespace oegate
