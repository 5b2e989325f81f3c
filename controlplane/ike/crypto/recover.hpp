// PKCS#1 v1.5 signatures whose hash the verifier is not told (AUTH method 1, RFC 7296
// §3.8): the signature itself says it. One RSA operation, whatever the answer.
#pragma once

#include "ike/crypto/rsa.hpp"

namespace oegate::ike {

/// The hash that was signed with. The whole DigestInfo is compared with the one that each
/// hash of the message would have (RFC 8017 §8.2.2, note 2), so nothing in it is parsed.
Result<HashId, CryptoError> verify_by_recovery(const PublicKey& key, ByteView message, ByteView signature);

}  // namespace oegate::ike
