// The verdicts of `oegate dns verify`: what each name shows through the resolver and at
// each authority, judged by what it should show. Pure.
#pragma once

#include "publication/survey.hpp"

namespace oegate::publication {

enum class Verdict : std::uint8_t {
    ok,
    missing,        // no record of ours
    stale,          // what was right before: a former key, an old zone, a cache
    not_signed,     // right, but DNSSEC does not secure it
    wrong_gateway,  // delegates to somebody else
    wrong_key,      // a key that is not ours
    malformed,      // breaks its format: others deny the host altogether
    bogus,          // signatures do not verify: likewise
    unreachable,    // no answer
};
std::string_view to_text(Verdict verdict);

struct Keys {
    PublicKey current;              // in use: must be there
    std::optional<PublicKey> next;  // may be there already
    std::optional<PublicKey> old;   // may be there still
};

struct Line {
    Verdict verdict = Verdict::ok;
    std::string owner;    // the claim's label
    std::string name;     // the DNS name
    std::string where;    // "resolver 10.53.0.2", "authority ns.lab. 10.53.0.1"
    std::string detail;   // what was seen, and since it is wrong, why
    std::string publish;  // what to publish instead; empty when it is right
};

std::vector<Line> judge(const Ours& ours, const Keys& keys, const std::vector<Surveyed>& surveyed);

}  // namespace oegate::publication
