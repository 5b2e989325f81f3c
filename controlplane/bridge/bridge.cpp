#include "bridge/bridge.hpp"

#include <rte_ring_elem.h>

#include <algorithm>
#include <cstring>

#include "base/secret.hpp"

namespace oegate::bridge {
namespace {

template <class Record>
bool put(rte_ring* ring, const Record& record) {
    return rte_ring_sp_enqueue_elem(ring, const_cast<Record*>(&record), sizeof(Record)) == 0;
}

/// Hands at most `most` records to `each`.
template <class Record, class Each>
bool drain(rte_ring* ring, Each each, unsigned most = Bridge::kMaxPerPoll) {
    if (ring == nullptr) return false;  // a worker that reports none of these
    Record record;
    unsigned num = 0;
    while (num < most && rte_ring_sc_dequeue_elem(ring, &record, sizeof record) == 0) {
        each(record);
        ++num;
    }
    return num > 0;
}

/// A command may carry keys; the copies that we keep do not outlive its use.
void forget(Command& command) {
    zeroise({reinterpret_cast<std::uint8_t*>(&command), sizeof command});
}

}  // namespace

Bridge::Bridge(std::vector<WorkerLink> links) : links_(std::move(links)), workers_(links_.size()) {}

Bridge::~Bridge() {
    for (Worker& worker : workers_) std::ranges::for_each(worker.commands, forget);
}

std::uint64_t Bridge::post(unsigned worker, Command command) {
    Worker& to = workers_.at(worker);
    command.sequence = ++to.posted;
    if (!to.commands.empty() || !put(links_[worker].commands, command)) to.commands.push_back(command);
    wake(links_[worker]);
    const std::uint64_t sequence = command.sequence;
    forget(command);
    return sequence;
}

void Bridge::transmit(unsigned worker, Transmit::Kind kind, std::uint16_t interface, ByteView data) {
    Worker& to = workers_.at(worker);
    const std::size_t count = records_of(data.size());
    if (data.size() > kMaxPacketBytes || to.transmits.size() + count > kMaxTransmits) {
        ++num_transmits_lost_;
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const ByteView part = data.subspan(i * kMaxRecordBytes)
                                  .first(std::min(data.size() - i * kMaxRecordBytes, kMaxRecordBytes));
        Transmit record;
        record.kind = kind;
        record.interface = interface;
        record.len = static_cast<std::uint16_t>(data.size());
        std::memcpy(record.data.data(), part.data(), part.size());
        if (!to.transmits.empty() || !put(links_[worker].transmits, record)) to.transmits.push_back(record);
    }
    wake(links_[worker]);
}

bool Bridge::flush(unsigned worker) {
    Worker& to = workers_[worker];
    bool moved = false;
    while (!to.commands.empty() && put(links_[worker].commands, to.commands.front())) {
        forget(to.commands.front());
        to.commands.pop_front();
        moved = true;
    }
    while (!to.transmits.empty() && put(links_[worker].transmits, to.transmits.front())) {
        to.transmits.pop_front();
        moved = true;
    }
    if (moved) wake(links_[worker]);
    return moved;
}

/// A worker puts all records of a packet into the ring at once: after the first, the others
/// are there.
bool Bridge::take_punts(rte_ring* ring, Inbox& inbox) {
    return drain<Punt>(ring, [&](const Punt& punt) {
        const std::size_t len = punt.len;
        if (len <= kMaxRecordBytes) return inbox.on_punt(punt, ByteView(punt.data).first(len));
        packet_.assign(punt.data.begin(), punt.data.end());
        Punt next;
        while (packet_.size() < len && rte_ring_sc_dequeue_elem(ring, &next, sizeof next) == 0)
            append(packet_, ByteView(next.data).first(std::min(len - packet_.size(), kMaxRecordBytes)));
        if (packet_.size() == len) inbox.on_punt(punt, packet_);
    });
}

bool Bridge::take_in(unsigned worker, Inbox& inbox) {
    const WorkerLink& link = links_[worker];
    bool found = drain<Event>(link.events, [&](const Event& event) { inbox.on_event(event); });
    found |= take_punts(link.punts, inbox);
    found |= drain<SnapshotRecord>(
        link.snapshots, [&](const SnapshotRecord& record) { inbox.on_snapshot(worker, record); },
        kMaxRecordsPerPoll);
    found |= drain<TraceRecord>(link.traces, [&](const TraceRecord& record) { inbox.on_trace(record); });
    found |= drain<CaptureRecord>(
        link.captures, [&](const CaptureRecord& record) { inbox.on_capture(record); }, kMaxCopiesPerPoll);
    const std::uint64_t applied = link.shared->applied.load(std::memory_order_acquire);
    if (applied != workers_[worker].applied) {
        workers_[worker].applied = applied;
        inbox.on_applied(worker, applied);
        found = true;
    }
    return found;
}

bool Bridge::poll(Inbox& inbox) {
    bool found = false;
    for (unsigned worker = 0; worker < num_workers(); ++worker) {
        found |= take_in(worker, inbox);
        found |= flush(worker);
    }
    return found;
}

std::size_t Bridge::num_waiting() const {
    std::size_t num = 0;
    for (const Worker& worker : workers_) num += worker.commands.size() + worker.transmits.size();
    return num;
}

bool Bridge::captures_drained() const {
    return std::ranges::all_of(links_, [](const WorkerLink& link) {
        return link.captures == nullptr || rte_ring_empty(link.captures) == 1;
    });
}

std::uint64_t Bridge::traces_lost() const {
    std::uint64_t sum = 0;
    for (const WorkerLink& link : links_) sum += link.shared->traces_lost.load(std::memory_order_relaxed);
    return sum;
}

std::uint64_t Bridge::captures_lost(std::uint8_t slot) const {
    std::uint64_t sum = 0;
    for (const WorkerLink& link : links_)
        sum += link.shared->captures_lost.at(slot).load(std::memory_order_relaxed);
    return sum;
}

}  // namespace oegate::bridge
