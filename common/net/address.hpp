// IP addresses and prefixes of both families in one type. An IPv4 address is kept
// in its IPv4-mapped form (RFC 4291 §2.5.5.2), so that a pair of addresses is 32
// bytes whatever its family and can be hashed and compared without a branch.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace oegate {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

class Address {
  public:
    static constexpr std::size_t kSize = 16;

    /// The unspecified IPv6 address.
    constexpr Address() = default;
    /// host: in host byte order.
    static Address ipv4(std::uint32_t host);
    static Address ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
    /// Four or sixteen bytes in network order; nullopt for any other length.
    static std::optional<Address> from_wire(ByteView bytes);
    /// Dotted quad or RFC 4291 text; nullopt for anything else, a zone index
    /// and the mapped form (::ffff:a.b.c.d) included.
    static std::optional<Address> parse(std::string_view text);

    bool is_ipv4() const { return word(0) == 0 && half(8) == kMappedMark; }
    bool is_ipv6() const { return !is_ipv4(); }
    Family family() const { return is_ipv4() ? Family::ipv4 : Family::ipv6; }
    /// Host byte order. Only for an IPv4 address.
    std::uint32_t ipv4_host() const {
        return static_cast<std::uint32_t>(bytes_[12]) << 24 | static_cast<std::uint32_t>(bytes_[13]) << 16 |
               static_cast<std::uint32_t>(bytes_[14]) << 8 | bytes_[15];
    }
    /// Four or sixteen bytes in network order.
    ByteView wire() const { return is_ipv4() ? ByteView(bytes_).subspan(12) : ByteView(bytes_); }
    /// Always sixteen bytes, IPv4 mapped.
    const std::array<std::uint8_t, kSize>& bytes() const { return bytes_; }
    std::array<std::uint8_t, kSize>& mutable_bytes() { return bytes_; }

    bool is_unspecified() const { return is_ipv4() ? half(12) == 0 : (word(0) | word(8)) == 0; }
    bool is_loopback() const {
        return is_ipv4() ? bytes_[12] == 127 : word(0) == 0 && half(8) == 0 && ipv4_host() == 1;
    }
    bool is_multicast() const { return is_ipv4() ? bytes_[12] >> 4 == 14 : bytes_[0] == 0xff; }
    bool is_link_local() const {
        if (is_ipv4()) return bytes_[12] == 169 && bytes_[13] == 254;
        return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
    }
    bool is_limited_broadcast() const { return is_ipv4() && half(12) == 0xffffffff; }

    /// Dotted quad, or RFC 5952.
    std::string text() const;
    /// The name asked in the reverse map: 65.0.1.192.in-addr.arpa. or
    /// …8.b.d.0.1.0.0.2.ip6.arpa. with the final dot.
    std::string reverse_name() const;

    auto operator<=>(const Address&) const = default;
    // Two words and no call: the hot path compares addresses all the time.
    bool operator==(const Address& other) const {
        return ((word(0) ^ other.word(0)) | (word(8) ^ other.word(8))) == 0;
    }

  private:
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static constexpr std::uint32_t kMappedMark =
        std::bit_cast<std::uint32_t>(std::array<std::uint8_t, 4>{0, 0, 0xff, 0xff});
    std::uint64_t word(std::size_t at) const {
        std::uint64_t value;
        std::memcpy(&value, bytes_.data() + at, sizeof value);
        return value;
    }
    std::uint32_t half(std::size_t at) const {
        std::uint32_t value;
        std::memcpy(&value, bytes_.data() + at, sizeof value);
        return value;
    }
    std::array<std::uint8_t, kSize> bytes_{};
};
static_assert(sizeof(Address) == 16);

/// An address block. The host bits of the address are always zero.
class Prefix {
  public:
    Prefix() = default;
    /// length in bits of the address's own family; it is cut to 32 or 128.
    Prefix(const Address& address, unsigned length);
    static Prefix host(const Address& address) { return {address, address.is_ipv4() ? 32u : 128u}; }
    /// "192.1.0.0/24" or "2001:db8::/32"; a bare address is its host prefix.
    /// nullopt when a host bit is set: a typing error must not be guessed away.
    static std::optional<Prefix> parse(std::string_view text);

    const Address& address() const { return address_; }
    unsigned length() const { return length_; }
    Family family() const { return address_.family(); }
    bool contains(const Address& address) const;
    bool contains(const Prefix& other) const;
    /// The last address of the block (the directed broadcast address of an IPv4 subnet).
    Address last() const;
    std::string text() const;
    auto operator<=>(const Prefix&) const = default;

  private:
    Address address_;
    unsigned length_ = 0;
};

/// Source and destination, the key of the SPD cache (OE draft §3.1).
struct Pair {
    Address source;
    Address destination;
    Pair reversed() const { return {destination, source}; }
    std::string text() const { return source.text() + " -> " + destination.text(); }
    auto operator<=>(const Pair&) const = default;
    bool operator==(const Pair&) const = default;
};
static_assert(sizeof(Pair) == 32);

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};
    static std::optional<MacAddress> parse(std::string_view text);
    std::string text() const;
    auto operator<=>(const MacAddress&) const = default;
};

}  // namespace oegate

// For control-plane maps. Unkeyed: a table that a stranger fills must be bounded or ordered.
template <>
struct std::hash<oegate::Address> {
    std::size_t operator()(const oegate::Address& a) const noexcept {
        std::uint64_t high, low;
        std::memcpy(&high, a.bytes().data(), 8);
        std::memcpy(&low, a.bytes().data() + 8, 8);
        return (high * 0x9e3779b97f4a7c15 ^ low) * 0xbf58476d1ce4e5b9;
    }
};
template <>
struct std::hash<oegate::Pair> {
    std::size_t operator()(const oegate::Pair& p) const noexcept {
        return std::hash<oegate::Address>{}(p.source) * 31 + std::hash<oegate::Address>{}(p.destination);
    }
};
