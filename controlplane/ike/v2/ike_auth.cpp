// IKE_AUTH, the initiator's side (RFC 7296 §1.2, §2.15).
#include "ike/v2/ike_auth.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/auth_work.hpp"
#include "ike/v2/channels.hpp"
#include "ike/v2/child_offer.hpp"
#include "ike/v2/child_sa.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/key_log.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

void compute_initiator_auth(Turn& turn) {
    IkeSa& sa = turn.sa;
    auto work = prepare_auth(turn.core, sa);
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

namespace {

/// ike.pfs strict is a wish: of each peer that cannot fulfil it the log tells once.
void note_without_childless(Turn& turn) {
    const IkeSa& sa = turn.sa;
    Core& core = turn.core;
    constexpr std::size_t kMostNamed = 4096;
    if (core.settings.ike.pfs != config::Pfs::strict || sa.childless || sa.greeting) return;
    if (core.without_childless.size() >= kMostNamed) core.without_childless.clear();
    if (!core.without_childless.insert(sa.peer).second) return;
    core.notice(
        Notice::Level::notice, sa.remote,
        fmt::format("{} takes no IKE_AUTH without a child (RFC 6023): despite ike.pfs strict its first "
                    "SA pair shares the Diffie-Hellman exchange of the IKE SA",
                    sa.peer.text()),
        turn.now);
}

}  // namespace

namespace auth {

void send(Turn& turn) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    // The peer may have come to us since: what it has of us then is no former life's.
    sa.initial_contact = sa.initial_contact && is_only_channel(core, sa);
    wire::Payloads payloads;
    payloads.add(wire::Identification::of(wire::PayloadType::id_i, sa.own));
    if (sa.initial_contact) payloads.add(wire::Notify::of(wire::NotifyType::initial_contact));
    payloads.add(wire::Identification::of(wire::PayloadType::id_r, sa.peer));
    payloads.add(sa.own_auth);
    if (!sa.greeting) {
        Child* child = core.find_child(sa.first_child);
        if (child == nullptr) return fail_exchange(turn, Failure::too_many, "nobody wants it any more");
        if (sa.childless) {
            core.raise(turn, *child, ChildEvent::put_off);
            send_request(turn, wire::ExchangeType::ike_auth, payloads);
            return;
        }
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
    auto work = prepare_auth(turn.core, sa);
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
        turn.detail + "; does DNS publish our key for our address, and is it the key of ike.private-key?");
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
    end_greeting(turn, sa.initial_contact ? "" : "it has come itself");
    note_without_childless(turn);
    if (payloads.notify(wire::NotifyType::initial_contact) != nullptr) honour_initial_contact(turn);
    Child* child = core.find_child(sa.first_child);
    if (child == nullptr) {  // forgotten meanwhile, or there was none
        note_idle(turn);
    } else if (child->state == ChildState::waiting) {  // RFC 6023: now
        core.set_deadline(*child, turn.now + core.settings.timers.gateway);
        enqueue(turn, Task{.kind = Task::Kind::create_child, .child = child->id});
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

}  // namespace auth

}  // namespace oegate::ike::v2
