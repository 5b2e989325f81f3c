// IKE_AUTH (RFC 7296 §1.2, §2.15).
#include "ike/v2/ike_auth.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/channels.hpp"
#include "ike/v2/child_sa.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/key_log.hpp"
#include "ike/v2/window.hpp"

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

std::shared_ptr<AuthWork> prepare(const Core& core, const IkeSa& sa) {
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

/// One RSA operation each, so that a stranger's signature has its price (keying.md, Bounds).
constexpr std::size_t kMaxKeysTried = 8;

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

void establish(Turn& turn) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    sa.established_at = sa.last_heard = turn.now;
    sa.give_up = sa.late = kNever;
    core.leave_half_open(sa);
    core.leave_exchange(sa);
    core.make_room(sa, turn.now);
    core.enter_channel(sa);
    core.silent.forget(sa.remote.address);
    core.lost_peers.erase({sa.own, sa.peer});
    set_lifetimes(core, sa, turn.now);
    sa.dh.reset();
    sa.candidates.clear();
    sa.auth_payloads = {};
    sa.init_answer.clear();
    core.notice(Notice::Level::info, sa.remote,
                fmt::format("IKE SA with {} established, {}, {}", sa.peer.text(), sa.suite.text(),
                            to_text(sa.verdict)),
                turn.now);
}

/// INITIAL_CONTACT (RFC 7296 §2.4): the peer has lost what it knew of us. Believed
/// for its exact identity and SAs older than this exchange, never over a stronger verdict
/// or a configured tunnel. Under a name, which gateways may share, only of this address.
void honour_initial_contact(Turn& turn) {
    const IkeSa& fresh = turn.sa;
    for (const Serial serial : turn.core.channels_of(fresh.peer)) {
        IkeSa* other = turn.core.find(serial);
        if (other == nullptr || other == &fresh || other->state != SaState::established) continue;
        if (other->own != fresh.own || other->established_at >= fresh.created) continue;
        if (other->configured || strength(other->verdict) > strength(fresh.verdict)) continue;
        if (fresh.peer.kind == Identity::Kind::name && other->remote.address != fresh.remote.address)
            continue;
        Turn later{turn.core, *other, turn.now};
        turn.core.raise(later, SaEvent::peer_restarted);
    }
}

}  // namespace

unsigned strength(Verdict verdict) {
    return verdict == Verdict::secure ? 2 : verdict == Verdict::insecure ? 1 : 0;
}

void set_lifetimes(Core& core, IkeSa& sa, Time now) {
    const Duration life = core.settings.ike.ike_lifetime;
    const auto percent = (sa.initiator ? 80 : 90) + core.random.below(8);
    sa.rekey_at = now + life / 100 * static_cast<std::int64_t>(percent);
    sa.expires = now + life;
}

void compute_initiator_auth(Turn& turn) {
    IkeSa& sa = turn.sa;
    auto work = prepare(turn.core, sa);
    work->dh = sa.dh;
    work->peer_public = turn.payloads->find<wire::KeyExchange>()->data;
    work->own_id = wire::Identification::of(wire::PayloadType::id_i, sa.own);
    turn.core.submit(
        sa.serial,
        [work] {
            const auto secret = work->dh->shared(work->peer_public);
            if (!secret) {
                work->error = "KE payload: " + std::string(to_text(secret.error()));
                return;
            }
            const Secret seed = skeyseed(work->suite.prf, work->ni, work->nr, secret->view());
            work->keys = derive_ike_keys(work->suite, seed, work->ni, work->nr, work->spi_i, work->spi_r);
            sign(*work, signed_octets(work->suite.prf, work->keys.pi.view(), work->init_request, work->nr,
                                      work->own_id));
        },
        [&core = turn.core, work](IkeSa& ours, Time now) {
            Turn later{core, ours, now};
            if (!work->own_auth) {
                later.detail = work->error;
                core.raise(later, SaEvent::crypto_failed);
                return;
            }
            install_ike_keys(ours, std::move(work->keys));
            log_ike_keys(core, ours);
            ours.own_auth = std::move(*work->own_auth);
            core.raise(later, SaEvent::secret_made);
        });
}

