// IPSECKEY (RFC 4025): precedence, gateway and key of a host. Called by the
// judgement; pure.
#pragma once

#include <optional>

#include "discovery/records/rsa.hpp"

namespace oegate::discovery {

struct Ipseckey {
    enum class Gateway : std::uint8_t { none = 0, ipv4 = 1, ipv6 = 2, name = 3 };
    unsigned precedence = 0;  // 0..255, lower is stronger
    Gateway gateway_type = Gateway::none;
    Address gateway;                      // ipv4, ipv6
    std::string name;                     // name: lower case, final dot
    std::optional<PublicKey> key;         // nullopt: algorithm 0, "no key present"
    std::optional<Refusal> unusable_key;  // well formed but not for us (algorithm, size)
};

Result<Ipseckey, Refusal> parse_ipseckey(ByteView rdata);
/// "10 1 2 192.0.2.1 RSA 2048 bits AwEAAc…"
std::string text_of(const Ipseckey& record);

}  // namespace oegate::discovery
