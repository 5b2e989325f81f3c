// What rows do. The state has changed already when a function here runs; here only
// actions are emitted and the instance's own data and timers change.
#include "keying/machine.hpp"

namespace oegate::keying {

void Keying::Impl::run(Connection& c, const Row& row, State from, const Step& s, Time now) {
    const config::Timers& t = config.timers;
    static const NewChild kNoChild;
    const NewChild& added = s.new_child != nullptr ? *s.new_child : kNoChild;
    switch (row.run) {
        case Run::nothing:
        case Run::note:
            return;
        case Run::start_lookup:
            c.policy = FlowState::hold;  // the worker's request says so
            c.reason = row.story;
            c.created = now;
            start_lookup(c, now);
            return;
        case Run::relookup:
            start_lookup(c, now);
            return;
        case Run::answer_only: {
            // No instance may be made, and a hold must end: the held datagrams get their
            // answer, and the next one asks again.
            const bool pass = c.match.kind == ClassKind::oe_permissive ||
                              c.match.kind == ClassKind::always_clear_text ||
                              c.match.kind == ClassKind::oe_accept_only;
            set_policy(c, pass ? FlowState::pass : FlowState::deny, row.story);
            actions.push_back(DropPolicy{c.pair});
            erase(c.id);
            return;
        }
        case Run::ask_key:
            if (c.candidate() == nullptr) return;
            c.asking_key = true;
            actions.push_back(LookUpKeys{c.id, c.candidate()->id, c.pair.source});
            return;
        case Run::start_exchange:
            start_exchange(c, c.fresh);
            return;
        case Run::fresh_exchange:
            start_exchange(c, true);
            return;
        case Run::next_gateway:
            ++c.at;
            walk(c, now);
            return;
        case Run::conclude:
            if (row.story == Story::n_limit) c.lifespan = t.short_failure;
            if (row.story == Story::n_configured) c.lifespan = t.normal_failure;
            stop_seeking(c);
            conclude(c, row.story, now);
            return;
        case Run::conclude_class:
            conclude(c, row.story, now);
            c.lifespan_at = kNever;
            return;
        case Run::hold_over:
            c.lifespan =
                std::min(c.lifespan > Duration::zero() ? c.lifespan : t.short_failure, t.short_failure);
            if (c.exchange || c.asking_key)
                c.late_at = now + t.late_exchange;
            else
                stop_seeking(c);
            conclude(c, row.story, now);
            return;
        case Run::forget_late:
            stop_seeking(c);
            return;
        case Run::adopt: {
            if (c.created == Time{}) c.created = now;
            stop_seeking(c);
            forget_children(c, true);
            c.rekeying = false;
            c.lifespan_at = c.ask_at = c.close_at = kNever;
            c.look_at = now + t.look_again_first;
            Child& child = add_child(c, added, now);
            c.verdict = added.verdict;
            if (child.info.initiator)
                move_to(c, child.info.child, row.story);
            else
                child.move_at = now + kMoveAfter, c.reason = row.story;
            return;
        }
        case Run::adopt_crossed:
            settle_rivals(c, add_child(c, added, now), row.story, now);
            return;
        case Run::adopt_rekey: {
            Child& child = add_child(c, added, now);
            if (!child.info.initiator) return;  // moves on first valid ESP, or on the old one's delete
            c.rekeying = false;
            move_to(c, child.info.child, row.story);
            return;
        }
        case Run::adopt_new:
            adopt_new(c, row, added, now);
            return;
        case Run::move:
            move_to(c, s.child, c.reason);
            return;
        case Run::begin_rekey:
            c.rekeying = true;
            actions.push_back(RekeyChild{s.child});
            return;
        case Run::end_rekey:
            c.rekeying = false;
            return;
        case Run::drop_child:
            drop_child(c, s.child);
            return;
        case Run::fall_back:
            fall_back(c, s, row.story);
            return;
        case Run::rehold:
            c.fresh = row.story == Story::k_dead;
            set_policy(c, FlowState::hold, row.story);
            forget_children(c, row.story != Story::k_dead);
            start_lookup(c, now);
            return;
        case Run::check_liveness:
            if (s.child != 0)
                actions.push_back(CheckLiveness{s.child});
            else if (c.current)
                actions.push_back(CheckLiveness{*c.current});
            return;
        case Run::ask_use:
            c.ask_at = now + kAskAgain;
            actions.push_back(AskUse{c.pair, c.current});
            return;
        case Run::look_later:
            c.look_at = now + t.look_again;
            return;
        case Run::defer:
            c.lifespan_at = now + t.requery;
            return;
        case Run::reapply:
            if (c.policy == FlowState::pass || c.policy == FlowState::deny || c.current)
                set_policy(c, c.policy, c.reason);
            else
                c.policy = FlowState::hold;  // keyed by the peer, not moved yet
            return;
        case Run::close:
            stop_seeking(c);
            c.policy = FlowState::none;
            c.reason = row.story;
            actions.push_back(DropPolicy{c.pair});
            forget_children(c, from == State::keyed || from == State::expiring_keyed);
            c.lifespan_at = c.look_at = c.ask_at = kNever;
            c.close_at = now + kCloseWithin;
            return;
        case Run::gone:
        case Run::restart:
            erase(c.id);
            return;
        case Run::ask_peer_keys:
        case Run::give_keys:
        case Run::give_no_keys:
        case Run::allow:
        case Run::refuse:
        case Run::ask_source:
            return;  // offers only
    }
}

void Keying::Impl::set_policy(Connection& c, FlowState state, Story reason) {
    c.policy = state;
    c.reason = reason;
    actions.push_back(ApplyPolicy{c.pair, state, c.match.kind, static_cast<std::uint16_t>(reason),
                                  state == FlowState::encrypt ? c.current : std::nullopt});
}

void Keying::Impl::start_lookup(Connection& c, Time now) {
    c.looking_up = true;
    c.asking_key = c.exchange = c.tainted = false;
    c.candidates.clear();
    c.fates.clear();
    c.at = 0;
    c.lifespan = Duration::zero();
    c.lifespan_at = c.look_at = c.ask_at = c.late_at = kNever;
    c.hold_at = now + config.timers.hold;
    actions.push_back(LookUpDelegation{c.id, c.pair.destination, c.pair.source});
}

/// Ends whatever runs for this instance elsewhere.
void Keying::Impl::stop_seeking(Connection& c) {
    if (c.looking_up || c.asking_key) actions.push_back(AbandonLookup{c.id});
    if (c.exchange) actions.push_back(ForgetExchange{c.id});
    c.looking_up = c.asking_key = c.exchange = c.fresh = false;
    c.hold_at = c.late_at = kNever;
}

void Keying::Impl::walk(Connection& c, Time now) {
    if (c.candidate() == nullptr) return;
    const discovery::Candidate& candidate = *c.candidate();
    const std::string detail = "gateway " + candidate.gateway.text() + ", identity " + candidate.id.text() +
                               ", DNS " + std::string(to_text(candidate.verdict));
    step(c, {candidate.keys.empty() ? Event::candidate_no_key : Event::candidate, detail}, now);
}

void Keying::Impl::start_exchange(Connection& c, bool fresh) {
    if (c.candidate() == nullptr) return;
    const discovery::Candidate& candidate = *c.candidate();
    c.exchange = true;
    c.fresh = fresh;
    ike::Initiate request;
    request.connection = c.id;
    request.pair = c.pair;
    request.local = *realm.identity(candidate.gateway.family());
    request.gateway = candidate.gateway;
    request.peer = candidate.id;
    request.also = candidate.also;
    request.keys = candidate.keys;
    request.verdict = weakest(candidate.verdict, c.answer ? c.answer->verdict : candidate.verdict);
    request.fresh = fresh;
    actions.push_back(StartExchange{std::move(request)});
}

/// Tells the worker what a failure (or a class) means for this pair, and when to
/// look at it again.
void Keying::Impl::conclude(Connection& c, Story reason, Time now) {
    c.hold_at = kNever;
    c.lifespan_at = now + std::max(c.lifespan, kLeastLifespan);
    c.look_at = now + config.timers.look_again_first;
    set_policy(c, c.state == State::clear_text ? FlowState::pass : FlowState::deny, reason);
}

}  // namespace oegate::keying
