// mss: lowers the maximum segment size that TCP SYNs announce through a tunnel, so that
// hosts whose path MTU discovery is broken still talk (RFC 879, RFC 4459 §3.2). Only
// ever lowers; adds no option; called by the loop for both directions.
#pragma once

#include <span>

#include "net/headers.hpp"
#include "worker/worker.hpp"

namespace oegate {

// RFC 9293 §3.1.
inline constexpr std::size_t kTcpHeader = 20, kTcpFlags = 13;
inline constexpr std::uint8_t kTcpSyn = 0x02;

/// In a TCP header with its options: lowers MSS to `mss`, repairs the checksum. True
/// when it changed something. Malformed options are left alone: hosts judge them.
bool lower_mss(std::span<std::uint8_t> tcp, std::uint16_t mss);

/// A TCP segment that opens a connection and may say an MSS, its header whole.
inline bool is_syn(const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    return static_cast<Protocol>(m.protocol) == Protocol::tcp && !m.later_fragment &&
           rte_pktmbuf_data_len(packet) >= m.header_len + kTcpHeader &&
           (data(packet)[m.header_len + kTcpFlags] & kTcpSyn) != 0;
}

/// A SYN, in clear text here, of a pair whose datagrams may be inner_mtu bytes long.
void clamp_mss(rte_mbuf* packet, std::uint16_t inner_mtu);

/// A datagram out of a tunnel: clamped to what the way back takes.
void clamp_mss_inbound(Worker&, rte_mbuf* packet);

}  // namespace oegate
