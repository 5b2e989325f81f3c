#include "worker/snapshot.hpp"

#include <rte_ring_elem.h>

#include "contract/event.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// In one loop: slots looked at, of which an empty one costs two bytes of a line that
/// the former has fetched, and entries copied, some ten nanoseconds each.
constexpr unsigned kSlotsPerLoop = 256;
constexpr unsigned kRecordsPerLoop = 16;

std::uint64_t ago_ns(const Worker& worker, Tick then) {
    return ticks_to_ns(to_tick(worker.now_ns) - then);
}

bool copy_flow(const Worker& worker, std::uint32_t at, SnapshotRecord& record) {
    const FlowCache& flows = worker.security->flows;
    if (!flows.occupied(at)) return false;
    const FlowEntry& entry = flows.entry(at);
    record.kind = SnapshotRecord::Kind::flow;
    record.flow = FlowRecord{};
    record.flow.pair = entry.pair;
    record.flow.state = entry.state;
    record.flow.class_kind = flows.cold(at).class_kind;
    record.flow.reason = flows.cold(at).reason;
    if (entry.state == FlowState::hold && entry.slot != HoldRoom::kNone)
        record.flow.num_held = worker.security->held.seat(entry.slot).last != nullptr ? 2 : 1;
    record.flow.packets = flows.packets(at);
    record.flow.bytes = entry.bytes;
    record.flow.age_ns = ago_ns(worker, flows.cold(at).created);
    record.flow.last_used_ns = record.flow.packets != 0 ? ago_ns(worker, entry.used) : kNeverUsed;
    return true;
}

void fill_sa(const Worker& worker, const SaCold& cold, std::uint32_t slot, SaRecord& sa) {
    sa.pair = cold.pair;
    sa.ref = {slot, cold.generation};
    sa.udp = cold.udp;
    sa.age_ns = worker.now_ns > cold.installed_ns ? worker.now_ns - cold.installed_ns : 0;
}

bool copy_inbound(const Worker& worker, std::uint32_t at, SnapshotRecord& record) {
    Sad& sad = worker.security->sad;
    if (at >= sad.high_water(Direction::inbound) || sad.inbound_at(at).state == SaState::free) return false;
    const InboundSa& sa = sad.inbound_at(at);
    record.kind = SnapshotRecord::Kind::sa;
    record.sa = SaRecord{};
    fill_sa(worker, sad.inbound_cold(at), at, record.sa);
    record.sa.direction = Direction::inbound;
    record.sa.spi = sa.spi;
    record.sa.packets = sa.packets;
    record.sa.bytes = sa.bytes;
    record.sa.sequence = sa.replay.highest;
    record.sa.suite = sa.suite;
    record.sa.esn = sa.esn;
    record.sa.last_used_ns = sa.packets != 0 ? ago_ns(worker, sa.used) : kNeverUsed;
    return true;
}

bool copy_outbound(const Worker& worker, std::uint32_t at, SnapshotRecord& record) {
    Sad& sad = worker.security->sad;
    if (at >= sad.high_water(Direction::outbound) || sad.outbound_at(at).state == SaState::free) return false;
    const OutboundSa& sa = sad.outbound_at(at);
    record.kind = SnapshotRecord::Kind::sa;
    record.sa = SaRecord{};
    fill_sa(worker, sad.outbound_cold(at), at, record.sa);
    record.sa.direction = Direction::outbound;
    record.sa.spi = sa.spi;
    record.sa.packets = sa.sequence.sent;
    record.sa.bytes = sa.bytes;
    record.sa.sequence = sa.sequence.sent;
    record.sa.suite = sa.suite;
    record.sa.esn = sa.esn;
    record.sa.mtu = sa.mtu;
    record.sa.last_used_ns = sa.sequence.sent != 0 ? ago_ns(worker, sa.used) : kNeverUsed;
    return true;
}

std::uint32_t num_slots(const Security& security, Snapshot::Table table) {
    switch (table) {
        case Snapshot::Table::flows:
            return security.flows.num_slots();
        case Snapshot::Table::inbound_sas:
            return security.sad.high_water(Direction::inbound);
        case Snapshot::Table::outbound_sas:
            return security.sad.high_water(Direction::outbound);
    }
    return 0;
}

bool copy(const Worker& worker, Snapshot::Table table, std::uint32_t at, SnapshotRecord& record) {
    switch (table) {
        case Snapshot::Table::flows:
            return copy_flow(worker, at, record);
        case Snapshot::Table::inbound_sas:
            return copy_inbound(worker, at, record);
        case Snapshot::Table::outbound_sas:
            return copy_outbound(worker, at, record);
    }
    return false;
}

bool send(const Worker& worker, SnapshotRecord& record) {
    return rte_ring_sp_enqueue_elem(worker.link.snapshots, &record, sizeof record) == 0;
}

}  // namespace

void answer_snapshots(Worker& worker) {
    Security& security = *worker.security;
    if (!security.snapshot) return;
    SnapshotWork& work = *security.snapshot;
    const std::uint32_t end = num_slots(security, work.request.table);
    SnapshotRecord record;
    record.token = work.request.token;
    bool truncated = false;
    unsigned copied = 0;
    for (unsigned seen = 0; seen < kSlotsPerLoop && copied < kRecordsPerLoop && work.at < end; ++seen) {
        if (copy(worker, work.request.table, work.at, record)) {
            truncated = work.num_sent == work.request.max_records;
            if (truncated) break;
            if (!send(worker, record)) return;  // full: go on in a later loop
            ++work.num_sent;
            ++copied;
        }
        ++work.at;
    }
    if (work.at < end && !truncated) return;
    record.kind = SnapshotRecord::Kind::end;
    record.truncated = truncated;
    if (send(worker, record)) security.snapshot.reset();
}

}  // namespace oegate
