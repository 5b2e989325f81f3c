// The end of a stage that only judges: what is good stays in its burst, the rest dies under
// the reason that was found. Used by source check, the inbound check and the loop.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// judge(i) says the reason to drop the i-th packet; Drop::kCount: it stays.
template <class Judge>
void keep_good(Worker& worker, Burst& burst, Judge&& judge) {
    unsigned kept = 0;
    for (unsigned i = 0; i < burst.size(); ++i) {
        rte_mbuf* packet = burst[i];
        const Drop reason = judge(i);
        if (reason == Drop::kCount)
            burst.set(kept++, packet);
        else
            drop(worker, packet, reason);
    }
    burst.truncate(kept);
}

}  // namespace oegate
