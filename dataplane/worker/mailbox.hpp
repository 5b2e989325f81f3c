// mailbox: commands from control, applied in order, at most 32 a turn, straight out of
// the ring; key material in the slots is overwritten before they are given back. A
// command that would be unsafe or unanswerable now waits, with all behind it: one that
// ends an SA until every hand-over ring has been passed, one that is answered until
// there is room for the answer.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// True when there were any. Released datagrams are in Worker::released_pass and
/// released_encrypt afterwards.
bool apply_commands(Worker&);

}  // namespace oegate
