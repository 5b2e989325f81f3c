// Which stored peers are told of our restart, and when: a few at a time, the ones known
// last first. Decides only the pace; the gateway asks their keys and starts the exchanges.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "store/records.hpp"

namespace oegate::gateway {

class Greeter {
  public:
    static constexpr unsigned kAtOnce = 8;
    static constexpr Duration kEvery = 100ms;
    /// The others learn of it with their next exchange.
    static constexpr std::size_t kMost = 4096;

    void add(store::PeerRecord peer) {
        if (waiting_.size() < kMost) waiting_.push_back(std::move(peer));
    }
    /// The next one to greet, if its time has come.
    std::optional<store::PeerRecord> next(Time now) {
        if (waiting_.empty() || under_way_ >= kAtOnce || now < next_at_) return std::nullopt;
        next_at_ = now + kEvery;
        ++under_way_;
        store::PeerRecord peer = std::move(waiting_.front());
        waiting_.pop_front();
        return peer;
    }
    void ended() { --under_way_; }
    void stop() { waiting_.clear(); }
    Time next_deadline() const { return waiting_.empty() || under_way_ >= kAtOnce ? kNever : next_at_; }

  private:
    std::deque<store::PeerRecord> waiting_;
    unsigned under_way_ = 0;
    Time next_at_{};
};

}  // namespace oegate::gateway