bool first_offer_ok(Core& core, const IkeSa& sa) {
    const auto* offer = sa.auth_payloads.find<wire::Sa>();
    return offer != nullptr && narrow_to_pair(sa.auth_payloads).has_value() &&
           wire::choose_esp(*offer, core.settings.ike, std::nullopt, true, 0).has_value();
}

void on_auth_request(Turn& turn, const wire::Payloads& payloads) {
    IkeSa& sa = turn.sa;
    turn.payloads = &payloads;
    const auto* id = payloads.id(wire::PayloadType::id_i);
    const auto* own = payloads.id(wire::PayloadType::id_r);
    const bool childless = payloads.find<wire::Sa>() == nullptr &&
                           payloads.ts(wire::PayloadType::ts_i) == nullptr &&
                           payloads.ts(wire::PayloadType::ts_r) == nullptr;  // RFC 6023 §3
    const char* missing = id == nullptr                                      ? "IDi"
                          : payloads.find<wire::Authentication>() == nullptr ? "AUTH"
                          : childless                                        ? nullptr
                          : payloads.find<wire::Sa>() == nullptr             ? "SA"
                          : payloads.ts(wire::PayloadType::ts_i) == nullptr  ? "TSi"
                          : payloads.ts(wire::PayloadType::ts_r) == nullptr  ? "TSr"
                                                                             : nullptr;
    if (missing != nullptr) {
        turn.notify = wire::NotifyType::invalid_syntax;
        turn.detail = fmt::format("IKE_AUTH request without {} payload", missing);
        if (id != nullptr && payloads.find<wire::Authentication>() == nullptr) {  // RFC 7296 §2.16: EAP
            turn.notify = wire::NotifyType::authentication_failed;
            turn.detail += "; EAP is not spoken, an RSA signature is needed";
        }
        turn.core.raise(turn, SaEvent::auth_unusable);
        return;
    }
    const auto peer = id->identity();
    if (!peer) {
        turn.notify = wire::NotifyType::authentication_failed;
        turn.detail = "IDi is neither an address nor a name, so that no DNS record can hold its key";
        turn.core.raise(turn, SaEvent::auth_unusable);
        return;
    }
    // The one that is asked for, if it is ours, else the address: the initiator decides
    // whether that will do (RFC 7296 §3.5).
    if (const auto wanted = own == nullptr ? std::nullopt : own->identity();
        wanted && turn.core.is_own_identity(*wanted))
        sa.own = *wanted;
    sa.peer = *peer;
    sa.auth_payloads = payloads;
    turn.core.raise(turn, SaEvent::auth_received);
}

void on_auth_answer(Turn& turn, const wire::Payloads& payloads) {
    turn.payloads = &payloads;
    if (payloads.find<wire::Authentication>() == nullptr || payloads.id(wire::PayloadType::id_r) == nullptr) {
        const auto* error = payloads.first_error();
        turn.notify = error == nullptr ? wire::NotifyType::none : error->type;
        turn.detail = error == nullptr
                          ? std::string("IKE_AUTH answer without IDr or AUTH")
                          : fmt::format("{} answered {}", turn.sa.peer.text(), wire::to_text(error->type));
        turn.core.raise(turn, SaEvent::auth_refused);
        return;
    }
    turn.sa.auth_payloads = payloads;
    turn.core.raise(turn, SaEvent::auth_answered);
}

