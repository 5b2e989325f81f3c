// IKE_AUTH, the responder's side (RFC 7296 §1.2, §2.15; keying.md rows r.*).
#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/auth_work.hpp"
#include "ike/v2/channels.hpp"
#include "ike/v2/child_offer.hpp"
#include "ike/v2/child_sa.hpp"
#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/ike_auth.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

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

namespace auth {

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
    auto work = prepare_auth(turn.core, sa);
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
    if (turn.core.verifies_its_share(sa.remote.address)) ++turn.core.counters.verifications_over_share;
    sa.in = InWindow{.expected = sa.in.expected - 1};
    sa.auth_payloads = {};
    sa.candidates.clear();
}

/// limits.ike-sas or -per-peer, and every channel of the peer has children.
void refuse_full(Turn& turn) {
    ++turn.core.counters.channels_refused;
    if (turn.core.has_its_share(turn.sa.peer)) ++turn.core.counters.channels_over_peer;
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
        turn.core.notice(Notice::Level::info, sa.remote,
                         fmt::format("child asked for by {} refused with {}: {}", sa.peer.text(),
                                     wire::to_text(turn.notify), kOverShare),
                         turn.now);
        turn.core.raise(turn, SaEvent::child_settled);
        return;
    }
    Child& child = turn.core.make_child(sa, pair.reversed(), 0);
    child.first = true;
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
    const bool own_contact = !sa.configured && core.lost_peers.has({sa.own, sa.peer});
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
        fmt::format("exchange of {} dropped: not finished within timers.half-open", turn.sa.peer.text()),
        turn.now);
    end_ike_sa(turn, ChildGone::Reason::ike_gone, Failure::silence, "not finished in time");
}

}  // namespace auth

}  // namespace oegate::ike::v2
