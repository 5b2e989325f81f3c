// local: datagrams to our own addresses. Echo is answered, neighbour discovery and
// IKE go to control, ESP, plain or in UDP (RFC 3948), goes on to decrypt; the rest is dropped: control has no
// TCP/IP stack of its own.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Takes every packet of `ours`; leaves ESP whose SPI names us in `esp`. ESP of other
/// workers is handed over. Fragments that make a datagram whole leave it in Lanes::whole.
void local(Worker&, Burst& ours, Burst& esp);

}  // namespace oegate
