// Time as the machines see it: monotonic nanoseconds since an arbitrary start,
// always handed in as `now`. The reactor passes real time, the simulation virtual.
#pragma once

#include <chrono>

namespace oegate {

struct Clock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
};

using Duration = Clock::duration;
using Time = Clock::time_point;
using namespace std::chrono_literals;

/// Later than any deadline: "no timer is set".
inline constexpr Time kNever = Time::max();

}  // namespace oegate
