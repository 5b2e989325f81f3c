// The Internet checksum (RFC 1071), pure.
#pragma once

#include "base/bytes.hpp"

namespace oegate {

/// Adds bytes (padded with a zero to an even length) to a running one's-complement sum.
std::uint64_t checksum_add(std::uint64_t sum, ByteView bytes);
/// Folds and complements: the value to put into, or compare with, a checksum
/// field, in host order.
std::uint16_t checksum_finish(std::uint64_t sum);
inline std::uint16_t checksum(ByteView bytes) {
    return checksum_finish(checksum_add(0, bytes));
}

}  // namespace oegate
