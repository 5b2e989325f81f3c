#include "observe/counters.hpp"

#include "worker/security_state.hpp"

namespace oegate {

std::vector<InterfaceStatus> CounterReader::interfaces() const {
    std::vector<InterfaceStatus> all;
    for (const InterfaceInfo& interface : interfaces_) {
        InterfaceStatus& status = all.emplace_back();
        status.name = names_[interface.index];
        status.link_up = link_up_[interface.port].load(std::memory_order_relaxed);
        status.mac = interface.mac;
        status.mtu = interface.mtu;
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
        if (worker->security != nullptr) to.crypto = worker->security->crypto.status();
    }
    return all;
}

}  // namespace oegate
