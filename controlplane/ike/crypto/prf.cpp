#include "ike/crypto/prf.hpp"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "ike/crypto/openssl.hpp"

namespace oegate::ike {
namespace {

const char* digest_name(PrfId prf) {
    switch (prf) {
        case PrfId::hmac_sha2_256:
            return "SHA256";
        case PrfId::hmac_sha2_384:
            return "SHA384";
        case PrfId::hmac_sha2_512:
            return "SHA512";
    }
    std::abort();  // only suites from proposals.hpp come here
}

/// Fetched once: a look-up per call costs more than the hash. Lives as long as the
/// process.
EVP_MAC* hmac() {
    static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    return mac;
}

// A hash that fails means that the library is broken or memory is gone; a key made
// of what is left would be worse than no process.
void must(bool ok) {
    if (!ok) std::abort();
}

Bytes digest(const EVP_MD* md, std::initializer_list<ByteView> parts) {
    DigestContextPtr context(EVP_MD_CTX_new());
    must(context && EVP_DigestInit_ex(context.get(), md, nullptr));
    for (ByteView part : parts) must(EVP_DigestUpdate(context.get(), part.data(), part.size()));
    Bytes out(static_cast<std::size_t>(EVP_MD_get_size(md)));
    must(EVP_DigestFinal_ex(context.get(), out.data(), nullptr));
    return out;
}

}  // namespace

std::size_t prf_len(PrfId prf) {
    switch (prf) {
        case PrfId::hmac_sha2_256:
            return 32;
        case PrfId::hmac_sha2_384:
            return 48;
        case PrfId::hmac_sha2_512:
            return 64;
    }
    std::abort();
}

Secret prf(PrfId id, ByteView key, std::initializer_list<ByteView> parts) {
    MacContextPtr context(EVP_MAC_CTX_new(hmac()));
    must(context != nullptr);
    std::string name = digest_name(id);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
                                 OSSL_PARAM_construct_end()};
    static constexpr std::uint8_t kNoKey = 0;  // a null pointer means "keep the key"
    must(EVP_MAC_init(context.get(), key.empty() ? &kNoKey : key.data(), key.size(), params));
    for (ByteView part : parts) must(EVP_MAC_update(context.get(), part.data(), part.size()));
    Secret out(prf_len(id));
    std::size_t len = 0;
    must(EVP_MAC_final(context.get(), out.mutable_view().data(), &len, out.size()) && len == out.size());
    return out;
}

Secret prf_plus(PrfId id, ByteView key, ByteView seed, std::size_t num_bytes) {
    must(num_bytes <= 255 * prf_len(id));
    Secret out(num_bytes);
    Secret block;  // T0 is empty
    std::uint8_t count = 0;
    for (std::size_t at = 0; at < num_bytes; at += block.size()) {
        ++count;
        block = prf(id, key, {block.view(), seed, ByteView(&count, 1)});
        const std::size_t part = std::min(block.size(), num_bytes - at);
        std::copy_n(block.view().begin(), part, out.mutable_view().begin() + static_cast<std::ptrdiff_t>(at));
    }
    return out;
}

Bytes sha1(std::initializer_list<ByteView> parts) {
    return digest(EVP_sha1(), parts);
}

Bytes sha256(std::initializer_list<ByteView> parts) {
    return digest(EVP_sha256(), parts);
}

}  // namespace oegate::ike
