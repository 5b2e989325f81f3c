#include "ike/v2/auth_work.hpp"

#include <fmt/format.h>

namespace oegate::ike::v2 {

namespace {

/// What we sign with, by what the peer says it can verify (RFC 7427 §4).
std::optional<SigningChoice> signing_choice(const Settings& settings,
                                            const std::optional<std::vector<HashId>>& peer_hashes) {
    switch (settings.signature_form) {
        case SignatureForm::automatic:
            return choose_signature(peer_hashes);
        case SignatureForm::rsa_method_1:
            return choose_signature(std::nullopt);
        case SignatureForm::pss:
            return choose_signature(peer_hashes, RsaPadding::pss);
    }
    return std::nullopt;
}

/// One RSA operation each, so that a stranger's signature has its price (keying.md, Bounds).
constexpr std::size_t kMaxKeysTried = 8;

}  // namespace

std::shared_ptr<AuthWork> prepare_auth(const Core& core, const IkeSa& sa) {
    auto work = std::make_shared<AuthWork>(AuthWork{.key = core.key});
    work->choice = signing_choice(core.settings, sa.peer_hashes);
    work->suite = sa.suite;
    work->ni = sa.ni;
    work->nr = sa.nr;
    work->init_request = sa.init_request;
    work->init_answer = sa.init_answer;
    work->spi_i = sa.spi_i;
    work->spi_r = sa.spi_r;
    return work;
}

IkeKeys clone(const IkeKeys& keys) {
    return {keys.d.clone(), keys.ei.clone(), keys.er.clone(), keys.pi.clone(), keys.pr.clone()};
}

void sign(AuthWork& work, ByteView octets) {
    if (!work.choice) {
        work.error = "the peer lists no signature hash that we have (SHA2-256, SHA2-384, SHA2-512)";
        return;
    }
    auto made = sign_auth(work.key, *work.choice, octets);
    if (made)
        work.own_auth = std::move(*made);
    else
        work.error = "signing with our private key failed: " + std::string(to_text(made.error()));
}

void verify_candidates(AuthWork& work, ByteView octets) {
    std::string reason = "no candidate key";
    if (work.candidates.size() > kMaxKeysTried) work.candidates.resize(kMaxKeysTried);
    for (const PublicKey& key : work.candidates) {
        const auto verified = verify_auth(key, work.peer_auth, octets);
        if (verified) {
            work.verified = key;
            work.scheme = verified->text();
            return;
        }
        reason = to_text(verified.error());
    }
    work.error = fmt::format("AUTH payload: {} (method {}, {} published key{} tried)", reason,
                             wire::to_text(work.peer_auth.method), work.candidates.size(),
                             work.candidates.size() == 1 ? "" : "s");
}

}  // namespace oegate::ike::v2
