#include "ike/crypto/keys.hpp"

#include <algorithm>

namespace oegate::ike {
namespace {

constexpr std::size_t kSaltLen = 4;  // RFC 4106 §4, RFC 5282 §4

/// Of one direction (RFC 7296 §2.17).
std::size_t keymat_len(EspSuite suite) {
    return key_len(suite) + facts(suite).salt_len + facts(suite).auth_key_len;
}

Secret part_of(const Secret& keymat, std::size_t& at, std::size_t len) {
    Secret part(keymat.view().subspan(at, len));
    at += len;
    return part;
}

SaKey sa_key(EspSuite suite, const Secret& keymat, std::size_t& at) {
    SaKey key;
    key.suite = suite;
    const auto take = [&](std::size_t len, auto& to) {
        std::copy_n(keymat.view().begin() + static_cast<std::ptrdiff_t>(at), len, to.begin());
        at += len;
    };
    take(key_len(suite), key.key);
    take(facts(suite).salt_len, key.salt);
    take(facts(suite).auth_key_len, key.auth_key);  // encryption keys first (RFC 7296 §2.17)
    return key;
}

/// Joined, zeroised when it goes: g^ir may be among them.
Secret join(std::initializer_list<ByteView> parts) {
    std::size_t len = 0;
    for (ByteView part : parts) len += part.size();
    Secret joined(len);
    auto out = joined.mutable_view().begin();
    for (ByteView part : parts) out = std::copy(part.begin(), part.end(), out);
    return joined;
}

}  // namespace

Secret skeyseed(PrfId id, ByteView ni, ByteView nr, ByteView g_ir) {
    return prf(id, join({ni, nr}).view(), {g_ir});
}

Secret rekey_skeyseed(PrfId old_prf, ByteView old_sk_d, ByteView g_ir, ByteView ni, ByteView nr) {
    return prf(old_prf, old_sk_d, {g_ir, ni, nr});
}

IkeKeys derive_ike_keys(const IkeSuite& suite, const Secret& skeyseed, ByteView ni, ByteView nr,
                        std::uint64_t spi_initiator, std::uint64_t spi_responder) {
    Writer seed;
    seed.put(ni).put(nr).u64(spi_initiator).u64(spi_responder);
    const std::size_t prf_bytes = prf_len(suite.prf);
    const std::size_t encr_bytes = suite.key_bits / 8u + kSaltLen;
    const Secret keymat = prf_plus(suite.prf, skeyseed.view(), seed.view(), 3 * prf_bytes + 2 * encr_bytes);
    std::size_t at = 0;
    IkeKeys keys;  // RFC 7296 §2.14: SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr
    keys.d = part_of(keymat, at, prf_bytes);
    keys.ei = part_of(keymat, at, encr_bytes);
    keys.er = part_of(keymat, at, encr_bytes);
    keys.pi = part_of(keymat, at, prf_bytes);
    keys.pr = part_of(keymat, at, prf_bytes);
    return keys;
}

ChildKeys derive_child_keys(PrfId prf, ByteView sk_d, EspSuite suite, ByteView g_ir, ByteView ni,
                            ByteView nr) {
    const Secret seed = join({g_ir, ni, nr});
    const Secret keymat = prf_plus(prf, sk_d, seed.view(), 2 * keymat_len(suite));
    std::size_t at = 0;
    ChildKeys keys;
    keys.to_responder = sa_key(suite, keymat, at);
    keys.to_initiator = sa_key(suite, keymat, at);
    return keys;
}

void zeroise(SaKey& key) {
    oegate::zeroise(key.key);
    oegate::zeroise(key.auth_key);
    oegate::zeroise(key.salt);
}

}  // namespace oegate::ike
