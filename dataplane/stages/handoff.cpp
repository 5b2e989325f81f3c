#include "stages/handoff.hpp"

#include <rte_ring.h>

namespace oegate {

void hand_over(Worker& worker, rte_mbuf* packet, unsigned to, Resume resume) {
    if (worker.watch.has(Watch::kTrace)) [[unlikely]]
        watch_packet(worker, Stage::hand_over, packet);
    meta(packet).resume = resume;
    if (rte_ring_sp_enqueue(worker.handoff_to[to], packet) != 0) {
        drop(worker, packet, Drop::handoff_full);
        return;
    }
    worker.ledger.handed_over.add();
}

void take_over(Worker& worker, unsigned from, Burst& out) {
    void* taken[kReceiveBurst];
    const unsigned count =
        rte_ring_sc_dequeue_burst(worker.handoff_from[from], taken, kReceiveBurst, nullptr);
    for (unsigned i = 0; i < count; ++i) out.push(static_cast<rte_mbuf*>(taken[i]));
    worker.ledger.taken_over.add(count);
}

}  // namespace oegate
