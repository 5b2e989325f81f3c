// The largest of many small counts that go up and down by one: exact, a few
// instructions each, whoever counts. Used by SourceShares and WaitingRoom to tell how
// near to a bound per source or per neighbour anybody is. Allocates only when made.
#pragma once

#include <cstdint>
#include <vector>

namespace oegate {

class LargestCount {
  public:
    /// No count is ever above bound.
    explicit LargestCount(std::uint32_t bound) : num_at_(std::size_t{bound} + 1) {}

    /// One of them was `count` and is one more.
    void up(std::uint32_t count) {
        if (count != 0) --num_at_[count];
        ++num_at_[count + 1];
        if (count == largest_) ++largest_;
    }
    /// One of them was `count`, not 0, and is one less.
    void down(std::uint32_t count) {
        --num_at_[count];
        if (count > 1) ++num_at_[count - 1];
        if (count == largest_ && num_at_[count] == 0) --largest_;  // it is there itself now
    }
    std::uint32_t get() const { return largest_; }
    std::uint32_t bound() const { return static_cast<std::uint32_t>(num_at_.size() - 1); }

  private:
    std::vector<std::uint32_t> num_at_;  // how many are at this count
    std::uint32_t largest_ = 0;
};

}  // namespace oegate
