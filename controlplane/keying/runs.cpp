// What rows do. The state has changed already when a function here runs; here only
// actions are emitted and the instance's own data and timers change.
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
        case Run::start_lookup:
            c.policy = FlowState::hold;  // the worker's request says so
            c.reason = row.story;
            c.created = now;
            start_lookup(c, now);
            return;
        case Run::requery:
            start_requery(c, now);
            return;
        case Run::refresh:
            if (c.news) c.answer = std::move(c.news);
            c.answer_until = c.news_until;
            c.news.reset();
            c.look_at = now + t.look_again;
            if (c.state == State::keyed) return;
            c.lifespan = std::min(t.normal_failure, c.answer ? c.answer->lifetime : Duration::zero());
            c.lifespan_at = now + std::max(c.lifespan, t.least_failure);
            return;
        case Run::retry_query:
            abandon_lookup(c);
            c.news.reset();
            if (c.state == State::keyed)
                c.look_at = now + t.requery;
            else
                c.lifespan_at = now + t.requery;
            return;
        case Run::rejudge:
        case Run::reauthenticate:
            c.reauth = c.fresh = row.run == Run::reauthenticate;
            rejudge(c, now);
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
            set_policy(c, pass && !is_sticky(c, now) ? FlowState::pass : FlowState::deny, row.story);
            actions.push_back(DropPolicy{c.pair});
            erase(c.id);
            return;
        }
        case Run::ask_key:
            if (c.candidate() == nullptr) return;
            c.asking_key = true;
            actions.push_back(LookUpKeys{c.id, c.candidate()->id, c.pair.source, c.reauth});
            return;
        case Run::start_exchange:
            start_exchange(c, c.fresh);
            return;
        case Run::fresh_exchange:
            start_exchange(c, true);
            return;
        case Run::next_gateway:
            ++c.at;
            c.fresh = c.reauth;
            walk(c, now);
            return;
        case Run::conclude:
            if (row.story == Story::n_limit) c.lifespan = t.short_failure;
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
        case Run::adopt:
            adopt_first(c, added, row.story, now);
            return;
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
            c.rekey_failed = true;
            return;
        case Run::drop_child:
            drop_child(c, s.child);
            return;
        case Run::fall_back:
            fall_back(c, s, row.story);
            return;
        case Run::rehold:
        case Run::rehold_anew: {
            const Child* lapsed = c.child(s.child);
            if (row.story == Story::k_dead && lapsed != nullptr) c.dead = lapsed->info.remote;
            // RFC 7296 §2.8: a channel that cannot rekey is no good for the next SA pair either.
            if (row.run == Run::rehold_anew && lapsed != nullptr)
                actions.push_back(CloseChannel{lapsed->info.channel});
            set_policy(c, FlowState::hold, row.story);
            forget_children(c, row.story != Story::k_dead);
            start_lookup(c, now);
            return;
        }
        case Run::hold_now:
            set_policy(c, FlowState::hold, row.story);
            drop_child(c, s.child);
            c.hold_at = now + t.hold;
            return;
        case Run::resume:
            abandon_lookup(c);
            c.reauth = false;
            c.hold_at = kNever;
            c.look_at = now + t.requery;
            if (c.exchange) c.late_at = now + t.late_exchange;
            return;
        case Run::mark_sticky:
            set_policy(c, FlowState::deny, row.story);
            return;
        case Run::check_liveness:
            if (s.child != 0)
                actions.push_back(CheckLiveness{s.child});
            else if (c.current)
                actions.push_back(CheckLiveness{*c.current});
            return;
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
            forget_children(c, row.story != Story::k_dead);
            c.lifespan_at = c.look_at = c.ask_at = kNever;
            c.close_at = now + t.closing;
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
    if (state != FlowState::hold) c.held_until = kNever;
    actions.push_back(ApplyPolicy{c.pair, state, c.match.kind, static_cast<std::uint16_t>(reason),
                                  state == FlowState::encrypt ? c.current : std::nullopt});
}

/// Clean slate for a walk; the policy stays what it is.
void Keying::Impl::begin_seeking(Connection& c, Time now) {
    stop_seeking(c);
    c.tainted = false;
    c.candidates.clear();
    c.fates.clear();
    c.at = 0;
    c.lifespan = Duration::zero();
    c.lifespan_at = c.look_at = c.ask_at = kNever;
    c.hold_at = now + config.timers.hold;
    // Held all the while, though it was nearly keyed in between: no new patience.
    if (c.policy == FlowState::hold) c.hold_at = c.held_until = std::min(c.held_until, c.hold_at);
}

