// How a tunnel-mode ESP packet lies in memory (RFC 4303 §2, RFC 4106 §3, RFC 3948 §2.1),
// pure: lengths of each suite, nonce, and the outer header that an SA prebuilds (RFC 4301
// §5.1.2). Called by the SAD, and by the encrypt and decrypt stages.
//
//   outer IP | [UDP] | SPI | sequence | IV | inner datagram | padding | pad len | next | ICV
//                                          └────────────── encrypted ─────────────┘
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "contract/sa.hpp"
#include "esp/padding.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace oegate::esp {

inline constexpr std::size_t kAeadIvLen = 8;               // RFC 4106 §3.1, RFC 7634 §2
inline constexpr std::size_t kAeadIcvLen = 16;             // RFC 4106 §6, RFC 7634 §2
inline constexpr std::size_t kAadLen = sizeof(EspHeader);  // without ESN (RFC 4106 §5)
inline constexpr std::size_t kNonceLen = 12;               // salt, IV (RFC 4106 §4)

/// ESP header and IV.
constexpr std::size_t front_len(EspSuite suite) {
    return sizeof(EspHeader) + facts(suite).iv_len;
}
constexpr std::size_t icv_len(EspSuite suite) {
    return facts(suite).icv_len;
}
/// AEADs make their IV of the sequence number. As is_aead, without the table.
constexpr bool has_counter_iv(EspSuite suite) {
    return suite <= EspSuite::chacha20_poly1305;
}
static_assert([] {
    for (const EspSuiteFacts& f : kEspSuites)
        if (has_counter_iv(f.suite) != is_aead(f.suite)) return false;
    return true;
}());
/// What the cipher text is a multiple of.
constexpr std::size_t alignment(EspSuite suite) {
    return facts(suite).block_len > kAlignment ? facts(suite).block_len : kAlignment;
}
/// Shortest ESP packet behind the outer header: an empty payload still has a trailer.
constexpr std::size_t min_esp_len(EspSuite suite) {
    return front_len(suite) + alignment(suite) + icv_len(suite);
}
/// That of the shortest suite: what is shorter belongs to nobody.
inline constexpr std::size_t kMinEspLen = min_esp_len(EspSuite::null_sha1_96);
static_assert([] {
    for (const EspSuiteFacts& f : kEspSuites)
        if (min_esp_len(f.suite) < kMinEspLen || alignment(f.suite) > kMaxAlignment || f.icv_len < 12)
            return false;
    return true;
}());

