// What DNS should say of this gateway: each name, and whom or which key it must carry.
// Made from the configuration or from a command line; read by the survey, the verdicts
// and the rollover. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "net/identity.hpp"

namespace oegate::publication {

/// One name of DNS.
struct Claim {
    enum class Kind : std::uint8_t {
        host,  // a reverse name that delegates to us
        own,   // a name of ours that carries our key
    };
    Kind kind = Kind::own;
    std::string owner;  // lower case, final dot
    std::string label;  // for people: 192.1.0.65, gw.example.org
    Address host;       // of kind host
    Address gateway;    // of kind host: the gateway that its records should name
};

struct Ours {
    std::vector<Address> gateways;   // each may be named by a delegation
    std::vector<std::string> names;  // so may these: lower case, no final dot
    std::string initiates_as;        // a TXT must name it too (OE draft §5.3); empty: none
    std::vector<Claim> claims;       // hosts first

    bool owns(const Claim& claim) const;
};

/// Identities, publication.hosts, publication.names and ike.name.
Ours ours_of(const config::Config& config);
/// The same for a gateway that only the command line names.
Ours ours_of(const Address& gateway, const std::vector<Prefix>& hosts);
/// What an order names instead of everything: the known claims about these, and new
/// ones for hosts and names that are not configured. Blocks of at most 256 addresses.
Ours narrowed(const Ours& ours, const std::vector<Prefix>& hosts, const std::vector<std::string>& names);

/// The zone-file lines with which a claim is met by each of these keys.
std::string records_of(const Ours& ours, const Claim& claim, const std::vector<PublicKey>& keys,
                       std::uint32_t ttl = 3600);

}  // namespace oegate::publication
