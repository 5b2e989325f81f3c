// Header layouts as they stand on the wire, with the RFCs' own field names. Pure
// layout: no function here reads past the struct it is given.
#pragma once

#include <array>

#include "base/endian.hpp"
#include "net/address.hpp"

namespace oegate {

enum class EtherType : std::uint16_t { ipv4 = 0x0800, arp = 0x0806, vlan = 0x8100, ipv6 = 0x86dd };

enum class Protocol : std::uint8_t {
    hop_by_hop = 0,
    icmp = 1,
    ipip = 4,
    tcp = 6,
    udp = 17,
    ipv6 = 41,
    routing = 43,
    fragment = 44,
    esp = 50,
    ah = 51,
    icmpv6 = 58,
    no_next_header = 59,
    destination_options = 60,
};

struct EthernetHeader {
    MacAddress destination;
    MacAddress source;
    Be16 ether_type;
};
static_assert(sizeof(EthernetHeader) == 14);

struct VlanTag {  // IEEE 802.1Q, behind the source address
    Be16 tci;
    Be16 ether_type;
};
static_assert(sizeof(VlanTag) == 4);

struct Ipv4Header {  // RFC 791
    std::uint8_t version_ihl;
    std::uint8_t tos;
    Be16 total_length;
    Be16 identification;
    Be16 fragment;  // flags (3 bits) and offset (13 bits, units of 8 bytes)
    std::uint8_t ttl;
    std::uint8_t protocol;
    Be16 header_checksum;
    std::array<std::uint8_t, 4> source;
    std::array<std::uint8_t, 4> destination;

    static constexpr std::uint16_t kDontFragment = 0x4000;
    static constexpr std::uint16_t kMoreFragments = 0x2000;
    static constexpr std::uint16_t kOffsetMask = 0x1fff;
    unsigned header_len() const { return 4u * (version_ihl & 15); }
    unsigned version() const { return version_ihl >> 4; }
};
static_assert(sizeof(Ipv4Header) == 20);

struct Ipv6Header {  // RFC 8200
    Be32 version_class_flow;
    Be16 payload_length;
    std::uint8_t next_header;
    std::uint8_t hop_limit;
    std::array<std::uint8_t, 16> source;
    std::array<std::uint8_t, 16> destination;
    unsigned version() const { return version_class_flow.host() >> 28; }
};
static_assert(sizeof(Ipv6Header) == 40);

struct UdpHeader {  // RFC 768
    Be16 source_port;
    Be16 destination_port;
    Be16 length;
    Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

struct IcmpHeader {  // RFC 792, RFC 4443
    std::uint8_t type;
    std::uint8_t code;
    Be16 checksum;
    Be32 rest;
};
static_assert(sizeof(IcmpHeader) == 8);

struct EspHeader {  // RFC 4303 §2
    Be32 spi;
    Be32 sequence;
};
static_assert(sizeof(EspHeader) == 8);

struct ArpPacket {  // RFC 826 for Ethernet and IPv4
    Be16 hardware_type;
    Be16 protocol_type;
    std::uint8_t hardware_len;
    std::uint8_t protocol_len;
    Be16 operation;
    MacAddress sender_mac;
    std::array<std::uint8_t, 4> sender_address;
    MacAddress target_mac;
    std::array<std::uint8_t, 4> target_address;
};
static_assert(sizeof(ArpPacket) == 28);

inline constexpr std::uint16_t kIkePort = 500;       // RFC 7296 §2
inline constexpr std::uint16_t kIkeNatTPort = 4500;  // RFC 3948
inline constexpr std::uint32_t kNonEspMarker = 0;    // RFC 3948 §2.2

}  // namespace oegate
