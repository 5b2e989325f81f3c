// What the crypto pool does for IKE_AUTH: our signature, and the peer's against the keys
// that DNS gives for it. Works on copies only; raises nothing itself.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// What a pool job needs to make and to check AUTH payloads: copies only.
struct AuthWork {
    PrivateKey key;
    std::optional<SigningChoice> choice;
    IkeKeys keys;  // clones or results
    wire::IkeSuite suite;
    Bytes ni, nr, init_request, init_answer;
    std::uint64_t spi_i = 0, spi_r = 0;
    std::shared_ptr<DhKeyPair> dh;
    Bytes peer_public;
    wire::Identification own_id, peer_id;
    wire::Authentication peer_auth;
    std::vector<PublicKey> candidates;
    // results
    std::string error;
    std::optional<wire::Authentication> own_auth;
    std::optional<PublicKey> verified;
    std::string scheme;
};

std::shared_ptr<AuthWork> prepare_auth(const Core& core, const IkeSa& sa);
IkeKeys clone(const IkeKeys& keys);
void sign(AuthWork& work, ByteView octets);
/// The first few of the candidates; sets verified, or error.
void verify_candidates(AuthWork& work, ByteView octets);

}  // namespace oegate::ike::v2
