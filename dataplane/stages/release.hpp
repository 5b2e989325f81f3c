// release: what a pair held leaves hold, *first* before *last* (OE draft §3.1.3 to
// §3.1.5). Called by apply.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Empties a seat of the hold room into Worker::released_pass or released_encrypt
/// (sa: through which; why: the reason under which the ledger counts what goes in the
/// clear), or drops both under `reason` for any other state.
void release(Worker&, std::uint32_t seat, FlowState state, const SaRef& sa, Drop reason,
             std::uint16_t why = 0);

}  // namespace oegate
