// Stickiness (config::Sticky): a destination that was keyed with a secure verdict does
// not fall back to clear text for a while, so that switching DNS off is no way to
// switch encryption off. Only a secure denial of existence or the operator releases it.
#include "keying/machine.hpp"

namespace oegate::keying {

std::int64_t Keying::Impl::wall(Time now) const {
    return wall_seconds ? wall_seconds()
                        : std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
}

/// Classes other than oe-permissive say themselves what a failure means.
bool Keying::Impl::is_sticky(const Connection& c, Time now) const {
    if (!config.sticky.enabled || c.match.kind != ClassKind::oe_permissive) return false;
    const auto it = sticky.find(c.pair.destination);
    if (it == sticky.end() || it->second.times < config.sticky.after) return false;
    const auto lasts = std::chrono::duration_cast<std::chrono::seconds>(config.sticky.lasts).count();
    return wall(now) - it->second.last < lasts;
}

void Keying::Impl::put_sticky(const StickyEntry& entry) {
    if (const auto it = sticky.find(entry.destination); it != sticky.end())
        sticky_age.erase({it->second.last, entry.destination});
    sticky[entry.destination] = entry;
    sticky_age.insert({entry.last, entry.destination});
}

/// Once for each keying that DNS had to vouch for: not for rekeys.
void Keying::Impl::remember_sticky(const Connection& c, const NewChild& added, Time now) {
    if (!config.sticky.enabled || added.verdict != Verdict::secure || added.replaces ||
        c.match.kind == ClassKind::configured)
        return;
    const auto lasts = std::chrono::duration_cast<std::chrono::seconds>(config.sticky.lasts).count();
    StickyEntry entry{c.pair.destination, 0, wall(now)};
    if (const auto it = sticky.find(entry.destination); it != sticky.end()) {
        if (entry.last - it->second.last < lasts) entry.times = it->second.times;
    } else if (sticky.size() >= config.sticky.entries) {
        // A peer keys as many hosts as it likes: that pushes nobody else's out.
        if (!added.initiator) return;
        ++counts.sticky_ousted;
        forget_sticky(sticky_age.begin()->second);
    }
    if (entry.times < config.sticky.after) ++entry.times;
    put_sticky(entry);
    actions.push_back(RememberSticky{entry});
    if (entry.times >= config.sticky.after) bind_sticky(entry.destination, now);
}

/// Pairs of that destination which failed before it was so: clear text ends for them. Also
/// where it only goes on until DNS is asked again, or until outbound moves (r.install).
void Keying::Impl::bind_sticky(const Address& destination, Time now) {
    std::vector<ConnectionId> failed;
    for (auto it = by_far_host.lower_bound({destination, 0});
         it != by_far_host.end() && it->first == destination; ++it) {
        const Connection& c = connections.at(it->second);
        if (c.policy == FlowState::pass && is_sticky(c, now)) failed.push_back(c.id);
    }
    for (const ConnectionId id : failed)
        step(connections.at(id), {Event::sticky, "this destination was encrypted often enough"}, now);
}

void Keying::Impl::mark_sticky(Connection& c, const Row& row, Time now) {
    // In the clear until now: its destination can be keyed, so it is looked at soon.
    if (row.to == To::deny) c.lifespan_at = now + config.timers.least_failure;
    c.ask_at = kNever;
    set_policy(c, FlowState::deny, row.story);
}

/// Bounded: outbound moves in a second, or what is sought ends with the hold timer.
void Keying::Impl::hold_sticky(Connection& c) {
    c.held_until = c.hold_at;
    set_policy(c, FlowState::hold, c.reason);
}

/// By value: the caller may name an entry of what changes here.
bool Keying::Impl::forget_sticky(Address destination) {
    const auto it = sticky.find(destination);
    if (it == sticky.end()) return false;
    sticky_age.erase({it->second.last, destination});
    sticky.erase(it);
    actions.push_back(ForgetSticky{destination});
    return true;
}

// ---- the public side -----------------------------------------------------------

void Keying::restore_sticky(const StickyEntry& entry, Time now) {
    Impl& m = *impl_;
    const auto lasts = std::chrono::duration_cast<std::chrono::seconds>(m.config.sticky.lasts).count();
    const bool over = m.wall(now) - entry.last >= lasts || m.sticky.size() >= m.config.sticky.entries;
    if (!m.config.sticky.enabled || over) {
        m.actions.push_back(ForgetSticky{entry.destination});
        return;
    }
    // Written under a clock that was ahead: it must not last until that day.
    m.put_sticky({entry.destination, entry.times, std::min(entry.last, m.wall(now))});
}

bool Keying::sticky_clear(const Address& destination, Time now) {
    Impl& m = *impl_;
    if (!m.forget_sticky(destination)) return false;
    // Pairs that it denies are judged anew when their next datagram arrives.
    std::vector<ConnectionId> denied;
    for (const auto& [id, c] : m.connections)
        if (c.pair.destination == destination && c.reason == Story::f_sticky) denied.push_back(id);
    for (const ConnectionId id : denied)
        if (const auto it = m.connections.find(id); it != m.connections.end())
            m.step(it->second, {Event::clear, "no longer sticky"}, now);
    return true;
}

std::vector<StickyEntry> Keying::sticky() const {
    std::vector<StickyEntry> all;
    for (const auto& [last, destination] : impl_->sticky_age) all.push_back(impl_->sticky.at(destination));
    return all;
}

}  // namespace oegate::keying
