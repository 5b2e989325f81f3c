// mss: lowers the maximum segment size that TCP SYNs announce through a tunnel, so that
// hosts whose path MTU discovery is broken still talk (RFC 879, RFC 4459 §3.2). Only
// ever lowers; adds no option; called by the loop for both directions.
#pragma once

#include <span>

#include "worker/worker.hpp"

namespace oegate {

/// In a TCP header with its options: lowers MSS to `mss`, repairs the checksum. True
/// when it changed something. Malformed options are left alone: hosts judge them.
bool lower_mss(std::span<std::uint8_t> tcp, std::uint16_t mss);

/// A TCP segment that opens a connection and may say an MSS.
bool is_syn(rte_mbuf* packet);

/// A SYN, in clear text here, of a pair whose datagrams may be inner_mtu bytes long.
void clamp_mss(rte_mbuf* packet, std::uint16_t inner_mtu);

/// A datagram out of a tunnel: clamped to what the way back takes.
void clamp_mss_inbound(Worker&, rte_mbuf* packet);

}  // namespace oegate
