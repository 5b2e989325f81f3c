// The text forms that people and DNS records hand us: addresses, prefixes, MAC
// addresses, hexadecimal, base64. What is accepted must survive the round trip.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/bytes.hpp"
#include "net/address.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace oegate;
    const std::string_view text(reinterpret_cast<const char*>(data), size);

    if (const auto address = Address::parse(text)) {
        require(Address::parse(address->text()) == address);
        // A dotted quad has one spelling only (no leading zeros, nothing behind it).
        if (address->is_ipv4()) require(address->text() == text);
        require(Address::from_wire(address->wire()) == address);
        require(!address->reverse_name().empty());
    }
    if (const auto prefix = Prefix::parse(text)) {
        require(Prefix::parse(prefix->text()) == prefix);
        require(prefix->contains(prefix->address()));
        // The last address of ::/80 is written like a mapped IPv4 address; it is nobody's.
        require(prefix->contains(prefix->last()) || prefix->last().family() != prefix->family());
    }
    if (const auto mac = MacAddress::parse(text)) require(MacAddress::parse(mac->text()) == mac);
    if (const auto bytes = from_hex(text)) require(from_hex(to_hex(*bytes)) == bytes);
    if (const auto bytes = from_base64(text)) require(from_base64(to_base64(*bytes)) == bytes);
    return 0;
}
