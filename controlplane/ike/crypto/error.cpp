#include "ike/crypto/error.hpp"

namespace oegate::ike {

std::string_view to_text(CryptoError error) {
    switch (error) {
        case CryptoError::library:
            return "the cryptographic library refused";
        case CryptoError::public_length:
            return "Diffie-Hellman value has the wrong length";
        case CryptoError::public_range:
            return "Diffie-Hellman value is outside of 2..p-2";
        case CryptoError::zero_shared:
            return "Diffie-Hellman shared secret is zero";
        case CryptoError::key_unusable:
            return "public key is no RSA key of 2048 to 8192 bits";
        case CryptoError::hash_unknown:
            return "hash algorithm unknown";
        case CryptoError::signature:
            return "signature does not verify";
    }
    return "unknown";
}

}  // namespace oegate::ike
