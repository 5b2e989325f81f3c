// fragment: IPv4 datagrams that are larger than an MTU and may be cut (RFC 791
// §3.2), before encryption or before a port; the others get ICMP too-big.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Fragments of one datagram at most; more is fragment_failed.
inline constexpr unsigned kMaxFragments = 16;

/// Passes the packet to `out` whole when it fits mtu, else as fragments, or refuses
/// it (too_big with this mtu in the ICMP answer). Meta is copied to each fragment.
void fit(Worker&, rte_mbuf* packet, std::uint16_t mtu, Burst& out);

}  // namespace oegate
