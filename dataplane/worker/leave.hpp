// The ways out: what the pipeline does with datagrams once it is decided that they leave,
// in the clear or through an SA. Called by the loop only; each returns with its burst
// spent, and with an empty one does nothing.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Next hop and interface of each; those without a route die.
void look_up_routes(Worker&, Burst&);

/// Routed datagrams to their port: cut to its MTU, given a MAC address, queued.
void send(Worker&, Burst& routed);

/// Datagrams that may know their way; those who do not are routed now.
void send_on(Worker&, Burst& known);

/// Datagrams with an SA: cut to what fits inside it *before* encryption, encrypted, and
/// their outer datagrams sent.
void protect(Worker&, Burst& inner);

}  // namespace oegate
