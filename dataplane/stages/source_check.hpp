// source_check: is the source one that may come from here (RFC 3704)? Called by the
// loop on what came in the clear, behind screen and before routing; filters in place.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Drops under source_check or ip_spoofed_inside as the interface it came in on says. What
/// it lets through may come from that interface as long as the worker's way_generation
/// stands. Spared: what came out of a tunnel (the selectors of its SA name the peer's
/// addresses, and those come from the keying, RFC 4301 §5.2), ESP to us (its SA names both
/// outer addresses and the ICV says more than a route), link-local and unspecified
/// sources (screen lets them reach our own addresses only).
/// ours: they are addressed to us.
void source_check(Worker&, Burst&, bool ours);

}  // namespace oegate
