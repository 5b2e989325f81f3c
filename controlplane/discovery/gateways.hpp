// The addresses of a gateway that DNS gives by name: what its A and AAAA replies come
// to. Called by the judgement of a delegation; pure.
#pragma once

#include "discovery/delegation.hpp"
#include "discovery/sift.hpp"

namespace oegate::discovery {

struct NamedGateway {
    std::vector<Address> addresses;  // secure ones only, IPv6 and IPv4 in the order of the answers
    Duration lifetime = Duration::max();
    std::string bogus;      // why one of the two replies is bogus; empty: neither is
    std::string failed;     // why one of them is not known; empty: both are
    std::string judgement;  // why there is no address, for the record
};

/// name: no final dot, as in Names.
NamedGateway addresses_of(const std::string& name, const Names& names);

}  // namespace oegate::discovery
