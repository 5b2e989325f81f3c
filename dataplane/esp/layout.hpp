// How a tunnel-mode ESP packet with AES-GCM lies in memory (RFC 4303 §2, RFC 4106
// §3), pure: lengths, nonce, and the outer header that an SA prebuilds (RFC 4301
// §5.1.2). Called by the SAD, and by the encrypt and decrypt stages.
//
//   outer IP | SPI | sequence | IV (8) | inner datagram | padding | pad len | next | ICV (16)
//              └── AAD (8) ─┘           └────────── encrypted ──────────┘
#pragma once

#include <array>
#include <cstring>

#include "esp/padding.hpp"
#include "net/headers.hpp"

namespace oegate::esp {

inline constexpr std::size_t kIvLen = 8;
inline constexpr std::size_t kIcvLen = 16;
inline constexpr std::size_t kAadLen = sizeof(EspHeader);  // no ESN (RFC 4106 §5)
inline constexpr std::size_t kNonceLen = 12;               // salt, IV (RFC 4106 §4)
inline constexpr std::size_t kFrontLen = sizeof(EspHeader) + kIvLen;
/// Shortest ESP packet behind the outer header: an empty payload still has a trailer.
inline constexpr std::size_t kMinEspLen = kFrontLen + kAlignment + kIcvLen;

constexpr std::size_t outer_header_len(Family outer) {
    return outer == Family::ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
}
/// Bytes that an inner datagram grows by.
constexpr std::size_t overhead(Family outer, std::size_t inner_len) {
    return outer_header_len(outer) + kFrontLen + trailer_len(inner_len) + kIcvLen;
}
/// Longest inner datagram that fits an outgoing MTU: what ICMP 3/4 and packet too
/// big report (RFC 4301 §8.2.1). 0 when nothing fits.
constexpr std::size_t inner_mtu(Family outer, std::size_t mtu) {
    const std::size_t fixed = outer_header_len(outer) + kFrontLen + kIcvLen;
    if (mtu < fixed + kAlignment) return 0;
    return (mtu - fixed) / kAlignment * kAlignment - kTrailerLen;
}
static_assert(inner_mtu(Family::ipv4, 1500) == 1446 && inner_mtu(Family::ipv6, 1500) == 1426);
static_assert(1446 + overhead(Family::ipv4, 1446) == 1500 && 1447 + overhead(Family::ipv4, 1447) > 1500);

/// The sequence number doubles as IV: a counter, unique under the key (RFC 4106 §3.1).
inline void write_front(std::uint8_t* at, std::uint32_t spi, std::uint64_t sequence) {
    const EspHeader header{Be32(spi), Be32(static_cast<std::uint32_t>(sequence))};
    const Be64 iv(sequence);
    std::memcpy(at, &header, sizeof header);
    std::memcpy(at + sizeof header, &iv, sizeof iv);
}

/// salt | IV, the IV as it stands in the packet.
inline void make_nonce(std::array<std::uint8_t, kNonceLen>& nonce, const std::array<std::uint8_t, 4>& salt,
                       const std::uint8_t* iv) {
    std::memcpy(nonce.data(), salt.data(), salt.size());
    std::memcpy(nonce.data() + salt.size(), iv, kIvLen);
}

/// TTL or hop limit of the outer header: ours to choose (RFC 4301 §5.1.2.1).
inline constexpr std::uint8_t kOuterTtl = 64;

/// The part of an outer header that no packet changes. local and remote are of one family.
struct OuterTemplate {
    alignas(8) std::array<std::uint8_t, sizeof(Ipv6Header)> bytes{};
};

OuterTemplate make_outer(const Address& local, const Address& remote);

/// Copies the template to `at` and fills in what a packet decides: length, DSCP and
/// ECN, for IPv4 also DF, identification and checksum. esp_len counts the bytes
/// behind the outer header.
/// DF is copied from an IPv4 inner header and set for an IPv6 one, so that nobody
/// on the path fragments what the inner sender asked not to be fragmented (RFC
/// 4301 §8.1). DSCP and ECN are copied (RFC 4301 §5.1.2.1, RFC 6040 §4.1 normal mode).
void write_outer_ipv4(std::uint8_t* at, const OuterTemplate&, std::size_t esp_len, std::uint8_t traffic_class,
                      bool dont_fragment, std::uint16_t identification);
void write_outer_ipv6(std::uint8_t* at, const OuterTemplate&, std::size_t esp_len,
                      std::uint8_t traffic_class);

/// ECN of the inner header after decapsulation (RFC 6040 §4.2, figure 4); both are
/// the two low bits. nullopt: drop, congestion was met and the inner cannot say so.
constexpr std::optional<std::uint8_t> decapsulated_ecn(std::uint8_t inner, std::uint8_t outer) {
    constexpr std::uint8_t kNotEct = 0, kEct1 = 1, kCe = 3;
    if (outer == kCe) return inner == kNotEct ? std::nullopt : std::optional<std::uint8_t>(kCe);
    if (outer == kEct1 && inner == 2) return kEct1;
    return inner;
}

}  // namespace oegate::esp
