// What keying wants, carried to discovery, the engine, the workers, the store and the log.
#include "gateway/compose.hpp"

namespace oegate::gateway {

void Gateway::Impl::ask(ike::ConnectionId asker, discovery::LookupId lookup) {
    lookups[lookup] = asker;
    by_asker[asker] = lookup;
}

void Gateway::Impl::carry(const keying::LookUpDelegation& a, Time now) {
    ask(a.connection, discovery.look_up_delegation(a.owner, now, {a.on_behalf, a.fresh}));
}
void Gateway::Impl::carry(const keying::LookUpKeys& a, Time now) {
    ask(a.connection, discovery.look_up_keys(a.owner, now, {a.on_behalf, a.fresh}));
}
void Gateway::Impl::carry(const keying::AbandonLookup& a, Time) {
    const auto node = by_asker.extract(a.connection);
    if (!node) return;
    lookups.erase(node.mapped());
    discovery.abandon(node.mapped());
}
void Gateway::Impl::carry(const keying::StartExchange& a, Time now) {
    engine.initiate(a.request, now);
}
void Gateway::Impl::carry(const keying::ForgetExchange& a, Time) {
    engine.forget(a.connection);
}

void Gateway::Impl::carry(const keying::ApplyPolicy& a, Time now) {
    SetPolicy set;
    set.pair = a.pair;
    set.state = a.state;
    set.class_kind = a.class_kind;
    set.reason = a.reason;
    if (a.state == FlowState::encrypt) {
        const auto ref = a.child ? sa.use_outbound(*a.child, now) : std::nullopt;
        if (!ref) {
            ++no_slot;
            log(config::LogLevel::error, false, a.pair.text() + ": no outbound SA slot is left");
            if (a.child) engine.delete_child(*a.child, now);
            return;
        }
        set.outbound = *ref;
        set.grace_ms = static_cast<std::uint32_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(config.dataplane.clear_grace).count());
    }
    outbox.post(worker_of(a.pair), Command(set));
    sa.retire_outbound(a.pair, a.state == FlowState::encrypt ? a.child.value_or(0) : 0);
}

void Gateway::Impl::carry(const keying::DropPolicy& a, Time) {
    outbox.post(worker_of(a.pair), Command(RemovePolicy{a.pair}));
    sa.retire_outbound(a.pair);
}

void Gateway::Impl::carry(const keying::AskUse& a, Time) {
    QueryUse query;
    query.pair = a.pair;
    if (a.child) query.inbound = sa.inbound(*a.child).value_or(SaRef{});
    outbox.post(worker_of(a.pair), Command(query));
}

void Gateway::Impl::carry(const keying::RekeyChild& a, Time now) {
    engine.rekey_child(a.child, now);
}
void Gateway::Impl::carry(const keying::DeleteChild& a, Time now) {
    // Inbound stays until the engine says that the child is gone, or a while at most.
    sa.remove(a.child, true, now);
    engine.delete_child(a.child, now);
}
void Gateway::Impl::carry(const keying::CloseChannel& a, Time now) {
    engine.delete_ike_sa(a.channel, now);
}
void Gateway::Impl::carry(const keying::CheckLiveness& a, Time now) {
    engine.check_liveness(a.child, now);
}
void Gateway::Impl::carry(const keying::AnswerPeerKeys& a, Time now) {
    engine.peer_keys(a.sa, a.keys, a.verdict, now, a.configured);
}
void Gateway::Impl::carry(const keying::AnswerAuthorization& a, Time now) {
    engine.authorize(a.child, a.allowed, now);
}

// The store keeps these (docs/operating.md, what survives a restart).
void Gateway::Impl::carry(const keying::RememberSticky& a, Time) {
    keep(store::PutSticky{{a.entry.destination, a.entry.times, a.entry.last}});
}
void Gateway::Impl::carry(const keying::ForgetSticky& a, Time) {
    keep(store::RemoveSticky{a.destination});
}

void Gateway::Impl::carry(const keying::Transition& a, Time now) {
    const bool refused = a.row.empty();
    const config::LogLevel level = a.repeated                     ? config::LogLevel::debug
                                   : a.security                   ? config::LogLevel::warning
                                   : refused || !a.advice.empty() ? config::LogLevel::notice
                                   : a.from == a.to               ? config::LogLevel::debug
                                                                  : config::LogLevel::info;
    const std::string pair = a.pair == Pair{} ? "offer" : a.pair.text();
    show_transition(a, now);
    log(level, a.security,
        pair + ": " + a.from + " to " + a.to + (refused ? "" : ", " + a.row) +
            (a.detail.empty() ? "" : ": " + a.detail) +
            (a.advice.empty() ? "" : "; what to do: " + std::string(a.advice)),
        {{"pair", pair}, {"row", refused ? "none" : a.row}}, refused ? "no row" : a.row);
}

}  // namespace oegate::gateway
