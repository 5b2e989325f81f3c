// Rekeying the IKE SA (RFC 7296 §1.3.2, §2.8, §2.8.1, §2.18).
#include "ike/v2/rekey_ike_sa.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/dh_jobs.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/ike_auth.hpp"
#include "ike/v2/key_log.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

namespace {

constexpr std::size_t kNonceLen = 32;
constexpr Duration kRetryAfter = 10s;
/// How long a replaced SA waits for the delete of whoever replaced it.
constexpr Duration kOldSaLife = 60s;

IkeSa& make_successor(Core& core, IkeSa& old, bool initiator, Time now) {
    IkeSa& succ = core.make_sa(old.local, old.remote, now);
    succ.initiator = initiator;
    succ.predecessor = old.serial;
    succ.opened_by_peer = old.opened_by_peer;
    succ.own = old.own;
    succ.peer = old.peer;
    succ.peer_key = old.peer_key;
    succ.own_key = old.own_key;
    succ.configured = old.configured;
    succ.verdict = old.verdict;
    succ.nat = old.nat;
    succ.group = old.suite.group;
    (initiator ? succ.spi_i : succ.spi_r) = core.draw_spi(succ.serial);
    (initiator ? succ.ni : succ.nr) = core.random.bytes(kNonceLen);
    return succ;
}

void derive_successor_keys(Core& core, const IkeSa& old, IkeSa& succ, const Secret& g_ir) {
    const Secret seed = rekey_skeyseed(old.suite.prf, old.keys.d.view(), g_ir.view(), succ.ni, succ.nr);
    install_ike_keys(succ, derive_ike_keys(succ.suite, seed, succ.ni, succ.nr, succ.spi_i, succ.spi_r));
    succ.lowest_nonce = std::min(succ.ni, succ.nr);
    succ.dh.reset();
    log_ike_keys(core, succ);
}

/// Children, queue and public handle go over to the successor.
void inherit(Core& core, IkeSa& old, IkeSa& succ, bool ours, Time now) {
    Turn heir{core, succ, now};
    core.raise(heir, SaEvent::adopted);
    core.move_children(old, succ);
    succ.told_spis = old.told_spis;
    succ.out.queue = std::exchange(old.out.queue, {});
    core.pass_channel(old, succ);
    old.successor = old.rival = 0;
    // Whoever rekeys faster than old ones are deleted keeps one of them, not a chain.
    if (IkeSa* older = core.find(old.predecessor); older != nullptr && older->state == SaState::rekeyed)
        core.bury(*older);
    Turn former{core, old, now};
    core.raise(former, SaEvent::superseded);
    if (ours) enqueue(former, Task{.kind = Task::Kind::delete_ike});
    note_idle(heir);
    core.emit(IkeRekeyed{succ.channel, succ.peer, succ.remote.address, succ.peer_key, succ.verdict});
    start_next(heir);
}

void answer_rekey(Core& core, IkeSa& old, const IkeSa& succ, Time now) {
    wire::Payloads payloads;
    payloads.add(succ.offer);
    payloads.add(wire::Nonce{succ.nr});
    const ByteView value = succ.dh->public_value();
    payloads.add(
        wire::KeyExchange{static_cast<std::uint16_t>(succ.group), Bytes(value.begin(), value.end())});
    Turn turn{core, old, now};
    answer(turn, payloads);
}

void try_later(IkeSa& old, Time now) {
    old.successor = 0;
    // Beyond the bound the lifetime ends the channel (k.rekey-fail).
    old.rekey_at = ++old.rekey_attempts < kMaxIkeRekeyAttempts ? now + kRetryAfter : kNever;
}

}  // namespace

void queue_ike_rekey(Turn& turn) {
    turn.sa.rekey_at = kNever;
    enqueue(turn, Task{.kind = Task::Kind::rekey_ike});
}

void begin_ike_rekey(Turn& turn, const Task&) {
    IkeSa& old = turn.sa;
    if (old.children.num_changing > 0 || old.in.busy) {
        old.rekey_at = turn.now + 1s;
        old.out.active.reset();
        return;
    }
    IkeSa& succ = make_successor(turn.core, old, true, turn.now);
    succ.state = SaState::succ_pairing;
    succ.offer = wire::offer_ike(turn.core.settings.ike, succ.spi_i);
    old.successor = succ.serial;
    make_dh_pair(turn.core, succ.serial, succ.group,
                 [&core = turn.core](IkeSa& ours, std::shared_ptr<DhKeyPair> pair, Time now) {
                     Turn later{core, ours, now};
                     ours.dh = std::move(pair);
                     core.raise(later, ours.dh ? SaEvent::pair_made : SaEvent::crypto_failed);
                 });
}

