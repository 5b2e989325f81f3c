// Whose word may end whose IKE SAs: one verdict measured against another, for
// INITIAL_CONTACT (keying.md). Used where it is honoured and where it is said.
#pragma once

#include "contract/words.hpp"

namespace oegate::ike {

/// secure above insecure above what cannot be told.
inline unsigned strength(Verdict verdict) {
    return verdict == Verdict::secure ? 2 : verdict == Verdict::insecure ? 1 : 0;
}

}  // namespace oegate::ike
