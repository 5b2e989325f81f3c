// Why a cryptographic operation refused. No variant carries key material.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace oegate::ike {

enum class CryptoError : std::uint8_t {
    library,        // OpenSSL refused; out of memory or a provider is missing
    public_length,  // peer's DH value has the wrong length
    public_range,   // RFC 6989 §2.1: not in 2 … p-2
    zero_shared,    // RFC 7748 §6.1: all-zero shared secret
    key_unusable,   // public key: not RSA, malformed RFC 3110, or not 2048..8192 bits
    hash_unknown,
    signature,  // does not verify
};
std::string_view to_text(CryptoError);

}  // namespace oegate::ike
