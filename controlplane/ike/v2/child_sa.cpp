// The life of a child SA pair: authorization, keys, replacement, end (RFC 7296 §1.3, §1.4.1,
// §2.8, §2.17).
#include "ike/v2/child_sa.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/child_offer.hpp"
#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/dh_jobs.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/key_log.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

namespace {

/// When a translator is on the path ESP goes in UDP, to the port that the peer's IKE comes
/// from (RFC 7296 §2.23). Never port 500, where ESP could not be told from IKE.
UdpPorts udp_of(const IkeSa& sa) {
    constexpr std::uint16_t kNatT = 4500;
    return sa.nat ? UdpPorts{kNatT, sa.remote.port == 500 ? kNatT : sa.remote.port} : UdpPorts{};
}

void forget_negotiation(Core& core, Child& child) {
    child.dh.reset();
    child.offer = {};
    child.answer = {};
    child.peer_public.clear();
    child.g_ir = Secret();
    core.set_deadline(child, kNever);
}

/// A delete that says: replaced by another child of the same pair.
bool has_other_of_pair(Core& core, const IkeSa& sa, const Child& child) {
    const auto same_pair = sa.children.of_pair(child.pair);
    return std::any_of(same_pair.begin(), same_pair.end(), [&](ChildId id) {
        const Child* other = core.find_child(id);
        return other != nullptr && other != &child && other->announced &&
               other->state != ChildState::closing && other->state != ChildState::replaced;
    });
}

/// What becomes of a child when its Diffie-Hellman is done, on either side.
auto take_secret(Core& core, ChildId id) {
    return [&core, id](IkeSa& sa, DhAnswer result, Time now) {
        Child* child = core.find_child(id);
        if (child == nullptr) return;
        Turn turn{core, sa, now};
        if (result.pair) {
            child->dh = std::move(result.pair);
            child->g_ir = std::move(result.g_ir);
            core.raise(turn, *child, ChildEvent::secret_made);
        } else {
            turn.detail = "KE payload: " + std::string(to_text(result.error));
            core.raise(turn, *child, ChildEvent::crypto_failed);
        }
    };
}

}  // namespace

void ask_authorization(Turn& turn, Child& child) {
    turn.core.set_state(child, ChildState::asking);
    if (child.replaces) {  // the pair was authorized when its first child was made
        turn.core.raise(turn, child, ChildEvent::authorized);
        return;
    }
    turn.core.emit(WantAuthorization{child.id, turn.sa.channel, child.peer_view(), turn.sa.peer,
                                     turn.sa.remote.address, turn.sa.peer_key, turn.sa.verdict, turn.sa.nat});
}

