// What one question came to: the records, their absence, or why neither is known.
// Made by query from a message that matched, read by the judgement.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "contract/words.hpp"
#include "discovery/wire.hpp"

namespace oegate::discovery {

/// Bound of a chain of aliases.
inline constexpr unsigned kMaxCnames = 8;
/// No answer is believed for longer, whatever its TTL (RFC 8767 §4 caps likewise).
inline constexpr Duration kMaxLifetime = 24h;
/// Absence without an SOA may not be cached (RFC 2308 §5); it still has to last
/// for the datagrams that wait for it.
inline constexpr Duration kNoSoaLifetime = 60s;
/// Failures of resolution (RFC 9520 §3.2: at most five minutes).
inline constexpr Duration kFailureLifetime = 300s;

struct Reply {
    enum class State : std::uint8_t { records, absent, failed, bogus };
    State state = State::failed;
    /// Of the whole alias chain. By a resolver's AD bit secure or indeterminate, never
    /// insecure: AD = 0 cannot tell the two apart. Bogus exactly when state is.
    Verdict verdict = Verdict::indeterminate;
    std::vector<Bytes> rdata;
    Duration lifetime = kFailureLifetime;
    std::string detail;  // for failed and bogus

    bool secure() const { return verdict == Verdict::secure; }
};

/// message: NOERROR or NXDOMAIN, not truncated, matches question. AD is honoured
/// only with trusted_path (RFC 4035 §4.9.3). wall_seconds: since the epoch, for the
/// expiration of signatures; nullopt leaves them out.
Reply read_reply(const Message& message, const Question& question, bool trusted_path,
                 std::optional<std::int64_t> wall_seconds);

}  // namespace oegate::discovery
