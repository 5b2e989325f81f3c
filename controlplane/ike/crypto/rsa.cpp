#include "ike/crypto/rsa.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <bit>
#include <optional>

#include "base/cursor.hpp"
#include "ike/crypto/openssl.hpp"
#include "ike/crypto/private_key.hpp"
#include "ike/crypto/recover.hpp"

namespace oegate::ike {
namespace {

const EVP_MD* digest_of(HashId hash) {
    switch (hash) {
        case HashId::sha1:
            return EVP_sha1();
        case HashId::sha2_256:
            return EVP_sha256();
        case HashId::sha2_384:
            return EVP_sha384();
        case HashId::sha2_512:
            return EVP_sha512();
    }
    return nullptr;
}

struct Rfc3110 {
    ByteView exponent;
    ByteView modulus;
};

/// RFC 3110 §2: one length byte, or zero and two; leading zeros are prohibited.
std::optional<Rfc3110> split(ByteView data) {
    Reader in(data);
    std::size_t len = in.u8();
    if (len == 0) len = in.u16();
    const Rfc3110 key{in.take(len), in.rest()};
    if (!in.ok() || key.exponent.empty() || key.modulus.empty()) return std::nullopt;
    if (key.exponent.front() == 0 || key.modulus.front() == 0) return std::nullopt;
    return key;
}

unsigned bit_length(ByteView number) {
    const unsigned top = number.front();
    return static_cast<unsigned>(number.size() - 1) * 8 + static_cast<unsigned>(std::bit_width(top));
}

/// Long exponents only make verification slow: 8 bytes are more than anybody uses.
bool usable(const Rfc3110& key) {
    const unsigned bits = bit_length(key.modulus);
    const bool odd = key.modulus.back() & 1 && key.exponent.back() & 1;
    const bool above_one = key.exponent.size() > 1 || key.exponent.front() > 1;
    return bits >= kMinRsaBits && bits <= kMaxRsaBits && odd && above_one && key.exponent.size() <= 8;
}

PkeyPtr public_pkey(const Rfc3110& key) {
    Bytes n(key.modulus.rbegin(), key.modulus.rend());  // host order: little-endian
    Bytes e(key.exponent.rbegin(), key.exponent.rend());
    OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n.data(), n.size()),
                           OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e.data(), e.size()),
                           OSSL_PARAM_construct_end()};
    PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    EVP_PKEY* pkey = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
        EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        return nullptr;
    return PkeyPtr(pkey);
}

bool set_padding(EVP_PKEY_CTX* context, RsaPadding padding, const EVP_MD* md, int salt_len) {
    if (padding == RsaPadding::pkcs1_v1_5)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_len) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) > 0;
}

Bytes number_of(const EVP_PKEY* pkey, const char* name) {
    BIGNUM* raw = nullptr;
    if (!EVP_PKEY_get_bn_param(pkey, name, &raw)) return {};
    const BignumPtr number(raw);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(raw)));
    BN_bn2bin(raw, bytes.data());
    return bytes;
}

}  // namespace

PublicKey rfc3110_of(const EVP_PKEY* pkey) {
    const Bytes e = number_of(pkey, OSSL_PKEY_PARAM_RSA_E);
    const Bytes n = number_of(pkey, OSSL_PKEY_PARAM_RSA_N);
    Writer out;
    if (e.size() < 256)
        out.u8(static_cast<std::uint8_t>(e.size()));
    else
        out.u8(0).u16(static_cast<std::uint16_t>(e.size()));
    out.put(e).put(n);
    return {PublicKey::Algorithm::rsa, std::move(out).take()};
}

