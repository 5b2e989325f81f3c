// Watches that every worker turns. A worker counts its turns (WorkerShared::heartbeat);
// one whose count stands still for dataplane.stall-after is stalled: its packets are
// lost and its commands wait, whatever the reason (a fault, or a core that the kernel
// has given to somebody else). Pure: told counts and time, says what has changed. Used by
// the daemon, which logs it and shows it; it repairs nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.hpp"

namespace oegate::daemon {

class Stalls {
  public:
    struct Change {
        unsigned worker = 0;
        bool stalled = false;  // false: it turns again
        Duration stood{};      // without a turn so long
    };

    Stalls(unsigned num_workers, Duration stall_after) : stall_after_(stall_after), beats_(num_workers) {}

    /// heartbeats: by worker. Each stall is told once, and its end once.
    std::vector<Change> look(std::span<const std::uint64_t> heartbeats, Time now);

    /// How long a stalled worker has stood; zero for one that turns.
    Duration stalled(unsigned worker, Time now) const;
    /// Four looks in stall-after, so that a stall is told at most a quarter of it late.
    Time next_look() const { return next_look_; }

  private:
    struct Beat {
        bool known = false;
        bool stalled = false;
        std::uint64_t count = 0;
        Time since{};  // that it was seen to change
    };
    Duration stall_after_;
    std::vector<Beat> beats_;
    Time next_look_{};
};

}  // namespace oegate::daemon
