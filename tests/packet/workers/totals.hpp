// What all workers and interfaces of a data plane have counted, for the tests that let
// traffic run and look at the sums afterwards.
#pragma once

#include "contract/snapshot.hpp"

namespace oegate::packet_test {

inline WorkerStatus sum_of(const Observer& observer) {
    WorkerStatus s;
    for (const WorkerStatus& w : observer.workers()) {
        s.received += w.received, s.generated += w.generated, s.fragments_made += w.fragments_made;
        s.transmitted += w.transmitted, s.dropped += w.dropped, s.consumed += w.consumed;
        s.merged += w.merged, s.held += w.held, s.waiting_neighbour += w.waiting_neighbour;
        s.handed_over += w.handed_over, s.taken_over += w.taken_over;
    }
    return s;
}

inline std::uint64_t drops_of(const Observer& observer, Drop reason) {
    std::uint64_t all = 0;
    for (const InterfaceStatus& i : observer.interfaces())
        all += i.counters.drops[static_cast<std::size_t>(reason)];
    return all;
}

}  // namespace oegate::packet_test
