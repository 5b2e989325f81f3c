#include "manage/dataplane_limits.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace oegate::manage {
namespace {

struct Use {
    std::optional<std::uint64_t> used;
    std::uint64_t bound = 0;
};

/// Of the worker whose share is largest; none: no worker tells of it.
Use fullest(const std::vector<MemoryStatus>& memory, std::string_view what, std::uint64_t otherwise) {
    Use most{std::nullopt, otherwise};
    for (const MemoryStatus& m : memory)
        if (m.what == what && (!most.used || m.used * most.bound > *most.used * m.bound))
            most = {m.used, m.bound};
    return most;
}

Use fullest_ring(const std::vector<WorkerStatus>& workers) {
    Use most{std::nullopt, 0};
    for (const WorkerStatus& worker : workers)
        for (const RingStatus& ring : worker.rings)
            if (!most.used || ring.used * most.bound > *most.used * ring.size) most = {ring.used, ring.size};
    return most;
}

}  // namespace

std::vector<gateway::LimitView> dataplane_limits(const config::Config& config, const DataplaneFacts& facts) {
    const config::Dataplane& d = config.dataplane;
    const auto drops = [&](Drop reason) {
        std::uint64_t sum = 0;
        for (const InterfaceStatus& i : facts.interfaces)
            sum += i.counters.drops[static_cast<std::size_t>(reason)];
        return sum;
    };
    std::uint64_t events_lost = 0;
    for (const WorkerStatus& worker : facts.workers) events_lost += worker.events_lost;
    const Use flows = fullest(facts.memory, "flows", d.flows_per_worker);
    const Use held = fullest(facts.memory, "held datagrams", d.held_per_worker);
    const Use held_of_one = fullest(facts.memory, "held from one source", d.held_per_source);
    const Use waiting = fullest(facts.memory, "waiting for a MAC address", d.waiting_total);
    const Use waiting_for_one = fullest(facts.memory, "waiting for one neighbour", d.waiting_per_neighbour);
    const Use waiting_of_one = fullest(facts.memory, "waiting from one source", 0);
    const Use fragments = fullest(facts.memory, "fragments", 0);
    const Use inbound = fullest(facts.memory, "inbound SAs", d.sas_per_worker);
    const Use outbound = fullest(facts.memory, "outbound SAs", d.sas_per_worker);
    const Use buffers = fullest(facts.memory, "packet buffers", 0);
    const Use large = fullest(facts.memory, "large buffers", 0);
    const Use rings = fullest_ring(facts.workers);
    return {
        {"dataplane.flows-per-worker", flows.used, flows.bound, drops(Drop::flow_table_full),
         "an idle flow gives way, else dropped (flow_table_full)"},
        {"dataplane.sas-per-worker, inbound", inbound.used, inbound.bound, facts.sa_pairs_refused,
         "the SA pair is refused (an alarm in show status)"},
        {"dataplane.sas-per-worker, outbound", outbound.used, outbound.bound, std::nullopt,
         "the same, counted there"},
        {"dataplane.held-per-worker", held.used, held.bound, drops(Drop::hold_limit), "dropped (hold_limit)"},
        {"dataplane.held-per-source", held_of_one.used, held_of_one.bound, drops(Drop::hold_source_limit),
         "dropped (hold_source_limit)"},
        {"dataplane.waiting-total", waiting.used, waiting.bound, drops(Drop::neighbour_queue_full),
         "dropped (neighbour_queue_full)"},
        {"dataplane.waiting-per-neighbour", waiting_for_one.used, waiting_for_one.bound, std::nullopt,
         "the same, counted there"},
        {"dataplane.waiting-total, one source", waiting_of_one.used, waiting_of_one.bound, std::nullopt,
         "the same, counted there"},
        {"dataplane.neighbours", facts.neighbours, d.neighbours, facts.neighbours_refused,
         "the next hop is not asked for; what waits for it is dropped (neighbour_failed)"},
        {"dataplane.routes", facts.routes, d.routes, facts.routes_refused, "route add is refused"},
        {"fragments of dataplane.reassemblies", fragments.used, fragments.bound, drops(Drop::reassembly_full),
         "dropped (reassembly_full)"},
        {"dataplane.icmp-per-second", std::nullopt, d.icmp_per_second, drops(Drop::icmp_rate_limited),
         "no ICMP error is sent (icmp_rate_limited)"},
        {"packet buffers", buffers.used, buffers.bound, drops(Drop::no_buffer), "dropped (no_buffer)"},
        {"large buffers", large.used, large.bound, std::nullopt, "the same, counted there"},
        {"rings: between workers", rings.used, rings.bound, drops(Drop::handoff_full),
         "dropped (handoff_full)"},
        {"rings: to control, packets", std::nullopt, 0, drops(Drop::punt_ring_full),
         "dropped (punt_ring_full)"},
        {"rings: to control, events", std::nullopt, 0, events_lost, "told again later"},
        {"rings: to the port", std::nullopt, d.descriptors, drops(Drop::transmit_full),
         "dropped (transmit_full)"},
    };
}

}  // namespace oegate::manage