void Keying::Impl::start_lookup(Connection& c, Time now) {
    const bool stale = c.answer_until <= now;
    begin_seeking(c, now);
    c.reauth = c.fresh = false;
    c.answer.reset();
    c.answer_until = kNever;
    if (c.match.kind == ClassKind::configured) {
        start_configured(c, now);
        return;
    }
    c.looking_up = true;
    actions.push_back(LookUpDelegation{c.id, c.pair.destination, c.pair.source, stale});
}

/// OE draft §12.1: who protects the pair is known without DNS, and trusted as much as
/// DNS can be.
void Keying::Impl::start_configured(Connection& c, Time now) {
    c.lifespan = config.timers.normal_failure;
    const ConfiguredPeer* peer = c.match.peer ? &realm.peers()[*c.match.peer] : nullptr;
    const char* why = peer == nullptr      ? "the class names no peer"
                      : peer->keys.empty() ? "the configuration has no key of the peer"
                                           : realm.refused_gateway(peer->gateway);
    if (why != nullptr) {
        step(c, {Event::no_tunnel, peer == nullptr ? why : "peer " + peer->name + ": " + why}, now);
        return;
    }
    discovery::Candidate candidate;
    candidate.gateway = peer->gateway;
    candidate.id = peer->identity;
    candidate.keys = peer->keys;
    candidate.verdict = Verdict::secure;
    c.candidates.push_back(std::move(candidate));
    c.fates.resize(1);
    step(c,
         {Event::configured_peer,
          "peer " + peer->name + ", gateway " + peer->gateway.text() + ", identity " + peer->identity.text()},
         now);
}

/// l.stale: the same question once more, past the cache. A peer that speaks for itself
/// was believed for its key alone: then that is asked for.
void Keying::Impl::start_requery(Connection& c, Time now) {
    abandon_lookup(c);
    c.requerying = true;
    c.news.reset();
    c.ask_at = now + config.timers.requery;  // discovery always answers; were it not so
    const Child* child = c.current ? c.child(*c.current) : nullptr;
    if (child != nullptr && !c.answer && child->info.peer == Identity::of(c.pair.destination)) {
        c.asking_key = true;
        actions.push_back(LookUpKeys{c.id, child->info.peer, c.pair.source, true});
        return;
    }
    c.looking_up = true;
    actions.push_back(LookUpDelegation{c.id, c.pair.destination, c.pair.source, true});
}

/// l.changed: as in potential, with an answer that is here already.
void Keying::Impl::rejudge(Connection& c, Time now) {
    const bool fresh = c.fresh, reauth = c.reauth;
    begin_seeking(c, now);
    c.fresh = fresh;
    c.reauth = reauth;
    if (!c.news) {  // only the key was asked for: who delegates to it, if anybody?
        c.looking_up = true;
        actions.push_back(LookUpDelegation{c.id, c.pair.destination, c.pair.source, true});
        return;
    }
    const discovery::DelegationAnswer news = std::move(*c.news);
    c.news.reset();
    judge(c, news, c.news_until, now);
}

void Keying::Impl::abandon_lookup(Connection& c) {
    if (c.looking_up || c.asking_key) actions.push_back(AbandonLookup{c.id});
    c.looking_up = c.asking_key = c.requerying = false;
}

/// Ends whatever runs for this instance elsewhere.
void Keying::Impl::stop_seeking(Connection& c) {
    abandon_lookup(c);
    if (c.exchange) actions.push_back(ForgetExchange{c.id});
    c.exchange = c.fresh = c.reauth = false;
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
    request.configured = realm.peer_of(candidate.id).has_value();
    request.verdict = weakest(candidate.verdict, c.answer ? c.answer->verdict : candidate.verdict);
    request.fresh = fresh || candidate.gateway == c.dead;
    actions.push_back(StartExchange{std::move(request)});
}

/// Tells the worker what a failure (or a class) means for this pair, and when to
/// look at it again.
void Keying::Impl::conclude(Connection& c, Story reason, Time now) {
    const config::Timers& t = config.timers;
    c.hold_at = kNever;
    c.dead.reset();
    c.lifespan_at = now + c.lifespan;
    if (c.answer_until > now) c.lifespan_at = std::min(c.lifespan_at, c.answer_until);  // not beyond the TTL
    c.lifespan_at = std::max(c.lifespan_at, now + t.least_failure);
    c.look_at = now + t.look_again_first;
    set_policy(c, c.state == State::clear_text ? FlowState::pass : FlowState::deny, reason);
    forget_children(c, true);  // l.changed: what was keyed before this conclusion
    if (c.stuck) {
        c.stuck = false;
        step(c, {Event::sticky, "encrypted before, and DNS has no proof that it is over"}, now);
    }
}

}  // namespace oegate::keying
