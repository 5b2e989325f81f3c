// The data plane's bounds for `show limits`, from what workers count. Each is shown of the
// worker that has most; `show memory` has them worker by worker. Called by the daemon; pure.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "contract/snapshot.hpp"
#include "gateway/view.hpp"

namespace oegate::manage {

/// What is bounded there and counted by control.
struct DataplaneFacts {
    std::vector<InterfaceStatus> interfaces;
    std::vector<WorkerStatus> workers;
    std::vector<MemoryStatus> memory;
    std::uint64_t routes = 0;
    std::uint64_t routes_refused = 0;
    std::uint64_t neighbours = 0;
    std::uint64_t neighbours_refused = 0;
    std::uint64_t sa_pairs_refused = 0;
};
std::vector<gateway::LimitView> dataplane_limits(const config::Config& config, const DataplaneFacts& facts);

}  // namespace oegate::manage
