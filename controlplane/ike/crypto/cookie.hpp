// Stateless cookies (RFC 7296 §2.6) and NAT detection hashes (§2.23).
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "ike/engine.hpp"

namespace oegate::ike {

/// version (1 byte) | HMAC-SHA-256(secret, Ni | IPi | port | SPIi), cut to 16 bytes.
/// The secret changes every minute of use; cookies of the one before are accepted.
class CookieJar {
  public:
    explicit CookieJar(Random& random) : random_(random) {}
    Bytes make(const Endpoint& peer, std::uint64_t spi_initiator, ByteView ni, Time now);
    bool check(ByteView cookie, const Endpoint& peer, std::uint64_t spi_initiator, ByteView ni, Time now);

  private:
    struct SecretVersion {
        Secret secret;
        std::uint8_t version = 0;
    };
    void rotate(Time now);
    static Bytes compute(const SecretVersion& secret, const Endpoint& peer, std::uint64_t spi_initiator,
                         ByteView ni);
    Random& random_;
    SecretVersion current_;
    SecretVersion previous_;
    Time next_rotation_{};
};

/// SHA-1(SPIi | SPIr | address | port): the data of NAT_DETECTION_*_IP.
Bytes nat_detection_hash(std::uint64_t spi_initiator, std::uint64_t spi_responder, const Endpoint& endpoint);

}  // namespace oegate::ike
