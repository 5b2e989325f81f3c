// fragment: datagrams that are larger than an MTU and may be cut (RFC 791 §3.2, RFC 8200
// §4.5), before encryption, after it, or before a port; the others get ICMP too-big.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Fragments of one datagram at most; more is fragment_failed. 65,535 bytes at 1,500 need 45.
inline constexpr unsigned kMaxFragments = 64;

/// Every IPv6 link carries it (RFC 8200 §5): never told a smaller one, a sender cannot obey.
inline constexpr std::uint16_t kMinMtuIpv6 = 1280;

/// Passes the packet to `out` whole when it fits mtu, else as fragments, or refuses
/// it (too_big with this mtu in the ICMP answer). Meta is copied to each fragment. An
/// IPv6 datagram that may be cut (Meta::dont_fragment off) is one that we made.
void fit(Worker&, rte_mbuf* packet, std::uint16_t mtu, Burst& out);

/// An outer datagram that is to be cut on its way: DF off (RFC 4301 §8.1).
void allow_cut(rte_mbuf* outer);

}  // namespace oegate
