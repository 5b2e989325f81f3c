// visit: a walk round the flow cache in the background. It carries over to the ledger what
// flows sent in the clear, and thins a cache that is nearly full, so that a new pair finds
// room without a search: pass and deny that are unused for what the OE draft calls in use
// (§3.2.7), never hold or encrypt. Called by tend.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// One bucket now and then.
void visit_flows(Worker&);

}  // namespace oegate
