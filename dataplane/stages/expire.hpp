// Soft and hard limits of SAs (RFC 4301 §4.4.2.1; OE draft §3.1.5). Packet and byte
// limits are looked at where a packet passes them, time limits by a bounded scan.
// Called by encrypt, decrypt and tend; removes nothing: control does.
#pragma once

#include "tables/sad.hpp"
#include "worker/worker.hpp"

namespace oegate {

/// Tells control which limit was reached, if any; at the hard one the SA is dead and
/// the pair that named it returns to hold.
void check_limits(Worker&, OutboundSa&);
void check_limits(Worker&, InboundSa&);

/// The SA is over, whatever its limits: its sequence numbers are used up.
void end_sa(Worker&, OutboundSa&);

/// Time limits of a few slots of each direction.
void expire_by_time(Worker&);

}  // namespace oegate
