// INFORMATIONAL exchanges and the end of IKE SAs (RFC 7296 §1.4, §1.4.1, §2.4).
#include "ike/v2/informational.hpp"

#include <fmt/format.h>

#include "ike/v2/failures.hpp"
#include "ike/v2/ike_auth.hpp"
#include "ike/v2/invalid_spi.hpp"
#include "ike/v2/rekey_ike_sa.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {
namespace {

/// The peer may still hold what this channel made: the next exchange tells it otherwise.
void lose_peer_of(Core& core, const IkeSa& dead) {
    if (!dead.configured && is_only_channel(core, dead)) core.lose_peer(dead.own, dead.peer);
}

}  // namespace

void send_child_delete(Turn& turn, const Task& task) {
    Child* child = turn.core.find_child(task.child);
    if (child == nullptr || (child->state != ChildState::closing && child->state != ChildState::replaced)) {
        turn.sa.out.active.reset();  // the peer's delete came first
        return;
    }
    child->delete_sent = true;
    wire::Payloads payloads;
    payloads.add(wire::Delete{wire::ProtocolId::esp, {child->spi_in}});
    send_request(turn, wire::ExchangeType::informational, payloads);
}

void send_ike_delete(Turn& turn) {
    wire::Payloads payloads;
    payloads.add(wire::Delete{wire::ProtocolId::ike, {}});
    send_request(turn, wire::ExchangeType::informational, payloads);
}

void send_liveness(Turn& turn) {
    turn.sa.last_liveness = turn.now;
    turn.sa.checked_liveness = true;
    send_request(turn, wire::ExchangeType::informational, {});
}

void on_informational_answer(Turn& turn) {
    const Task task = *turn.sa.out.active;
    if (task.kind == Task::Kind::delete_ike) {
        turn.core.raise(turn, SaEvent::delete_answered);
        return;
    }
    if (task.kind == Task::Kind::delete_child)
        if (Child* child = turn.core.find_child(task.child))
            turn.core.raise(turn, *child, ChildEvent::delete_answered);
    request_done(turn);
}

void hint(Turn& turn) {
    IkeSa& sa = turn.sa;
    // Whatever is in flight is a liveness check too.
    const bool idle = sa.state == SaState::established && !sa.out.request && !sa.out.active;
    if (!idle || (sa.checked_liveness && turn.now - sa.last_liveness < turn.core.settings.timers.liveness))
        return;
    enqueue(turn, Task{.kind = Task::Kind::liveness});
}

namespace {

/// Only a few: who names more than he has answered for is no peer that we could help.
void remember_taken_back(IkeSa& sa, std::uint32_t spi) {
    constexpr std::size_t kMost = 4;
    OutWindow& out = sa.out;
    if (out.request && out.active && out.active->kind == Task::Kind::create_child &&
        out.taken_back.size() < kMost)
        out.taken_back.push_back(spi);
}

}  // namespace

