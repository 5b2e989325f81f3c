#include "net/address.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>

namespace oegate {

Address Address::ipv4(std::uint32_t host) {
    return ipv4(static_cast<std::uint8_t>(host >> 24), static_cast<std::uint8_t>(host >> 16),
                static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host));
}

Address Address::ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    Address address;
    std::copy(kMapped.begin(), kMapped.end(), address.bytes_.begin());
    address.bytes_[12] = a;
    address.bytes_[13] = b;
    address.bytes_[14] = c;
    address.bytes_[15] = d;
    return address;
}

std::optional<Address> Address::from_wire(ByteView bytes) {
    if (bytes.size() == 4) return ipv4(bytes[0], bytes[1], bytes[2], bytes[3]);
    if (bytes.size() != kSize) return std::nullopt;
    Address address;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
}

std::optional<Address> Address::parse(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return std::nullopt;  // inet_pton would stop there
    const std::string terminated(text);
    std::array<std::uint8_t, kSize> bytes{};
    if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) return from_wire(ByteView(bytes).first(4));
    if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) != 1) return std::nullopt;
    const Address address = *from_wire(bytes);
    if (address.is_ipv4()) return std::nullopt;  // one host, one spelling
    return address;
}

std::string Address::text() const {
    char buffer[INET6_ADDRSTRLEN];
    inet_ntop(is_ipv4() ? AF_INET : AF_INET6, wire().data(), buffer, sizeof buffer);
    return buffer;
}

std::string Address::reverse_name() const {
    std::string name;
    const ByteView octets = wire();
    for (std::size_t i = octets.size(); i-- > 0;) {
        if (is_ipv4()) {
            name += std::to_string(octets[i]) + ".";
        } else {
            constexpr std::string_view kNibbles = "0123456789abcdef";
            name += {kNibbles[octets[i] & 15], '.', kNibbles[octets[i] >> 4], '.'};
        }
    }
    return name + (is_ipv4() ? "in-addr.arpa." : "ip6.arpa.");
}

namespace {

/// Bits counted in the 128-bit mapped form.
unsigned mapped_length(const Prefix& prefix) {
    return prefix.length() + (prefix.family() == Family::ipv4 ? 96 : 0);
}

/// Clears or sets every bit behind the first num_bits of the mapped form.
Address with_host_bits(Address address, unsigned num_bits, bool set) {
    auto& bytes = address.mutable_bytes();
    for (unsigned i = 0; i < Address::kSize; ++i) {
        const unsigned kept = num_bits <= 8 * i ? 0 : std::min(8u, num_bits - 8 * i);
        const auto host_mask = static_cast<std::uint8_t>(0xff >> kept);
        bytes[i] = static_cast<std::uint8_t>(set ? bytes[i] | host_mask : bytes[i] & ~host_mask);
    }
    return address;
}

}  // namespace

Prefix::Prefix(const Address& address, unsigned length)
    : address_(address), length_(std::min(length, address.is_ipv4() ? 32u : 128u)) {
    address_ = with_host_bits(address, mapped_length(*this), false);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::optional<Address> address = Address::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return host(*address);
    unsigned length = 0;
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (length > (address->is_ipv4() ? 32u : 128u)) return std::nullopt;
    const Prefix prefix(*address, length);
    if (prefix.address() != *address) return std::nullopt;
    return prefix;
}

bool Prefix::contains(const Address& address) const {
    return address.family() == family() && with_host_bits(address, mapped_length(*this), false) == address_;
}

bool Prefix::contains(const Prefix& other) const {
    return other.length_ >= length_ && contains(other.address_);
}

Address Prefix::last() const {
    return with_host_bits(address_, mapped_length(*this), true);
}

std::string Prefix::text() const {
    return address_.text() + "/" + std::to_string(length_);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) {
        if (i > 0 && text[3 * i - 1] != ':') return std::nullopt;
        const std::optional<Bytes> byte = from_hex(text.substr(3 * i, 2));
        if (!byte) return std::nullopt;
        mac.bytes[i] = (*byte)[0];
    }
    return mac;
}

std::string MacAddress::text() const {
    char buffer[18];
    std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
                  bytes[3], bytes[4], bytes[5]);
    return buffer;
}

}  // namespace oegate
