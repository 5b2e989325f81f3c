// Whole packets that cross between the planes, as copied fixed-size records over
// SPSC rings: punts (worker → control) and transmissions (control → worker). A packet
// longer than a record takes several, one behind the other; the first says what it is.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

#include "net/address.hpp"

namespace oegate {

/// Bytes in one record. Nearly everything is shorter.
inline constexpr std::size_t kMaxRecordBytes = 2032;
/// Records of one packet. IKE with certificates needs 3,000 bytes (RFC 7296 §2) and more;
/// what is longer than this is dropped as punt_too_long.
inline constexpr std::size_t kMaxRecords = 8;
inline constexpr std::size_t kMaxPacketBytes = kMaxRecords * kMaxRecordBytes;

constexpr std::size_t records_of(std::size_t len) {
    return len <= kMaxRecordBytes ? 1 : (len + kMaxRecordBytes - 1) / kMaxRecordBytes;
}

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
    std::uint16_t len = 0;          // of the packet; the next records hold no more than its other bytes
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
    std::uint16_t len = 0;  // as Punt::len
    std::array<std::uint8_t, kMaxRecordBytes> data;
};

static_assert(std::is_trivially_copyable_v<Transmit> && sizeof(Transmit) % 4 == 0);

}  // namespace oegate
