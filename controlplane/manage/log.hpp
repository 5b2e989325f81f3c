// The log: one line an event on standard error, and the last lines for `show log`.
// Control thread only. A call site that repeats itself quickly is cut to a rate and
// the number of lines that were cut is told. Secrets never come here; whatever a
// stranger sent is escaped, so that it cannot forge a line.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "manage/wall_time.hpp"

namespace oegate::manage {

struct Field {
    std::string_view key;
    std::string value;
};
using Fields = std::vector<Field>;

std::string_view to_text(config::LogLevel level);
/// Control characters and what is no ASCII become \xNN: no line can be forged and no
/// terminal be driven.
std::string printable(std::string_view text);

class Log {
  public:
    /// A whole line with its line feed.
    using Sink = std::function<void(std::string_view line)>;

    static constexpr unsigned kBurst = 20;      // lines of one site at once
    static constexpr unsigned kPerSecond = 5;   // and then
    static constexpr std::size_t kKept = 1000;  // lines for `show log`
    static constexpr std::size_t kMaxLine = 2000;

    Log(config::LogLevel least, Sink sink, WallClock clock);
    /// To standard error with the system's clock.
    explicit Log(config::LogLevel least);

    /// "TIME LEVEL SUBSYSTEM: TEXT key=value key=value". The rate is each site's own, and of
    /// one that writes what others say, each kind's (one of few words): so that what
    /// happens often does not hide what happens once.
    void write(config::LogLevel level, std::string_view subsystem, std::string_view text,
               const Fields& fields = {}, std::string_view kind = {},
               std::source_location site = std::source_location::current());
    void set_level(config::LogLevel least) { least_ = least; }

    /// Oldest first, without line feeds.
    const std::deque<std::string>& kept() const { return kept_; }
    std::uint64_t num_suppressed() const { return num_suppressed_; }

  private:
    struct Site {
        double tokens = kBurst;
        WallTime filled{};
        std::uint64_t suppressed = 0;
    };
    /// False: the line is cut. Else suppressed is what was cut before it.
    bool may_write(const std::source_location& site, std::string_view kind, WallTime now,
                   std::uint64_t& suppressed);

    config::LogLevel least_;
    Sink sink_;
    WallClock clock_;
    std::map<std::tuple<const char*, unsigned, std::string>, Site> sites_;  // bounded by the program's size
    std::deque<std::string> kept_;
    std::uint64_t num_suppressed_ = 0;
};

}  // namespace oegate::manage
