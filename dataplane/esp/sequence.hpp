// Sequence numbers of an SA (RFC 4303 §3.3.3, §2.2.1), pure. Called by encrypt and
// decrypt. 64 bits inside, 32 on the wire; an outbound SA stops before the number that
// it may use last, so that none, and with it no AEAD nonce, is ever used twice.
#pragma once

#include <cstdint>

#include "esp/replay.hpp"

namespace oegate::esp {

/// Last number that an SA may use.
constexpr std::uint64_t last_sequence(bool esn) {
    return esn ? UINT64_MAX : UINT32_MAX;
}

struct SendSequence {
    std::uint64_t sent = 0;  // last number used; 0: none yet

    bool exhausted(bool esn) const { return sent >= last_sequence(esn); }
    /// The next number, from 1; 0 when they are used up.
    std::uint64_t next(bool esn) { return exhausted(esn) ? 0 : ++sent; }
};

/// The whole number of a received packet, of which only the low half was sent (RFC 4303
/// appendix A2.2): the one nearest to the window. Right as long as not more than about
/// 2^32 packets were lost in a row: an SA that is cut off for longer comes back only by a
/// rekey, since appendix A3's search for the lost half costs an attacker nothing.
/// 0, which was never sent, when it would lie before the first packet of all.
inline std::uint64_t guess_sequence(const ReplayWindow& state, std::uint32_t low) {
    const std::uint32_t window = state.window == 0 ? 64 : state.window;
    const auto highest_low = static_cast<std::uint32_t>(state.highest);
    const std::uint64_t highest_high = state.highest >> 32;
    const std::uint32_t left = highest_low - window + 1;  // modulo 2^32, as A2.2 has it
    std::uint64_t high;
    if (highest_low >= window - 1) {  // case A: the window lies within one cycle
        high = low >= left ? highest_high : highest_high + 1;
    } else {  // case B: it begins in the one before
        if (low >= left && highest_high == 0) return 0;
        high = low >= left ? highest_high - 1 : highest_high;
    }
    return high << 32 | low;
}

}  // namespace oegate::esp
