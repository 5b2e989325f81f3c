// One line in front of a stage, for as long as the stage runs:
//     const AtStage at(worker, Stage::route, burst);
// The stage clock counts it, a trace records the marked datagrams of the burst. While
// nothing is observed it costs one test of a byte of the worker's.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

class AtStage {
  public:
    AtStage(Worker& worker, Stage stage, unsigned packets = 0)
        : watch_(worker.watch), timed_(watch_.has(Watch::kClock)) {
        if (timed_) [[unlikely]]
            former_ = watch_.clock.enter(stage, packets);
    }
    AtStage(Worker& worker, Stage stage, Burst& burst)
        : watch_(worker.watch), timed_(watch_.has(Watch::kClock)) {
        if (watch_.on == 0) [[likely]]
            return;
        if (watch_.has(Watch::kTrace | Watch::kDecrypted)) watch_burst(worker, stage, burst);
        if (timed_) former_ = watch_.clock.enter(stage, burst.size());
    }
    ~AtStage() {
        if (timed_) [[unlikely]]
            watch_.clock.leave(former_);
    }
    AtStage(const AtStage&) = delete;
    AtStage& operator=(const AtStage&) = delete;

    /// What a receive came back with.
    void received(unsigned packets) {
        if (!timed_) [[likely]]
            return;
        watch_.clock.count(Stage::receive, packets);
        watch_.clock.count_receive(packets);
    }

  private:
    Watch& watch_;
    const bool timed_;
    Stage former_ = Stage::idle;
};

}  // namespace oegate
