#include "ike/crypto/cookie.hpp"

#include "base/cursor.hpp"
#include "ike/crypto/prf.hpp"

namespace oegate::ike {
namespace {

constexpr Duration kSecretLifetime = 60s;
constexpr std::size_t kSecretLen = 32;
constexpr std::size_t kMacLen = 16;

Bytes bytes_of(std::uint64_t first, std::uint16_t port) {
    Writer out;
    out.u64(first).u16(port);
    return std::move(out).take();
}

}  // namespace

void CookieJar::rotate(Time now) {
    if (!current_.secret.empty() && now < next_rotation_) return;
    // After a long silence the one before is as old as the silence: forget it.
    const bool fresh = !current_.secret.empty() && now < next_rotation_ + kSecretLifetime;
    const auto version = static_cast<std::uint8_t>(current_.version + 1);
    previous_ = fresh ? std::move(current_) : SecretVersion{};
    current_ = {Secret(kSecretLen), version};
    random_.fill(current_.secret.mutable_view());
    next_rotation_ = now + kSecretLifetime;
}

Bytes CookieJar::compute(const SecretVersion& secret, const Endpoint& peer, std::uint64_t spi_initiator,
                         ByteView ni) {
    const Secret mac = prf(PrfId::hmac_sha2_256, secret.secret.view(),
                           {ni, peer.address.bytes(), bytes_of(spi_initiator, peer.port)});
    Bytes cookie{secret.version};
    append(cookie, mac.view().first(kMacLen));
    return cookie;
}

Bytes CookieJar::make(const Endpoint& peer, std::uint64_t spi_initiator, ByteView ni, Time now) {
    rotate(now);
    return compute(current_, peer, spi_initiator, ni);
}

bool CookieJar::check(ByteView cookie, const Endpoint& peer, std::uint64_t spi_initiator, ByteView ni,
                      Time now) {
    rotate(now);
    for (const SecretVersion* secret : {&current_, &previous_})
        if (!secret->secret.empty() && equal_constant_time(cookie, compute(*secret, peer, spi_initiator, ni)))
            return true;
    return false;
}

Bytes nat_detection_hash(std::uint64_t spi_initiator, std::uint64_t spi_responder, const Endpoint& endpoint) {
    Writer out;
    out.u64(spi_initiator).u64(spi_responder).put(endpoint.address.wire()).u16(endpoint.port);
    return sha1({out.view()});
}

}  // namespace oegate::ike
