// One hop less to live: TTL or hop limit of a datagram that is forwarded. Used by
// route, and by the stages that go by a remembered way.
#pragma once

#include <bit>
#include <cstring>

#include "net/headers.hpp"
#include "worker/burst.hpp"

namespace oegate {

static_assert(std::endian::native == std::endian::little);

/// False, and nothing is changed, when the datagram has reached its last hop.
inline bool hop(rte_mbuf* packet) {
    if (meta(packet).family == Family::ipv4) {
        // TTL, protocol and checksum are one word, the TTL its lowest byte. RFC 1624: what the
        // TTL's word of the header loses, the checksum gains, a carry comes round, and the
        // sum is never 0xffff.
        std::uint8_t* at = data(packet) + offsetof(Ipv4Header, ttl);
        std::uint32_t word;
        std::memcpy(&word, at, sizeof word);
        if ((word & 0xff) <= 1) return false;
        word += 0x10000u - 1 + (word >= 0xfffe0000u ? 0x10000u : 0u);
        std::memcpy(at, &word, sizeof word);
    } else {
        auto& header = *reinterpret_cast<Ipv6Header*>(data(packet));
        if (header.hop_limit <= 1) return false;
        --header.hop_limit;
    }
    return true;
}

}  // namespace oegate
