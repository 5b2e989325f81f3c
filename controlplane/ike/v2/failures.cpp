// Endings of exchanges, children and IKE SAs.
#include "ike/v2/failures.hpp"

#include <fmt/format.h>

#include "ike/v2/channels.hpp"

namespace oegate::ike::v2 {

namespace {
/// How long an ended IKE SA repeats its last answer: the peer's retransmissions.
constexpr Duration kLinger = 10s;
}  // namespace

void report_child(Turn& turn, Child& child, Failure failure, const std::string& detail) {
    if (child.failure_reported) return;
    child.failure_reported = true;
    if (child.replaces) {
        Child* old = turn.core.find_child(*child.replaces);
        if (old == nullptr) return;
        if (old->attempt == child.id) old->attempt = 0;
        // The peer's own rekey has done it, or is about to (RFC 7296 §2.8.1).
        if (old->state != ChildState::live || turn.core.find_child(old->rival) != nullptr) return;
        turn.core.emit(RekeyFailed{old->id, detail});
    } else if (child.initiator && child.connection != 0) {
        turn.core.emit(InitiateFailed{child.connection, failure, detail});
    }
}

void fail_child(Turn& turn, Child& child, Failure failure, const std::string& detail) {
    report_child(turn, child, failure, detail);
    turn.core.bury(child);
    note_idle(turn);
}

void end_child(Turn& turn, Child& child, ChildGone::Reason reason) {
    if (child.announced) turn.core.emit(ChildGone{child.id, reason});
    turn.core.bury(child);
    note_idle(turn);
}

void end_greeting(Turn& turn, const std::string& why_not) {
    IkeSa& sa = turn.sa;
    if (!sa.greeting) return;
    sa.greeting = false;
    turn.core.emit(GreetEnded{sa.peer, sa.remote.address, why_not.empty(), why_not});
}

void note_idle(Turn& turn) {
    if (turn.sa.state != SaState::established) return;
    turn.sa.idle_at = turn.sa.children.empty() ? turn.now + turn.core.settings.timers.idle_channel : kNever;
}

void fail_exchange(Turn& turn, Failure failure, const std::string& detail) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    // Who waits for it says what it means for his pairs, and what to do.
    core.notice(Notice::Level::info, sa.remote,
                fmt::format("keying with {} failed: {}", sa.peer.text(), detail), turn.now);
    if (Child* child = core.find_child(sa.first_child)) fail_child(turn, *child, failure, detail);
    end_greeting(turn, detail);
    if (failure == Failure::silence || failure == Failure::no_proposal)
        core.silent.remember(sa.remote.address, turn.now + core.settings.timers.late_exchange);
    core.bury(sa);
    fail_waiting(core, sa, failure, detail, turn.now);
}

void end_ike_sa(Turn& turn, ChildGone::Reason reason, Failure failure, const std::string& detail) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    turn.reason = reason;
    turn.failure = failure;
    turn.detail = detail;
    for (const ChildId id : sa.children.copy())
        if (Child* child = core.find_child(id)) core.raise(turn, *child, ChildEvent::sa_gone);
    for (const Serial heir : {sa.successor, sa.rival})
        if (IkeSa* successor = heir == 0 ? nullptr : core.find(heir)) core.bury(*successor);
    sa.successor = sa.rival = 0;
    core.leave_half_open(sa);
    core.leave_exchange(sa);
    const bool was_channel = sa.counted_channel;
    core.leave_channel(sa);
    const std::pair names{sa.own, sa.peer};
    if (was_channel && !sa.configured && core.ours_alone(sa.own) && !core.lost_peers.has(names) &&
        core.channels_of(sa.peer).empty())
        core.emit(PeerForgotten{sa.own, sa.peer});
    sa.out = {};
    sa.give_up = sa.late = sa.rekey_at = sa.expires = sa.idle_at = kNever;
    if (sa.in.answer.empty()) {
        core.bury(sa);
    } else {
        core.linger(sa, turn.now + kLinger);
    }
}

}  // namespace oegate::ike::v2
