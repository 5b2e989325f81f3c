// Copies flow and SA entries for `show` into the snapshot ring, a bounded portion a
// loop, so that a large table delays no packet. Called by tend.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

void answer_snapshots(Worker&);

}  // namespace oegate
