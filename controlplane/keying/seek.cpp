// From a keying request to its conclusion (§3.2.4, §3.2.5): DNS is asked, gateways are
// tried in turn, and what a failure means is told to the worker.
#include "keying/machine.hpp"

namespace oegate::keying {

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

void Keying::Impl::ask_key(Connection& c) {
    if (c.candidate() == nullptr) return;
    if (c.requerying) {  // a late exchange's walk, while DNS is asked anew who the gateways are
        c.late_at = kNever;
        return;
    }
    c.asking_key = true;
    actions.push_back(LookUpKeys{c.id, c.candidate()->id, c.pair.source, c.reauth});
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
    if (c.stuck)
        step(c, {Event::sticky, "encrypted before, and DNS has no proof that it is over"}, now);
    else
        set_policy(c, c.state == State::clear_text ? FlowState::pass : FlowState::deny, reason);
    c.stuck = false;
    forget_children(c);  // l.changed: what was keyed before this conclusion
}

/// No instance may be made, and a hold must end: the held datagrams get their answer, and
/// the next one asks again.
void Keying::Impl::answer_only(Connection& c, Story reason, Time now) {
    const bool pass = c.match.kind == ClassKind::oe_permissive ||
                      c.match.kind == ClassKind::always_clear_text ||
                      c.match.kind == ClassKind::oe_accept_only;
    set_policy(c, pass && !is_sticky(c, now) ? FlowState::pass : FlowState::deny, reason);
    actions.push_back(DropPolicy{c.pair});
    erase(c.id);
}

/// g.hold-limit: concluded for now, while an exchange that runs goes on.
void Keying::Impl::hold_over(Connection& c, Story reason, Time now) {
    const config::Timers& t = config.timers;
    c.lifespan = std::min(c.lifespan > Duration::zero() ? c.lifespan : t.short_failure, t.short_failure);
    if (c.exchange || c.asking_key)
        c.late_at = now + t.late_exchange;
    else
        stop_seeking(c);
    conclude(c, reason, now);
}

}  // namespace oegate::keying
