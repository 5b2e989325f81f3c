// What is watched from outside of the gateways, after every event: clear text that the plan
// forbids, bounds, and datagrams that are encrypted for nobody.
#include <algorithm>
#include <cstdio>

#include "keying/rows.hpp"
#include "node.hpp"

namespace oegate::sim {
namespace {

/// A child that only one end has lasts until somebody notices (k.hint, INVALID_SPI), never to its expiry.
constexpr Duration kHole = 100s;
/// Who sends nothing for so long has stopped, and begins anew.
constexpr Duration kPause = 20s;
/// Events between two looks at the bounds, at least.
constexpr std::uint64_t kLooks = 8;

}  // namespace

void World::check_clear(unsigned from, const Pair& pair) {
    Node& n = *nodes_[from];
    const ClassKind kind = n.realm->class_of(pair).kind;
    if (kind != ClassKind::oe_permissive && kind != ClassKind::always_clear_text &&
        kind != ClassKind::oe_accept_only)
        violate(Invariant::clear, n.config.name + ": clear text of a pair whose class is " +
                                      std::string(to_text(kind)) + ", " + pair.text());
    if (may_clear && !may_clear(from, pair))
        violate(Invariant::clear,
                n.config.name + ": clear text of a pair that the plan never allows it, " + pair.text());
    if (!n.idle_rings()) return;  // the worker has not heard yet
    const auto explained = n.gateway->explain(pair, clock.now());
    if (explained.tunnel && explained.tunnel->in_use)
        violate(Invariant::clear, n.config.name + ": clear text of a keyed pair " + pair.text());
    check_sticky(from, pair);
}

/// A destination that was keyed often enough is not spoken to in the clear.
void World::check_sticky(unsigned from, const Pair& pair) {
    Node& n = *nodes_[from];
    if (!n.config.sticky.enabled || n.realm->class_of(pair).kind != ClassKind::oe_permissive) return;
    for (const gateway::StickyView& s : n.gateway->sticky())
        if (s.binds && s.destination == pair.destination && wall(from) - s.last < n.config.sticky.lasts / 1s)
            violate(Invariant::clear, n.config.name + ": clear text of a sticky destination, " + pair.text());
}

/// But for two that are no walls. Pairs that were keyed and lost it are pending beyond the
/// bound, which stops new ones; half-open IKE SAs beyond theirs had a cookie, and the bound
/// of those is a row of its own. A look walks through the tables: the fuller, the fewer.
void World::check_limits(unsigned i) {
    Node& n = *nodes_[i];
    std::uint64_t in_use = 0;
    for (const gateway::LimitView& limit : n.gateway->limits()) {
        in_use += limit.use.value_or(0);
        if (limit.use && *limit.use > limit.bound && !limit.name.starts_with("limits.pending") &&
            !limit.name.starts_with("ike.half-open"))
            violate(Invariant::bounded, n.config.name + ": " + std::string(limit.name) + " is " +
                                            std::to_string(limit.bound) + ", in use are " +
                                            std::to_string(*limit.use));
    }
    n.limits_at = n.events + std::max(kLooks, in_use);
}

/// Each encrypted datagram that arrives somewhere, and is opened there or not.
void World::check_opened(const Esp& esp, bool opened) {
    if (esp.forged) return;
    if (opened || !is_calm()) {
        holes_.erase(esp.pair);
        return;
    }
    const Time now = clock.now();
    Hole& hole = holes_.try_emplace(esp.pair, Hole{now, now}).first->second;
    if (now - hole.last > kPause) hole.since = now;
    hole.last = now;
    if (now - std::max(hole.since, calm_since_) <= kHole) return;
    violate(Invariant::agreed, "what is encrypted for " + esp.pair.text() + " is opened by nobody, since " +
                                   std::to_string((now - hole.since) / 1s) + " s");
    holes_.erase(esp.pair);
}

bool World::is_calm() const {
    return weather.loss_percent == 0 &&
           std::ranges::none_of(cut_, [](const auto& row) { return std::ranges::find(row, 1) != row.end(); });
}

void World::check() {
    if (!is_calm()) calm_since_ = clock.now();
    if (zone.misleads())
        for (const auto& node : nodes_)
            if (node->up) node->worker->may_deny_permissive();
    for (unsigned i = 0; i < nodes_.size(); ++i) {
        Node& n = *nodes_[i];
        if (!n.touched || !n.up) continue;
        n.touched = false;
        n.worker->check(clock.now(), !n.idle_rings(), calm_since_);
        // Whatever is beyond its bound stays so for more than a few events.
        if (++n.events >= n.limits_at) check_limits(i);
    }
}

std::vector<std::uint64_t> World::rows() const {
    std::vector<std::uint64_t> all = rows_;
    all.resize(keying::rows().size());
    for (const auto& node : nodes_)
        if (node->up) {
            const auto mine = node->gateway->row_counts();
            for (std::size_t i = 0; i < all.size(); ++i) all[i] += mine[i];
        }
    return all;
}

void World::violate(Invariant invariant, const std::string& what) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f ", std::chrono::duration<double>(clock.now() - Time{1h}).count());
    if (violations_.size() < 20) violations_.push_back(text + std::string(to_text(invariant)) + ": " + what);
    if (verbose_) tell("BROKEN " + std::string(to_text(invariant)) + ": " + what);
}

}  // namespace oegate::sim
