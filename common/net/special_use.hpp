// Addresses that no host and no gateway on the Internet has, whatever DNS or a peer says.
// Used by keying (claims of peers, gateways), discovery (gateways in records) and
// `explain`. Not by the workers: stages/screen decides for itself, with no table.
#pragma once

#include "net/address.hpp"

namespace oegate {

/// A datagram from or to it is dropped by every router, ours too (stages/screen):
/// unspecified, "this network", loopback, link-local, multicast, reserved, broadcast.
bool never_forwarded(const Address& address);

/// The same, and what is forwarded as any other but is nobody's. Of the special-purpose
/// registries (RFC 6890 §2.2.2 and §2.2.3, RFC 8190) not the blocks of private networks,
/// of documentation and of benchmarks: a closed network may well use those.
bool special_use(const Address& address);

}  // namespace oegate
