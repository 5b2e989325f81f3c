#include "stages/hold.hpp"

#include "worker/foreign_sa.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

constexpr Tick kAskEvery = to_tick(kAskEveryNs) + 1;
/// Seats that repeat_requests looks at in one loop.
constexpr unsigned kSeatsPerLoop = 8;

bool ask_is_due(const Worker& worker, std::uint32_t flow) {
    return to_tick(worker.now_ns) - worker.security->flows.cold(flow).asked >= kAskEvery;
}

}  // namespace

std::uint32_t make_flow(Worker& worker, std::uint64_t hash, const Pair& pair) {
    Security& security = *worker.security;
    const FlowCache::Made made = security.flows.make(hash, pair, to_tick(worker.now_ns));
    if (made.moved != FlowCache::kNone) {
        const FlowEntry& entry = security.flows.entry(made.moved);
        if (entry.state == FlowState::hold && entry.slot != HoldRoom::kNone)
            security.held.follow(entry.slot, made.moved);
    }
    return made.index;
}

void ask(Worker& worker, std::uint32_t flow, bool repeated) {
    const FlowEntry& entry = worker.security->flows.entry(flow);
    FlowCold& cold = worker.security->flows.cold(flow);
    cold.asked = to_tick(worker.now_ns);
    post(worker, Event(Miss{entry.pair, cold.class_kind, cold.protocol, cold.source_port,
                            cold.destination_port, repeated}));
}

void hold(Worker& worker, std::uint32_t flow, rte_mbuf* packet) {
    Security& security = *worker.security;
    FlowEntry& entry = security.flows.entry(flow);
    if (worker.watch.has(Watch::kTrace)) [[unlikely]]
        watch_packet(worker, Stage::hold, packet);
    meta(packet).next_hop = kNoNextHop;  // routes may have changed when it is released
    if (ask_is_due(worker, flow)) ask(worker, flow, true);
    if (entry.slot == HoldRoom::kNone) {
        const bool greedy = security.held.full(entry.pair.source);
        entry.slot = security.held.take_seat(flow, entry.pair.source, packet);
        if (entry.slot == HoldRoom::kNone)
            drop(worker, packet, greedy ? Drop::hold_source_limit : Drop::hold_limit);
    } else {
        rte_mbuf* former = nullptr;
        switch (security.held.keep_last(entry.slot, packet, former)) {
            case HoldRoom::Kept::kept:
                break;
            case HoldRoom::Kept::replaced:
                drop(worker, former, Drop::hold_replaced);
                break;
            case HoldRoom::Kept::full:
                drop(worker, packet, Drop::hold_limit);
                break;
            case HoldRoom::Kept::source_full:
                drop(worker, packet, Drop::hold_source_limit);
                break;
        }
    }
    worker.ledger.held.set(security.held.num_held());
}

void return_to_hold(Worker& worker, std::uint32_t flow) {
    FlowCache& flows = worker.security->flows;
    FlowEntry& entry = flows.entry(flow);
    entry.slot = HoldRoom::kNone;
    entry.generation = 0;
    flows.cold(flow).asked = to_tick(worker.now_ns);  // the expire message is the request
    flows.set_state(flow, FlowState::hold);
}

void hold_again(Worker& worker, rte_mbuf* packet) {
    FlowCache& flows = worker.security->flows;
    const Meta& m = meta(packet);
    const std::uint32_t flow = flows.find(m.pair);
    if (flow == FlowCache::kNone) return drop(worker, packet, Drop::sa_hard_limit);
    FlowEntry& entry = flows.entry(flow);
    if (entry.state == FlowState::encrypt && entry.sa() == m.sa) {
        return_to_hold(worker, flow);
        entry.generation = m.sa.generation;  // whose death this hold is about
    }
    // What comes back from another worker may find that its pair has moved on, and even that
    // it is in hold again: whoever came later may have left already.
    const bool late = is_elsewhere(m.sa) && entry.generation != m.sa.generation;
    if (entry.state != FlowState::hold || late) return drop(worker, packet, Drop::sa_hard_limit);
    hold(worker, flow, packet);
}

void repeat_requests(Worker& worker) {
    Security& security = *worker.security;
    const std::uint32_t num_holds = security.flows.count(FlowState::hold);
    if (num_holds == 0) return;
    if (security.held.num_seats() != 0) {
        for (unsigned i = 0; i < kSeatsPerLoop; ++i) {
            const HoldRoom::Seat& seat = security.held.seat(security.next_seat);
            if (seat.first != nullptr && ask_is_due(worker, seat.flow)) ask(worker, seat.flow, true);
            if (++security.next_seat == security.held.max_held()) security.next_seat = 0;
        }
    }
    if (num_holds > security.held.num_seats()) {
        // Some hold has no datagram: its SA died, or the hold room was full.
        for (unsigned i = 0; i < FlowCache::kBucket; ++i) {
            const std::uint32_t flow = security.next_bucket + i;
            if (security.flows.occupied(flow) && security.flows.entry(flow).state == FlowState::hold &&
                ask_is_due(worker, flow))
                ask(worker, flow, true);
        }
        security.next_bucket += FlowCache::kBucket;
        if (security.next_bucket == security.flows.num_slots()) security.next_bucket = 0;
    }
}

}  // namespace oegate
