// Wall-clock time for people: RFC 3339 in UTC. Only logs and `show` use it; the
// machines know monotonic time alone.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace oegate::manage {

using WallTime = std::chrono::system_clock::time_point;
using WallClock = std::function<WallTime()>;

/// "2026-11-22T00:24:50.123456Z"
std::string rfc3339(WallTime time);

}  // namespace oegate::manage
