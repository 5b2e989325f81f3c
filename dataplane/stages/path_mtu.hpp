// path_mtu: ICMP errors from outside that say that our outer datagrams are too big go to
// control, which believes them for SAs that it has (RFC 4301 §8.2.1). Called by local.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// `packet`: an ICMP 3/4 or ICMPv6 2 to us whose checksum is right. Takes it.
void hear_too_big(Worker&, rte_mbuf* packet);

}  // namespace oegate
