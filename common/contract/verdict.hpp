// What DNSSEC verdicts are worth (keying.md): the one order of them, for discovery, keying
// and ike. words.hpp has their names.
#pragma once

#include "contract/words.hpp"

namespace oegate {

/// The verdict of a chain is that of its weakest link. Insecure is weaker than secure, and
/// indeterminate than insecure only in name: neither is believed more.
constexpr Verdict weakest(Verdict a, Verdict b) {
    for (const Verdict v : {Verdict::bogus, Verdict::indeterminate, Verdict::insecure})
        if (a == v || b == v) return v;
    return Verdict::secure;
}

/// For comparisons: who may take the place of whom. A resolver's AD = 0 cannot tell
/// insecure from indeterminate, so they are equals.
constexpr unsigned strength(Verdict verdict) {
    return verdict == Verdict::secure ? 2 : verdict == Verdict::bogus ? 0 : 1;
}

}  // namespace oegate
