// RSA public keys as DNS carries them (RFC 3110 §2): exponent length, exponent,
// modulus. Used by all three record parsers and by publish.
#pragma once

#include "discovery/records/rdata.hpp"
#include "net/identity.hpp"

namespace oegate::discovery {

inline constexpr unsigned kMinRsaBits = 2048;
inline constexpr unsigned kMaxRsaBits = 8192;
/// Verification costs grow with the exponent, and a stranger chooses it.
inline constexpr unsigned kMaxExponentLen = 8;

/// Views into the blob.
struct RsaParts {
    ByteView exponent;
    ByteView modulus;
    unsigned bits = 0;  // of the modulus
};

/// Strict: shortest exponent length, no leading zeros, odd numbers. A well-formed
/// key whose size is out of bounds is unusable, anything else malformed.
Result<RsaParts, Refusal> parse_rsa(ByteView blob);

/// Checked by parse_rsa, and carried as it stands on the wire.
Result<PublicKey, Refusal> rsa_key(ByteView blob);

/// "RSA 2048 bits AwEAAcJ2…", for logs and `show dns`.
std::string short_text(const PublicKey& key);

}  // namespace oegate::discovery
