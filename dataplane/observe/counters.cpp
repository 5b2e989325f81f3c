#include "observe/counters.hpp"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "tables/reassembly.hpp"
#include "worker/loop.hpp"
#include "worker/security_state.hpp"
#include "worker/waiting.hpp"

namespace oegate {
namespace {

void read_clock(const Watch& watch, WorkerStatus& to) {
    to.measuring = watch.measuring.get() != 0;
    for (std::size_t i = 0; i < kNumStages; ++i) {
        const auto stage = static_cast<Stage>(i);
        const StageClock::Tally& tally = watch.clock.tally(stage);
        if (tally.cycles.get() == 0) continue;
        to.stages.push_back(
            {stage, tally.calls.get(), tally.packets.get(), tally.cycles.get(), tally.max_burst.get()});
    }
    for (std::size_t i = 0; i < kBurstSizes; ++i)
        to.receive_bursts[i] = watch.clock.receive_bursts()[i].get();
}

void read_rings(const Worker& worker, WorkerStatus& to) {
    const auto add = [&to](std::string name, const rte_ring* ring) {
        if (ring != nullptr)
            to.rings.push_back({std::move(name), rte_ring_count(ring), rte_ring_get_capacity(ring)});
    };
    const WorkerLink& link = worker.link;
    add("commands", link.commands);
    add("transmits", link.transmits);
    add("events", link.events);
    add("punts", link.punts);
    add("snapshots", link.snapshots);
    add("traces", link.traces);
    add("captures", link.captures);
    for (std::size_t i = 0; i < worker.handoff_from.size(); ++i)
        add(fmt::format("from worker {}", i), worker.handoff_from[i]);
}

}  // namespace

std::vector<InterfaceStatus> CounterReader::interfaces() const {
    std::vector<InterfaceStatus> all;
    for (const InterfaceInfo& interface : interfaces_) {
        InterfaceStatus& status = all.emplace_back();
        status.name = names_[interface.index];
        status.link_up = link_up_[interface.port].load(std::memory_order_relaxed);
        status.mac = interface.mac;
        status.mtu = interface.mtu;
        status.device = devices_[interface.port];
        InterfaceCounters& sum = status.counters;
        for (const auto& worker : workers_) {
            const InterfaceTally& tally = worker->tallies[interface.index];
            sum.received_packets += tally.received_packets.get();
            sum.received_bytes += tally.received_bytes.get();
            sum.transmitted_packets += tally.transmitted_packets.get();
            sum.transmitted_bytes += tally.transmitted_bytes.get();
            for (std::size_t i = 0; i < kNumDrops; ++i) sum.drops[i] += tally.drops[i].get();
        }
    }
    return all;
}

std::vector<WorkerStatus> CounterReader::workers() const {
    std::vector<WorkerStatus> all;
    for (const auto& worker : workers_) {
        const Ledger& from = worker->ledger;
        WorkerStatus& to = all.emplace_back();
        to.lcore = worker->lcore;
        to.loops = from.loops.get();
        to.busy_loops = from.busy_loops.get();
        to.sleeps = from.sleeps.get();
        to.cycles_busy = from.cycles_busy.get();
        to.cycles_total = from.cycles_total.get();
        to.flows = from.flows.get();
        for (std::size_t i = 0; i < from.flows_by_state.size(); ++i)
            to.flows_by_state[i] = from.flows_by_state[i].get();
        to.held = from.held.get();
        to.waiting_neighbour = from.waiting_neighbour.get();
        to.reassembling = from.reassembling.get();
        to.inbound_sas = from.inbound_sas.get();
        to.outbound_sas = from.outbound_sas.get();
        to.events_lost = from.events_lost.get();
        to.received = from.received.get();
        to.generated = from.generated.get();
        to.fragments_made = from.fragments_made.get();
        to.transmitted = from.transmitted.get();
        to.dropped = from.dropped.get();
        to.consumed = from.consumed.get();
        to.merged = from.merged.get();
        to.handed_over = from.handed_over.get();
        to.taken_over = from.taken_over.get();
        if (worker->security != nullptr) {
            to.crypto = worker->security->crypto.status();
            worker->security->flows.clear().for_each([&to](std::uint16_t reason,
                                                           const ClearLedger::Tally& tally) {
                const ClearTotals totals{reason, tally.flows.get(), tally.datagrams.get(), tally.bytes.get()};
                if (totals.flows != 0 || totals.datagrams != 0) to.clear.push_back(totals);
            });
        }
        read_clock(worker->watch, to);
        read_rings(*worker, to);
    }
    return all;
}

std::vector<MemoryStatus> CounterReader::memory() const {
    std::vector<MemoryStatus> all;
    const auto add_pool = [&all](const char* what, const rte_mempool* pool) {
        if (pool != nullptr) all.push_back({what, -1, rte_mempool_in_use_count(pool), pool->size});
    };
    if (!workers_.empty()) {
        add_pool("packet buffers", workers_[0]->pool);
        add_pool("large buffers", workers_[0]->large_pool);
    }
    for (const auto& worker : workers_) {
        if (worker->security == nullptr) continue;
        const Security& security = *worker->security;
        const Ledger& ledger = worker->ledger;
        const int index = static_cast<int>(worker->index);
        all.push_back({"flows", index, ledger.flows.get(), security.flows.num_slots()});
        all.push_back({"held datagrams", index, ledger.held.get(), security.held.max_held()});
        all.push_back({"held from one source", index, ledger.held_one_source.get(),
                       security.held.of_one_source().bound()});
        if (worker->waiting != nullptr) {
            const WaitingRoom& waiting = *worker->waiting;
            all.push_back(
                {"waiting for a MAC address", index, ledger.waiting_neighbour.get(), waiting.bound()});
            all.push_back({"waiting for one neighbour", index, ledger.waiting_one_neighbour.get(),
                           waiting.for_one_neighbour().bound()});
            all.push_back({"waiting from one source", index, ledger.waiting_one_source.get(),
                           waiting.of_one_source().bound()});
        }
        if (worker->reassembly != nullptr)
            all.push_back({"fragments", index, ledger.reassembling.get(), worker->reassembly->bound()});
        all.push_back({"inbound SAs", index, ledger.inbound_sas.get(), security.sad.num_slots()});
        all.push_back({"outbound SAs", index, ledger.outbound_sas.get(), security.sad.num_slots()});
    }
    return all;
}

std::uint64_t CounterReader::clock_ns() const {
    return cycles_to_ns(rte_rdtsc(), rte_get_tsc_hz());
}

}  // namespace oegate