namespace auth {

void send(Turn& turn) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    wire::Payloads payloads;
    payloads.add(wire::Identification::of(wire::PayloadType::id_i, sa.own));
    if (sa.initial_contact) payloads.add(wire::Notify::of(wire::NotifyType::initial_contact));
    payloads.add(wire::Identification::of(wire::PayloadType::id_r, sa.peer));
    payloads.add(sa.own_auth);
    if (!sa.greeting) {
        Child* child = core.find_child(sa.first_child);
        if (child == nullptr) return fail_exchange(turn, Failure::too_many, "nobody wants it any more");
        const auto spi = core.spis.allocate(child->pair);
        if (!spi)
            return fail_exchange(turn, Failure::too_many,
                                 "no free inbound SA; raise dataplane.sas_per_worker");
        child->spi_in = *spi;
        child->offer = wire::offer_esp(core.settings.ike, *spi, false);
        child->ni = sa.ni;
        child->nr = sa.nr;
        payloads.add(child->offer);
        add_selectors(payloads, child->pair);
    }
    send_request(turn, wire::ExchangeType::ike_auth, payloads);
}

void fail_crypto(Turn& turn) {
    fail_exchange(turn, Failure::silence, turn.detail);
}

void verify(Turn& turn) {
    IkeSa& sa = turn.sa;
    sa.out.request.reset();
    const auto* id = sa.auth_payloads.id(wire::PayloadType::id_r);
    const auto claimed = id->identity();
    const bool expected = claimed && (*claimed == sa.peer ||
                                      std::find(sa.also.begin(), sa.also.end(), *claimed) != sa.also.end());
    if (!expected) {
        turn.detail = fmt::format("the gateway says it is {}, DNS delegates to {}",
                                  claimed ? claimed->text() : "of an identity type that DNS cannot hold",
                                  sa.peer.text());
        turn.core.raise(turn, SaEvent::disproved);
        return;
    }
    sa.peer = *claimed;
    auto work = prepare(turn.core, sa);
    work->keys = clone(sa.keys);
    work->candidates = sa.candidates;
    work->peer_id = *id;
    work->peer_auth = *sa.auth_payloads.find<wire::Authentication>();
    turn.core.submit(
        sa.serial,
        [work] {
            verify_candidates(*work, signed_octets(work->suite.prf, work->keys.pr.view(), work->init_answer,
                                                   work->ni, work->peer_id));
        },
        [&core = turn.core, work](IkeSa& ours, Time now) {
            Turn later{core, ours, now};
            later.detail = work->error;
            if (work->verified) ours.peer_key = std::move(*work->verified);
            core.raise(later, work->verified ? SaEvent::proved : SaEvent::disproved);
        });
}

void fail_refused(Turn& turn) {
    const Failure failure =
        turn.notify == wire::NotifyType::no_additional_sas ? Failure::full : Failure::refused;
    fail_exchange(
        turn, failure,
        turn.detail + "; does DNS publish our key for our address, and is it the key of ike.private_key?");
}

void fail_signature(Turn& turn) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    core.notice(Notice::Level::security, sa.remote,
                fmt::format("{} is not who DNS says it is: {}", sa.peer.text(), turn.detail), turn.now);
    core.leave_exchange(sa);
    if (Child* child = core.find_child(sa.first_child))
        fail_child(turn, *child, Failure::signature, turn.detail);
    end_greeting(turn, turn.detail);
    sa.give_up = kNever;
    sa.late = turn.now + core.settings.timers.half_open;
    // The responder believes in this SA: it is told that it is no more (RFC 7296 §2.21.2).
    enqueue(turn, Task{.kind = Task::Kind::delete_ike});
    fail_waiting(core, sa, Failure::signature, turn.detail, turn.now);
}

void report_overdue(Turn& turn) {
    IkeSa& sa = turn.sa;
    sa.give_up = kNever;
    sa.late = sa.created + turn.core.settings.timers.late_exchange;
    if (Child* child = turn.core.find_child(sa.first_child))
        report_child(turn, *child, Failure::silence,
                     fmt::format("{} has not answered IKE_AUTH in time", sa.remote.address.text()));
}

