// Counters that a worker writes and the control thread reads while it runs: single
// writer, relaxed, no locked instruction (architecture.md, Hot path 1).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "contract/drop.hpp"

namespace oegate {

class Counter {
  public:
    void add(std::uint64_t amount = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// One interface as one worker saw it.
struct alignas(64) InterfaceTally {
    Counter received_packets;
    Counter received_bytes;
    Counter transmitted_packets;
    Counter transmitted_bytes;
    // Queued, and not yet given to the driver: nobody else reads these.
    std::uint64_t leaving_packets = 0;
    std::uint64_t leaving_bytes = 0;
    std::array<Counter, kNumDrops> drops;
};

/// One worker's side of the ledger (architecture.md, end of Ownership). A packet
/// handed to another worker leaves one side and enters the other.
struct alignas(64) Ledger {
    Counter received;
    Counter generated;
    Counter fragments_made;
    Counter transmitted;
    Counter dropped;
    Counter consumed;
    Counter merged;
    Counter handed_over;  // put into another worker's ring
    Counter taken_over;   // taken out of one
    Counter events_lost;
    Counter loops;
    Counter busy_loops;
    Counter sleeps;
    Counter cycles_busy;
    Counter cycles_total;
    Counter waiting_neighbour;      // gauge
    Counter reassembling;           // gauge: fragments
    Counter waiting_one_neighbour;  // gauges: of the one with most
    Counter waiting_one_source;
    Counter held;                           // gauge, written by the security part
    Counter held_one_source;                // gauge: of the one with most
    Counter flows;                          // gauge
    std::array<Counter, 5> flows_by_state;  // gauges, by FlowState
    Counter inbound_sas;                    // gauge
    Counter outbound_sas;                   // gauge
};

}  // namespace oegate
