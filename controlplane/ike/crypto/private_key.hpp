// What rsa.cpp and key_file.cpp share of a private key. Not for other rooms.
#pragma once

#include "ike/crypto/openssl.hpp"
#include "ike/crypto/rsa.hpp"

namespace oegate::ike {

struct PrivateKey::Key {
    PkeyPtr pkey;
};

/// The public half in RFC 3110 §2 form.
PublicKey rfc3110_of(const EVP_PKEY* pkey);

}  // namespace oegate::ike
