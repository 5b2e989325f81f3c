#include "daemon/stalls.hpp"

#include <algorithm>

namespace oegate::daemon {

std::vector<Stalls::Change> Stalls::look(std::span<const std::uint64_t> heartbeats, Time now) {
    next_look_ = now + std::max<Duration>(stall_after_ / 4, 1ms);
    std::vector<Change> changes;
    for (unsigned worker = 0; worker < beats_.size() && worker < heartbeats.size(); ++worker) {
        Beat& beat = beats_[worker];
        if (!beat.known || beat.count != heartbeats[worker]) {
            if (beat.stalled) changes.push_back({worker, false, now - beat.since});
            beat = {true, false, heartbeats[worker], now};
        } else if (!beat.stalled && now - beat.since >= stall_after_) {
            beat.stalled = true;
            changes.push_back({worker, true, now - beat.since});
        }
    }
    return changes;
}

Duration Stalls::stalled(unsigned worker, Time now) const {
    if (worker >= beats_.size() || !beats_[worker].stalled) return Duration::zero();
    return now - beats_[worker].since;
}

}  // namespace oegate::daemon
