// One hop less to live: TTL or hop limit of a datagram that is forwarded. Used by
// route, and by the stages that go by a remembered way.
#pragma once

#include "net/headers.hpp"
#include "worker/burst.hpp"

namespace oegate {

/// False, and nothing is changed, when the datagram has reached its last hop.
inline bool hop(rte_mbuf* packet) {
    if (meta(packet).family == Family::ipv4) {
        auto& header = *reinterpret_cast<Ipv4Header*>(data(packet));
        if (header.ttl <= 1) return false;
        --header.ttl;
        // RFC 1624 in the shape that needs no division: the TTL is the high byte of its word.
        const unsigned sum = header.header_checksum.host() + 0x0100u;
        header.header_checksum = Be16(static_cast<std::uint16_t>(sum + (sum >= 0xffff ? 1 : 0)));
    } else {
        auto& header = *reinterpret_cast<Ipv6Header*>(data(packet));
        if (header.hop_limit <= 1) return false;
        --header.hop_limit;
    }
    return true;
}

}  // namespace oegate
