// ICMP and ICMPv6 that we originate: errors where RFC 1812 §4.3.2.7 and RFC 4443
// §2.4 allow them, rate-limited, and echo replies. Replies and errors go to
// Worker::generated, which the loop routes, resolves and transmits; errors about what
// came out of a tunnel to Worker::answers, which go back through it (answer.cpp).
#pragma once

#include "worker/worker.hpp"

namespace oegate {

enum class IcmpError : std::uint8_t {
    network_unreachable,          // 3/0, 1/0
    host_unreachable,             // 3/1, 1/3
    administratively_prohibited,  // 3/13, 1/1
    time_exceeded,                // 11/0, 3/0
    reassembly_timeout,           // 11/1, 3/1
    too_big,                      // 3/4, 2/0, with the MTU
};

/// Offers the sender an ICMP error about the packet, then drops it under `reason`.
/// mtu: too_big only, IP bytes.
void refuse(Worker&, rte_mbuf* packet, Drop reason, IcmpError error, std::uint16_t mtu = 0);

/// Answers an echo request to one of our addresses (in place), or drops the packet.
void answer_echo(Worker&, rte_mbuf* packet);

}  // namespace oegate
