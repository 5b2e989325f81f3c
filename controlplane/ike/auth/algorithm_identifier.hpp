// The DER AlgorithmIdentifiers of RFC 7427 appendix A, in exactly the encodings given
// there. No general ASN.1: what is not one of these is not understood.
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "ike/crypto/rsa.hpp"

namespace oegate::ike {

struct SignatureScheme {
    HashId hash = HashId::sha2_256;
    RsaPadding padding = RsaPadding::pkcs1_v1_5;
    unsigned pss_salt_len = 0;  // PSS only
    std::string text() const;   // "rsa-pss-sha256"
    bool operator==(const SignatureScheme&) const = default;
};

/// SHA-2 only. PSS is written with salt length = hash length.
Bytes algorithm_identifier(const SignatureScheme& scheme);
/// Also knows SHA-1 (refused elsewhere) so that a log line can say so. nullopt: none
/// of the known encodings.
std::optional<SignatureScheme> parse_algorithm_identifier(ByteView der);

}  // namespace oegate::ike
