#include "stages/release.hpp"

#include "stages/handoff.hpp"
#include "worker/foreign_sa.hpp"
#include "worker/security_state.hpp"

namespace oegate {

void release(Worker& worker, std::uint32_t seat, FlowState state, const SaRef& sa, Drop reason,
             std::uint16_t why) {
    if (seat == HoldRoom::kNone) return;
    const HoldRoom::Seat held = worker.security->held.leave(seat);
    for (rte_mbuf* packet : {held.first, held.last}) {
        if (packet == nullptr) continue;
        Burst& out = state == FlowState::encrypt ? worker.released_encrypt : worker.released_pass;
        if (state != FlowState::encrypt && state != FlowState::pass) {
            drop(worker, packet, reason);
        } else if (state == FlowState::encrypt && is_elsewhere(sa)) {
            meta(packet).sa = sa;
            hand_over_to_sa(worker, packet);
        } else if (out.room() == 0) {
            drop(worker, packet, Drop::hold_limit);
        } else {
            meta(packet).sa = sa;
            out.push(packet);
            if (state == FlowState::pass)
                worker.security->flows.clear().add(why, 1, rte_pktmbuf_pkt_len(packet));
        }
    }
    worker.ledger.held.set(worker.security->held.num_held());
}

}  // namespace oegate
