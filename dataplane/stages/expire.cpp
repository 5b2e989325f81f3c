#include "stages/expire.hpp"

#include <algorithm>

#include "stages/hold.hpp"
#include "stages/keepalive.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// 200,000 slots a second and direction, however fast the loop turns.
constexpr std::uint64_t kExpireEveryNs = 20'000;
constexpr unsigned kSlotsPerScan = 4;
constexpr unsigned kMostScans = 64;

void tell(Worker& worker, const SaCold& cold, std::uint32_t slot, Direction direction, bool hard) {
    post(worker, Event(SaExpired{cold.pair, {slot, cold.generation}, direction, hard}));
}

/// The pair's entry, if it still names this SA, waits for a new one.
void pair_to_hold(Worker& worker, const Pair& pair, const SaRef& sa) {
    FlowCache& flows = worker.security->flows;
    const std::uint32_t flow = flows.find(pair);
    if (flow != FlowCache::kNone && flows.entry(flow).state == FlowState::encrypt &&
        flows.entry(flow).sa() == sa)
        return_to_hold(worker, flow);
}

}  // namespace

void end_sa(Worker& worker, OutboundSa& sa) {
    Sad& sad = worker.security->sad;
    const std::uint32_t slot = sad.slot_of(sa);
    SaCold& cold = sad.outbound_cold(slot);
    if (sa.state == SaState::live) {
        sa.state = SaState::dead;
        pair_to_hold(worker, cold.pair, {slot, sa.generation});
    }
    if (cold.hard_told || !can_post(worker)) return;  // the scan tells it later
    cold.hard_told = true;
    tell(worker, cold, slot, Direction::outbound, true);
}

void check_limits(Worker& worker, OutboundSa& sa) {
    Sad& sad = worker.security->sad;
    const std::uint32_t slot = sad.slot_of(sa);
    SaCold& cold = sad.outbound_cold(slot);
    const Limit limit = sa.state == SaState::dead && !cold.hard_told
                            ? Limit::hard
                            : reached(cold, sa.sequence.sent, sa.bytes, worker.now_ns);
    if (limit == Limit::hard) return end_sa(worker, sa);
    if (limit == Limit::soft && can_post(worker)) {
        cold.soft_told = true;
        sad.rearm(sa, worker.now_ns);
        tell(worker, cold, slot, Direction::outbound, false);
    } else if (limit == Limit::none) {
        sa.check_at = next_check(cold, worker.now_ns);
    }
}

void check_limits(Worker& worker, InboundSa& sa) {
    Sad& sad = worker.security->sad;
    const std::uint32_t slot = sad.slot_of(sa);
    SaCold& cold = sad.inbound_cold(slot);
    if (sa.state == SaState::dead && cold.hard_told) return;
    const Limit limit = reached(cold, sa.packets, sa.bytes, worker.now_ns);
    if (limit == Limit::hard) sa.state = SaState::dead;
    if (limit == Limit::none) sa.check_at = next_check(cold, worker.now_ns);
    if (limit == Limit::none || !can_post(worker)) return;
    (limit == Limit::hard ? cold.hard_told : cold.soft_told) = true;
    sad.rearm(sa, worker.now_ns);
    tell(worker, cold, slot, Direction::inbound, limit == Limit::hard);
}

void expire_by_time(Worker& worker) {
    Security& security = *worker.security;
    if (worker.now_ns < security.next_expire_ns) return;
    // A worker that slept has some scans to make good.
    const std::uint64_t due = (worker.now_ns - security.next_expire_ns) / kExpireEveryNs + 1;
    const auto scans = static_cast<unsigned>(std::min<std::uint64_t>(due, kMostScans));
    security.next_expire_ns = worker.now_ns + kExpireEveryNs;
    Sad& sad = security.sad;
    for (unsigned i = 0; i < kSlotsPerScan * scans; ++i) {
        if (security.next_inbound >= sad.high_water(Direction::inbound)) security.next_inbound = 0;
        if (security.next_outbound >= sad.high_water(Direction::outbound)) security.next_outbound = 0;
        InboundSa& in = sad.inbound_at(security.next_inbound++);
        if (in.state != SaState::free) check_limits(worker, in);
        OutboundSa& out = sad.outbound_at(security.next_outbound++);
        if (out.state == SaState::free) continue;
        check_limits(worker, out);
        keep_alive(worker, out, sad.outbound_cold(sad.slot_of(out)));
    }
}

}  // namespace oegate
