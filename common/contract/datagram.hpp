// Whole packets that cross between the planes, as copied fixed-size records over
// SPSC rings: punts (worker → control) and transmissions (control → worker).
#pragma once

#include <array>
#include <type_traits>

#include "net/address.hpp"

namespace oegate {

/// Longest frame or datagram in a record. IKE with raw RSA keys up to 8192 bits
/// stays below an Ethernet MTU; what is longer is dropped as punt_too_long.
inline constexpr std::size_t kMaxRecordBytes = 2032;

struct alignas(4) Punt {
    enum class Kind : std::uint8_t {
        arp,        // data is the frame behind its Ethernet header and tag
        nd,         // data is the IPv6 datagram, checked after RFC 4861 §7.1
        ike,        // data is the UDP payload to port 500
        ike_nat_t,  // data is the UDP payload to port 4500, non-ESP marker taken off
    };
    Kind kind = Kind::arp;
    std::uint8_t worker = 0;
    std::uint16_t interface = 0;
    std::uint16_t len = 0;
    std::uint16_t source_port = 0;  // ike, ike_nat_t
    Address source;                 // of the IP header; unspecified for arp
    Address destination;
    MacAddress source_mac;  // of the Ethernet header
    std::array<std::uint8_t, kMaxRecordBytes> data;
};
static_assert(std::is_trivially_copyable_v<Punt> && sizeof(Punt) % 4 == 0);

struct alignas(4) Transmit {
    enum class Kind : std::uint8_t {
        datagram,  // data is a whole IP datagram: routed, resolved, sent; exempt from policy
        frame,     // data is a whole untagged Ethernet frame for `interface`
    };
    Kind kind = Kind::datagram;
    std::uint16_t interface = 0;
    std::uint16_t len = 0;
    std::array<std::uint8_t, kMaxRecordBytes> data;
};

static_assert(std::is_trivially_copyable_v<Transmit> && sizeof(Transmit) % 4 == 0);

}  // namespace oegate
