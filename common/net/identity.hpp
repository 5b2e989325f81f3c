// Who a gateway says it is: an address (ID_IPV4_ADDR, ID_IPV6_ADDR) or a name
// (ID_FQDN); and the public keys that DNS gives for it.
#pragma once

#include <string>

#include "net/address.hpp"

namespace oegate {

struct Identity {
    enum class Kind : std::uint8_t { address, name };
    Kind kind = Kind::address;
    Address address;
    std::string name;  // lower case, no final dot
    static Identity of(const Address& a) { return {Kind::address, a, {}}; }
    static Identity of_name(std::string n) { return {Kind::name, {}, std::move(n)}; }
    std::string text() const { return kind == Kind::address ? address.text() : "@" + name; }
    auto operator<=>(const Identity&) const = default;
};

/// A public key in the form it has in DNS. RSA: RFC 3110 §2 (exponent length,
/// exponent, modulus). Other algorithms are recognised, carried and not used.
struct PublicKey {
    enum class Algorithm : std::uint8_t {
        none = 0,
        dsa = 1,
        rsa = 2,
        ecdsa = 3,
        eddsa = 4
    };  // IPSECKEY numbers
    Algorithm algorithm = Algorithm::none;
    Bytes data;
    auto operator<=>(const PublicKey&) const = default;
};

}  // namespace oegate
