// The SA pairs of a connection: which one outbound traffic uses, which crossed ones
// survive, and what happens when one goes. Called by what rows do (runs.cpp).
#include "keying/machine.hpp"

namespace oegate::keying {

Child& Keying::Impl::add_child(Connection& c, const NewChild& info, Time now) {
    by_child[info.child] = c.id;
    Child child;
    child.info = info;
    child.installed = now;
    const auto let_in = authorized.find(info.child);
    child.undelegated = let_in != authorized.end() && let_in->second.by == Story::r_own_source;
    if (const Child* former = info.replaces ? c.child(*info.replaces) : nullptr)
        child.undelegated = former->undelegated;
    if (c.watch_at == kNever) c.watch_at = now + config.timers.liveness;
    c.children.push_back(std::move(child));
    return c.children.back();
}

/// The first SA pair of a keying. One that served while the pair was keyed anew gives
/// way as soon as outbound traffic has moved.
void Keying::Impl::adopt_first(Connection& c, const NewChild& info, Story reason, Time now) {
    stop_seeking(c);
    c.dead.reset();
    if (!c.encrypting()) forget_children(c);
    for (Child& old : c.children) {
        old.lost = old.close = true;
        old.move_at = kNever;
    }
    c.rekeying = false;
    c.lifespan_at = c.ask_at = c.close_at = kNever;
    c.look_at = now + config.timers.look_again_first;
    learn_delegation(c, info, now);
    Child& child = add_child(c, info, now);
    c.verdict = info.verdict;
    if (child.info.initiator)
        move_to(c, child.info.child, reason);
    else
        child.move_at = now + config.timers.move_outbound, c.reason = reason;
    remember_sticky(c, info, now);
}

/// What DNS said when the peer was let in: looked at again when it is stale. A peer that
/// speaks for itself has no delegation: its key is looked at with the first look.
void Keying::Impl::learn_delegation(Connection& c, const NewChild& info, Time now) {
    if (c.match.kind == ClassKind::configured || info.replaces) return;
    if (info.initiator) {
        if (!c.answer) c.answer_until = now;  // an exchange that ended after its answer was given up
        return;
    }
    const auto it = authorized.find(info.child);
    if (it != authorized.end() && it->second.answer) {
        c.answer = std::move(it->second.answer);
        c.answer_until = it->second.until;
    } else {
        c.answer.reset();
        c.answer_until = now;
    }
}

void Keying::Impl::adopt_rekey(Connection& c, const NewChild& info, Story reason, Time now) {
    Child& child = add_child(c, info, now);
    if (!child.info.initiator) return;  // moves on first valid ESP, or on the old one's delete
    c.rekeying = false;
    move_to(c, child.info.child, reason);
}

/// RFC 7296 §2.8.1: of two SA pairs made by crossing exchanges, the one made with the
/// lowest of the four nonces is closed by the side that created it.
void Keying::Impl::settle_rivals(Connection& c, Child& added, Story reason, Time now) {
    Child* rival = nullptr;
    for (Child& other : c.children)
        if (&other != &added && other.can_serve()) {
            const bool same_rekey = added.info.replaces && other.info.replaces == added.info.replaces;
            // Only with the same peer: what another gateway made did not cross (k.second).
            if (same_rekey || (rival == nullptr && other.info.peer == added.info.peer &&
                               other.info.initiator != added.info.initiator))
                rival = &other;
        }
    if (rival == nullptr) return;
    Child& loser = added.info.lowest_nonce < rival->info.lowest_nonce ? added : *rival;
    Child& winner = &loser == &added ? *rival : added;
    loser.lost = true;
    loser.move_at = kNever;
    loser.close = loser.info.initiator;
    c.rekeying = false;
    // Crossed, or has the peer begun a new life and knows nothing of the winner?
    winner.probe_at = now + config.timers.gateway;
    // Its creator may have given it up before it was answered, and so not know of it: then we
    // close it, or its inbound SA would stay until it expires.
    if (!loser.close) loser.probe_at = winner.probe_at;
    if (c.current == winner.info.child) {
        sweep(c);
    } else if (winner.info.initiator) {
        move_to(c, winner.info.child, reason);
    } else {
        // The peer has our child for certain, its own only when its exchange ends: we
        // move there and close ours on its first valid ESP, not by the clock.
        winner.move_at = kNever;
        if (!c.current) move_to(c, loser.info.child, reason);
    }
}

/// r.identical, k.second: a later SA pair takes over once it is used.
void Keying::Impl::adopt_new(Connection& c, const Row& row, const NewChild& added, Time now) {
    if (row.story == Story::r_identical)
        for (Child& old : c.children) {
            old.lost = old.close = true;
            old.move_at = kNever;
        }
    learn_delegation(c, added, now);
    remember_sticky(c, added, now);
    Child& child = add_child(c, added, now);
    c.verdict = added.verdict;
    c.rekeying = false;
    c.reason = row.story;
    if (child.info.initiator)
        move_to(c, child.info.child, row.story);
    else
        child.move_at = now + config.timers.move_outbound;
}

void Keying::Impl::move_to(Connection& c, ike::ChildId id, Story reason) {
    Child* child = c.child(id);
    if (child == nullptr) return;
    leave_peer(c);
    if (Child* former = c.current && *c.current != id ? c.child(*c.current) : nullptr) former->spent = true;
    c.current = id;
    c.rekey_failed = false;
    child->move_at = kNever;
    peers[child->info.remote].connections.insert(c.id);
    set_policy(c, FlowState::encrypt, reason);
    if (child->info.initiator && child->info.replaces)  // the initiator of a rekey deletes (RFC 7296 §2.8)
        if (Child* old = c.child(*child->info.replaces)) {
            old->lost = old->close = true;
        }
    sweep(c);
}

/// Deletes what lost and is ours to close, as soon as no traffic of ours uses it.
void Keying::Impl::sweep(Connection& c) {
    for (Child& child : c.children)
        if (child.close && c.current != child.info.child) delete_child(child);
}

void Keying::Impl::delete_child(Child& child) {
    if (child.deleting) return;
    child.deleting = true;
    actions.push_back(DeleteChild{child.info.child});
}

void Keying::Impl::drop_child(Connection& c, ike::ChildId id) {
    if (Child* child = c.child(id)) delete_child(*child);  // harmless when the engine has forgotten it
    if (c.current == id) {
        leave_peer(c);
        c.current.reset();
    }
    std::erase_if(c.children, [&](const Child& x) { return x.info.child == id; });
    by_child.erase(id);
}

/// The child in use is gone, another one takes over (k.rekey-peer: the old one's delete).
void Keying::Impl::fall_back(Connection& c, const Step& s, Story reason) {
    const ike::ChildId gone = s.child;
    ike::ChildId best = 0;
    for (const Child& other : c.children)
        if (other.info.child != gone && other.can_serve()) best = other.info.child;
    move_to(c, best, reason);
    drop_child(c, gone);
}

/// gone: the engine has forgotten it already. What another gateway made (k.second) is not
/// gone with it, and that gateway would send to us until it expires.
void Keying::Impl::forget_children(Connection& c, ike::ChildId gone) {
    leave_peer(c);
    for (Child& child : c.children) {
        if (child.info.child != gone) delete_child(child);
        by_child.erase(child.info.child);
    }
    c.children.clear();
    c.current.reset();
    c.watch_at = kNever;
    c.rekeying = c.rekey_failed = false;
}

void Keying::Impl::leave_peer(Connection& c) {
    const Child* child = c.current ? c.child(*c.current) : nullptr;
    if (child == nullptr) return;
    const auto it = peers.find(child->info.remote);
    if (it == peers.end()) return;
    it->second.connections.erase(c.id);
    // A peer that was hinted at lately is kept, or leaving and coming would lift its limit.
    if (it->second.connections.empty() && !it->second.hinted) peers.erase(it);
}

}  // namespace oegate::keying
