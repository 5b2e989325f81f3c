// Byte strings and their text forms. Used by every codec; allocates, so never on
// the hot path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oegate {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// Lower-case hexadecimal, no separators.
std::string to_hex(ByteView bytes);
/// Inverse of to_hex; upper case is accepted. nullopt for an odd length or a
/// character that is no hexadecimal digit.
std::optional<Bytes> from_hex(std::string_view text);

/// RFC 4648 §4, with padding, on one line.
std::string to_base64(ByteView bytes);
/// Inverse of to_base64. White space anywhere is ignored (OE draft §5.2.1);
/// padding may be missing; any other foreign character is an error.
std::optional<Bytes> from_base64(std::string_view text);

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline void append(Bytes& out, ByteView more) {
    out.insert(out.end(), more.begin(), more.end());
}

}  // namespace oegate
