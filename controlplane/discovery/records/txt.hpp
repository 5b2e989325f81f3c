// The delegation record of the OE draft §5.2, carried in TXT:
// X-IPsec-Server(P)=GATEWAY KEY. Called by the judgement; pure.
#pragma once

#include <optional>

#include "discovery/records/rsa.hpp"

namespace oegate::discovery {

struct TxtDelegation {
    unsigned precedence = 0;         // 0..65535, lower is stronger
    std::optional<Address> gateway;  // or:
    std::string name;                // =@FQDN, lower case, no final dot
    std::optional<PublicKey> key;    // nullopt: look at the gateway's own name
    std::optional<Refusal> unusable_key;
};

/// TXT rdata: one or more character-strings, joined before anything else (OE draft
/// §5.2.1). Refusal::foreign for what does not begin with X-IPsec-Server.
Result<TxtDelegation, Refusal> parse_txt(ByteView rdata);
std::string text_of(const TxtDelegation& record);

}  // namespace oegate::discovery
