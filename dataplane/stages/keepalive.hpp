// NAT keepalives (RFC 3948 §4): a byte of 0xff through a tunnel in UDP that had nothing
// to send, so that a translator on the path does not forget it. Called by the bounded
// scan of the SAs (expire).
#pragma once

#include "tables/sad.hpp"
#include "worker/worker.hpp"

namespace oegate {

/// Sends one if the SA has sent nothing for Security::nat_keepalive_ns.
void keep_alive(Worker&, const OutboundSa&, SaCold&);

}  // namespace oegate
