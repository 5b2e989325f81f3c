// handoff: packets that another worker owns go to it over an SPSC ring, with the
// place where it takes them up in Meta::resume (architecture.md, Ownership).
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Puts the packet into the ring to worker `to`, or drops it as handoff_full.
void hand_over(Worker&, rte_mbuf* packet, unsigned to, Resume resume);

/// A datagram whose Meta::sa is elsewhere (worker/foreign_sa.hpp), to the worker that
/// has the SA: before it gets a sequence number, so that one worker counts them.
void hand_over_to_sa(Worker&, rte_mbuf* packet);

/// The other way, when the SA has died: to the worker that has the datagram's flow, which
/// holds it for the next SA.
void hand_back(Worker&, rte_mbuf* packet);

/// True once all has been taken that lay in the rings to us when this was first asked:
/// none of it names any more what was taken out of use before. Ask until it is true.
bool rings_passed(Worker&);

/// Once a turn, when there is Worker::woken: rings those that sleep.
void wake_others(Worker&);

/// Up to a receive burst from worker `from`.
void take_over(Worker&, unsigned from, Burst& out);

}  // namespace oegate
