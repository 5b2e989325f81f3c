// The rings between control and one worker. The data plane makes them; control's
// bridge is the only other user. All are SPSC element rings (rte_ring_elem).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "contract/observe.hpp"

struct rte_ring;

namespace oegate {

/// Written by the worker, read by control. One cache line, single writer.
struct alignas(64) WorkerShared {
    std::atomic<std::uint64_t> applied{0};    // sequence of the last command applied
    std::atomic<std::uint64_t> heartbeat{0};  // loops
    /// Nobody polls until WorkerLink::wake is written to: set by a worker that goes to
    /// sleep, cleared by whoever wakes it, so that a sleep costs one system call.
    std::atomic<bool> asleep{false};
    // Records that did not fit their ring, since the last start.
    std::atomic<std::uint64_t> traces_lost{0};
    std::array<std::atomic<std::uint64_t>, kMaxCaptures> captures_lost{};
};

struct WorkerLink {
    rte_ring* commands = nullptr;   // Command, control → worker
    rte_ring* transmits = nullptr;  // Transmit, control → worker
    rte_ring* events = nullptr;     // Event, worker → control
    rte_ring* punts = nullptr;      // Punt, worker → control
    rte_ring* snapshots = nullptr;  // SnapshotRecord, worker → control
    WorkerShared* shared = nullptr;
    int wake_fd = -1;              // eventfd; none: the worker never sleeps long
    rte_ring* traces = nullptr;    // TraceRecord, worker → control
    rte_ring* captures = nullptr;  // CaptureRecord, worker → control
};

/// Call after something was put into a ring of the worker, once for many.
void wake(const WorkerLink&);

}  // namespace oegate