void on_ike_rekey_answer(Turn& turn, const wire::Payloads& payloads) {
    IkeSa& old = turn.sa;
    Core& core = turn.core;
    IkeSa* succ = old.successor == 0 ? nullptr : core.find(old.successor);
    if (succ == nullptr) {
        request_done(turn);
        return;
    }
    Turn heir{core, *succ, turn.now};
    heir.payloads = &payloads;
    const auto* sa = payloads.find<wire::Sa>();
    const auto* nonce = payloads.find<wire::Nonce>();
    const auto* ke = payloads.find<wire::KeyExchange>();
    if (sa == nullptr || nonce == nullptr || ke == nullptr) {
        const auto* error = payloads.first_error();
        heir.detail =
            error == nullptr ? std::string("answer without SA, Nonce or KE") : wire::to_text(error->type);
        const auto& ours = core.settings.ike.groups;
        if (error != nullptr && error->type == wire::NotifyType::invalid_ke_payload)
            if (const auto wanted = dh_group(error->u16().value_or(0));
                wanted && std::find(ours.begin(), ours.end(), *wanted) != ours.end())
                old.suite.group = *wanted;
        core.raise(heir, SaEvent::rekey_declined);
        request_done(turn);
        return;
    }
    const auto choice = wire::check_ike_answer(succ->offer, *sa);
    if (!choice || choice->suite.group != succ->group || dh_group(ke->group) != succ->group ||
        choice->spi == 0) {
        heir.detail = "the peer accepted a proposal that we did not make";
        core.raise(heir, SaEvent::rekey_declined);
        request_done(turn);
        return;
    }
    succ->suite = choice->suite;
    succ->spi_r = choice->spi;
    succ->nr = nonce->data;
    core.raise(heir, SaEvent::rekey_answered);
    request_done(turn);
}

void adopt_held_successor(Turn& turn) {
    IkeSa& old = turn.sa;
    Core& core = turn.core;
    IkeSa* held = old.rival == 0 ? nullptr : core.find(old.rival);
    if (held == nullptr || held->state != SaState::succ_held) return;
    if (IkeSa* ours = old.successor == 0 ? nullptr : core.find(old.successor)) core.bury(*ours);
    inherit(core, old, *held, false, turn.now);
}

