// recall: the short way. A datagram whose pair the flow cache knows, with a way that
// still holds, needs neither screen nor source check nor route: they would say again
// what they said. Called by the loop between parse and screen; what it does not know
// stays for the long way, at whose end policy remembers.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Takes what it knows out of `datagrams`: to `pass` with Meta::way set, or to `encrypt`
/// with Meta::sa and out_interface set; counted in its flow, and one hop less to live.
void recall(Worker&, Burst& datagrams, Burst& pass, Burst& encrypt);

}  // namespace oegate
