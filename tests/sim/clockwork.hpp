// Virtual time: things that will happen, in order of their time and, at the same
// time, of their scheduling. A run of one seed happens exactly once, again and again.
#pragma once

#include <functional>
#include <map>

#include "base/clock.hpp"

namespace oegate::sim {

class Clockwork {
  public:
    Time now() const { return now_; }
    void at(Time when, std::function<void()> what) {
        queue_.emplace(std::pair{std::max(when, now_), next_++}, std::move(what));
    }
    void in(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
    /// `after` is called behind every single thing that happened.
    template <class After>
    void run_until(Time end, After&& after) {
        while (!queue_.empty() && queue_.begin()->first.first <= end) {
            const std::function<void()> what = std::move(queue_.begin()->second);
            now_ = queue_.begin()->first.first;
            queue_.erase(queue_.begin());
            what();
            ++happened_;
            after();
        }
        now_ = end;
    }
    std::uint64_t happened() const { return happened_; }

  private:
    Time now_{1h};
    std::uint64_t next_ = 0;
    std::uint64_t happened_ = 0;
    std::map<std::pair<Time, std::uint64_t>, std::function<void()>> queue_;
};

}  // namespace oegate::sim
