// INVALID_SPI inside an IKE SA (RFC 7296 §1.5, §3.10.1): an SA pair that only one end
// still has would be a black hole until its hard expiry. Who gets ESP under an SPI that
// it does not have tells the peer, protected; who is told closes the SA pair. Knows
// nothing of unprotected messages: nobody is told outside of an IKE SA, and what comes
// from there is not believed (k.hint).
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// ESP came in the name of this peer. Anybody could have sent it, so it makes us say little:
/// on one established channel, each SPI once and few of them in timers.liveness.
void tell_invalid_spi(Core& core, const Address& local, const Address& remote, std::uint32_t spi, Time now);
void send_invalid_spi(Turn& turn, const Task& task);
/// INVALID_SPI in a request of the peer's, if there is one.
void believe_invalid_spi(Turn& turn);

}  // namespace oegate::ike::v2
