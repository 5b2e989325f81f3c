// handoff: packets that another worker owns go to it over an SPSC ring, with the
// place where it takes them up in Meta::resume (architecture.md, Ownership).
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Puts the packet into the ring to worker `to`, or drops it as handoff_full.
void hand_over(Worker&, rte_mbuf* packet, unsigned to, Resume resume);

/// Up to a receive burst from worker `from`.
void take_over(Worker&, unsigned from, Burst& out);

}  // namespace oegate
