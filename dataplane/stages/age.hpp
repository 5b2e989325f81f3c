// age: a full flow cache is thinned in the background, so that a new pair finds room
// without a search. Called by tend; touches only what may be evicted at all (pass and
// deny, unused for what the OE draft calls in use, §3.2.7), never hold or encrypt.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// One bucket now and then, and only while the cache is nearly full: until then every
/// entry stays as control wants it.
void age_flows(Worker&);

}  // namespace oegate