void fail_late(Turn& turn) {
    fail_exchange(
        turn, Failure::silence,
        fmt::format("{} answered IKE_SA_INIT, but never IKE_AUTH; it may be unable to look up our key "
                    "in DNS",
                    turn.sa.remote.address.text()));
}

void complete(Turn& turn) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    const wire::Payloads payloads = std::move(sa.auth_payloads);
    turn.payloads = &payloads;
    establish(turn);
    end_greeting(turn, {});
    if (payloads.notify(wire::NotifyType::initial_contact) != nullptr) honour_initial_contact(turn);
    Child* child = core.find_child(sa.first_child);
    if (child == nullptr) {  // forgotten meanwhile, or there was none
        note_idle(turn);
    } else if (const auto* error = payloads.first_error();
               error != nullptr && payloads.find<wire::Sa>() == nullptr) {
        // INVALID_KE_PAYLOAD and TEMPORARY_FAILURE have no meaning here: declined.
        judge_refusal(turn, *child, *error);
        core.raise(turn, *child, ChildEvent::declined);
    } else {
        const ChildEvent event = judge_answer(turn, *child, payloads);
        core.raise(turn, *child, event);
    }
    start_next(turn);
    serve_waiting(core, sa.remote.address, turn.now);
}

void ask_keys(Turn& turn) {
    const IkeSa& sa = turn.sa;
    turn.core.emit(WantPeerKeys{sa.channel, sa.peer, sa.remote.address});
}

void refuse(Turn& turn) {
    turn.core.notice(
        Notice::Level::warning, turn.sa.remote,
        fmt::format("IKE_AUTH request refused with {}: {}", wire::to_text(turn.notify), turn.detail),
        turn.now);
    answer(turn, turn.notify);
    end_ike_sa(turn, ChildGone::Reason::ike_gone, Failure::dead_channel, turn.detail);
}

void refuse_peer(Turn& turn) {
    turn.notify = wire::NotifyType::authentication_failed;
    turn.core.notice(
        Notice::Level::security, turn.sa.remote,
        fmt::format("{} refused with AUTHENTICATION_FAILED: {}", turn.sa.peer.text(), turn.detail), turn.now);
    answer(turn, turn.notify);
    end_ike_sa(turn, ChildGone::Reason::ike_gone, Failure::dead_channel, turn.detail);
}

void check(Turn& turn) {
    IkeSa& sa = turn.sa;
    auto work = prepare(turn.core, sa);
    work->keys = clone(sa.keys);
    work->candidates = sa.candidates;
    work->peer_id = *sa.auth_payloads.id(wire::PayloadType::id_i);
    work->peer_auth = *sa.auth_payloads.find<wire::Authentication>();
    work->own_id = wire::Identification::of(wire::PayloadType::id_r, sa.own);
    turn.core.submit(
        sa.serial,
        [work] {
            verify_candidates(*work, signed_octets(work->suite.prf, work->keys.pi.view(), work->init_request,
                                                   work->nr, work->peer_id));
            if (!work->verified) return;
            sign(*work, signed_octets(work->suite.prf, work->keys.pr.view(), work->init_answer, work->ni,
                                      work->own_id));
        },
        [&core = turn.core, work, place = turn.core.enter_verification(sa.remote.address)](IkeSa& ours,
                                                                                           Time now) {
            Turn later{core, ours, now};
            later.detail = work->error;
            if (work->verified && work->own_auth) {
                ours.peer_key = std::move(*work->verified);
                ours.own_auth = std::move(*work->own_auth);
                core.raise(later, SaEvent::proved);
            } else {
                core.raise(later, SaEvent::disproved);
            }
        });
}

/// Too many signatures wait already: as if the request had not come. It comes again.
void put_off(Turn& turn) {
    IkeSa& sa = turn.sa;
    ++turn.core.counters.verifications_put_off;
    sa.in = InWindow{.expected = sa.in.expected - 1};
    sa.auth_payloads = {};
    sa.candidates.clear();
}

