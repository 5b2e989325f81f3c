// What is on the virtual wire. ESP is modelled, not encrypted: a packet carries the
// key that it would have been sealed with, and opens only under the same key.
#pragma once

#include <variant>

#include "contract/sa.hpp"
#include "ike/engine.hpp"

namespace oegate::sim {

struct Clear {
    Pair pair;
    std::uint64_t datagram = 0;
};
struct Esp {
    Address local;
    Address remote;
    std::uint32_t spi = 0;
    SaKey key;
    std::uint64_t sequence = 0;
    Pair pair;
    std::uint64_t datagram = 0;
    bool forged = false;  // its ICV is wrong, whatever SA it claims
    UdpPorts udp = {};    // RFC 3948; none: plain
};
using Packet = std::variant<Clear, Esp, ike::SendDatagram>;

inline bool same_key(const SaKey& a, const SaKey& b) {
    return a.suite == b.suite && a.key == b.key && a.auth_key == b.auth_key && a.salt == b.salt;
}

}  // namespace oegate::sim
