// The public side: what workers, engine, operator and clock say, as events for the
// rows. answers.cpp has what DNS says, offers.cpp what strangers ask.
#include "keying/machine.hpp"

namespace oegate::keying {
namespace {

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
        case ike::ChildGone::Reason::lost_by_peer:
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

Keying::Keying(const config::Config& config, const Realm& realm, std::function<std::int64_t()> wall_seconds)
    : impl_(std::make_unique<Impl>(config, realm, std::move(wall_seconds))) {}
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
    const bool full = m.is_full(miss.pair.source);
    Connection& fresh = m.create(miss.pair, now);
    Step s{Event::request};
    s.detail = "class " + std::string(to_text(fresh.match.kind)) +
               (fresh.match.prefix ? " of " + fresh.match.prefix->text() : " by default") +
               (fresh.match.source ? " from " + fresh.match.source->text() : "");
    if (full) s.facts = kFull;
    const ConnectionId id = fresh.id;
    if (!m.step(fresh, s, now)) m.erase(id);
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
    if (event == Event::silence || event == Event::too_many)
        c.lifespan = std::min(c.lifespan, m.config.timers.short_failure);
    const std::string gateway = c.candidate() ? c.candidate()->gateway.text() : std::string();
    std::string detail = gateway.empty() || failed.detail.starts_with(gateway)
                             ? failed.detail
                             : gateway + ": " + failed.detail;
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
    if (const auto it = m.authorized.find(child.child); it != m.authorized.end())
        info.verdict = weakest(info.verdict, it->second.verdict);
    m.adopt(info, now);
    m.authorized.erase(child.child);
}

/// A rekey was never authorized itself: it has the verdict of what it replaces, and stands
/// in for what still serves. It brings nothing back that was closed while it was made.
bool Keying::Impl::succeeds(const Connection* c, NewChild& info) const {
    if (c == nullptr) return false;
    bool serves = info.initiator && (is_pending(c->state) || c->current);
    for (const Child& former : c->children) {
        if (former.info.child != info.replaces && former.info.replaces != info.replaces) continue;
        info.verdict = weakest(info.verdict, former.info.verdict);
        serves = serves || (!former.lost && !former.deleting);
    }
    return serves;
}

/// An SA pair that both sides have agreed on finds its connection.
void Keying::Impl::adopt(NewChild& info, Time now) {
    Connection* c = of_pair(info.pair);
    if (info.replaces && !succeeds(c, info)) {
        actions.push_back(DeleteChild{info.child});
        return;
    }
    if (c == nullptr) {
        if (is_full(info.pair.source)) {
            ++counts.stories[static_cast<std::size_t>(Story::n_full)];
            actions.push_back(DeleteChild{info.child});
            return;
        }
        c = &create(info.pair, now);
    }
    if (c->child(info.child) != nullptr) return;
    // Two may have been authorized at once, or a peer came before our own exchange ended: the
    // stronger one was here first.
    if (held_stronger(info.pair, info.verdict, info.key)) {
        ++counts.stories[static_cast<std::size_t>(Story::r_weaker)];
        actions.push_back(DeleteChild{info.child});
        return;
    }
    Step s{Event::child_installed, "gateway " + info.remote.text() + ", identity " + info.peer.text()};
    if (const auto it = authorized.find(info.child); it != authorized.end())
        s.detail += ", let in by " + std::string(to_text(it->second.by));
    s.new_child = &info;
    step(*c, std::move(s), now);
}

void Keying::on_child_gone(const ike::ChildGone& gone, Time now) {
    Impl& m = *impl_;
    m.authorized.erase(gone.child);
    const char* why = gone.reason == ike::ChildGone::Reason::lost_by_peer
                          ? "the peer says that it has this SA pair no more (INVALID_SPI)"
                          : "";
    if (Connection* c = m.of_child(gone.child)) m.step(*c, {event_of(gone.reason), why, gone.child}, now);
}

void Keying::on_rekey_failed(ike::ChildId child, Time now) {
    if (Connection* c = impl_->of_child(child)) impl_->step(*c, {Event::rekey_failed, "", child}, now);
}

void Keying::on_ike_rekeyed(const ike::IkeRekeyed& rekeyed, Time now) {
    Impl& m = *impl_;
    const auto peer = m.peers.find(rekeyed.remote);
    if (peer == m.peers.end()) return;
    // The peer decides how often it rekeys and how short its TTLs are.
    const std::optional<Time> looked = peer->second.looked;
    if (looked && now - *looked < m.config.timers.requery) return;
    const std::set<ConnectionId> behind = peer->second.connections;
    for (const ConnectionId id : behind) {
        Connection& c = m.connections.at(id);
        const Child* child = c.current ? c.child(*c.current) : nullptr;
        if (child == nullptr || child->info.channel != rekeyed.sa || c.state != State::keyed ||
            c.answer_until > now)
            continue;
        m.peers.at(rekeyed.remote).looked = now;
        m.step(c, {Event::ike_rekeyed, "channel with " + rekeyed.peer.text()}, now);
    }
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
    if (m.is_silent(*c, report, now)) {
        const ConnectionId id = c->id;
        m.hint(*c, "something is sent, and nothing comes back", now);
        if (!m.connections.contains(id)) return;
    }
    if (!is_expiring(c->state) || c->requerying) return;  // answered twice
    const auto within = static_cast<std::uint64_t>(m.config.timers.used_within.count());
    Step s{Event::used_report};
    if (report.outbound_age_ns <= within || report.inbound_age_ns <= within) s.facts = kUsed;
    c->ask_at = kNever;
    m.step(*c, std::move(s), now);
}

void Keying::on_peer_hint(const Address& remote, Time now, std::string_view what) {
    Impl& m = *impl_;
    const auto it = m.peers.find(remote);
    if (it == m.peers.end() || it->second.connections.empty()) return;
    m.hint(m.connections.at(*it->second.connections.begin()), std::string(what) + " " + remote.text(), now);
}

void Keying::on_clear_text(const Pair& pair, Time now) {
    Impl& m = *impl_;
    Connection* c = m.of_pair(pair);
    if (c != nullptr && c->current) m.hint(*c, "clear text from the peer's host", now);
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

Time Keying::next_deadline() const {
    return impl_->timers.empty() ? kNever : impl_->timers.begin()->first;
}

std::optional<Action> Keying::next_action() {
    if (impl_->actions.empty()) return std::nullopt;
    Action action = std::move(impl_->actions.front());
    impl_->actions.pop_front();
    return action;
}

}  // namespace oegate::keying