/// Outer IP header, and UDP header where there is one.
constexpr std::size_t outer_header_len(Family outer, bool udp = false) {
    return (outer == Family::ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + (udp ? sizeof(UdpHeader) : 0);
}
/// Bytes that an inner datagram grows by.
constexpr std::size_t overhead(EspSuite suite, Family outer, bool udp, std::size_t inner_len) {
    return outer_header_len(outer, udp) + front_len(suite) + trailer_len(inner_len, alignment(suite)) +
           icv_len(suite);
}
/// Longest inner datagram that fits an outgoing MTU: what ICMP 3/4 and packet too
/// big report (RFC 4301 §8.2.1). 0 when nothing fits.
constexpr std::size_t inner_mtu(EspSuite suite, Family outer, bool udp, std::size_t mtu) {
    const std::size_t fixed = outer_header_len(outer, udp) + front_len(suite) + icv_len(suite);
    if (mtu < fixed + alignment(suite)) return 0;
    return (mtu - fixed) / alignment(suite) * alignment(suite) - kTrailerLen;
}
static_assert(inner_mtu(EspSuite::aes_gcm_16_128, Family::ipv4, false, 1500) == 1446 &&
              inner_mtu(EspSuite::aes_gcm_16_128, Family::ipv6, false, 1500) == 1426);
static_assert([] {
    for (const EspSuiteFacts& f : kEspSuites)
        for (const bool udp : {false, true}) {
            const std::size_t most = inner_mtu(f.suite, Family::ipv4, udp, 1500);
            if (most + overhead(f.suite, Family::ipv4, udp, most) > 1500 ||
                most + 1 + overhead(f.suite, Family::ipv4, udp, most + 1) <= 1500)
                return false;
        }
    return true;
}());

inline void write_esp_header(std::uint8_t* at, std::uint32_t spi, std::uint64_t sequence) {
    const EspHeader header{Be32(spi), Be32(static_cast<std::uint32_t>(sequence))};
    std::memcpy(at, &header, sizeof header);
}

/// The IV of an AEAD is the sequence number, all 64 bits: a counter, unique under the key
/// (RFC 4106 §3.1, RFC 7634 §2). A whole number of eight bytes, written beside its nonce
/// so that neither is read back.
inline void write_aead_iv(std::uint8_t* at, std::uint64_t sequence,
                          std::array<std::uint8_t, kNonceLen>& nonce,
                          const std::array<std::uint8_t, 4>& salt) {
    const Be64 iv(sequence);
    std::memcpy(at, &iv, sizeof iv);
    std::memcpy(nonce.data(), salt.data(), salt.size());
    std::memcpy(nonce.data() + salt.size(), &iv, sizeof iv);
}

/// salt | IV, the IV as it stands in the packet.
inline void make_nonce(std::array<std::uint8_t, kNonceLen>& nonce, const std::array<std::uint8_t, 4>& salt,
                       const std::uint8_t* iv) {
    std::memcpy(nonce.data(), salt.data(), salt.size());
    std::memcpy(nonce.data() + salt.size(), iv, kAeadIvLen);
}

/// TTL or hop limit of the outer header: ours to choose (RFC 4301 §5.1.2.1).
inline constexpr std::uint8_t kOuterTtl = 64;

/// The part of an outer header that no packet changes, UDP header included, and the sum
/// of its 16-bit words for the IPv4 checksum.
struct OuterTemplate {
    alignas(8) std::array<std::uint8_t, sizeof(Ipv6Header) + sizeof(UdpHeader)> bytes{};
    std::uint16_t sum = 0;
    std::uint8_t len = 0;
    Family family = Family::ipv4;
    bool udp = false;
};
static_assert(sizeof(OuterTemplate) == 56);

/// local and remote are of one family. The flow label of IPv6 is one for the SA: who
/// spreads packets by it keeps an SA's in order, and learns nothing of the flows inside
/// (RFC 6438 §3).
OuterTemplate make_outer(const Address& local, const Address& remote, UdpPorts, std::uint32_t spi);

/// The addresses of a template of this family, into `pair`: word by word, since what is put
/// together on the stack first would have to be waited for.
template <Family family>
void set_outer_pair(const OuterTemplate& outer, Pair& pair) {
    static_assert(sizeof(Pair) == 2 * Address::kSize);
    std::uint8_t* const to = pair.source.mutable_bytes().data();
    if constexpr (family == Family::ipv6) {
        std::memcpy(to, outer.bytes.data() + offsetof(Ipv6Header, source), sizeof pair);
        return;
    }
    const auto set = [](std::uint8_t* mapped, const std::uint8_t* from) {
        constexpr std::uint64_t kNothing = 0;
        std::uint32_t address;
        std::memcpy(&address, from, sizeof address);
        const std::uint64_t low = std::uint64_t{address} << 32 | 0xffff0000u;
        std::memcpy(mapped, &kNothing, 8);
        std::memcpy(mapped + 8, &low, 8);
    };
    set(to, outer.bytes.data() + offsetof(Ipv4Header, source));
    set(to + Address::kSize, outer.bytes.data() + offsetof(Ipv4Header, destination));
}
inline Pair outer_pair(const OuterTemplate& outer) {
    Pair pair;
    if (outer.family == Family::ipv4)
        set_outer_pair<Family::ipv4>(outer, pair);
    else
        set_outer_pair<Family::ipv6>(outer, pair);
    return pair;
}
/// What stands behind its IP header: UDP or ESP.
template <Family family>
std::uint8_t outer_protocol(const OuterTemplate& outer) {
    return outer
        .bytes[family == Family::ipv4 ? offsetof(Ipv4Header, protocol) : offsetof(Ipv6Header, next_header)];
}

/// A number as two wire bytes, in a word whose first byte is the lowest.
constexpr std::uint64_t wire16(std::uint32_t value) {
    static_assert(std::endian::native == std::endian::little);
    return __builtin_bswap16(static_cast<std::uint16_t>(value));
}

/// An IPv4 header out of three words that are put together in registers: a field that
/// is stored by itself and read again with its neighbours would have to be waited for.
inline void write_outer_ipv4(std::uint8_t* at, const OuterTemplate& outer, std::uint32_t total,
                             std::uint32_t traffic_class, std::uint32_t fragment,
                             std::uint32_t identification) {
    std::uint64_t first, second;  // to the fragment field; to the source address
    std::uint32_t third;
    std::memcpy(&first, outer.bytes.data(), 8);
    std::memcpy(&second, outer.bytes.data() + 8, 8);
    std::memcpy(&third, outer.bytes.data() + 16, 4);
    std::uint32_t sum = outer.sum + traffic_class + total + identification + fragment;
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    const std::uint32_t id_and_fragment = __builtin_bswap32(identification << 16 | fragment);
    first |= traffic_class << 8 | wire16(total) << 16 | std::uint64_t{id_and_fragment} << 32;
    second |= wire16(~sum) << 16;
    std::memcpy(at, &first, 8);
    std::memcpy(at + 8, &second, 8);
    std::memcpy(at + 16, &third, 4);
}

inline void write_outer_ipv6(std::uint8_t* at, const OuterTemplate& outer, std::uint32_t payload_len,
                             std::uint32_t traffic_class) {
    std::uint64_t first;  // to the hop limit
    std::memcpy(&first, outer.bytes.data(), 8);
    first |= traffic_class >> 4 | (traffic_class & 0x0f) << 12 | wire16(payload_len) << 32;
    std::memcpy(at, &first, 8);
    std::memcpy(at + 8, outer.bytes.data() + 8, sizeof(Ipv6Header) - 8);
}

/// Copies the template, which is of this family, to `at` and fills in what a packet decides:
/// lengths, DSCP and ECN, for IPv4 also DF, identification and checksum. `total` counts the
/// whole outer datagram. UDP over IPv4 has no checksum (RFC 3948 §2.1); over IPv6
/// finish_udp() writes it.
template <Family family>
[[gnu::always_inline]] inline void write_outer(std::uint8_t* at, const OuterTemplate& outer,
                                               std::uint32_t total, std::uint8_t traffic_class,
                                               bool dont_fragment, std::uint16_t identification) {
    constexpr auto kHeader = static_cast<std::uint32_t>(outer_header_len(family));
    if (outer.udp) {
        std::uint64_t udp;
        std::memcpy(&udp, outer.bytes.data() + kHeader, sizeof udp);
        udp |= wire16(total - kHeader) << 32;
        std::memcpy(at + kHeader, &udp, sizeof udp);
    }
    if constexpr (family == Family::ipv4)
        write_outer_ipv4(at, outer, total, traffic_class, dont_fragment ? Ipv4Header::kDontFragment : 0u,
                         identification);
    else
        write_outer_ipv6(at, outer, total - kHeader, traffic_class);
}
/// Likewise, where esp_len bytes follow.
inline void write_outer(std::uint8_t* at, const OuterTemplate& outer, std::size_t esp_len,
                        std::uint8_t traffic_class, bool dont_fragment, std::uint16_t identification) {
    const auto total = static_cast<std::uint32_t>(outer.len + esp_len);
    if (outer.family == Family::ipv4)
        write_outer<Family::ipv4>(at, outer, total, traffic_class, dont_fragment, identification);
    else
        write_outer<Family::ipv6>(at, outer, total, traffic_class, dont_fragment, identification);
}

/// The checksum of UDP over IPv6, which may not be left out (RFC 8200 §8.1): over the
/// whole sealed packet. `at` is the UDP header, num_bytes counts from there.
void finish_udp(const Pair&, std::uint8_t* at, std::size_t num_bytes);

/// DSCP and ECN of the outer header (RFC 4301 §5.1.2.1, RFC 6040 §4.1).
constexpr std::uint8_t outer_traffic_class(const OuterPolicy& policy, std::uint8_t inner) {
    const unsigned dscp =
        policy.dscp == OuterPolicy::kCopyDscp ? inner & 0xfcu : static_cast<unsigned>(policy.dscp) << 2;
    return static_cast<std::uint8_t>((dscp & 0xfc) | (policy.copy_ecn ? inner & 3u : 0u));
}

/// DF of an outer IPv4 header. `inner` is the inner IPv4 header's, and true for IPv6,
/// whose sender may not be fragmented on the way (RFC 4301 §8.1).
constexpr bool outer_dont_fragment(const OuterPolicy& policy, bool inner) {
    return policy.df == DfPolicy::set || (policy.df == DfPolicy::copy && inner);
}

/// False: the inner header stays as it is, whatever it says (RFC 6040 §4.2, figure 4).
constexpr bool may_change_ecn(std::uint8_t outer) {
    constexpr std::uint8_t kEct1 = 1, kCe = 3;
    return outer == kEct1 || outer == kCe;
}

/// ECN of the inner header after decapsulation (RFC 6040 §4.2, figure 4); both are
/// the two low bits. nullopt: drop, congestion was met and the inner cannot say so.
constexpr std::optional<std::uint8_t> decapsulated_ecn(std::uint8_t inner, std::uint8_t outer) {
    constexpr std::uint8_t kNotEct = 0, kEct1 = 1, kCe = 3;
    if (outer == kCe) return inner == kNotEct ? std::nullopt : std::optional<std::uint8_t>(kCe);
    if (outer == kEct1 && inner == 2) return kEct1;
    return inner;
}
static_assert([] {
    for (std::uint8_t outer = 0; outer < 4; ++outer)
        for (std::uint8_t inner = 0; inner < 4; ++inner)
            if (!may_change_ecn(outer) && decapsulated_ecn(inner, outer) != inner) return false;
    return true;
}());

}  // namespace oegate::esp
