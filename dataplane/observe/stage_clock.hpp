// Cycles, calls and packets of each stage of one worker. Switched on by command for a
// while; AtStage (observe/at_stage.hpp) tells it where the worker is. Time is charged to
// the innermost stage only, so that the sum over the stages is the time that passed.
#pragma once

#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <bit>

#include "contract/snapshot.hpp"
#include "worker/counters.hpp"

namespace oegate {

class StageClock {
  public:
    /// Written by the worker, read by control.
    struct Tally {
        Counter calls;
        Counter packets;
        Counter cycles;
        Counter max_burst;
    };

    /// Everything from zero.
    void start() {
        for (Tally& tally : tallies_) {
            for (Counter* counter : {&tally.calls, &tally.packets, &tally.cycles, &tally.max_burst})
                counter->set(0);
        }
        for (Counter& bursts : receive_bursts_) bursts.set(0);
        at_ = Stage::idle;
        since_ = rte_rdtsc();
    }

    /// Into a stage; what is returned is given to leave().
    Stage enter(Stage stage, unsigned packets) {
        const Stage former = at_;
        charge(stage);
        count(stage, packets);
        return former;
    }
    void leave(Stage former) { charge(former); }

    /// Packets that a stage found out about after it was entered.
    void count(Stage stage, unsigned packets) {
        Tally& tally = tallies_[static_cast<std::size_t>(stage)];
        tally.calls.add(packets != 0 ? 1 : 0);
        tally.packets.add(packets);
        if (packets > tally.max_burst.get()) tally.max_burst.set(packets);
    }
    void count_receive(unsigned packets) {
        receive_bursts_[std::min<std::size_t>(std::bit_width(packets), kBurstSizes - 1)].add();
    }

    const Tally& tally(Stage stage) const { return tallies_[static_cast<std::size_t>(stage)]; }
    const std::array<Counter, kBurstSizes>& receive_bursts() const { return receive_bursts_; }

  private:
    void charge(Stage next) {
        const std::uint64_t now = rte_rdtsc();
        tallies_[static_cast<std::size_t>(at_)].cycles.add(now - since_);
        since_ = now;
        at_ = next;
    }

    Stage at_ = Stage::idle;
    std::uint64_t since_ = 0;
    std::array<Tally, kNumStages> tallies_;
    std::array<Counter, kBurstSizes> receive_bursts_;
};

}  // namespace oegate
