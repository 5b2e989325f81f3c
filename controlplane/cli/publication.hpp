// `oegate dns verify` and `oegate key rollover`: what the zones should say of this
// gateway, and the change of its key. They ask DNS themselves and wait for it; the
// daemon is only told to load a key. Each prints by itself and returns the exit status.
#pragma once

#include <string>
#include <vector>

#include "manage/protocol.hpp"

namespace oegate::cli {

struct ZoneRequest {
    std::string config = "/etc/oegate/oegate.yaml";
    std::vector<std::string> resolvers;  // ADDR[#PORT]; none: those of the configuration
    std::vector<std::string> ignored;    // addresses or prefixes of authorities
};

struct VerifyRequest {
    ZoneRequest zones;
    std::string gateway;             // address; empty: as configured
    std::string key;                 // PEM file; empty: as configured
    std::string public_key;          // base64 of RFC 3110 instead
    std::vector<std::string> hosts;  // addresses, prefixes, names; none: all that is configured
};
manage::Status dns_verify(const VerifyRequest& request, bool json);

struct RolloverRequest {
    ZoneRequest zones;
    std::string order;   // start, status, activate, retire, cancel
    std::string socket;  // empty: as configured
    unsigned bits = 3072;
    unsigned ttl = 3600;
    unsigned timeout_ms = 10'000;
};
manage::Status key_rollover(const RolloverRequest& request, bool json);

}  // namespace oegate::cli
