// Diffie-Hellman: group 14 (RFC 3526 §3) and group 31 (RFC 8031). One key pair is
// used for one exchange. Runs in the crypto pool; touches nothing shared.
#pragma once

#include <optional>

#include "base/random.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "ike/crypto/error.hpp"

namespace oegate::ike {

using config::DhGroup;

/// nullopt for a group that we do not speak.
std::optional<DhGroup> dh_group(std::uint16_t transform_id);
/// Bytes of a public value on the wire.
std::size_t public_value_len(DhGroup group);

/// The private half is zeroised with the object.
class DhKeyPair {
  public:
    static Result<DhKeyPair, CryptoError> generate(DhGroup group, Random& random);
    /// private_value: 32 bytes (curve25519) or 64 (modp2048). For test vectors.
    static Result<DhKeyPair, CryptoError> from_private(DhGroup group, Secret private_value);

    DhGroup group() const { return group_; }
    ByteView public_value() const { return public_value_; }
    /// g^ir in the wire length. Refuses what RFC 6989 §2 and RFC 7748 §6.1 say.
    Result<Secret, CryptoError> shared(ByteView peer_public) const;

  private:
    DhKeyPair(DhGroup group, Secret private_value, Bytes public_value)
        : group_(group), private_value_(std::move(private_value)), public_value_(std::move(public_value)) {}
    DhGroup group_;
    Secret private_value_;
    Bytes public_value_;
};

}  // namespace oegate::ike
