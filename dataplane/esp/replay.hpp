// Anti-replay window of one inbound SA (RFC 4303 §3.4.3), pure. Called by the
// decrypt stage: check() before the ICV is verified, update() only after. The
// bitmap is a ring of 64-bit words that is cleared ahead of the window instead of
// shifted (RFC 6479), so that both are a handful of instructions whatever its size.
#pragma once

#include <cstdint>
#include <span>

namespace oegate::esp {

/// Smallest step and bounds of a window (RFC 4303 §3.4.3 demands 32, prefers 64).
inline constexpr std::uint32_t kWindowStep = 32;
inline constexpr std::uint32_t kMaxWindow = 32768;

/// Words of bitmap that a window of num_packets needs: a power of two with at least
/// one word more than the window, since the word that holds the highest number is only
/// partly used.
constexpr std::uint32_t replay_words(std::uint32_t num_packets) {
    std::uint32_t words = 1;
    while (words < (num_packets + 63) / 64 + 1) words *= 2;
    return words;
}

enum class Replay : std::uint8_t { fresh, seen, left_of_window };

/// What is kept in the SA. The bitmap lies elsewhere and is handed in: its size is
/// a power of two and at least replay_words(window).
struct ReplayWindow {
    std::uint64_t highest = 0;  // highest number authenticated; 0: none yet
    std::uint32_t window = 0;   // packets, a multiple of 32; 0 switches the check off

    /// Sequence numbers start at 1 (RFC 4303 §3.3.3): 0 was never sent.
    Replay check(std::span<const std::uint64_t> bitmap, std::uint64_t sequence) const {
        if (window == 0) return Replay::fresh;
        if (sequence > highest) return Replay::fresh;
        if (sequence == 0 || highest - sequence >= window) return Replay::left_of_window;
        const std::uint64_t word = bitmap[sequence / 64 & (bitmap.size() - 1)];
        return (word >> (sequence & 63) & 1) != 0 ? Replay::seen : Replay::fresh;
    }

    /// Only for a number that check() called fresh and whose packet verified.
    void update(std::span<std::uint64_t> bitmap, std::uint64_t sequence) {
        if (window == 0) {
            if (sequence > highest) highest = sequence;
            return;
        }
        const std::uint64_t mask = bitmap.size() - 1;
        if (sequence > highest) {
            std::uint64_t steps = sequence / 64 - highest / 64;
            if (steps > bitmap.size()) steps = bitmap.size();
            for (std::uint64_t i = 0; i < steps; ++i) bitmap[(sequence / 64 - i) & mask] = 0;
            highest = sequence;
        }
        bitmap[sequence / 64 & mask] |= std::uint64_t{1} << (sequence & 63);
    }
};
static_assert(sizeof(ReplayWindow) == 16);

}  // namespace oegate::esp
