#include "stages/handoff.hpp"

#include <rte_ring.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "worker/foreign_sa.hpp"

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
    worker.woken |= 1u << to;
}

void wake_others(Worker& worker) {
    for (std::uint32_t left = std::exchange(worker.woken, 0); left != 0; left &= left - 1)
        wake(worker.links[static_cast<unsigned>(std::countr_zero(left))]);
}

void hand_over_to_sa(Worker& worker, rte_mbuf* packet) {
    SaRef& sa = meta(packet).sa;
    const unsigned to = worker_of(sa);
    sa = at_home(sa);
    if (to == worker.index || to >= worker.num_workers) return drop(worker, packet, Drop::sa_missing);
    hand_over(worker, packet, to, Resume::encrypt);
}

void hand_back(Worker& worker, rte_mbuf* packet) {
    Meta& m = meta(packet);
    m.sa = on_worker(m.sa, worker.index);
    hand_over(worker, packet, owner(worker, m.pair), Resume::hold);
}

bool rings_passed(Worker& worker) {
    if (!worker.passing) {
        for (unsigned from = 0; from < worker.num_workers; ++from)
            worker.to_pass[from] = from == worker.index ? 0 : rte_ring_count(worker.handoff_from[from]);
        worker.passing = true;
    }
    for (const std::uint32_t left : worker.to_pass)
        if (left != 0) return false;
    worker.passing = false;
    return true;
}

void take_over(Worker& worker, unsigned from, Burst& out) {
    void* taken[kReceiveBurst];
    const unsigned count =
        rte_ring_sc_dequeue_burst(worker.handoff_from[from], taken, kReceiveBurst, nullptr);
    for (unsigned i = 0; i < count; ++i) out.push(static_cast<rte_mbuf*>(taken[i]));
    worker.ledger.taken_over.add(count);
    if (worker.passing) worker.to_pass[from] -= std::min(worker.to_pass[from], count);
}

}  // namespace oegate
