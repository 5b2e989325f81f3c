// Copies of packets for pcapng files, which control writes: of an interface, of drops,
// of what is inside of tunnels. Called by observe/watch.cpp on the worker's own core,
// only while a capture wants it.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

void start_capture(Worker&, const StartCapture&);
void stop_capture(Worker&, const StopCapture&);
void capture_received(Worker&, const PortUse&, Burst& frames);
void capture_transmitted(Worker&, Burst& frames);
void capture_drop(Worker&, rte_mbuf*, Drop);
/// Datagrams that come out of an SA (at `screen`) or go into one (at `encrypt`).
void capture_inside(Worker&, Stage, Burst&);

}  // namespace oegate
