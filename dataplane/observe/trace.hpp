// Trace of a pair: marks its datagrams, reports each stage that a marked one comes to.
// Called by observe/watch.cpp on the worker's own core, only while a trace runs.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Registers the mark in the mbufs, once a process and with EAL up; false: no room there.
bool prepare_trace();

void start_trace(Worker&, const StartTrace&);
void stop_trace(Worker&, const StopTrace&);
/// A port may leave any flag behind.
void unmark(Burst& frames);
void trace_burst(Worker&, Stage, Burst&);
void trace_packet(Worker&, Stage, rte_mbuf*);
void trace_drop(Worker&, rte_mbuf*, Drop);

}  // namespace oegate