namespace info {

/// Deletes of children, SPIs that the peer does not have, or an empty liveness check; every
/// request is answered.
void on_request(Turn& turn) {
    wire::Delete paired{wire::ProtocolId::esp, {}};
    for (const wire::Delete* request : turn.payloads->deletes()) {
        if (request->protocol != wire::ProtocolId::esp) continue;
        for (const std::uint32_t spi : request->spis) {
            Child* child = turn.core.child_by_spi_out(turn.sa, spi);
            if (child == nullptr) {  // RFC 7296 §2.25.1: answered without it
                remember_taken_back(turn.sa, spi);
                continue;
            }
            const std::uint32_t ours = child->spi_in;
            const bool crossed = child->delete_sent;
            const bool taken = turn.core.raise(turn, *child, ChildEvent::delete_received);
            if (taken && !crossed) paired.spis.push_back(ours);
        }
    }
    wire::Payloads payloads;
    if (!paired.spis.empty()) payloads.add(paired);
    answer(turn, payloads);
    believe_invalid_spi(turn);
}

void on_ike_delete(Turn& turn) {
    answer(turn, wire::Payloads{});
    adopt_held_successor(turn);
    const bool was_replaced = turn.sa.children.empty();
    if (!was_replaced)
        turn.core.notice(Notice::Level::info, turn.sa.remote,
                         fmt::format("{} deleted its IKE SA", turn.sa.peer.text()), turn.now);
    end_ike_sa(turn, ChildGone::Reason::ike_gone, Failure::dead_channel, "the peer deleted the IKE SA");
}

void answer_empty(Turn& turn) {
    answer(turn, wire::Payloads{});
}

/// RFC 7296 §2.21.3: a peer that writes nonsense under good keys is not worth going on with.
void refuse_malformed(Turn& turn) {
    turn.core.notice(Notice::Level::warning, turn.sa.remote,
                     fmt::format("request of {} refused with {}: {}; the IKE SA ends", turn.sa.peer.text(),
                                 wire::to_text(turn.notify), turn.detail),
                     turn.now);
    answer(turn, turn.notify);
    end_ike_sa(turn, ChildGone::Reason::ike_gone, Failure::dead_channel, turn.detail);
}

void answer_unsupported(Turn& turn) {
    turn.core.notice(Notice::Level::info, turn.sa.remote,
                     fmt::format("request of {} refused with {}: {}", turn.sa.peer.text(),
                                 wire::to_text(turn.notify), turn.detail),
                     turn.now);
    wire::Payloads payloads;
    payloads.add(wire::Notify::of(turn.notify, turn.notify_data));
    answer(turn, payloads);
}

void die(Turn& turn) {
    IkeSa& sa = turn.sa;
    turn.core.notice(Notice::Level::warning, sa.remote,
                     fmt::format("{} does not answer any more; its IKE SA ends with {} SA pairs",
                                 sa.peer.text(), sa.children.size()),
                     turn.now);
    lose_peer_of(turn.core, sa);
    sa.in.answer.clear();
    end_ike_sa(turn, ChildGone::Reason::ike_dead, Failure::dead_channel,
               fmt::format("the channel to {} is dead", sa.peer.text()));
}

void close(Turn& turn) {
    IkeSa& sa = turn.sa;
    sa.idle_at = sa.rekey_at = sa.expires = kNever;
    sa.out.queue.clear();
    enqueue(turn, Task{.kind = Task::Kind::delete_ike});
}

void finish_close(Turn& turn) {
    turn.sa.in.answer.clear();
    end_ike_sa(turn, ChildGone::Reason::deleted_by_us,
               turn.core.shutting_down ? Failure::shutdown : Failure::dead_channel, "the IKE SA was closed");
}

/// Our delete was never answered: the peer may still believe in this IKE SA.
void close_unheard(Turn& turn) {
    if (turn.sa.authenticated()) lose_peer_of(turn.core, turn.sa);
    finish_close(turn);
}

void abandon(Turn& turn) {
    fail_exchange(turn, turn.core.shutting_down ? Failure::shutdown : Failure::silence,
                  "the exchange was given up on our side");
}

void drop_responder(Turn& turn) {
    turn.sa.in.answer.clear();
    end_ike_sa(turn, ChildGone::Reason::deleted_by_us, Failure::shutdown,
               "the exchange was given up on our side");
}

void give_way(Turn& turn) {
    turn.core.notice(Notice::Level::info, turn.sa.remote,
                     fmt::format("{} has lost its state (INITIAL_CONTACT); our older IKE SA with it ends",
                                 turn.sa.peer.text()),
                     turn.now);
    turn.sa.in.answer.clear();
    end_ike_sa(turn, ChildGone::Reason::initial_contact, Failure::dead_channel, "INITIAL_CONTACT");
}

/// The peer is told once; what it answers is not waited for.
void oust(Turn& turn) {
    IkeSa& sa = turn.sa;
    ++turn.core.counters.channels_ousted;
    turn.core.notice(Notice::Level::info, sa.remote,
                     fmt::format("IKE SA with {} gives way to a newer one: it has no children, and "
                                 "limits.ike-sas or limits.ike-sas-per-peer is reached",
                                 sa.peer.text()),
                     turn.now);
    if (!sa.out.request && !sa.out.active) send_ike_delete(turn);
    sa.in.answer.clear();
    end_ike_sa(turn, ChildGone::Reason::deleted_by_us, Failure::dead_channel, "gave way to a newer IKE SA");
}

}  // namespace info

}  // namespace oegate::ike::v2
