// What one question came to: the records, their absence, or why neither is known.
// Made by query from a message that matched, read by the judgement.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "contract/words.hpp"
#include "discovery/wire.hpp"

namespace oegate::discovery {

/// Bound of a chain of aliases (keying.md, Bounds: CNAME depth 8).
inline constexpr unsigned kMaxCnames = 8;
/// Absence without an SOA may not be cached (RFC 2308 §5); it still has to last
/// for the datagrams that wait for it.
inline constexpr Duration kNoSoaLifetime = 60s;
/// A question that was never asked, because its asker had spent its share.
inline constexpr Duration kRefusedLifetime = 10s;

struct Reply {
    enum class State : std::uint8_t { records, absent, failed, bogus };
    State state = State::failed;
    /// Of the whole alias chain. By a resolver's AD bit secure or indeterminate, never
    /// insecure: AD = 0 cannot tell the two apart. Bogus exactly when state is.
    Verdict verdict = Verdict::indeterminate;
    std::vector<Bytes> rdata;
    /// Of records and absence. How long a failure counts is not the reply's to say
    /// (Rules::failure).
    Duration lifetime = Duration::max();
    std::string detail;         // for failed and bogus
    std::string name;           // whose records or absence: where the aliases lead
    bool no_such_name = false;  // NXDOMAIN: nothing is there, of any type (RFC 8020)
    bool refused = false;       // never asked; says nothing about the name

    bool secure() const { return verdict == Verdict::secure; }
};

/// message: NOERROR or NXDOMAIN, not truncated, matches question. AD is honoured
/// only with trusted_path (RFC 4035 §4.9.3). wall_seconds: since the epoch, for the
/// expiration of signatures; nullopt leaves them out. longest: no answer is believed
/// for longer (dns.longest-ttl).
Reply read_reply(const Message& message, const Question& question, bool trusted_path,
                 std::optional<std::int64_t> wall_seconds, Duration longest);

}  // namespace oegate::discovery