/// limits.ike-sas or -per-peer, and every channel of the peer has children.
void refuse_full(Turn& turn) {
    ++turn.core.counters.channels_refused;
    turn.notify = wire::NotifyType::no_additional_sas;
    turn.detail = fmt::format(
        "no room for another IKE SA with {}; see limits.ike-sas and "
        "limits.ike-sas-per-peer",
        turn.sa.peer.text());
    refuse(turn);
}

void open_first_child(Turn& turn) {
    IkeSa& sa = turn.sa;
    const Pair pair = *narrow_to_pair(sa.auth_payloads);
    if (turn.core.too_many_children(sa)) {
        turn.notify = wire::NotifyType::no_additional_sas;
        turn.core.raise(turn, SaEvent::child_settled);
        return;
    }
    Child& child = turn.core.make_child(sa, pair.reversed(), 0);
    child.first = true;
    child.created = turn.now;
    child.offer = *sa.auth_payloads.find<wire::Sa>();
    child.ni = sa.ni;
    child.nr = sa.nr;
    sa.first_child = child.id;
    turn.core.enter_child(sa, child);
    accept_offer(turn, child);
    ask_authorization(turn, child);
}

void refuse_first_child(Turn& turn) {
    IkeSa& sa = turn.sa;
    const auto* offer = sa.auth_payloads.find<wire::Sa>();
    if (!narrow_to_pair(sa.auth_payloads)) {
        turn.notify = wire::NotifyType::ts_unacceptable;
        turn.detail = "TSi and TSr name no single host pair";
    } else if (!wire::choose_esp(*offer, turn.core.settings.ike, std::nullopt, true, 0)) {
        turn.notify = wire::NotifyType::no_proposal_chosen;
        turn.detail = "no ESP proposal in common (ours: ike.suites and ike.esn)";
    }
    turn.core.notice(Notice::Level::warning, sa.remote,
                     fmt::format("child asked for by {} refused with {}: {}", sa.peer.text(),
                                 wire::to_text(turn.notify), turn.detail),
                     turn.now);
    answer_request(turn);
}

/// The answer of a responder that knows the peer: with the child, or the reason why
/// there is none; the IKE SA stays either way (r.class, r.source).
void answer_request(Turn& turn) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    const bool initial_contact = sa.auth_payloads.notify(wire::NotifyType::initial_contact) != nullptr;
    const bool childless = sa.auth_payloads.find<wire::Sa>() == nullptr;
    // The peer may come to us before we come to it (RFC 7296 §2.4 allows it in the answer).
    const bool own_contact = !sa.configured && core.lost_peers.count({sa.own, sa.peer}) != 0;
    establish(turn);
    wire::Payloads payloads;
    payloads.add(wire::Identification::of(wire::PayloadType::id_r, sa.own));
    payloads.add(sa.own_auth);
    if (own_contact) payloads.add(wire::Notify::of(wire::NotifyType::initial_contact));
    const Child* child = core.find_child(sa.first_child);
    if (child != nullptr) {
        payloads.add(child->answer);
        add_selectors(payloads, child->peer_view());
    } else if (!childless) {
        payloads.add(wire::Notify::of(turn.notify));
    }
    answer(turn, payloads);
    note_idle(turn);
    if (initial_contact) honour_initial_contact(turn);
    start_next(turn);
    serve_waiting(core, sa.remote.address, turn.now);
}

void drop(Turn& turn) {
    ++turn.core.counters.half_open_expired;
    turn.core.notice(
        Notice::Level::info, turn.sa.remote,
        fmt::format("exchange of {} dropped: not finished within timers.half_open", turn.sa.peer.text()),
        turn.now);
    end_ike_sa(turn, ChildGone::Reason::ike_gone, Failure::silence, "not finished in time");
}

}  // namespace auth

}  // namespace oegate::ike::v2
