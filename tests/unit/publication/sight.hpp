// Short words for the tests of publication: keys, records as rdata, and what an
// authority shows.
#pragma once

#include "catch.hpp"
#include "publication/survey.hpp"

namespace publication_test {

using namespace oegate;
using namespace oegate::publication;

/// RFC 3110 form of an RSA key of 2048 bits that nobody can use: the modulus is made up.
inline PublicKey key_of(std::uint8_t mark) {
    Bytes data{3, 1, 0, 1};
    for (int i = 0; i < 256; ++i) data.push_back(static_cast<std::uint8_t>(mark | 1));
    data[4] |= 0x80;
    return {PublicKey::Algorithm::rsa, data};
}

inline Address ip(const char* text) {
    return *Address::parse(text);
}

inline Bytes ipseckey(const char* gateway, const PublicKey* key) {
    Bytes out{10, 0, static_cast<std::uint8_t>(key != nullptr ? 2 : 0)};
    if (gateway != nullptr) {
        const Address address = ip(gateway);
        out[1] = address.is_ipv4() ? 1 : 2;
        append(out, address.wire());
    }
    if (key != nullptr) append(out, key->data);
    return out;
}

inline Bytes txt(const std::string& text) {
    Bytes out;
    for (std::size_t at = 0; at < text.size(); at += 255) {
        const std::string part = text.substr(at, 255);
        out.push_back(static_cast<std::uint8_t>(part.size()));
        append(out, as_bytes(part));
    }
    return out;
}

/// A gateway 192.0.2.5 with one host 192.0.2.66 and itself.
inline Ours ours() {
    return ours_of(ip("192.0.2.5"), {*Prefix::parse("192.0.2.66")});
}

/// What one authority shows of a name that has these keys, in IPSECKEY and TXT.
inline Sight sight(const std::string& server, const std::vector<PublicKey>& keys, std::uint32_t ttl = 3600) {
    Sight out;
    out.name = "ns.";
    out.server = server;
    out.negative_ttl = 60;
    out.serial = 7;
    for (std::size_t i = 0; i < 2; ++i) {
        Contents& set = out.contents[i];
        set.names_us = set.delegates = !keys.empty();
        set.is_signed = true;
        set.keys = keys;
        set.ttl = keys.empty() ? 0 : ttl;
    }
    return out;
}

}  // namespace publication_test
