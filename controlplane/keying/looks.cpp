// What rests is looked at: DNS is asked once more about what it said (§3.2.7).
#include "keying/machine.hpp"

namespace oegate::keying {

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

/// l.same: the answer holds on.
void Keying::Impl::refresh(Connection& c, Time now) {
    const config::Timers& t = config.timers;
    if (c.news) c.answer = std::move(c.news);
    c.answer_until = c.news_until;
    c.news.reset();
    c.look_at = now + t.look_again;
    if (c.state == State::keyed) return;
    c.lifespan = std::min(t.normal_failure, c.answer ? c.answer->lifetime : Duration::zero());
    c.lifespan_at = now + std::max(c.lifespan, t.least_failure);
}

/// l.bad: asked again a little later; what waits for DNS, when its failure is over (RFC 9520
/// §3.2) if that is earlier.
void Keying::Impl::retry_query(Connection& c, Time now) {
    const config::Timers& t = config.timers;
    abandon_lookup(c);
    c.news.reset();
    if (c.state == State::keyed)
        c.look_at = now + t.requery;
    else
        c.lifespan_at = now + std::min(t.requery, std::max(t.dns_failure, t.least_failure));
}

/// l.bad: keying anew takes too long while an SA pair serves.
void Keying::Impl::resume(Connection& c, Time now) {
    abandon_lookup(c);
    c.reauth = false;
    c.hold_at = kNever;
    c.look_at = now + config.timers.requery;
    if (c.exchange) c.late_at = now + config.timers.late_exchange;
}

}  // namespace oegate::keying
