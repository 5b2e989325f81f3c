// Instances, and step(): the one function that changes the state of a connection,
// from the facts that it finds; and the timers that call it.
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

/// may_clear: a failure may be clear text.
State resolve(To to, const Connection& c, bool may_clear) {
    switch (to) {
        case To::same:
            return c.state;
        case To::fail:
            return may_clear ? State::clear_text : State::deny;
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

/// Rows that an instance may run time after time while nothing changes.
bool is_routine(Story s) {
    switch (s) {
        case Story::n_reapply:
        case Story::f_look:
        case Story::f_defer:
        case Story::k_hint:
        case Story::l_look:
        case Story::l_ask:
        case Story::l_used:
        case Story::l_stale:
        case Story::l_same:
        case Story::l_bad:
            return true;
        default:
            return false;
    }
}

}  // namespace

Child* Connection::child(ike::ChildId wanted) {
    const auto it = std::ranges::find_if(children, [&](const Child& x) { return x.info.child == wanted; });
    return it == children.end() ? nullptr : &*it;
}

const Child* Connection::child(ike::ChildId wanted) const {
    return const_cast<Connection*>(this)->child(wanted);
}

// ---- instances -----------------------------------------------------------------

Connection& Keying::Impl::create(const Pair& pair, Time now) {
    Connection c;
    c.id = next_id++;
    c.pair = pair;
    c.match = realm.class_of(pair);
    c.created = now;
    by_pair[pair] = c.id;
    by_far_host.insert({pair.destination, c.id});
    ++by_source[pair.source];
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
    by_far_host.erase({c.pair.destination, id});
    if (const auto source = by_source.find(c.pair.source); --source->second == 0) by_source.erase(source);
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
    return num_pending >= config.limits.pending_total || has_its_share(source);
}

/// Of limits.pending-per-source.
bool Keying::Impl::has_its_share(const Address& source) const {
    const auto it = pending_by_source.find(source);
    return it != pending_by_source.end() && it->second >= config.limits.pending_per_source;
}

/// No room for one more pair of this host. The last quarter is for who has few, so that a
/// host that scans, or answers to forged sources, does not send the others past keying.
bool Keying::Impl::is_full(const Address& source) const {
    const std::size_t bound = config.limits.connections;
    const std::size_t last = bound / 4;
    if (connections.size() >= bound) return true;
    if (connections.size() < bound - last) return false;
    const auto it = by_source.find(source);
    return it != by_source.end() && it->second >= last / (by_source.size() + 1);
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
    set(kStale, now >= c.answer_until);
    set(kReauth, c.reauth);
    set(kAsking, c.requerying);
    set(kEncrypting, c.policy == FlowState::encrypt);
    const ClassGroup group = group_of(c.match.kind);
    set(kInitiates, group == ClassGroup::oe || group == ClassGroup::configured);
    set(kRekeying, c.rekeying);
    set(kRekeyFailed, c.rekey_failed);
    if (const NewChild* n = s.new_child) {
        set(kInitiator, n->initiator);
        // A rekey of a child that is gone meanwhile is an SA pair like any other.
        const bool rekey = n->replaces && std::ranges::any_of(c.children, [&](const Child& x) {
                               return x.info.child == *n->replaces || x.info.replaces == n->replaces;
                           });
        set(kRekey, rekey);
        for (const Child& rival : c.children) {
            if (rival.lost || rival.deleting) continue;
            if (rekey) set(kCollide, rival.info.replaces == n->replaces && rival.can_serve());
            // Exchanges crossed when each side started one at about the same time;
            // a peer that comes back later has forgotten the former (r.identical).
            else
                set(kCollide, rival.info.initiator != n->initiator && rival.info.peer == n->peer &&
                                  rival.can_serve() && !rival.info.replaces &&
                                  now - rival.installed < config.timers.hold);
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
    const bool clear = c.match.kind == ClassKind::oe_permissive && !c.tainted;
    c.stuck = row->to == To::fail && clear && is_sticky(c, now);
    c.state = resolve(row->to, c, clear && !c.stuck);
    if (is_pending(from) != is_pending(c.state)) {
        num_pending += is_pending(c.state) ? 1 : std::size_t(-1);
        unsigned& of_source = pending_by_source[c.pair.source];
        of_source += is_pending(c.state) ? 1 : unsigned(-1);
        if (of_source == 0) pending_by_source.erase(c.pair.source);
    }
    count(*row);
    if ((row->story == Story::n_limit || row->story == Story::f_defer) && has_its_share(c.pair.source))
        ++counts.pending_over_share;
    if (from != c.state || row->run != Run::nothing) {
        tell(c, row->story, s.detail, now);
        const Child* child = c.current ? c.child(*c.current) : nullptr;
        const std::optional<Address> gateway = s.new_child != nullptr ? std::optional(s.new_child->remote)
                                               : c.candidate() != nullptr
                                                   ? std::optional(c.candidate()->gateway)
                                               : child != nullptr ? std::optional(child->info.remote)
                                                                  : std::nullopt;
        say(c.pair, from, c.state, *row, s.detail, gateway ? gateway : c.pair.source, now);
    }
    const ConnectionId id = c.id;
    run(c, *row, s, now);
    if (const auto it = connections.find(id); it != connections.end()) rearm(it->second);
    return true;
}

/// What is done again and again is told once, and how often; or it would push the rest of
/// the story out.
void Keying::Impl::tell(Connection& c, Story row, const std::string& text, Time now) {
    for (auto line = c.story.rbegin(); line != c.story.rend() && is_routine(story_of(line->row)); ++line)
        if (line->row == to_text(row) && line->text == text) {
            ++line->times;
            line->last = now;
            return;
        }
    c.story.push_back({now, std::string(to_text(row)), text, 1, now});
    if (c.story.size() > kMaxStory) c.story.pop_front();
}

void Keying::Impl::count(const Row& row) {
    ++counts.stories[static_cast<std::size_t>(row.story)];
    ++row_counts[static_cast<std::size_t>(&row - rows().data())];
}

/// common: what the pairs share that may do the same in great numbers: their gateway,
/// or their source.
void Keying::Impl::say(const Pair& pair, State from, State to, const Row& row, const std::string& detail,
                       const std::optional<Address>& common, Time now) {
    Transition t{pair,
                 std::string(to_text(from)),
                 std::string(to_text(to)),
                 std::string(to_text(row.story)),
                 detail,
                 row.security};
    const bool fails = row.run != Run::allow && row.run != Run::give_keys && row.run != Run::start_exchange &&
                       row.run != Run::start_lookup;
    if (fails) t.advice = advice(row.story);
    t.repeated = !t.advice.empty() && common && is_repeated(*common, row.story, now);
    actions.push_back(std::move(t));
}

bool Keying::Impl::is_repeated(const Address& common, Story story, Time now) {
    const Duration window = config.timers.liveness;
    if (bursts.size() >= kMaxBursts && now - bursts_swept >= 1s) {
        bursts_swept = now;
        std::erase_if(bursts, [&](const auto& b) { return now - b.second.since >= window; });
    }
    if (bursts.size() >= kMaxBursts) return false;
    Burst& burst = bursts.try_emplace({common, story}, Burst{now}).first->second;
    if (now - burst.since >= window) burst = {now};
    if (burst.said < kSaidOften) {
        ++burst.said;
        return false;
    }
    ++counts.repeated;
    return true;
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
    if (!c.children.empty()) next = std::min(next, c.watch_at);
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
    timer(&Connection::late_at, Event::late_timer, "the late exchange took too long");
    timer(&Connection::ask_at, Event::ask_timer, "");
    timer(&Connection::close_at, Event::close_timer, "");
    if (const auto it = get(); it != connections.end() && !is_expiring(it->second.state)) {
        Connection& c = it->second;
        if (c.lifespan_at <= now) {  // kept: an expiring state asks whether it is over
            if (!step(c, {Event::lifespan_timer}, now)) c.lifespan_at = kNever;
        } else if (c.look_at <= now) {
            c.look_at = kNever;
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
    if (const auto it = get(); it != connections.end() && it->second.watch_at <= now) watch(it->second, now);
    if (const auto it = get(); it != connections.end()) rearm(it->second);
}

/// A gateway that died is not noticed by those who only send. The worker is asked now and
/// then; its answer may be a hint, and changes nothing else (RFC 7296 §2.4: liveness is
/// checked when something was sent and nothing has come for a while).
void Keying::Impl::watch(Connection& c, Time now) {
    c.watch_at = c.children.empty() ? kNever : now + config.timers.liveness;
    if (c.current && c.ask_at == kNever) actions.push_back(AskUse{c.pair, c.current});
}

bool Keying::Impl::is_silent(const Connection& c, const UseReport& report, Time now) const {
    const Child* child = c.current ? c.child(*c.current) : nullptr;
    const auto patience = static_cast<std::uint64_t>(config.timers.liveness.count());
    return child != nullptr && now - child->installed >= config.timers.liveness &&
           report.outbound_age_ns < patience && report.inbound_age_ns >= patience;
}

/// k.hint, at most one a peer in the liveness interval.
void Keying::Impl::hint(Connection& c, std::string detail, Time now) {
    Peer& peer = peers[c.child(*c.current)->info.remote];
    if (peer.hinted && now - *peer.hinted < config.timers.liveness) return;
    peer.hinted = now;
    step(c, {Event::hint, std::move(detail)}, now);
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

}  // namespace oegate::keying
