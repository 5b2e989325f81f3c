// The zone-file records that let the world find a gateway: `oegate dns records`.
// Pure text; signing and serving the zone is the administrator's.
#pragma once

#include <string>
#include <vector>

#include "net/identity.hpp"

namespace oegate::discovery {

struct Publication {
    Address gateway;             // its outside address and identity
    std::vector<Address> hosts;  // whom it protects
    PublicKey key;               // RSA, RFC 3110
    unsigned precedence = 10;    // 0..255, fits both types
    std::uint32_t ttl = 3600;    // seconds
    bool key_records = false;    // KEY beside IPSECKEY, for old peers (RFC 2535)
    std::string name;            // the FQDN that it initiates as, no final dot (OE draft §5.3); or empty
};

/// What a host's reverse name says: IPSECKEY and TXT naming the gateway, and a TXT for
/// each name that the gateway calls itself by.
std::string delegation_records(const Publication& publication, const Address& host);
/// What a gateway's own name says: its key. owner: with final dot.
std::string own_key_records(const Publication& publication, std::string_view owner);

/// RFC 1035 §5.1 lines with absolute names: for each host IPSECKEY and TXT naming
/// the gateway; for the gateway its own key. A host that is the gateway itself
/// delegates to itself. Empty when the key is not RSA or the precedence too large.
std::string zone_records(const Publication& publication);

}  // namespace oegate::discovery
