// What DNS said of an address: who protects it, with which keys, and how far to
// believe it. Produced by discovery, read by keying, ike and `show dns`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "contract/verdict.hpp"
#include "net/identity.hpp"

namespace oegate::discovery {

enum class RecordType : std::uint16_t { txt = 16, key = 25, ipseckey = 45 };

/// Verdicts: secure, bogus, and with own validation insecure (a proven unsigned
/// delegation) or indeterminate. A resolver's AD = 0 cannot tell those two apart, so
/// insecure is never claimed on its word.

/// A gateway that may be tried for an address.
struct Candidate {
    Address gateway;
    Identity id;  // what the peer must prove to be
    unsigned precedence = 0;
    RecordType source = RecordType::ipseckey;
    std::vector<PublicKey> keys;  // empty: a key lookup at `id` is needed (p.key)
    Verdict verdict = Verdict::indeterminate;
    /// Also believed: a gateway that DNS gives by name may call itself by its address.
    std::vector<Identity> also;
    /// Counts though DNSSEC does not secure it and it names another than the queried
    /// address: `dns.unsigned-records: any`, TXT only.
    bool any_unsigned = false;
};

/// One verdict over all types (keying.md, Rules that are easy to lose).
enum class Outcome : std::uint8_t {
    usable,     // candidates, in the order to try
    none,       // no record, authenticated or unsigned absence (p.none)
    unusable,   // only records that the rules ignore (p.unusable)
    failed,     // time-out, or SERVFAIL also with CD=1 (p.dnsfail)
    bogus,      // SERVFAIL but CD=1 answers (p.bogus)
    malformed,  // malformed records and no good one (p.malformed)
};

/// A record as it was seen, for `explain` and `show dns`.
struct SeenRecord {
    RecordType type = RecordType::txt;
    std::string text;       // presentation form, key shortened
    std::string judgement;  // "usable", or why not
};

struct DelegationAnswer {
    Outcome outcome = Outcome::failed;
    Verdict verdict = Verdict::indeterminate;
    std::vector<Candidate> candidates;
    /// Secure TXT `=@FQDN` delegations: whom a responder may believe, never a place
    /// to go to (their gateway is unspecified). Filled whatever the outcome.
    std::vector<Candidate> identities;
    Duration lifetime{};  // how long the answer holds (TTL; SOA MINIMUM for absence; RRSIG)
    std::string detail;   // one line for logs and explain
    std::vector<SeenRecord> records;
};

struct KeyAnswer {
    Outcome outcome = Outcome::failed;
    Verdict verdict = Verdict::indeterminate;
    std::vector<PublicKey> keys;  // all candidates, today's and tomorrow's
    Duration lifetime{};
    std::string detail;
};

}  // namespace oegate::discovery
