#include "manage/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace oegate::manage {
namespace {

void append_printable(std::string& out, std::string_view text, bool in_quotes) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            if (in_quotes && (c == '"' || c == '\\')) out += '\\';
            out += c;
        }
    }
}

void append_field(std::string& out, std::string_view key, std::string_view value) {
    out += ' ';
    out += key;
    out += '=';
    const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
    });
    if (plain) {
        out += value;
        return;
    }
    out += '"';
    append_printable(out, value, true);
    out += '"';
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    append_printable(out, text, false);
    return out;
}

std::string_view to_text(config::LogLevel level) {
    switch (level) {
        case config::LogLevel::debug:
            return "debug";
        case config::LogLevel::info:
            return "info";
        case config::LogLevel::notice:
            return "notice";
        case config::LogLevel::warning:
            return "warning";
        case config::LogLevel::error:
            return "error";
    }
    return "?";
}

Log::Log(config::LogLevel least, Sink sink, WallClock clock)
    : least_(least), sink_(std::move(sink)), clock_(std::move(clock)) {}

Log::Log(config::LogLevel least)
    : Log(
          least,
          [](std::string_view line) {
              // A log that cannot be written must not stop the gateway.
              [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
          },
          [] { return std::chrono::system_clock::now(); }) {}

void Log::write(config::LogLevel level, std::string_view subsystem, std::string_view text,
                const Fields& fields, std::string_view kind, std::source_location site) {
    if (level < least_) return;
    const WallTime now = clock_();
    std::uint64_t suppressed = 0;
    if (!may_write(site, kind, now, suppressed)) return;
    std::string line = rfc3339(now);
    line += ' ';
    line += to_text(level);
    line += ' ';
    line += subsystem;
    line += ": ";
    append_printable(line, text, false);
    for (const Field& field : fields) append_field(line, field.key, field.value);
    if (suppressed > 0) append_field(line, "suppressed", std::to_string(suppressed));
    if (line.size() > kMaxLine) line = line.substr(0, kMaxLine) + "...";
    kept_.push_back(line);
    if (kept_.size() > kKept) kept_.pop_front();
    line += '\n';
    sink_(line);
}

bool Log::may_write(const std::source_location& site, std::string_view kind, WallTime now,
                    std::uint64_t& suppressed) {
    const auto [entry, fresh] = sites_.try_emplace({site.file_name(), site.line(), std::string(kind)});
    Site& bucket = entry->second;
    if (!fresh && now > bucket.filled) {
        const std::chrono::duration<double> since = now - bucket.filled;
        bucket.tokens = std::min<double>(kBurst, bucket.tokens + since.count() * kPerSecond);
    }
    bucket.filled = now;
    if (bucket.tokens < 1) {
        ++bucket.suppressed;
        ++num_suppressed_;
        return false;
    }
    bucket.tokens -= 1;
    suppressed = std::exchange(bucket.suppressed, 0);
    return true;
}

}  // namespace oegate::manage
