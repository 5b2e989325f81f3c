// Control's commands, applied to the SPD cache and the SAs on the worker's own core.
// Called by the loop for each command, in order; neighbours are not its business.
#include <algorithm>

#include "stages/hold.hpp"
#include "stages/release.hpp"
#include "worker/foreign_sa.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

std::uint64_t age_ns(const Worker& worker, Tick used) {
    return ticks_to_ns(to_tick(worker.now_ns) - used);
}

UseReport report_of(const Worker& worker, const Pair& pair, std::uint32_t flow) {
    UseReport report;
    report.pair = pair;
    if (flow == FlowCache::kNone) return report;
    const FlowEntry& entry = worker.security->flows.entry(flow);
    report.state = entry.state;
    report.packets = worker.security->flows.packets(flow);
    report.bytes = entry.bytes;
    if (report.packets != 0) report.outbound_age_ns = age_ns(worker, entry.used);
    const Tick inbound = worker.security->flows.cold(flow).asked;
    if (entry.state == FlowState::pass && inbound != 0) report.inbound_age_ns = age_ns(worker, inbound);
    return report;
}

void remove_policy(Worker& worker, const Pair& pair, bool answer) {
    FlowCache& flows = worker.security->flows;
    const std::uint32_t flow = flows.find(pair);
    UseReport report = report_of(worker, pair, flow);
    report.removed = true;
    if (flow != FlowCache::kNone) {
        const FlowEntry& entry = flows.entry(flow);
        if (entry.state == FlowState::hold)
            release(worker, entry.slot, FlowState::none, SaRef{}, Drop::hold_expired);
        flows.erase(flow);
    }
    if (answer) post(worker, Event(report));
}

/// As flow entries here name it.
SaRef sa_of(const Worker& worker, const SetPolicy& command) {
    const bool here = command.sa_worker == SetPolicy::kPairOwner || command.sa_worker == worker.index;
    return here || !command.outbound.valid() ? command.outbound
                                             : on_worker(command.outbound, command.sa_worker);
}

void set_policy(Worker& worker, const SetPolicy& command) {
    if (command.state == FlowState::none) return remove_policy(worker, command.pair, false);
    FlowCache& flows = worker.security->flows;
    const std::uint64_t hash = flows.hash(command.pair);
    std::uint32_t flow = flows.find(hash, command.pair);
    if (flow == FlowCache::kNone) flow = make_flow(worker, hash, command.pair);
    if (flow == FlowCache::kNone) {
        // Full: control sees the pair without a state, and what it sends meets flow_table_full.
        return post(worker, Event(report_of(worker, command.pair, flow)));
    }
    FlowEntry& entry = flows.entry(flow);
    FlowCold& cold = flows.cold(flow);
    const FlowState former = entry.state;
    const Tick now = to_tick(worker.now_ns);
    cold.class_kind = command.class_kind;
    if (command.state == FlowState::hold) {
        if (former != FlowState::hold) return_to_hold(worker, flow);
        cold.reason = command.reason;
        return;
    }
    if (command.state != former) cold.asked = 0;  // means another thing now
    const std::uint32_t seat = former == FlowState::hold ? entry.slot : HoldRoom::kNone;
    const SaRef sa = command.state == FlowState::encrypt ? sa_of(worker, command) : SaRef{};
    entry.slot = sa.slot;
    entry.generation = sa.generation;
    flows.set_state(flow, command.state, command.reason);
    // A rekey is no fresh tunnel: the grace of the first SA is not given again.
    if (command.state == FlowState::encrypt && former != FlowState::encrypt)
        cold.grace_until = now + to_tick(std::uint64_t{command.grace_ms} * 1'000'000);
    release(worker, seat, command.state, sa, Drop::hold_denied, command.reason);
}

void query_use(Worker& worker, const QueryUse& query) {
    UseReport report = report_of(worker, query.pair, worker.security->flows.find(query.pair));
    const InboundSa* sa = query.inbound.valid() ? worker.security->sad.inbound(query.inbound) : nullptr;
    if (sa != nullptr && sa->packets != 0)
        report.inbound_age_ns = std::min(report.inbound_age_ns, age_ns(worker, sa->used));
    post(worker, Event(report));
}

/// Control asks for one at a time: a new request means that the former is given up.
void begin_snapshot(Worker& worker, const Snapshot& request) {
    worker.security->snapshot = SnapshotWork{request, 0, 0};
}

/// An SA that could not be installed is reported as dead, so that keying goes on.
template <class Install>
void install(Worker& worker, const Install& command, Direction direction) {
    if (!worker.security->sad.install(command, worker.now_ns))
        post(worker, Event(SaExpired{command.pair, command.ref, direction, true}));
}

}  // namespace

void apply(Worker& worker, const Command& command) {
    switch (command.kind) {
        case Command::Kind::set_policy:
            return set_policy(worker, command.set_policy);
        case Command::Kind::remove_policy:
            return remove_policy(worker, command.remove_policy.pair, true);
        case Command::Kind::install_outbound:
            return install(worker, command.install_outbound, Direction::outbound);
        case Command::Kind::install_inbound:
            return install(worker, command.install_inbound, Direction::inbound);
        case Command::Kind::remove_sa:
            worker.security->sad.remove(command.remove_sa.direction, command.remove_sa.ref);
            return;
        case Command::Kind::set_path_mtu:
            if (OutboundSa* sa = worker.security->sad.outbound(command.set_path_mtu.ref); sa != nullptr)
                sa->mtu = command.set_path_mtu.mtu;
            return;
        case Command::Kind::query_use:
            return query_use(worker, command.query_use);
        case Command::Kind::snapshot:
            return begin_snapshot(worker, command.snapshot);
        case Command::Kind::neighbour_changed:
        case Command::Kind::measure_stages:
        case Command::Kind::start_trace:
        case Command::Kind::stop_trace:
        case Command::Kind::start_capture:
        case Command::Kind::stop_capture:
            return;  // of worker/mailbox.cpp
    }
}

}  // namespace oegate
