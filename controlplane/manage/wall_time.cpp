#include "manage/wall_time.hpp"

#include <fmt/format.h>

#include <ctime>

namespace oegate::manage {

std::string rfc3339(WallTime time) {
    const auto micros = std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
    const std::time_t seconds =
        std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       ((micros % 1'000'000) + 1'000'000) % 1'000'000);
}

}  // namespace oegate::manage
