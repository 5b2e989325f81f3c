// resolve: from a next hop to its MAC address. A datagram whose neighbour is not known
// waits, bounded and counted, and control is asked; then the frame goes to transmit.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Routed datagrams that fit their interface; each ends in transmit, waits or dies.
void resolve(Worker&, Burst&);

/// What waited for this neighbour: sent in order, or refused (host unreachable).
void neighbour_changed(Worker&, const NeighbourChanged&);

/// Once a loop, bounded: asks again for a neighbour that is waited for.
void remind_neighbours(Worker&);

}  // namespace oegate