namespace child {

void hand_over(Turn& turn) {
    Child& child = *turn.child;
    IkeSa& sa = turn.sa;
    ChildKeys keys = derive_child_keys(sa.suite.prf, sa.keys.d.view(), child.suite.esp, child.g_ir.view(),
                                       child.ni, child.nr);
    child.lowest_nonce = std::min(child.ni, child.nr);
    child.announced = true;
    child.failure_reported = true;  // from here on ChildGone speaks of it
    InstallChild install{.child = child.id,
                         .sa = sa.channel,
                         .connection = child.initiator ? child.connection : 0,
                         .initiator = child.initiator,
                         .replaces = child.replaces,
                         .pair = child.pair,
                         .local = sa.local.address,
                         .remote = sa.remote.address,
                         .peer = sa.peer,
                         .peer_key = sa.peer_key,
                         .verdict = sa.verdict,
                         .spi_in = child.spi_in,
                         .spi_out = child.spi_out,
                         .inbound = child.initiator ? keys.to_initiator : keys.to_responder,
                         .outbound = child.initiator ? keys.to_responder : keys.to_initiator,
                         .esn = child.suite.esn,
                         .udp = udp_of(sa),
                         .lowest_nonce = child.lowest_nonce};
    zeroise(keys.to_initiator);
    zeroise(keys.to_responder);
    child.g_ir = Secret();
    log_esp_key(turn.core, sa.remote.address, sa.local.address, child.spi_in, install.inbound);
    log_esp_key(turn.core, sa.local.address, sa.remote.address, child.spi_out, install.outbound);
    turn.core.emit(install);
    zeroise(install.inbound);
    zeroise(install.outbound);
}

void derive(Turn& turn) {
    Child& child = *turn.child;
    make_dh_secret(turn.core, turn.sa.serial, child.dh, child.peer_public, take_secret(turn.core, child.id));
}

void derive_answer(Turn& turn) {
    Child& child = *turn.child;
    make_dh_answer(turn.core, turn.sa.serial, child.group, child.peer_public,
                   take_secret(turn.core, child.id));
}

void prepare(Turn& turn) {
    Child& child = *turn.child;
    const Child* old = child.replaces ? turn.core.find_child(*child.replaces) : nullptr;
    if (child.replaces && (old == nullptr || old->state == ChildState::closing)) {
        turn.notify = wire::NotifyType::temporary_failure;
        turn.detail = "REKEY_SA names a child that was closed meanwhile";
        turn.core.raise(turn, child, ChildEvent::refused);
        return;
    }
    const auto spi = turn.core.spis.allocate(child.pair);
    if (!spi) {
        turn.notify = wire::NotifyType::no_additional_sas;
        turn.detail = "no free inbound SA; raise dataplane.sas_per_worker";
        turn.core.raise(turn, child, ChildEvent::refused);
        return;
    }
    child.spi_in = *spi;
    accept_offer(turn, child);  // the same choice as before, now with our SPI in the answer
    hand_over(turn);
}

void settle(Turn& turn) {
    Child& child = *turn.child;
    child.live_at = turn.now;
    if (child.first)
        turn.core.raise(turn, SaEvent::child_settled);
    else
        answer_child(turn, child);
    forget_negotiation(turn.core, child);
    if (!child.replaces) return;
    if (Child* old = turn.core.find_child(*child.replaces))
        turn.core.raise(turn, *old, ChildEvent::rekeyed_by_peer);
}

void refuse(Turn& turn) {
    Child& child = *turn.child;
    if (turn.notify == wire::NotifyType::none) turn.notify = wire::NotifyType::ts_unacceptable;
    turn.core.notice(Notice::Level::info, turn.sa.remote,
                     fmt::format("child {} asked for by {} refused with {}{}{}", child.peer_view().text(),
                                 turn.sa.peer.text(), wire::to_text(turn.notify),
                                 turn.detail.empty() ? "" : ": ", turn.detail),
                     turn.now);
    if (child.announced) turn.core.emit(ChildGone{child.id, ChildGone::Reason::deleted_by_us});
    const bool first = child.first;
    if (const Child* old = child.replaces ? turn.core.find_child(*child.replaces) : nullptr)
        if (Child* ours = turn.core.find_child(old->attempt)) ours->rival_nonce.clear();
    turn.core.bury(child);
    if (first) {
        turn.core.raise(turn, SaEvent::child_settled);
    } else {
        answer(turn, turn.notify);
        note_idle(turn);
    }
}

void refuse_uninstalled(Turn& turn) {
    turn.notify = wire::NotifyType::no_additional_sas;
    turn.detail = "its inbound SA could not be installed";
    refuse(turn);
}

void refuse_crypto(Turn& turn) {
    turn.notify = wire::NotifyType::invalid_syntax;
    refuse(turn);
}

void become_live(Turn& turn) {
    Child& child = *turn.child;
    child.live_at = turn.now;
    forget_negotiation(turn.core, child);
    if (!child.replaces) return;
    Child* old = turn.core.find_child(*child.replaces);
    if (old == nullptr) return;
    old->attempt = 0;
    turn.core.raise(turn, *old, ChildEvent::rekeyed_by_us);
}

void give_up(Turn& turn) {
    Child& child = *turn.child;
    Child* lost = nullptr;
    if (child.replaces && turn.notify == wire::NotifyType::child_sa_not_found) {
        lost = turn.core.find_child(*child.replaces);
        child.failure_reported = lost != nullptr;
    }
    fail_child(turn, child, failure_of(turn.notify), turn.detail);
    // The peer has it no more: as if its delete had come (RFC 7296 §2.25.1).
    if (lost != nullptr) turn.core.raise(turn, *lost, ChildEvent::delete_received);
}

void give_up_and_delete(Turn& turn) {
    Child& child = *turn.child;
    turn.core.notice(
        Notice::Level::warning, turn.sa.remote,
        fmt::format("child {} with {} given up: {}", child.pair.text(), turn.sa.peer.text(), turn.detail),
        turn.now);
    report_child(turn, child, Failure::child_refused, turn.detail);
    queue_delete(turn);
}

void mark_unwanted(Turn& turn) {
    turn.child->unwanted = true;
}

/// Closed by our side, whatever else it was: not as the loser of a rekey.
void close(Turn& turn) {
    turn.child->unwanted = true;
    queue_delete(turn);
}

void cancel(Turn& turn) {
    Child& child = *turn.child;
    auto& queue = turn.sa.out.queue;
    std::erase_if(queue, [&](const Task& task) {
        return task.kind == Task::Kind::create_child && task.child == child.id;
    });
    if (child.replaces)
        if (Child* old = turn.core.find_child(*child.replaces)) old->attempt = 0;
    turn.core.bury(child);
    note_idle(turn);
}

void queue_delete(Turn& turn) {
    Child& child = *turn.child;
    forget_negotiation(turn.core, child);
    const bool lost_collision = child.replaces && !child.unwanted;
    if (!child.close_reason)
        child.close_reason = lost_collision ? ChildGone::Reason::rekeyed : ChildGone::Reason::deleted_by_us;
    if (child.replaces)
        if (Child* old = turn.core.find_child(*child.replaces); old != nullptr && old->attempt == child.id)
            old->attempt = 0;
    enqueue(turn, Task{.kind = Task::Kind::delete_child, .child = child.id});
}

void queue_rekey_delete(Turn& turn) {
    turn.child->close_reason = ChildGone::Reason::rekeyed;
    enqueue(turn, Task{.kind = Task::Kind::delete_child, .child = turn.child->id});
}

/// The other half of it may still be there (RFC 7296 §1.4.1): deleted as by our side.
void close_lost(Turn& turn) {
    turn.child->close_reason = ChildGone::Reason::lost_by_peer;
    close(turn);
}

void mark_superseded(Turn& turn) {
    turn.child->close_reason = ChildGone::Reason::rekeyed;
}

void end_by_peer(Turn& turn) {
    Child& child = *turn.child;
    auto reason = ChildGone::Reason::deleted_by_peer;
    if (child.close_reason == ChildGone::Reason::rekeyed || has_other_of_pair(turn.core, turn.sa, child))
        reason = ChildGone::Reason::rekeyed;
    end_child(turn, child, reason);
}

void taken_back(Turn& turn) {
    fail_child(turn, *turn.child, Failure::child_refused, "the peer deleted the child at once");
}

void end_closed(Turn& turn) {
    end_child(turn, *turn.child, turn.child->close_reason.value_or(ChildGone::Reason::deleted_by_us));
}

void lose(Turn& turn) {
    Child& child = *turn.child;
    if (child.announced)
        end_child(turn, child, turn.reason);
    else
        fail_child(turn, child, turn.failure, turn.detail);
}

}  // namespace child

}  // namespace oegate::ike::v2
