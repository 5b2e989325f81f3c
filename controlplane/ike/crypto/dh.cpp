#include "ike/crypto/dh.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>

#include "ike/crypto/openssl.hpp"

namespace oegate::ike {
namespace {

constexpr std::size_t kModpLen = 256;
constexpr std::size_t kModpPrivateLen = 64;  // twice the strength of 256 bits asked of any AES key
constexpr std::size_t kX25519Len = 32;

char group_name[] = "modp_2048";  // OSSL_PARAM takes no const pointer; it is only read

/// A modp2048 key from big-endian values; the private one may be empty.
PkeyPtr modp_key(ByteView public_value, ByteView private_value) {
    // OSSL_PARAM numbers are in host order: x86-64 is little-endian.
    Bytes public_native(public_value.rbegin(), public_value.rend());
    Secret private_native(Bytes(private_value.rbegin(), private_value.rend()));
    OSSL_PARAM params[4];
    int n = 0;
    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group_name, 0);
    if (!public_native.empty())
        params[n++] =
            OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PUB_KEY, public_native.data(), public_native.size());
    if (!private_native.empty())
        params[n++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, private_native.mutable_view().data(),
                                              private_native.size());
    params[n] = OSSL_PARAM_construct_end();
    PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
    EVP_PKEY* key = nullptr;
    const int selection = private_native.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
    if (!context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
        EVP_PKEY_fromdata(context.get(), &key, selection, params) <= 0)
        return nullptr;
    return PkeyPtr(key);
}

PkeyPtr x25519_private(ByteView value) {
    return PkeyPtr(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, value.data(), value.size()));
}

/// RFC 6989 §2.1: 2 … p-2.
bool in_range(ByteView public_value) {
    BignumPtr p(BN_get_rfc3526_prime_2048(nullptr));
    BignumPtr y(BN_bin2bn(public_value.data(), static_cast<int>(public_value.size()), nullptr));
    if (!p || !y || !BN_sub_word(p.get(), 1)) return false;
    return BN_cmp(y.get(), BN_value_one()) > 0 && BN_cmp(y.get(), p.get()) < 0;
}

/// len: of the result, which is padded with leading zeros to it (RFC 7296 §2.14).
Result<Secret, CryptoError> derive(EVP_PKEY* mine, EVP_PKEY* peer, DhGroup group) {
    const bool modp = group == DhGroup::modp2048;
    PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, mine, nullptr));
    if (!context || EVP_PKEY_derive_init(context.get()) <= 0) return fail(CryptoError::library);
    if (modp) {
        unsigned pad = 1;
        const OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_EXCHANGE_PARAM_PAD, &pad),
                                     OSSL_PARAM_construct_end()};
        if (EVP_PKEY_CTX_set_params(context.get(), params) <= 0) return fail(CryptoError::library);
    }
    // The range was checked by the caller; the library's derivation checks again.
    if (EVP_PKEY_derive_set_peer_ex(context.get(), peer, 0) <= 0) return fail(CryptoError::library);
    Secret shared(public_value_len(group));
    std::size_t len = shared.size();
    if (EVP_PKEY_derive(context.get(), shared.mutable_view().data(), &len) <= 0 || len != shared.size())
        return fail(modp ? CryptoError::public_range : CryptoError::zero_shared);
    return shared;
}

bool all_zero(ByteView bytes) {
    std::uint8_t any = 0;
    for (std::uint8_t byte : bytes) any |= byte;
    return any == 0;
}

/// 2^x mod p: what a peer with the public value 2, the generator, would share with us.
Result<Bytes, CryptoError> modp_public(ByteView private_value) {
    Bytes generator(kModpLen);
    generator.back() = 2;
    // The public half of our own key is not known yet and not used by the derivation.
    const PkeyPtr mine = modp_key(generator, private_value);
    const PkeyPtr base = modp_key(generator, {});
    if (!mine || !base) return fail(CryptoError::library);
    auto value = derive(mine.get(), base.get(), DhGroup::modp2048);
    if (!value) return fail(value.error());
    return Bytes(value->view().begin(), value->view().end());
}

Result<Bytes, CryptoError> x25519_public(ByteView private_value) {
    const PkeyPtr mine = x25519_private(private_value);
    Bytes value(kX25519Len);
    std::size_t len = value.size();
    if (!mine || EVP_PKEY_get_raw_public_key(mine.get(), value.data(), &len) <= 0)
        return fail(CryptoError::library);
    return value;
}

std::size_t private_value_len(DhGroup group) {
    return group == DhGroup::modp2048 ? kModpPrivateLen : kX25519Len;
}

}  // namespace

std::optional<DhGroup> dh_group(std::uint16_t transform_id) {
    switch (static_cast<DhGroup>(transform_id)) {
        case DhGroup::modp2048:
            return DhGroup::modp2048;
        case DhGroup::curve25519:
            return DhGroup::curve25519;
    }
    return std::nullopt;
}

std::size_t public_value_len(DhGroup group) {
    return group == DhGroup::modp2048 ? kModpLen : kX25519Len;
}

Result<DhKeyPair, CryptoError> DhKeyPair::generate(DhGroup group, Random& random) {
    Secret private_value(private_value_len(group));
    random.fill(private_value.mutable_view());
    return from_private(group, std::move(private_value));
}

Result<DhKeyPair, CryptoError> DhKeyPair::from_private(DhGroup group, Secret private_value) {
    if (private_value.size() != private_value_len(group)) return fail(CryptoError::library);
    auto public_value =
        group == DhGroup::modp2048 ? modp_public(private_value.view()) : x25519_public(private_value.view());
    if (!public_value) return fail(public_value.error());
    return DhKeyPair(group, std::move(private_value), *std::move(public_value));
}

Result<Secret, CryptoError> DhKeyPair::shared(ByteView peer_public) const {
    if (peer_public.size() != public_value_len(group_)) return fail(CryptoError::public_length);
    PkeyPtr mine;
    PkeyPtr peer;
    if (group_ == DhGroup::modp2048) {
        if (!in_range(peer_public)) return fail(CryptoError::public_range);
        mine = modp_key(public_value_, private_value_.view());
        peer = modp_key(peer_public, {});
    } else {
        mine = x25519_private(private_value_.view());
        peer.reset(
            EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public.data(), peer_public.size()));
    }
    if (!mine || !peer) return fail(CryptoError::library);
    auto shared = derive(mine.get(), peer.get(), group_);
    if (shared && all_zero(shared->view())) return fail(CryptoError::zero_shared);
    return shared;
}

}  // namespace oegate::ike