namespace rekey {

void send(Turn& turn) {
    IkeSa& succ = turn.sa;
    IkeSa* old = turn.core.find(succ.predecessor);
    if (old == nullptr) {
        turn.core.bury(succ);
        return;
    }
    wire::Payloads payloads;
    payloads.add(succ.offer);
    payloads.add(wire::Nonce{succ.ni});
    const ByteView value = succ.dh->public_value();
    payloads.add(
        wire::KeyExchange{static_cast<std::uint16_t>(succ.group), Bytes(value.begin(), value.end())});
    Turn former{turn.core, *old, turn.now};
    send_request(former, wire::ExchangeType::create_child_sa, payloads);
}

void take_answer(Turn& turn) {
    const auto* ke = turn.payloads->find<wire::KeyExchange>();
    make_dh_secret(turn.core, turn.sa.serial, turn.sa.dh, ke == nullptr ? Bytes{} : ke->data,
                   [&core = turn.core](IkeSa& succ, DhAnswer result, Time now) {
                       Turn later{core, succ, now};
                       IkeSa* old = core.find(succ.predecessor);
                       if (old == nullptr || !result.pair) {
                           later.detail = "KE payload: " + std::string(to_text(result.error));
                           core.raise(later, SaEvent::crypto_failed);
                           return;
                       }
                       derive_successor_keys(core, *old, succ, result.g_ir);
                       core.raise(later, SaEvent::secret_made);
                   });
}

/// Ours is complete. In a collision the successor with the lowest of the four nonces
/// is deleted by who made it, the other inherits (RFC 7296 §2.8.1).
void finish_ours(Turn& turn) {
    Core& core = turn.core;
    IkeSa& succ = turn.sa;
    IkeSa& old = *core.find(succ.predecessor);
    IkeSa* rival = old.rival == 0 ? nullptr : core.find(old.rival);
    if (rival == nullptr) return inherit(core, old, succ, true, turn.now);
    if (succ.lowest_nonce < rival->lowest_nonce) {
        old.successor = 0;
        core.raise(turn, SaEvent::adopted);
        core.raise(turn, SaEvent::close_asked);
        if (rival->state == SaState::succ_held) inherit(core, old, *rival, false, turn.now);
        return;
    }
    inherit(core, old, succ, true, turn.now);
    if (rival->state == SaState::succ_held) {  // its maker deletes it
        Turn loser{core, *rival, turn.now};
        core.raise(loser, SaEvent::adopted);
        core.raise(loser, SaEvent::superseded);
    }
}

void give_up(Turn& turn) {
    Core& core = turn.core;
    IkeSa* old = core.find(turn.sa.predecessor);
    if (old != nullptr) {
        core.notice(Notice::Level::info, old->remote,
                    fmt::format("rekeying the IKE SA with {} failed: {}", old->peer.text(), turn.detail),
                    turn.now);
        const bool unsent =
            old->out.active && !old->out.request && old->out.active->kind == Task::Kind::rekey_ike;
        try_later(*old, turn.now);
        IkeSa* rival = old->rival == 0 ? nullptr : core.find(old->rival);
        Turn former{core, *old, turn.now};
        if (unsent) request_done(former);
        if (rival != nullptr && rival->state == SaState::succ_held)
            inherit(core, *old, *rival, false, turn.now);
    }
    core.bury(turn.sa);
}

void on_request(Turn& turn) {
    Core& core = turn.core;
    IkeSa& old = turn.sa;
    const auto* offer = turn.payloads->find<wire::Sa>();
    const auto* nonce = turn.payloads->find<wire::Nonce>();
    const auto* ke = turn.payloads->find<wire::KeyExchange>();
    if (offer == nullptr || nonce == nullptr || ke == nullptr)
        return answer(turn, wire::NotifyType::invalid_syntax);
    if (IkeSa* ours = old.successor == 0 ? nullptr : core.find(old.successor);
        ours != nullptr && ours->state == SaState::succ_pairing) {
        core.bury(*ours);  // not sent yet: the peer's comes first
        old.successor = 0;
        old.out.active.reset();
    }
    IkeSa& succ = make_successor(core, old, false, turn.now);
    const auto choice = wire::choose_ike(*offer, core.settings.ike, ke->group, succ.spi_r);
    const auto refuse = [&](wire::Notify notify) {
        wire::Payloads payloads;
        payloads.add(std::move(notify));
        core.bury(succ);
        answer(turn, payloads);
    };
    if (!choice || choice->spi == 0) return refuse(wire::Notify::of(wire::NotifyType::no_proposal_chosen));
    if (dh_group(ke->group) != choice->suite.group)
        return refuse(wire::Notify::of_u16(wire::NotifyType::invalid_ke_payload,
                                           static_cast<std::uint16_t>(choice->suite.group)));
    succ.state = SaState::succ_answering;
    succ.suite = choice->suite;
    succ.group = choice->suite.group;
    succ.offer = choice->answer;
    succ.spi_i = choice->spi;
    succ.ni = nonce->data;
    succ.lowest_nonce = std::min(succ.ni, succ.nr);
    old.rival = succ.serial;
    make_dh_answer(core, succ.serial, succ.group, ke->data, [&core](IkeSa& heir, DhAnswer result, Time now) {
        Turn later{core, heir, now};
        IkeSa* former = core.find(heir.predecessor);
        if (former == nullptr || !result.pair) {
            later.detail = "KE payload: " + std::string(to_text(result.error));
            core.raise(later, SaEvent::crypto_failed);
            return;
        }
        const auto pair = result.pair;
        derive_successor_keys(core, *former, heir, result.g_ir);
        heir.dh = pair;
        core.raise(later, SaEvent::secret_made);
    });
}

void defer(Turn& turn) {
    answer(turn, wire::NotifyType::temporary_failure);
}

void answer_and_adopt(Turn& turn) {
    Core& core = turn.core;
    IkeSa& old = *core.find(turn.sa.predecessor);
    answer_rekey(core, old, turn.sa, turn.now);
    turn.sa.dh.reset();
    if (old.state == SaState::established) {
        inherit(core, old, turn.sa, false, turn.now);
        return;
    }
    // Ours was finished meanwhile and won; the peer deletes this one.
    core.raise(turn, SaEvent::adopted);
    core.raise(turn, SaEvent::superseded);
}

void answer_and_hold(Turn& turn) {
    Core& core = turn.core;
    answer_rekey(core, *core.find(turn.sa.predecessor), turn.sa, turn.now);
    turn.sa.dh.reset();
}

void refuse_crypto(Turn& turn) {
    Core& core = turn.core;
    if (IkeSa* old = core.find(turn.sa.predecessor)) {
        old->rival = 0;
        core.notice(Notice::Level::warning, old->remote,
                    fmt::format("rekey request of {} refused: {}", old->peer.text(), turn.detail), turn.now);
        Turn former{core, *old, turn.now};
        answer(former, wire::NotifyType::invalid_syntax);
        start_next(former);
    }
    core.bury(turn.sa);
}

void step_back(Turn& turn) {
    IkeSa& sa = turn.sa;
    turn.core.leave_channel(sa);
    sa.rekey_at = sa.expires = sa.idle_at = kNever;
    sa.remove_at = turn.now + kOldSaLife;
}

void take_over(Turn& turn) {
    IkeSa& sa = turn.sa;
    sa.established_at = sa.last_heard = turn.now;
    turn.core.enter_channel(sa);
    set_lifetimes(turn.core, sa, turn.now);
    turn.core.notice(Notice::Level::info, sa.remote,
                     fmt::format("IKE SA with {} rekeyed, {}", sa.peer.text(), sa.suite.text()), turn.now);
}

}  // namespace rekey

}  // namespace oegate::ike::v2
