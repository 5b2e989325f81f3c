// Prints zone records for a public key as `oegate dns records` does, so that the
// smoke stories publish what the product prints. Not installed.
//   publish GATEWAY PUBLIC.pem HOST...
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>

#include "discovery/publish.hpp"

using namespace oegate;

namespace {

/// RFC 3110 §2, made here once more by other means than the product's.
Bytes rfc3110(EVP_PKEY* key) {
    BIGNUM *e = nullptr, *n = nullptr;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1)
        return {};
    Bytes exponent(static_cast<std::size_t>(BN_num_bytes(e))),
        modulus(static_cast<std::size_t>(BN_num_bytes(n)));
    BN_bn2bin(e, exponent.data());
    BN_bn2bin(n, modulus.data());
    BN_free(e);
    BN_free(n);
    Bytes out{static_cast<std::uint8_t>(exponent.size())};
    append(out, exponent);
    append(out, modulus);
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    const auto gateway = argc >= 3 ? Address::parse(argv[1]) : std::nullopt;
    std::FILE* file = gateway ? std::fopen(argv[2], "r") : nullptr;
    EVP_PKEY* key = file ? PEM_read_PUBKEY(file, nullptr, nullptr, nullptr) : nullptr;
    if (!key) {
        std::fprintf(stderr, "usage: publish GATEWAY PUBLIC.pem HOST...\n");
        return 2;
    }
    discovery::Publication publication;
    publication.gateway = *gateway;
    publication.key = {PublicKey::Algorithm::rsa, rfc3110(key)};
    publication.ttl = 600;
    publication.key_records = true;
    for (int i = 3; i < argc; ++i)
        if (const auto host = Address::parse(argv[i])) publication.hosts.push_back(*host);
    std::fputs(discovery::zone_records(publication).c_str(), stdout);
    std::fclose(file);
    EVP_PKEY_free(key);
    return 0;
}
