// What rows do: one line of run() each, and what needs more is here, in seek.cpp (DNS and
// exchanges), looks.cpp (is it still used, and still so in DNS?) and children.cpp. The state
// has changed already; here only actions are emitted and the instance's own data change.
#include "keying/machine.hpp"

namespace oegate::keying {

void Keying::Impl::run(Connection& c, const Row& row, const Step& s, Time now) {
    const config::Timers& t = config.timers;
    static const NewChild kNoChild;
    const NewChild& added = s.new_child != nullptr ? *s.new_child : kNoChild;
    switch (row.run) {
        case Run::nothing:
        case Run::note:
            return;
        // seek.cpp
        case Run::start_lookup:
            c.policy = FlowState::hold;  // the worker's request says so
            c.reason = row.story;
            c.created = now;
            return start_lookup(c, now);
        case Run::relookup:
            return start_lookup(c, now);
        case Run::ask_key:
            return ask_key(c);
        case Run::start_exchange:
            return start_exchange(c, c.fresh);
        case Run::fresh_exchange:
            return start_exchange(c, true);
        case Run::next_gateway:
            ++c.at;
            c.fresh = c.reauth;
            return walk(c, now);
        case Run::answer_only:
            return answer_only(c, row.story, now);
        case Run::conclude:
            if (row.story == Story::n_limit) c.lifespan = t.short_failure;
            stop_seeking(c);
            return conclude(c, row.story, now);
        case Run::conclude_class:
            conclude(c, row.story, now);
            c.lifespan_at = kNever;
            return;
        case Run::hold_over:
            return hold_over(c, row.story, now);
        case Run::forget_late:
            return stop_seeking(c);
        case Run::mark_sticky:
            return mark_sticky(c, row, now);
        case Run::hold_sticky:
            return hold_sticky(c);
        // looks.cpp
        case Run::ask_use:
            c.ask_at = now + t.ask_use;
            actions.push_back(AskUse{c.pair, c.current});
            return;
        case Run::look_later:
            c.look_at = now + t.look_again;
            return;
        case Run::defer:
            c.lifespan_at = now + t.requery;
            return;
        case Run::requery:
            return start_requery(c, now);
        case Run::refresh:
            return refresh(c, now);
        case Run::retry_query:
            return retry_query(c, now);
        case Run::rejudge:
        case Run::reauthenticate:
            c.reauth = c.fresh = row.run == Run::reauthenticate;
            return rejudge(c, now);
        case Run::resume:
            return resume(c, now);
        // children.cpp
        case Run::adopt:
            return adopt_first(c, added, row.story, now);
        case Run::adopt_crossed:
            return settle_rivals(c, add_child(c, added, now), row.story, now);
        case Run::adopt_rekey:
            return adopt_rekey(c, added, row.story, now);
        case Run::adopt_new:
            return adopt_new(c, row, added, now);
        case Run::move:
            return move_to(c, s.child, c.reason);
        case Run::begin_rekey:
            c.rekeying = true;
            actions.push_back(RekeyChild{s.child});
            return;
        case Run::end_rekey:
            c.rekeying = false;
            c.rekey_failed = true;
            return;
        case Run::drop_child:
            return drop_child(c, s.child);
        case Run::fall_back:
            return fall_back(c, s, row.story);
        case Run::check_liveness:
            if (s.child != 0 || c.current)
                actions.push_back(CheckLiveness{s.child != 0 ? s.child : *c.current});
            return;
        // below
        case Run::rehold:
        case Run::rehold_anew:
            return rehold(c, row, s, now);
        case Run::hold_now:
            set_policy(c, FlowState::hold, row.story);
            drop_child(c, s.child);
            c.hold_at = now + t.hold;
            c.reauth = false;  // no SA pair is left to be proven again: what is held has its class's end
            return;
        case Run::reapply:
            return reapply(c);
        case Run::close:
            return close_down(c, row, s, now);
        case Run::gone:
        case Run::restart:
            return erase(c.id);
        case Run::ask_peer_keys:
        case Run::give_keys:
        case Run::give_no_keys:
        case Run::allow:
        case Run::refuse:
        case Run::ask_source:
            return;  // offers only
    }
}

/// The SA pair in use is over: hold, and key anew (§3.1.5).
void Keying::Impl::rehold(Connection& c, const Row& row, const Step& s, Time now) {
    const Child* lapsed = c.child(s.child);
    if (row.story == Story::k_dead && lapsed != nullptr) c.dead = lapsed->info.remote;
    // RFC 7296 §2.8: a channel that cannot rekey is no good for the next SA pair either.
    if (row.run == Run::rehold_anew && lapsed != nullptr)
        actions.push_back(CloseChannel{lapsed->info.channel});
    set_policy(c, FlowState::hold, row.story);
    forget_children(c, row.story == Story::k_dead ? s.child : 0);
    start_lookup(c, now);
}

void Keying::Impl::reapply(Connection& c) {
    if (c.policy == FlowState::pass || c.policy == FlowState::deny || c.current)
        set_policy(c, c.policy, c.reason);
    else
        c.policy = FlowState::hold;  // keyed by the peer, not moved yet
}

/// §3.2.8: everything goes, here, in the worker and at the peer.
void Keying::Impl::close_down(Connection& c, const Row& row, const Step& s, Time now) {
    stop_seeking(c);
    c.policy = FlowState::none;
    c.reason = row.story;
    actions.push_back(DropPolicy{c.pair});
    forget_children(c, row.story == Story::k_dead ? s.child : 0);
    c.lifespan_at = c.look_at = c.ask_at = kNever;
    c.close_at = now + config.timers.closing;
}

void Keying::Impl::set_policy(Connection& c, FlowState state, Story reason) {
    c.policy = state;
    c.reason = reason;
    if (state != FlowState::hold) c.held_until = kNever;
    actions.push_back(ApplyPolicy{c.pair, state, c.match.kind, static_cast<std::uint16_t>(reason),
                                  state == FlowState::encrypt ? c.current : std::nullopt});
}

}  // namespace oegate::keying
