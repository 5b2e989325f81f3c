// Views as JSON with stable keys and as text for people. Pure: data in, Response
// out. Durations in JSON are seconds, times RFC 3339, addresses never names.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "manage/protocol.hpp"
#include "manage/provider.hpp"
#include "manage/wall_time.hpp"

namespace oegate::manage {

using ReasonName = std::function<std::string(std::uint16_t)>;

/// Of a worker, over the last interval; share: of its time that found work, 0 to 1.
struct WorkerLoad {
    double share = 0;
    double loops_per_second = 0;
    double packets_per_second = 0;  // received
    double cycles_per_packet = 0;   // of turns that found work; 0: no packets
};

struct StatusFacts {
    std::string name;
    std::string version;
    Duration uptime{};
    WallTime started{};
    gateway::StatusView control;
    std::vector<config::Interface> configured;
    std::vector<InterfaceStatus> interfaces;
    std::vector<WorkerStatus> workers;
    std::vector<WorkerLoad> loads;  // one a worker
};

Response render_status(const StatusFacts& facts, const ReasonName& reason);
Response render_flows(const SnapshotAnswer& answer, const ReasonName& reason, WallTime now);
Response render_tunnels(const std::vector<gateway::TunnelView>& tunnels, const SnapshotAnswer& inbound,
                        const SnapshotAnswer& outbound);
Response render_ike(const std::vector<gateway::IkeView>& channels);
Response render_dns(const std::vector<gateway::DnsView>& answers,
                    const std::vector<gateway::ResolverView>& resolvers);
Response render_drops(const std::vector<InterfaceStatus>& interfaces);
Response render_interfaces(const std::vector<config::Interface>& configured,
                           const std::vector<InterfaceStatus>& interfaces);
Response render_workers(const std::vector<WorkerStatus>& workers, const std::vector<WorkerLoad>& loads);
Response render_memory(const std::vector<MemoryStatus>& memory);
Response render_captures(const std::vector<observe::CaptureView>& captures);
/// first: time of the trace's first record. One object a record, its line for people in "text".
Response render_trace(const observe::TracePortion& portion, std::uint64_t first,
                      const std::vector<config::Interface>& interfaces);
Response render_routes(const std::vector<Route>& routes, const std::vector<config::Interface>& configured);
Response render_classes(const std::vector<gateway::ClassView>& classes);
Response render_neighbours(const std::vector<NeighbourView>& neighbours);
Response render_counters(const std::vector<gateway::CounterView>& counters);
Response render_sticky(const std::vector<gateway::StickyView>& destinations);
Response render_limits(const std::vector<gateway::LimitView>& limits);
Response render_explain(const gateway::ExplainView& view, WallTime now);

}  // namespace oegate::manage
