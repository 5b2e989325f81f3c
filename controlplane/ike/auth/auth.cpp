#include "ike/auth/auth.hpp"

#include <algorithm>
#include <array>

#include "ike/crypto/recover.hpp"

namespace oegate::ike {
namespace {

using wire::AuthMethod;

constexpr std::array kSha2{HashId::sha2_256, HashId::sha2_384, HashId::sha2_512};

Result<SignatureScheme, AuthError> verify_scheme(const PublicKey& key, const SignatureScheme& scheme,
                                                 ByteView octets, ByteView signature) {
    const auto verified = verify(key, scheme.hash, scheme.padding, scheme.pss_salt_len, octets, signature);
    if (verified) return scheme;
    return fail(verified.error() == CryptoError::key_unusable ? AuthError::key : AuthError::signature);
}

Result<SignatureScheme, AuthError> verify_method_1(const PublicKey& key, ByteView octets,
                                                   ByteView signature) {
    const auto hash = verify_by_recovery(key, octets, signature);
    if (hash) return SignatureScheme{*hash, RsaPadding::pkcs1_v1_5, 0};
    return fail(hash.error() == CryptoError::key_unusable ? AuthError::key : AuthError::signature);
}

/// RFC 7427 §3: length byte, AlgorithmIdentifier, signature.
Result<SignatureScheme, AuthError> verify_method_14(const PublicKey& key, ByteView octets, ByteView data) {
    Reader in(data);
    const std::size_t len = in.u8();
    const ByteView der = in.take(len);
    const ByteView signature = in.rest();
    if (!in.ok() || der.empty() || signature.empty()) return fail(AuthError::malformed);
    const auto scheme = parse_algorithm_identifier(der);
    // RFC 8247 §3.2: SHA-1 in method 14 MUST NOT be used, and we did not list it.
    if (!scheme || scheme->hash == HashId::sha1) return fail(AuthError::algorithm);
    return verify_scheme(key, *scheme, octets, signature);
}

}  // namespace

Bytes signed_octets(PrfId id, ByteView sk_p, ByteView first_message, ByteView peer_nonce,
                    const wire::Identification& identification) {
    Bytes octets(first_message.begin(), first_message.end());
    append(octets, peer_nonce);
    append(octets, prf(id, sk_p, {identification.body()}).view());
    return octets;
}

const std::vector<HashId>& supported_hashes() {
    static const std::vector<HashId> hashes(kSha2.begin(), kSha2.end());
    return hashes;
}

std::optional<SigningChoice> choose_signature(const std::optional<std::vector<HashId>>& peer_hashes,
                                              RsaPadding preferred) {
    // RFC 7296 §3.8: SHA-1 is the default of method 1, and all that a peer without
    // RFC 7427 is sure to verify.
    if (!peer_hashes)
        return SigningChoice{AuthMethod::rsa_signature, {HashId::sha1, RsaPadding::pkcs1_v1_5, 0}};
    for (HashId hash : kSha2) {
        if (std::find(peer_hashes->begin(), peer_hashes->end(), hash) == peer_hashes->end()) continue;
        // Read back from the encoding, which carries the salt length.
        const auto scheme = parse_algorithm_identifier(algorithm_identifier({hash, preferred, 0}));
        if (scheme) return SigningChoice{AuthMethod::digital_signature, *scheme};
    }
    return std::nullopt;
}

Result<wire::Authentication, CryptoError> sign_auth(const PrivateKey& key, const SigningChoice& choice,
                                                    ByteView octets) {
    const auto signature = key.sign(choice.scheme.hash, choice.scheme.padding, octets);
    if (!signature) return fail(signature.error());
    wire::Authentication auth;
    auth.method = choice.method;
    if (choice.method == AuthMethod::digital_signature) {
        const Bytes der = algorithm_identifier(choice.scheme);
        auth.data.push_back(static_cast<std::uint8_t>(der.size()));
        append(auth.data, der);
    }
    append(auth.data, *signature);
    return auth;
}

std::string_view to_text(AuthError error) {
    switch (error) {
        case AuthError::method:
            return "authentication method is neither RSA nor digital signature";
        case AuthError::algorithm:
            return "signature algorithm is not understood or not allowed";
        case AuthError::malformed:
            return "digital signature is malformed";
        case AuthError::key:
            return "public key is no usable RSA key";
        case AuthError::signature:
            return "signature does not verify";
    }
    return "unknown";
}

Result<SignatureScheme, AuthError> verify_auth(const PublicKey& key, const wire::Authentication& auth,
                                               ByteView octets) {
    switch (auth.method) {
        case AuthMethod::rsa_signature:
            return verify_method_1(key, octets, auth.data);
        case AuthMethod::digital_signature:
            return verify_method_14(key, octets, auth.data);
        default:
            return fail(AuthError::method);
    }
}

}  // namespace oegate::ike
