// UDP and ICMPv6 checksums with their pseudo-header (RFC 768, RFC 8200 §8.1).
#pragma once

#include "net/address.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace oegate {

/// Over a message whose checksum field is part of `bytes`: 0 means it is right; with
/// the field zeroed it is the value to put there.
inline std::uint16_t transport_checksum(const Pair& pair, Protocol protocol, ByteView bytes) {
    std::uint64_t sum = bytes.size() + static_cast<std::uint64_t>(protocol);
    sum = checksum_add(sum, pair.source.wire());
    sum = checksum_add(sum, pair.destination.wire());
    return checksum_finish(checksum_add(sum, bytes));
}

}  // namespace oegate
