// KEY (RFC 2535 §3, restricted by RFC 3445): the public key of a gateway at its own
// name (OE draft §5.1). Called by the judgement; pure.
#pragma once

#include "discovery/records/rsa.hpp"

namespace oegate::discovery {

/// Protocol 4 (IPsec) and algorithm 1 (RSA) are required, flags are not looked at.
/// Other protocols and algorithms are Refusal::foreign.
Result<PublicKey, Refusal> parse_key(ByteView rdata);

}  // namespace oegate::discovery
