// path_mtu: ICMP errors from outside about our outer datagrams go to control: that they are
// too big, which it believes for SAs that it has (RFC 4301 §8.2.1), and that they got
// nowhere, which it believes nobody, but asks the peer (OE draft §3.2.6). Called by local.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// `packet`: an ICMP 3/4 or ICMPv6 2 to us whose checksum is right. Takes it.
void hear_too_big(Worker&, rte_mbuf* packet);
/// `packet`: an ICMP 3 or ICMPv6 1 or 4/1 to us, likewise. An UnknownSpi without SPI.
void hear_unreachable(Worker&, rte_mbuf* packet);

}  // namespace oegate
