// What happens, as events and facts for the rows: requests, answers, timers. The
// state of a connection changes in step() and nowhere else.
#include "keying/machine.hpp"

namespace oegate::keying {
namespace {

ClassGroup group_of(ClassKind kind) {
    switch (kind) {
        case ClassKind::always_clear_text:
            return ClassGroup::clear;
        case ClassKind::oe_permissive:
        case ClassKind::oe_paranoid:
            return ClassGroup::oe;
        case ClassKind::configured:
            return ClassGroup::configured;
        case ClassKind::oe_accept_only:
            return ClassGroup::accept_only;
        case ClassKind::none:
        case ClassKind::deny:
            break;
    }
    return ClassGroup::deny;
}

bool is_pending(State s) {
    return s == State::potential || s == State::pending;
}
bool is_expiring(State s) {
    return s == State::expiring_keyed || s == State::expiring_clear || s == State::expiring_deny;
}

State resolve(To to, const Connection& c) {
    switch (to) {
        case To::same:
            return c.state;
        case To::fail:
            return c.match.kind == ClassKind::oe_permissive && !c.tainted ? State::clear_text : State::deny;
        case To::back:
            return c.state == State::expiring_keyed   ? State::keyed
                   : c.state == State::expiring_clear ? State::clear_text
                                                      : State::deny;
        case To::expiring:
            return c.state == State::keyed        ? State::expiring_keyed
                   : c.state == State::clear_text ? State::expiring_clear
                                                  : State::expiring_deny;
        case To::potential:
            return State::potential;
        case To::pending:
            return State::pending;
        case To::keyed:
            return State::keyed;
        case To::clear_text:
            return State::clear_text;
        case To::deny:
            return State::deny;
        case To::expired:
            return State::expired;
        case To::gone:
            return State::gone;
        case To::waiting:
            return State::waiting;
        case To::answered:
            return State::answered;
    }
    return c.state;
}

Event event_of(const ike::InitiateFailed& failed, bool fresh) {
    switch (failed.failure) {
        case ike::Failure::silence:
        case ike::Failure::no_proposal:
        case ike::Failure::shutdown:
            return Event::silence;
        case ike::Failure::dead_channel:
            return fresh ? Event::silence : Event::dead_channel;  // one fresh exchange
        case ike::Failure::signature:
            return Event::bad_signature;
        case ike::Failure::refused:
            return Event::refused;
        case ike::Failure::child_refused:
            return Event::child_refused;
        case ike::Failure::full:
            return fresh ? Event::child_refused : Event::channel_full;
        case ike::Failure::too_many:
            return Event::too_many;
    }
    return Event::silence;
}

Event event_of(ike::ChildGone::Reason reason) {
    switch (reason) {
        case ike::ChildGone::Reason::deleted_by_peer:
        case ike::ChildGone::Reason::deleted_by_us:
        case ike::ChildGone::Reason::rekeyed:
            return Event::child_deleted;
        case ike::ChildGone::Reason::ike_dead:
            return Event::child_dead;
        case ike::ChildGone::Reason::ike_gone:
        case ike::ChildGone::Reason::initial_contact:
            return Event::ike_gone;
    }
    return Event::child_deleted;
}

}  // namespace

Child* Connection::child(ike::ChildId wanted) {
    const auto it = std::ranges::find_if(children, [&](const Child& x) { return x.info.child == wanted; });
    return it == children.end() ? nullptr : &*it;
}

// ---- instances -----------------------------------------------------------------

Connection& Keying::Impl::create(const Pair& pair, Time now) {
    Connection c;
    c.id = next_id++;
    c.pair = pair;
    c.match = realm.class_of(pair.destination);
    c.created = now;
    by_pair[pair] = c.id;
    return connections.emplace(c.id, std::move(c)).first->second;
}

void Keying::Impl::erase(ConnectionId id) {
    const auto it = connections.find(id);
    if (it == connections.end()) return;
    Connection& c = it->second;
    for (const Child& child : c.children) by_child.erase(child.info.child);
    leave_peer(c);
    if (c.queued != kNever) timers.erase({c.queued, id});
    by_pair.erase(c.pair);
    connections.erase(it);
}

Connection* Keying::Impl::of_child(ike::ChildId child) {
    const auto it = by_child.find(child);
    return it == by_child.end() ? nullptr : &connections.at(it->second);
}

Connection* Keying::Impl::of_pair(const Pair& pair) {
    const auto it = by_pair.find(pair);
    return it == by_pair.end() ? nullptr : &connections.at(it->second);
}

bool Keying::Impl::limit_reached(const Address& source) const {
    const auto it = pending_by_source.find(source);
    return num_pending >= config.limits.pending_total ||
           (it != pending_by_source.end() && it->second >= config.limits.pending_per_source);
}

// ---- the machine ---------------------------------------------------------------

Facts Keying::Impl::facts_of(const Connection& c, const Step& s, Time now) const {
    Facts f = s.facts | class_fact(group_of(c.match.kind));
    const auto set = [&f](Facts bit, bool on) { f |= on ? bit : 0; };
    set(kByDefault, !c.match.prefix);
    set(kLimit, limit_reached(c.pair.source));
    set(kMore, c.at + 1 < c.candidates.size());
    set(kHolding, c.policy == FlowState::hold);
    set(kOver, now >= c.lifespan_at);
    set(kRekeying, c.rekeying);
    if (const NewChild* n = s.new_child) {
        set(kInitiator, n->initiator);
        // A rekey of a child that is gone meanwhile is an SA pair like any other.
        const bool rekey = n->replaces && std::ranges::any_of(c.children, [&](const Child& x) {
                               return x.info.child == *n->replaces || x.info.replaces == n->replaces;
                           });
        set(kRekey, rekey);
        for (const Child& rival : c.children) {
            if (rival.lost || rival.deleting) continue;
            if (rekey) set(kCollide, rival.info.replaces == n->replaces);
            // Exchanges crossed when each side started one at about the same time;
            // a peer that comes back later has forgotten the former (r.identical).
            else
                set(kCollide, rival.info.initiator != n->initiator && rival.info.peer == n->peer &&
                                  !rival.info.replaces && now - rival.installed < config.timers.hold);
            set(kSamePeer, rival.info.peer == n->peer);
        }
    } else if (s.child != 0) {
        set(kCurrent, !c.current || *c.current == s.child);
        for (const Child& other : c.children) {
            const bool can = other.can_serve();
            if (other.info.child != s.child)
                set(kOther, can);
            else
                set(kBetter, can && c.current != s.child);
        }
    }
    return f;
}

bool Keying::Impl::step(Connection& c, const Step& s, Time now) {
    const Row* row = find_row(c.state, s.event, facts_of(c, s, now));
    if (row == nullptr) {
        refuse_event(c.pair, c.state, s.event, s.detail);
        return false;
    }
    const State from = c.state;
    c.state = resolve(row->to, c);
    if (is_pending(from) != is_pending(c.state)) {
        num_pending += is_pending(c.state) ? 1 : std::size_t(-1);
        unsigned& of_source = pending_by_source[c.pair.source];
        of_source += is_pending(c.state) ? 1 : unsigned(-1);
        if (of_source == 0) pending_by_source.erase(c.pair.source);
    }
    ++counts.stories[static_cast<std::size_t>(row->story)];
    if (from != c.state || row->run != Run::nothing) {
        c.story.push_back({now, std::string(to_text(row->story)), s.detail});
        if (c.story.size() > kMaxStory) c.story.pop_front();
        say(c.pair, from, c.state, *row, s.detail);
    }
    const ConnectionId id = c.id;
    run(c, *row, from, s, now);
    if (const auto it = connections.find(id); it != connections.end()) rearm(it->second);
    return true;
}

void Keying::Impl::say(const Pair& pair, State from, State to, const Row& row, const std::string& detail) {
    actions.push_back(Transition{pair, std::string(to_text(from)), std::string(to_text(to)),
                                 std::string(to_text(row.story)), detail, row.security});
}

void Keying::Impl::refuse_event(const Pair& pair, State state, Event event, const std::string& detail) {
    ++counts.refused_events;
    actions.push_back(Transition{pair, std::string(to_text(state)), std::string(to_text(state)), "",
                                 "event " + std::string(to_text(event)) + " has no row in this state" +
                                     (detail.empty() ? "" : ": " + detail),
                                 false});
}

// ---- timers --------------------------------------------------------------------

void Keying::Impl::rearm(Connection& c) {
    Time next = std::min({c.hold_at, c.late_at, c.ask_at, c.close_at});
    if (!is_expiring(c.state)) next = std::min({next, c.lifespan_at, c.look_at});
    for (const Child& child : c.children) next = std::min({next, child.move_at, child.probe_at});
    if (next == c.queued) return;
    if (c.queued != kNever) timers.erase({c.queued, c.id});
    if (next != kNever) timers.insert({next, c.id});
    c.queued = next;
}

void Keying::Impl::fire(ConnectionId id, Time now) {
    const auto get = [&] { return connections.find(id); };
    const auto timer = [&](Time Connection::*at, Event event, std::string detail) {
        const auto it = get();
        if (it == connections.end() || it->second.*at > now) return;
        it->second.*at = kNever;
        step(it->second, {event, std::move(detail)}, now);
    };
    timer(&Connection::hold_at, Event::hold_timer, "held longer than the hold timer allows");
    timer(&Connection::late_at, Event::late_timer, "");
    timer(&Connection::ask_at, Event::ask_timer, "");
    timer(&Connection::close_at, Event::close_timer, "");
    if (const auto it = get(); it != connections.end() && !is_expiring(it->second.state)) {
        Connection& c = it->second;
        if (c.lifespan_at <= now) {  // kept: an expiring state asks whether it is over
            if (!step(c, {Event::lifespan_timer}, now)) c.lifespan_at = kNever;
        } else if (c.look_at <= now) {
            c.look_at = kNever;
            if (c.state == State::keyed && c.answer_until <= now) {  // a later issue asks again
                ++counts.stories[static_cast<std::size_t>(Story::l_stale)];
                const std::string keyed(to_text(c.state));
                actions.push_back(Transition{c.pair, keyed, keyed, std::string(to_text(Story::l_stale)),
                                             std::string(help(Story::l_stale)), false});
            }
            step(c, {Event::look_timer}, now);
        }
    }
    if (const auto it = get(); it != connections.end()) {
        std::vector<std::pair<Event, ike::ChildId>> due;
        for (Child& child : it->second.children) {
            if (child.move_at <= now) due.push_back({Event::move_timer, child.info.child});
            if (child.probe_at <= now) due.push_back({Event::probe_timer, child.info.child});
            if (child.move_at <= now) child.move_at = kNever;
            if (child.probe_at <= now) child.probe_at = kNever;
        }
        for (const auto& [event, child] : due) step(it->second, {event, "", child}, now);
    }
    if (const auto it = get(); it != connections.end()) rearm(it->second);
}

// ---- what DNS said -------------------------------------------------------------

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

// ---- the public side -----------------------------------------------------------

Keying::Keying(const config::Config& config, const Realm& realm)
    : impl_(std::make_unique<Impl>(config, realm)) {}
Keying::~Keying() = default;

void Keying::on_miss(const Miss& miss, Time now) {
    Impl& m = *impl_;
    if (m.closing) return;
    Connection* c = m.of_pair(miss.pair);
    if (c != nullptr && c->state == State::expired) {
        m.step(*c, {Event::request, "closing"}, now);
        c = nullptr;
    }
    if (c != nullptr) {
        m.step(*c, {Event::request}, now);
        return;
    }
    const bool full = m.connections.size() >= m.config.limits.connections;
    Connection& fresh = m.create(miss.pair, now);
    Step s{Event::request};
    s.detail = "class " + std::string(to_text(fresh.match.kind)) +
               (fresh.match.prefix ? " of " + fresh.match.prefix->text() : " by default");
    if (full) s.facts = kFull;
    const ConnectionId id = fresh.id;
    if (!m.step(fresh, s, now)) {
        m.erase(id);
        return;
    }
    const auto it = m.connections.find(id);
    if (it != m.connections.end() && it->second.match.kind == ClassKind::configured)
        m.step(it->second, {Event::no_tunnel, "no tunnel is configured"}, now);
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

void Keying::on_initiate_failed(const ike::InitiateFailed& failed, Time now) {
    Impl& m = *impl_;
    const auto it = m.connections.find(failed.connection);
    if (it == m.connections.end() || !it->second.exchange) {
        ++m.counts.stray_answers;
        return;
    }
    Connection& c = it->second;
    c.exchange = false;
    const Event event = event_of(failed, c.fresh);
    // §3.2.5: silence may be a reboot, so it is forgotten soon; a refusal is an answer.
    if (event == Event::silence || event == Event::too_many) m.shorten(c, m.config.timers.short_failure);
    std::string detail =
        (c.candidate() ? c.candidate()->gateway.text() + ": " : std::string()) + failed.detail;
    if (c.at < c.fates.size()) c.fates[c.at] = std::string(to_text(event)) + ": " + failed.detail;
    m.step(c, {event, std::move(detail)}, now);
}

void Keying::on_child_installed(const NewChild& child, Time now) {
    Impl& m = *impl_;
    if (m.closing) {
        m.actions.push_back(DeleteChild{child.child});
        return;
    }
    NewChild info = child;
    if (const auto it = m.authorized.find(child.child); it != m.authorized.end()) {
        info.verdict = weakest(info.verdict, it->second);
        m.authorized.erase(it);
    }
    Connection* c = m.of_pair(child.pair);
    if (c == nullptr) {
        if (m.connections.size() >= m.config.limits.connections) {
            ++m.counts.stories[static_cast<std::size_t>(Story::n_full)];
            m.actions.push_back(DeleteChild{child.child});
            return;
        }
        c = &m.create(child.pair, now);
    }
    if (c->child(child.child) != nullptr) return;
    if (const Child* replaced = child.replaces ? c->child(*child.replaces) : nullptr)
        info.verdict = weakest(info.verdict, replaced->info.verdict);  // authorized then, not anew
    // Two may have been authorized at once: the stronger one was here first.
    if (!child.initiator && !child.replaces && m.held_stronger(child.pair, info.verdict)) {
        ++m.counts.stories[static_cast<std::size_t>(Story::r_weaker)];
        m.actions.push_back(DeleteChild{child.child});
        return;
    }
    Step s{Event::child_installed, "gateway " + child.remote.text() + ", identity " + child.peer.text()};
    s.new_child = &info;
    m.step(*c, std::move(s), now);
}

void Keying::on_child_gone(const ike::ChildGone& gone, Time now) {
    Impl& m = *impl_;
    m.authorized.erase(gone.child);
    if (Connection* c = m.of_child(gone.child)) m.step(*c, {event_of(gone.reason), "", gone.child}, now);
}

void Keying::on_rekey_failed(ike::ChildId child, Time now) {
    if (Connection* c = impl_->of_child(child)) impl_->step(*c, {Event::rekey_failed, "", child}, now);
}

void Keying::on_sa_expired(ike::ChildId child, bool hard, Time now) {
    if (Connection* c = impl_->of_child(child))
        impl_->step(*c, {hard ? Event::hard_expiry : Event::soft_expiry, "", child}, now);
}

void Keying::on_first_esp(ike::ChildId child, Time now) {
    if (Connection* c = impl_->of_child(child)) impl_->step(*c, {Event::first_esp, "", child}, now);
}

void Keying::on_use_report(const UseReport& report, Time now) {
    Impl& m = *impl_;
    Connection* c = m.of_pair(report.pair);
    if (c == nullptr) return;
    if (report.removed) {
        c->final_packets = report.packets;
        m.step(*c,
               {Event::removed_report, "final counts: " + std::to_string(report.packets) + " packets, " +
                                           std::to_string(report.bytes) + " bytes"},
               now);
        return;
    }
    if (!is_expiring(c->state)) return;  // answered twice
    const auto within = static_cast<std::uint64_t>(m.config.timers.used_within.count());
    Step s{Event::used_report};
    if (report.outbound_age_ns <= within || report.inbound_age_ns <= within) s.facts = kUsed;
    c->ask_at = kNever;
    m.step(*c, std::move(s), now);
}

void Keying::on_peer_hint(const Address& remote, Time now) {
    Impl& m = *impl_;
    const auto it = m.peers.find(remote);
    if (it == m.peers.end() || it->second.connections.empty()) return;
    Impl::Peer& peer = it->second;
    if (peer.hinted && now - *peer.hinted < m.config.timers.liveness) return;
    peer.hinted = now;
    m.step(m.connections.at(*peer.connections.begin()), {Event::hint, "unknown SPI from " + remote.text()},
           now);
}

void Keying::on_clear_text(const Pair& pair, Time now) {
    Impl& m = *impl_;
    Connection* c = m.of_pair(pair);
    if (c == nullptr || !c->current) return;
    Impl::Peer& peer = m.peers[c->child(*c->current)->info.remote];
    if (peer.hinted && now - *peer.hinted < m.config.timers.liveness) return;
    peer.hinted = now;
    m.step(*c, {Event::hint, "clear text from the peer's host"}, now);
}

bool Keying::clear(const Pair& pair, Time now) {
    Connection* c = impl_->of_pair(pair);
    return c != nullptr && impl_->step(*c, {Event::clear}, now);
}

void Keying::shutdown(Time now) {
    Impl& m = *impl_;
    std::vector<ConnectionId> ids;
    for (const auto& [id, c] : m.connections) ids.push_back(id);
    for (ConnectionId id : ids)
        if (const auto it = m.connections.find(id); it != m.connections.end())
            m.step(it->second, {Event::shutdown}, now);
    m.closing = true;
}

void Keying::on_timer(Time now) {
    Impl& m = *impl_;
    m.forget_peers(now);
    while (!m.timers.empty() && m.timers.begin()->first <= now) m.fire(m.timers.begin()->second, now);
}

/// A peer whose pairs are gone is kept while its hint limit runs, no longer.
void Keying::Impl::forget_peers(Time now) {
    if (now - peers_swept < config.timers.liveness) return;
    peers_swept = now;
    std::erase_if(peers, [&](const auto& peer) {
        return peer.second.connections.empty() &&
               (!peer.second.hinted || now - *peer.second.hinted >= config.timers.liveness);
    });
}

Time Keying::next_deadline() const {
    return impl_->timers.empty() ? kNever : impl_->timers.begin()->first;
}

std::optional<Action> Keying::next_action() {
    if (impl_->actions.empty()) return std::nullopt;
    Action action = std::move(impl_->actions.front());
    impl_->actions.pop_front();
    return action;
}

// ---- views ---------------------------------------------------------------------

ConnectionStatus Keying::Impl::status_of(const Connection& c, bool whole) const {
    ConnectionStatus s;
    s.pair = c.pair;
    s.state = to_text(c.state);
    s.policy = c.policy;
    s.class_kind = c.match.kind;
    s.reason = static_cast<std::uint16_t>(c.reason);
    s.reason_text = to_text(c.reason);
    s.verdict = c.verdict;
    s.child = c.current;
    s.created = c.created;
    s.next_look = std::min({c.lifespan_at, c.look_at, c.hold_at});
    s.num_children = static_cast<unsigned>(c.children.size());
    s.final_packets = c.final_packets;
    for (const Child& child : c.children)
        if (c.current == child.info.child) s.gateway = child.info.remote;
    if (!s.gateway && c.candidate() != nullptr) s.gateway = c.candidate()->gateway;
    if (!whole) return s;
    s.story.assign(c.story.begin(), c.story.end());
    s.answer = c.answer;
    for (std::size_t i = 0; i < c.candidates.size(); ++i) {
        const auto& g = c.candidates[i];
        const std::string fate = !c.fates[i].empty() ? c.fates[i]
                                 : i != c.at         ? "not tried"
                                 : c.exchange        ? "being tried"
                                 : c.asking_key      ? "its key is looked up"
                                 : s.child           ? "keyed"
                                                     : "chosen";
        s.gateways.push_back(g.gateway.text() + " (precedence " + std::to_string(g.precedence) +
                             "): " + fate);
    }
    return s;
}

std::optional<ConnectionStatus> Keying::find(const Pair& pair) const {
    const Connection* c = impl_->of_pair(pair);
    return c == nullptr ? std::nullopt : std::optional(impl_->status_of(*c, true));
}

std::vector<ConnectionStatus> Keying::connections() const {
    std::vector<ConnectionStatus> all;
    all.reserve(impl_->connections.size());
    for (const auto& [pair, id] : impl_->by_pair)
        all.push_back(impl_->status_of(impl_->connections.at(id), false));
    return all;
}

Counters Keying::counters() const {
    Counters c = impl_->counts;
    c.connections = impl_->connections.size();
    c.pending = impl_->num_pending;
    c.offers = impl_->offers.size();
    for (const auto& [id, connection] : impl_->connections) {
        const State s = connection.state;
        if (s == State::keyed || s == State::expiring_keyed) ++c.keyed;
        if (s == State::deny || s == State::expiring_deny) ++c.denied;
        if (s != State::clear_text && s != State::expiring_clear) continue;
        ++c.clear_text;
        if (connection.match.kind == ClassKind::oe_permissive) ++c.clear_fallbacks;
    }
    return c;
}

}  // namespace oegate::keying
