// What an operator may see of connections: no side effects.
#include "keying/machine.hpp"

namespace oegate::keying {

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
    for (StoryLine& line : s.story)
        if (line.times > 1)
            line.text += (line.text.empty() ? "" : "; ") + std::to_string(line.times) + " times in " +
                         std::to_string((line.last - line.at) / 1s) + " s";
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
    c.rows = impl_->row_counts;
    c.sticky = impl_->sticky.size();
    c.connections = impl_->connections.size();
    c.pending = impl_->num_pending;
    c.offers = impl_->offers.size();
    for (const auto& [source, count] : impl_->pending_by_source)
        c.pending_most = std::max<std::uint64_t>(c.pending_most, count);
    for (const auto& [source, count] : impl_->offers_by_source)
        c.offers_most = std::max<std::uint64_t>(c.offers_most, count);
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
