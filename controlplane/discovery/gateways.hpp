// The addresses of a gateway that DNS gives by name: what its A and AAAA replies come
// to. Called by the judgement of a delegation; pure.
#pragma once

#include "discovery/delegation.hpp"
#include "discovery/sift.hpp"

namespace oegate::discovery {

struct NamedGateway {
    std::vector<Address> addresses;  // secure ones only, in the order to try
    Duration lifetime = Duration::max();
    std::string bogus;      // why one of the two replies is bogus; empty: neither is
    std::string failed;     // why one of them is not known; empty: both are
    std::string judgement;  // why there is no address, for the record
};

/// name: no final dot, as in Names. Only of families in which we have an outside address;
/// with both, IPv6 first (RFC 6724 §2.1: the precedence of ::/0 over IPv4), so that two
/// gateways with both families meet without NAT and every attempt goes the same way.
NamedGateway addresses_of(const std::string& name, const Names& names, const Rules& rules = {});

}  // namespace oegate::discovery
