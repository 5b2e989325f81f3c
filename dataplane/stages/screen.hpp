// screen: which datagrams may be forwarded or delivered at all (RFC 1812 §5.3.7,
// RFC 4291). Ours go one way, transit the other, the rest dies.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

void screen(Worker&, Burst& datagrams, Burst& ours, Burst& transit);

/// Whether every datagram of this pair is transit, as far as its addresses say.
bool is_transit(const Worker&, const Pair&);

}  // namespace oegate
