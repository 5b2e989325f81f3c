// Traffic Selector payloads (RFC 7296 §3.13).
#pragma once

#include <vector>

#include "base/cursor.hpp"
#include "ike/wire/error.hpp"
#include "net/address.hpp"

namespace oegate::ike::wire {

struct TrafficSelector {
    std::uint8_t protocol = 0;  // 0: any
    std::uint16_t start_port = 0;
    std::uint16_t end_port = 65535;
    Address start;
    Address end;  // inclusive, same family as start, not below it

    /// Any protocol and port of one host: a /32 or /128.
    static TrafficSelector host(const Address& address) { return {0, 0, 65535, address, address}; }
    bool any_protocol_and_port() const { return protocol == 0 && start_port == 0 && end_port == 65535; }
    bool contains(const Address& address) const;
    /// Exactly the addresses of one host.
    bool is_host(const Address& address) const { return start == address && end == address; }
    std::string text() const;
    bool operator==(const TrafficSelector&) const = default;
};

/// TSi or TSr. Selectors of a type that is not an address range (RFC 4595) are
/// counted, not kept: they are never acceptable here.
struct TrafficSelectors {
    static constexpr std::size_t kMaxSelectors = 64;

    PayloadType type = PayloadType::ts_i;
    std::vector<TrafficSelector> selectors;
    std::size_t num_unknown = 0;

    static Parsed<TrafficSelectors> parse(PayloadType type, ByteView body);
    void serialise(Writer& out) const;
    bool operator==(const TrafficSelectors&) const = default;
};

}  // namespace oegate::ike::wire
