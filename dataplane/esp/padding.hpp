// The ESP trailer (RFC 4303 §2.4, §2.5, §2.6), pure: padding, pad length and next
// header. Called by the encrypt and decrypt stages. Knows nothing of ICVs.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/bytes.hpp"

namespace oegate::esp {

inline constexpr std::size_t kTrailerLen = 2;  // pad length, next header
/// RFC 4303 §2.4; a counter mode or NULL needs no more. A CBC cipher needs its block.
inline constexpr std::size_t kAlignment = 4;
inline constexpr std::size_t kMaxAlignment = 16;

/// Padding bytes behind payload_len bytes, so that the trailer ends on `alignment`, a
/// power of two.
constexpr std::size_t pad_len(std::size_t payload_len, std::size_t alignment = kAlignment) {
    return (0 - payload_len - kTrailerLen) & (alignment - 1);
}
/// Padding and the two bytes behind it.
constexpr std::size_t trailer_len(std::size_t payload_len, std::size_t alignment = kAlignment) {
    return pad_len(payload_len, alignment) + kTrailerLen;
}

/// Writes num_pad (0..15) bytes of padding 1, 2, 3, …, pad length, next header. There must
/// be room for eight bytes behind `at`, which the ICV's place gives.
inline void write_trailer(std::uint8_t* at, std::size_t num_pad, std::uint8_t next_header) {
    static constexpr std::array<std::uint8_t, kMaxAlignment> kPadding{1, 2,  3,  4,  5,  6,  7,  8,
                                                                      9, 10, 11, 12, 13, 14, 15, 16};
    std::memcpy(at, kPadding.data(), 8);
    if (num_pad > 8) std::memcpy(at + num_pad - 8, kPadding.data() + num_pad - 8, 8);
    const auto last = static_cast<std::uint16_t>(num_pad | std::size_t{next_header} << 8);
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(at + num_pad, &last, sizeof last);
}

struct Trailer {
    std::size_t payload_len = 0;  // bytes in front of the padding, TFC padding included (§2.7)
    std::uint8_t next_header = 0;
};

/// Whether the num_pad bytes that end two bytes before `end` are 1, 2, 3, …; `room` bytes
/// stand before `end`.
inline bool is_padding(const std::uint8_t* end, std::size_t num_pad, std::size_t room) {
    const std::uint8_t* padding = end - kTrailerLen - num_pad;
    if (num_pad < 8 && room >= 8 + kTrailerLen) {  // at once: the last bytes of one word
        std::uint64_t last;
        std::memcpy(&last, end - kTrailerLen - 8, sizeof last);
        const std::uint64_t wanted = 0x0807060504030201 & ((std::uint64_t{1} << 8 * num_pad) - 1);
        return last >> 8 >> (56 - 8 * num_pad) == wanted;
    }
    unsigned wrong = 0;
    for (std::size_t i = 0; i < num_pad; ++i) wrong |= padding[i] ^ static_cast<unsigned>(i + 1);
    return wrong == 0;
}

/// Takes decrypted bytes (payload, padding, pad length, next header) apart. nullopt
/// when the pad length runs past the front, or the padding is not 1, 2, 3, … as
/// §2.4 demands where the algorithm says nothing else: it is checked although the
/// ICV already vouches for it, since a receiver "SHOULD inspect" it.
inline std::optional<Trailer> read_trailer(ByteView plain) {
    if (plain.size() < kTrailerLen) return std::nullopt;
    const std::uint8_t* end = plain.data() + plain.size();
    const std::size_t num_pad = end[-2];
    if (num_pad + kTrailerLen > plain.size() || !is_padding(end, num_pad, plain.size())) return std::nullopt;
    return Trailer{plain.size() - kTrailerLen - num_pad, end[-1]};
}

}  // namespace oegate::esp
