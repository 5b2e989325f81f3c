// What DNS said to an initiator, as events for the rows: one judgement over the whole
// answer, then the walk over the gateways that it leaves.
#include "keying/machine.hpp"

namespace oegate::keying {
namespace {

using discovery::Outcome;

/// kNever is for connections that no answer decided.
Time until(Duration lifetime, Time now) {
    return lifetime > Duration::zero() ? now + lifetime : now;
}

}  // namespace

/// Why this gateway may not be tried, or nullptr. chain: the verdict of what names it.
const char* Keying::Impl::refused(const Connection& c, const discovery::Candidate& candidate,
                                  Verdict chain) const {
    if (const char* why = realm.refused_gateway(candidate.gateway)) return why;
    // Unless the verdict is secure, a gateway speaks only for itself (§3.2.4.1).
    if (chain != Verdict::secure && !believes(candidate, c.pair.destination, chain))
        return "is named by a record that DNSSEC does not secure";
    return nullptr;
}

/// `until`: how long the answer holds, from when it was given.
void Keying::Impl::judge(Connection& c, const discovery::DelegationAnswer& answer, Time until, Time now) {
    const config::Timers& t = config.timers;
    c.looking_up = false;
    c.answer = answer;
    c.answer_until = until;
    if (!c.encrypting()) c.verdict = answer.verdict;
    c.candidates.clear();
    c.fates.clear();
    c.at = 0;
    c.tainted = false;
    c.lifespan = std::min(t.normal_failure, answer.lifetime);
    switch (answer.outcome) {
        case Outcome::none:
            if (answer.verdict == Verdict::secure) forget_sticky(c.pair.destination);
            step(c, {Event::absent, answer.detail}, now);
            return;
        case Outcome::unusable:
            step(c, {Event::unusable, answer.detail}, now);
            return;
        case Outcome::failed:
            c.lifespan =
                answer.lifetime > Duration::zero() ? std::min(t.dns_failure, answer.lifetime) : t.dns_failure;
            step(c, {Event::dns_failed, answer.detail}, now);
            return;
        case Outcome::bogus:
            c.lifespan = t.dns_failure;
            step(c, {Event::bogus, answer.detail}, now);
            return;
        case Outcome::malformed:
            step(c, {Event::malformed, answer.detail}, now);
            return;
        case Outcome::usable:
            break;
    }
    std::string why_not;
    const bool insecure = take_candidates(c, answer, why_not);
    if (c.candidates.empty()) {
        step(c,
             {insecure ? Event::insecure : Event::unusable,
              answer.detail + (answer.detail.empty() ? "" : ";") + why_not},
             now);
        return;
    }
    walk(c, now);
}

/// Those that may be tried, in their order; why_not: of the others. true: for one of them the
/// class requires more than DNSSEC secures.
bool Keying::Impl::take_candidates(Connection& c, const discovery::DelegationAnswer& answer,
                                   std::string& why_not) const {
    bool insecure = false;
    for (const discovery::Candidate& candidate : answer.candidates) {
        const Verdict chain = weakest(candidate.verdict, answer.verdict);
        const char* why = refused(c, candidate, chain);
        if (why == nullptr && c.match.require_secure && chain != Verdict::secure) {
            insecure = true;
            why = "is not secured by DNSSEC, which the class requires";
        }
        if (why == nullptr)
            c.candidates.push_back(candidate);
        else
            why_not += " gateway " + candidate.gateway.text() + " " + why + ";";
    }
    // §8: the one that died just now is asked when the others have failed.
    std::ranges::stable_partition(
        c.candidates, [&](const discovery::Candidate& candidate) { return candidate.gateway != c.dead; });
    c.fates.resize(c.candidates.size());
    return insecure;
}

// ---- asked again ---------------------------------------------------------------

/// What the re-query of a stale answer means (§3.2.7). Only what is as good as what the
/// pair was keyed under can change it: stripping signatures changes nothing.
Event Keying::Impl::compare(const Connection& c, const discovery::DelegationAnswer& answer,
                            std::string& detail) const {
    if (answer.outcome == Outcome::failed || answer.outcome == Outcome::bogus) return Event::requery_bad;
    const Child* child = c.current ? c.child(*c.current) : nullptr;
    if (c.state != State::expiring_keyed || child == nullptr) {
        const bool same =
            c.answer && c.answer->outcome == answer.outcome && c.answer->verdict == answer.verdict;
        if (answer.outcome != Outcome::usable) return same ? Event::requery_same : Event::requery_differs;
        return same && c.answer->candidates.size() == answer.candidates.size() ? Event::requery_usable
                                                                               : Event::requery_differs;
    }
    if (strength(answer.verdict) < strength(child->info.verdict)) {
        detail += "; less secure than what the pair was keyed under";
        return Event::requery_bad;
    }
    // r.own-source: as long as DNS delegates it to nobody.
    if (child->undelegated && answer.outcome == Outcome::none) return Event::requery_same;
    std::vector<discovery::Candidate> named = answer.identities;
    if (answer.outcome == Outcome::usable)
        named.insert(named.end(), answer.candidates.begin(), answer.candidates.end());
    bool delegated = false;
    for (const discovery::Candidate& candidate : named) {
        if (candidate.id != child->info.peer &&
            std::ranges::find(candidate.also, child->info.peer) == candidate.also.end())
            continue;
        const PublicKey& key = child->info.key;
        if (key.data.empty() || candidate.keys.empty() ||
            std::ranges::find(candidate.keys, key) != candidate.keys.end())
            return Event::requery_same;
        delegated = true;
    }
    detail +=
        "; the gateway in use is " + child->info.remote.text() + ", identity " + child->info.peer.text();
    return delegated ? Event::key_gone : Event::requery_differs;
}

void Keying::Impl::answer_requery(Connection& c, const discovery::DelegationAnswer& answer, Time now) {
    c.looking_up = false;
    std::string detail = answer.detail;
    const Event event = compare(c, answer, detail);
    c.news = answer;
    c.news_until = until(answer.lifetime, now);
    c.ask_at = kNever;
    // Where no record says its key, the gateway's own name does.
    const Child* child = c.current ? c.child(*c.current) : nullptr;
    const bool keyless =
        child != nullptr && std::ranges::none_of(answer.candidates, [&](const discovery::Candidate& g) {
            return g.id == child->info.peer && !g.keys.empty();
        });
    if (event == Event::requery_same && c.state == State::expiring_keyed && keyless) {
        c.ask_at = now + config.timers.requery;
        c.asking_key = true;
        actions.push_back(LookUpKeys{c.id, child->info.peer, c.pair.source, true});
        return;
    }
    c.requerying = false;
    step(c, {event, detail}, now);
}

void Keying::Impl::answer_requery(Connection& c, const discovery::KeyAnswer& answer, Time now) {
    c.asking_key = c.requerying = false;
    c.ask_at = kNever;
    const Child* child = c.current ? c.child(*c.current) : nullptr;
    if (child == nullptr) return;
    const PublicKey& key = child->info.key;
    const bool found = answer.outcome == Outcome::usable &&
                       (key.data.empty() || std::ranges::find(answer.keys, key) != answer.keys.end());
    const bool bad = answer.outcome == Outcome::failed || answer.outcome == Outcome::bogus ||
                     strength(answer.verdict) < strength(child->info.verdict);
    const Time holds = until(answer.lifetime, now);
    c.news_until = c.news ? std::min(c.news_until, holds) : holds;
    step(c,
         {bad     ? Event::requery_bad
          : found ? Event::requery_same
                  : Event::key_gone,
          "keys of " + child->info.peer.text() + ": " + answer.detail},
         now);
}

// ---- the key of the gateway in turn --------------------------------------------

void Keying::Impl::answer_key(Connection& c, const discovery::KeyAnswer& answer, Time now) {
    c.asking_key = false;
    discovery::Candidate& candidate = c.candidates[c.at];
    std::string detail = answer.detail;
    if (answer.outcome == Outcome::usable && !answer.keys.empty()) {
        candidate.verdict = weakest(candidate.verdict, answer.verdict);
        const bool secure = candidate.verdict == Verdict::secure;
        if (secure ||
            (!c.match.require_secure && believes(candidate, c.pair.destination, candidate.verdict))) {
            candidate.keys = answer.keys;
            c.answer_until = std::min(c.answer_until, until(answer.lifetime, now));
            step(c, {Event::candidate, candidate.gateway.text() + ": " + detail}, now);
            return;
        }
        detail = "the key of " + candidate.id.text() + " is not secured by DNSSEC";
    }
    if (answer.outcome == Outcome::bogus || answer.outcome == Outcome::malformed) c.tainted = true;
    c.lifespan = std::min(c.lifespan, answer.outcome == Outcome::failed || answer.outcome == Outcome::bogus
                                          ? config.timers.dns_failure
                                          : answer.lifetime);
    c.fates[c.at] = detail;
    step(c, {Event::key_missing, candidate.gateway.text() + ": " + detail}, now);
}

// ---- the public side -----------------------------------------------------------

void Keying::on_delegation(ConnectionId id, const discovery::DelegationAnswer& answer, Time now) {
    Impl& m = *impl_;
    if (const auto it = m.offers.find(id); it != m.offers.end()) {
        m.answer_source(it->second, answer, now);
        return;
    }
    const auto it = m.connections.find(id);
    if (it == m.connections.end() || !it->second.looking_up) {
        ++m.counts.stray_answers;
        return;
    }
    if (it->second.requerying)
        m.answer_requery(it->second, answer, now);
    else
        m.judge(it->second, answer, until(answer.lifetime, now), now);
}

void Keying::on_keys(ConnectionId id, const discovery::KeyAnswer& answer, Time now) {
    Impl& m = *impl_;
    if (const auto it = m.offers.find(id); it != m.offers.end()) {
        m.answer_keys(it->second, answer, now);
        return;
    }
    const auto it = m.connections.find(id);
    const bool wanted = it != m.connections.end() && it->second.asking_key &&
                        (it->second.requerying || it->second.candidate() != nullptr);
    if (!wanted) {
        ++m.counts.stray_answers;
        return;
    }
    if (it->second.requerying)
        m.answer_requery(it->second, answer, now);
    else
        m.answer_key(it->second, answer, now);
}

}  // namespace oegate::keying