Result<Bytes, CryptoError> PrivateKey::sign(HashId hash, RsaPadding padding, ByteView message) const {
    const EVP_MD* md = digest_of(hash);
    if (!md) return fail(CryptoError::hash_unknown);
    DigestContextPtr context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* signing = nullptr;  // belongs to context
    if (!context || EVP_DigestSignInit(context.get(), &signing, md, nullptr, key_->pkey.get()) <= 0 ||
        !set_padding(signing, padding, md, RSA_PSS_SALTLEN_DIGEST))
        return fail(CryptoError::library);
    std::size_t len = bits_ / 8 + 1;
    Bytes signature(len);
    if (EVP_DigestSign(context.get(), signature.data(), &len, message.data(), message.size()) <= 0)
        return fail(CryptoError::library);
    signature.resize(len);
    return signature;
}

Result<void, CryptoError> verify(const PublicKey& key, HashId hash, RsaPadding padding, unsigned pss_salt_len,
                                 ByteView message, ByteView signature) {
    const EVP_MD* md = digest_of(hash);
    if (!md) return fail(CryptoError::hash_unknown);
    const auto parts = key.algorithm == PublicKey::Algorithm::rsa ? split(key.data) : std::nullopt;
    if (!parts || !usable(*parts) || pss_salt_len > kMaxRsaBits / 8) return fail(CryptoError::key_unusable);
    if (signature.size() != parts->modulus.size()) return fail(CryptoError::signature);  // costs nothing
    const PkeyPtr pkey = public_pkey(*parts);
    DigestContextPtr context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* verifying = nullptr;  // belongs to context
    if (!pkey || !context || EVP_DigestVerifyInit(context.get(), &verifying, md, nullptr, pkey.get()) <= 0 ||
        !set_padding(verifying, padding, md, static_cast<int>(pss_salt_len)))
        return fail(CryptoError::library);
    if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) !=
        1)
        return fail(CryptoError::signature);
    return {};
}

namespace {

struct DigestPrefix {
    HashId hash;
    std::string_view der;  // of DigestInfo, RFC 8017 §9.2 note 1
};
using namespace std::string_view_literals;
constexpr DigestPrefix kDigestPrefixes[] = {
    {HashId::sha2_256, "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"sv},
    {HashId::sha1, "\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14"sv},
    {HashId::sha2_384, "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"sv},
    {HashId::sha2_512, "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"sv},
};

}  // namespace

Result<HashId, CryptoError> verify_by_recovery(const PublicKey& key, ByteView message, ByteView signature) {
    const auto parts = key.algorithm == PublicKey::Algorithm::rsa ? split(key.data) : std::nullopt;
    if (!parts || !usable(*parts)) return fail(CryptoError::key_unusable);
    if (signature.size() != parts->modulus.size()) return fail(CryptoError::signature);
    const PkeyPtr pkey = public_pkey(*parts);
    const PkeyContextPtr context(pkey ? EVP_PKEY_CTX_new(pkey.get(), nullptr) : nullptr);
    Bytes recovered(parts->modulus.size());
    std::size_t len = recovered.size();
    if (!context || EVP_PKEY_verify_recover_init(context.get()) <= 0 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) <= 0)
        return fail(CryptoError::library);
    if (EVP_PKEY_verify_recover(context.get(), recovered.data(), &len, signature.data(), signature.size()) <=
        0)
        return fail(CryptoError::signature);
    recovered.resize(len);
    for (const DigestPrefix& prefix : kDigestPrefixes) {
        const EVP_MD* md = digest_of(prefix.hash);
        Bytes expected(prefix.der.begin(), prefix.der.end());
        const std::size_t at = expected.size();
        expected.resize(at + static_cast<std::size_t>(EVP_MD_get_size(md)));
        if (EVP_Digest(message.data(), message.size(), expected.data() + at, nullptr, md, nullptr) <= 0)
            return fail(CryptoError::library);
        if (recovered == expected) return prefix.hash;
    }
    return fail(CryptoError::signature);
}

unsigned rsa_bits(const PublicKey& key) {
    if (key.algorithm != PublicKey::Algorithm::rsa) return 0;
    const auto parts = split(key.data);
    return parts ? bit_length(parts->modulus) : 0;
}

}  // namespace oegate::ike
