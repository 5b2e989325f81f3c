// RSA: the gateway's private key (PEM file) and peers' public keys as DNS gives them
// (RFC 3110). Signing and verifying run in the crypto pool: both are const and safe
// from several threads at once.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "ike/crypto/error.hpp"
#include "ike/wire/constants.hpp"
#include "net/identity.hpp"

namespace oegate::ike {

using wire::HashId;

enum class RsaPadding : std::uint8_t { pkcs1_v1_5, pss };  // PSS: MGF1 with the same hash

inline constexpr unsigned kMinRsaBits = 2048;
inline constexpr unsigned kMaxRsaBits = 8192;
inline constexpr unsigned kDefaultRsaBits = 3072;

/// Why a key file is not used. `detail` says what to do about it.
struct KeyFileError {
    enum class Kind : std::uint8_t {
        missing,
        unreadable,
        permissions,  // readable or writable for group or others
        not_a_key,    // no PEM private key, or encrypted with a passphrase
        not_rsa,
        size,    // not 2048..8192 bits
        exists,  // write: will not overwrite
        unwritable,
        library,
    };
    Kind kind = Kind::library;
    std::string detail;  // "/etc/oegate/key.pem: mode 0644 lets others read it; chmod 600 it"
};

/// OpenSSL zeroises the key when the last copy goes; a copy shares it.
class PrivateKey {
  public:
    static Result<PrivateKey, KeyFileError> load(const std::string& path);
    /// The same from PEM text, without file checks.
    static Result<PrivateKey, KeyFileError> from_pem(std::string_view pem);
    static Result<PrivateKey, KeyFileError> generate(unsigned bits = kDefaultRsaBits);

    /// PKCS#8 PEM, mode 0600, never over an existing file, synced to disk.
    Result<void, KeyFileError> write(const std::string& path) const;

    /// RFC 3110 §2 form, as published in DNS.
    const PublicKey& public_key() const { return public_key_; }
    unsigned bits() const { return bits_; }

    /// PSS salt length is the hash length (RFC 4055 §3.1 as used by RFC 8247 §3.2).
    Result<Bytes, CryptoError> sign(HashId hash, RsaPadding padding, ByteView message) const;

  private:
    struct Key;
    explicit PrivateKey(std::shared_ptr<const Key> key);
    std::shared_ptr<const Key> key_;
    PublicKey public_key_;
    unsigned bits_ = 0;
};

/// An RSA signature over message. pss_salt_len: as the peer's AlgorithmIdentifier says.
Result<void, CryptoError> verify(const PublicKey& key, HashId hash, RsaPadding padding, unsigned pss_salt_len,
                                 ByteView message, ByteView signature);

/// Modulus bits; 0 when the key is no RSA key in RFC 3110 form.
unsigned rsa_bits(const PublicKey& key);

}  // namespace oegate::ike
