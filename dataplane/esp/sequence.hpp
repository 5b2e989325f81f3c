// Sequence numbers of one outbound SA (RFC 4303 §3.3.3), pure. Called by the
// encrypt stage. 64 bits inside, 32 on the wire; without extended sequence numbers
// the SA stops before the 32 bits cycle, so that a number and with it a GCM nonce
// is never used twice.
#pragma once

#include <cstdint>

namespace oegate::esp {

struct SendSequence {
    static constexpr std::uint64_t kLast = 0xffffffff;

    std::uint64_t sent = 0;  // last number used; 0: none yet

    bool exhausted() const { return sent >= kLast; }
    /// The next number, from 1; 0 when they are used up.
    std::uint64_t next() { return exhausted() ? 0 : ++sent; }
};

}  // namespace oegate::esp
