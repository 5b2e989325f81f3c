// The AUTH payload (RFC 7296 §2.15, RFC 7427): what is signed, how, and whether a
// peer's signature holds under one candidate key. Which keys are candidates is the
// engine's business; runs in the crypto pool.
#pragma once

#include <optional>
#include <vector>

#include "ike/auth/algorithm_identifier.hpp"
#include "ike/crypto/keys.hpp"
#include "ike/wire/message.hpp"

namespace oegate::ike {

/// InitiatorSignedOctets or ResponderSignedOctets of RFC 7296 §2.15.
/// first_message: the signer's whole IKE_SA_INIT message as it was on the wire (the
/// last one sent, with its cookie); peer_nonce: the other side's nonce data; sk_p and
/// id: the signer's.
Bytes signed_octets(PrfId prf, ByteView sk_p, ByteView first_message, ByteView peer_nonce,
                    const wire::Identification& id);

/// The hashes that we list in SIGNATURE_HASH_ALGORITHMS: SHA-256, 384, 512.
const std::vector<HashId>& supported_hashes();

/// What we sign with. peer_hashes: the peer's SIGNATURE_HASH_ALGORITHMS; nullopt: it
/// sent none, and method 1 with SHA-1 is all that RFC 7296 §3.8 lets us assume of it.
/// nullopt: the peer lists no hash that we sign with.
struct SigningChoice {
    wire::AuthMethod method = wire::AuthMethod::digital_signature;
    SignatureScheme scheme;
};
std::optional<SigningChoice> choose_signature(const std::optional<std::vector<HashId>>& peer_hashes,
                                              RsaPadding preferred = RsaPadding::pkcs1_v1_5);

Result<wire::Authentication, CryptoError> sign_auth(const PrivateKey& key, const SigningChoice& choice,
                                                    ByteView octets);

enum class AuthError : std::uint8_t {
    method,     // neither 1 nor 14
    algorithm,  // AlgorithmIdentifier unknown, or SHA-1 in method 14
    malformed,  // method 14 without its fields
    key,        // the candidate is no usable RSA key
    signature,  // does not verify under this key
};
std::string_view to_text(AuthError);

/// The scheme that verified. One RSA operation: method 14 names its hash, and with method
/// 1 (RFC 7296 §3.8 leaves the hash to the signer) the signature says it: SHA-1 or SHA-2.
Result<SignatureScheme, AuthError> verify_auth(const PublicKey& key, const wire::Authentication& auth,
                                               ByteView octets);

}  // namespace oegate::ike
