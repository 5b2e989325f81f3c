// What DNS said to an initiator, as events for the rows: one judgement over the whole
// answer, then the walk over the gateways that it leaves.
#include "keying/machine.hpp"

namespace oegate::keying {

void Keying::Impl::judge(Connection& c, const discovery::DelegationAnswer& answer, Time now) {
    const config::Timers& t = config.timers;
    c.looking_up = false;
    c.answer = answer;
    c.answer_until = answer.lifetime > Duration::zero() ? now + answer.lifetime : now;
    c.verdict = answer.verdict;
    c.candidates.clear();
    c.fates.clear();
    c.at = 0;
    c.tainted = false;
    c.lifespan = std::min(t.normal_failure, answer.lifetime);
    using discovery::Outcome;
    switch (answer.outcome) {
        case Outcome::none:
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
    std::string refused;
    for (const discovery::Candidate& candidate : answer.candidates) {
        const char* why = realm.refused_gateway(candidate.gateway);
        // Unless the verdict is secure, a gateway speaks only for itself (§3.2.4.1).
        if (why == nullptr && rank(weakest(candidate.verdict, answer.verdict)) < 2 &&
            candidate.gateway != c.pair.destination)
            why = "is named by a record that DNSSEC does not secure";
        if (why == nullptr)
            c.candidates.push_back(candidate);
        else
            refused += " gateway " + candidate.gateway.text() + " " + why + ";";
    }
    c.fates.resize(c.candidates.size());
    if (c.candidates.empty()) {
        step(c, {Event::unusable, answer.detail + (answer.detail.empty() ? "" : ";") + refused}, now);
        return;
    }
    walk(c, now);
}

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
    m.judge(it->second, answer, now);
}

void Keying::on_keys(ConnectionId id, const discovery::KeyAnswer& answer, Time now) {
    Impl& m = *impl_;
    if (const auto it = m.offers.find(id); it != m.offers.end()) {
        m.answer_keys(it->second, answer, now);
        return;
    }
    const auto it = m.connections.find(id);
    if (it == m.connections.end() || !it->second.asking_key || it->second.candidate() == nullptr) {
        ++m.counts.stray_answers;
        return;
    }
    Connection& c = it->second;
    c.asking_key = false;
    using discovery::Outcome;
    discovery::Candidate& candidate = c.candidates[c.at];
    std::string detail = answer.detail;
    if (answer.outcome == Outcome::usable && !answer.keys.empty()) {
        candidate.verdict = weakest(candidate.verdict, answer.verdict);
        if (rank(candidate.verdict) == 2 || candidate.gateway == c.pair.destination) {
            candidate.keys = answer.keys;
            m.step(c, {Event::candidate, candidate.gateway.text() + ": " + detail}, now);
            return;
        }
        detail = "the key of " + candidate.id.text() + " is not secured by DNSSEC";
    }
    if (answer.outcome == Outcome::bogus || answer.outcome == Outcome::malformed) c.tainted = true;
    m.shorten(c, answer.outcome == Outcome::failed || answer.outcome == Outcome::bogus
                     ? m.config.timers.dns_failure
                     : answer.lifetime);
    c.fates[c.at] = detail;
    m.step(c, {Event::key_missing, candidate.gateway.text() + ": " + detail}, now);
}

}  // namespace oegate::keying
