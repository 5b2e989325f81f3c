// The IP header that nearly every datagram has: IPv4, five words, no fragment, and right.
// Used by decrypt before it asks parse_datagram, which takes every header and says what is
// wrong with one; parse reads frames by the same words.
#pragma once

#include <bit>
#include <cstring>

#include "net/headers.hpp"
#include "worker/burst.hpp"

namespace oegate {

template <class Word>
Word load(const std::uint8_t* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// An IPv4 address as it stands in a header, mapped: word by word, since what is put
/// together on the stack first would have to be waited for.
inline void set_mapped(Address& to, const std::uint8_t* from) {
    constexpr std::uint64_t kNothing = 0;
    const std::uint64_t low = std::uint64_t{load<std::uint32_t>(from)} << 32 | 0xffff0000u;
    std::memcpy(to.mutable_bytes().data(), &kNothing, 8);
    std::memcpy(to.mutable_bytes().data() + 8, &low, 8);
}

/// The one's-complement sum of a header without options, in the order of bytes of this
/// machine (RFC 1071 §2 B); 0xffff when the header is good.
inline std::uint32_t header_sum(const std::uint8_t* header) {
    const std::uint64_t sum = std::uint64_t{load<std::uint32_t>(header)} + load<std::uint32_t>(header + 4) +
                              load<std::uint32_t>(header + 8) + load<std::uint32_t>(header + 12) +
                              load<std::uint32_t>(header + 16);
    // A number plus itself with its halves exchanged: the upper half is the sum of both, and
    // the carry has come round.
    const auto half = static_cast<std::uint32_t>((sum + std::rotl(sum, 32)) >> 32);
    return (half + std::rotl(half, 16)) >> 16;
}

/// TCP and UDP begin alike: two ports.
inline void read_ports(Meta& m, const std::uint8_t* transport, std::size_t len) {
    m.source_port = m.destination_port = 0;
    const auto protocol = static_cast<Protocol>(m.protocol);
    if (m.later_fragment || len < 4 || (protocol != Protocol::tcp && protocol != Protocol::udp)) return;
    m.source_port = load<Be16>(transport).host();
    m.destination_port = load<Be16>(transport + 2).host();
}

/// Does what parse_datagram does for such a header. False: it is another one, and nothing
/// was changed.
inline bool read_plain_ipv4(rte_mbuf* packet) {
    constexpr std::size_t kLeast = sizeof(Ipv4Header);
    constexpr std::uint16_t kIsFragment = 0xff3f;  // MF and the offset, as they stand there
    const std::uint8_t* ip = data(packet);
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (len < kLeast) return false;
    const std::size_t total = load<Be16>(ip + 2).host();
    const std::uint32_t wrong =
        (ip[0] ^ 0x45u) | (load<std::uint16_t>(ip + 6) & kIsFragment) | (header_sum(ip) ^ 0xffff);
    // One comparison for both ends: not below the header, not beyond the buffer.
    if (wrong != 0 || total - kLeast > len - kLeast) return false;
    packet->data_len = static_cast<std::uint16_t>(total);
    packet->pkt_len = static_cast<std::uint32_t>(total);
    Meta& m = meta(packet);
    set_mapped(m.pair.source, ip + 12);
    set_mapped(m.pair.destination, ip + 16);
    m.hash = 0;
    m.family = Family::ipv4;
    m.dont_fragment = (ip[6] & 0x40) != 0;
    m.header_len = kLeast;
    m.protocol = ip[9];
    m.fragment = m.later_fragment = false;
    read_ports(m, ip + kLeast, total - kLeast);
    return true;
}

}  // namespace oegate
