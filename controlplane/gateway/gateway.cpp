// Connects the parts: every question of one becomes a call of another, and its
// answer comes back in pump(), never from inside the call that asked.
#include "gateway/gateway.hpp"

#include "discovery/validate/own.hpp"
#include "gateway/compose.hpp"

namespace oegate::gateway {
namespace {

ike::Settings settings_of(const config::Config& config, const keying::Realm& realm, bool key_log) {
    ike::Settings s;
    s.ike = config.ike;
    s.timers = config.timers;
    s.limits = config.limits;
    s.identities = realm.identities();
    s.key_log = key_log;
    return s;
}

/// Signatures cannot be judged without a clock: then discovery believes none.
std::unique_ptr<discovery::Validator> judge(const config::Config& config, const Options& options) {
    if (config.dns.validation != config::Validation::own || !options.wall_seconds) return {};
    return discovery::validate::make_validator(options.anchors, options.wall_seconds);
}

}  // namespace

Gateway::Impl::Impl(const config::Config& c, const ike::PrivateKey& key, Random& random,
                    ike::CryptoPool& below, const Options& options)
    : config(c),
      realm(c),
      outbox(options.num_workers),
      sa(c, options.seed, random, outbox),
      discovery(c.dns, random, options.wall_seconds, judge(c, options)),
      keying(c, realm, options.wall_seconds),
      pool(below, *this),
      engine(settings_of(c, realm, options.key_log), key, random, sa, pool),
      seed(options.seed),
      key_log_on(options.key_log),
      keep_state(options.keep_state),
      wall_seconds(options.wall_seconds) {
    remember_peers(options.stored.peers);
    for (const store::StickyRecord& s : options.stored.sticky)
        keying.restore_sticky({s.destination, s.times, s.last}, Time{});
}

void Gateway::Impl::Pool::submit(ike::Job job) {
    auto done = std::move(job.done);
    job.done = [this, done = std::move(done)](Time now) {
        done(now);
        impl_.pump(now);
    };
    below_.submit(std::move(job));
}

void Gateway::Impl::pump(Time now) {
    for (bool busy = true; busy;) {
        busy = false;
        while (auto done = discovery.next_completion()) {
            std::visit([&](auto& d) { carry(d, now); }, *done);
            busy = true;
        }
        while (auto event = engine.next_event()) {
            std::visit([&](auto& e) { carry(e, now); }, *event);
            busy = true;
        }
        while (auto child = sa.next_installed()) {
            if (auto node = installing.extract(*child)) {
                // keying first: what it makes of the child stands before the peer hears of it
                keying.on_child_installed(node.mapped(), now);
                engine.child_installed(*child, now);
            }
            busy = true;
        }
        busy |= obey(now);
    }
}

/// Does what keying wants. false: nothing.
bool Gateway::Impl::obey(Time now) {
    bool any = false;
    while (auto action = keying.next_action()) {
        std::visit([&](auto& a) { carry(a, now); }, *action);
        any = true;
    }
    return any;
}

void Gateway::Impl::log(config::LogLevel level, bool security, std::string text,
                        std::vector<std::pair<std::string, std::string>> fields) {
    if (logs.size() >= kMaxLogs) {
        ++logs_lost;
        return;
    }
    logs.push_back({level, security, std::move(text), std::move(fields)});
}

unsigned Gateway::Impl::worker_of(const Pair& pair) const {
    return owner(seed, pair.source, pair.destination, outbox.num_workers());
}

// ---- discovery → keying --------------------------------------------------------

void Gateway::Impl::ask(ike::ConnectionId asker, discovery::LookupId lookup) {
    lookups[lookup] = asker;
    by_asker[asker] = lookup;
}

void Gateway::Impl::carry(const discovery::DelegationDone& done, Time now) {
    const auto node = lookups.extract(done.lookup);
    if (!node) return;
    by_asker.erase(node.mapped());
    keying.on_delegation(node.mapped(), done.answer, now);
}

void Gateway::Impl::carry(const discovery::KeysDone& done, Time now) {
    if (greet(done, now)) return;
    const auto node = lookups.extract(done.lookup);
    if (!node) return;
    by_asker.erase(node.mapped());
    keying.on_keys(node.mapped(), done.answer, now);
}

// ---- engine → keying, sa, outside ----------------------------------------------

void Gateway::Impl::carry(ike::SendDatagram& e, Time) {
    datagrams.push_back(std::move(e));
}
void Gateway::Impl::carry(ike::WantPeerKeys& e, Time now) {
    keying.on_want_peer_keys(e, now);
}
void Gateway::Impl::carry(ike::WantAuthorization& e, Time now) {
    keying.on_want_authorization(e, now);
}

void Gateway::Impl::carry(ike::InstallChild& e, Time now) {
    const ike::ChildId id = e.child;
    const std::uint32_t spi = e.spi_in;
    installing[id] = {id,       e.sa,   e.connection, e.initiator, e.replaces,    e.pair,
                      e.remote, e.peer, e.peer_key,   e.verdict,   e.lowest_nonce};
    if (sa.install(e, now)) return;
    installing.erase(id);
    sa.release(spi);
    ++no_slot;
    log(config::LogLevel::error, false, "SA pair not installed: its SPI has no slot");
    engine.delete_child(id, now);
}

void Gateway::Impl::carry(ike::ChildGone& e, Time now) {
    installing.erase(e.child);
    const auto status = sa.find(e.child);
    keying.on_child_gone(e, now);
    obey(now);  // the pair's policy leaves the outbound SA before the SA goes
    if (!status) return;
    // Datagrams on their way may still come through an SA that was replaced.
    sa.remove(e.child, e.reason == ike::ChildGone::Reason::rekeyed || sa.has_other(status->pair, e.child),
              now);
}

void Gateway::Impl::carry(ike::InitiateFailed& e, Time now) {
    keying.on_initiate_failed(e, now);
}
void Gateway::Impl::carry(ike::RekeyFailed& e, Time now) {
    log(config::LogLevel::warning, false, "rekey failed: " + e.detail);
    keying.on_rekey_failed(e.child, now);
}

void Gateway::Impl::carry(ike::IkeRekeyed& e, Time now) {
    keying.on_ike_rekeyed(e, now);
}

void Gateway::Impl::carry(ike::Notice& e, Time) {
    const bool security = e.level == ike::Notice::Level::security;
    log(e.level == ike::Notice::Level::info ? config::LogLevel::info : config::LogLevel::warning, security,
        e.remote.address.text() + ": " + e.text, {{"peer", e.remote.address.text()}});
}

void Gateway::Impl::carry(ike::KeyLog& e, Time) {
    if (key_log_on) key_log.push_back(std::move(e.line));
}

// ---- keying → discovery, engine, workers ---------------------------------------

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
        {{"pair", pair},
         {"from", a.from},
         {"to", a.to},
         {"row", a.row},
         {"detail", a.detail},
         {"advice", std::string(a.advice)}});
}

// ---- the public side -----------------------------------------------------------

Gateway::Gateway(const config::Config& config, const ike::PrivateKey& key, Random& random,
                 ike::CryptoPool& pool, const Options& options)
    : impl_(std::make_unique<Impl>(config, key, random, pool, options)) {}
Gateway::~Gateway() = default;

void Gateway::on_event(const Event& event, Time now) {
    Impl& m = *impl_;
    const auto child = [&](Direction direction, SaRef ref) {
        auto found = m.sa.child_of(event.worker, direction, ref);
        if (!found) ++m.stale_events;
        return found;
    };
    switch (event.kind) {
        case Event::Kind::miss:
            m.keying.on_miss(event.miss, now);
            break;
        case Event::Kind::sa_expired:
            if (event.sa_expired.direction == Direction::inbound && !event.sa_expired.hard) break;
            if (const auto id = child(event.sa_expired.direction, event.sa_expired.ref))
                m.keying.on_sa_expired(*id, event.sa_expired.hard, now);
            break;
        case Event::Kind::first_esp:
            if (const auto id = child(Direction::inbound, event.first_esp.ref))
                m.keying.on_first_esp(*id, now);
            break;
        case Event::Kind::unknown_spi:
            m.keying.on_peer_hint(event.unknown_spi.remote, now);
            break;
        case Event::Kind::selector_mismatch:
            ++m.selector_mismatches;
            m.log(config::LogLevel::warning, true,
                  "decrypted datagram " + event.selector_mismatch.inner.text() + " does not belong to its SA",
                  {{"pair", event.selector_mismatch.inner.text()}});
            break;
        case Event::Kind::clear_text:
            m.keying.on_clear_text(event.clear_text.pair, now);
            break;
        case Event::Kind::use_report:
            m.keying.on_use_report(event.use_report, now);
            break;
        case Event::Kind::neighbour_wanted:
            break;  // route/ answers that
        case Event::Kind::path_mtu:
            if (m.sa.on_path_mtu(event.path_mtu, now) == sa::Sa::PathReport::lowered) {
                const std::uint16_t mtu = m.sa.path_mtu(event.path_mtu.local, event.path_mtu.remote);
                m.log(config::LogLevel::info, false,
                      "path to " + event.path_mtu.remote.text() + " takes " + std::to_string(mtu) +
                          " bytes, says " + event.path_mtu.reporter.text(),
                      {{"peer", event.path_mtu.remote.text()}, {"mtu", std::to_string(mtu)}});
            }
            break;
    }
    m.pump(now);
}

void Gateway::on_ike(const ike::Endpoint& local, const ike::Endpoint& remote, ByteView payload, Time now) {
    impl_->engine.on_datagram(local, remote, payload, now);
    impl_->pump(now);
}
void Gateway::on_dns(discovery::QueryId query, ByteView message, Time now) {
    impl_->discovery.on_message(query, message, now);
    impl_->pump(now);
}
void Gateway::on_dns_error(discovery::QueryId query, Time now) {
    impl_->discovery.on_transport_error(query, now);
    impl_->pump(now);
}
void Gateway::command_applied(unsigned worker, std::uint64_t sequence, Time now) {
    impl_->outbox.on_applied(worker, sequence);
    impl_->sa.on_applied(worker, now);
    impl_->pump(now);
}

void Gateway::on_timer(Time now) {
    impl_->discovery.on_timer(now);
    impl_->engine.on_timer(now);
    impl_->greet_some(now);
    impl_->pump(now);
    impl_->keying.on_timer(now);
    impl_->sa.on_timer(now);
    impl_->pump(now);
}

Time Gateway::next_deadline() const {
    return std::min({impl_->discovery.next_deadline(), impl_->engine.next_deadline(),
                     impl_->keying.next_deadline(), impl_->sa.next_deadline(),
                     impl_->greeter.next_deadline()});
}

void Gateway::set_key(const ike::PrivateKey& key) {
    impl_->engine.set_key(key);
}

void Gateway::shutdown(Time now) {
    impl_->greeter.stop();
    impl_->keying.shutdown(now);
    impl_->pump(now);
    impl_->engine.shutdown(now);
    impl_->pump(now);
}

std::optional<sa::WorkerCommand> Gateway::next_command() {
    return impl_->outbox.next();
}

namespace {

template <class T>
std::optional<T> pop(std::deque<T>& queue) {
    if (queue.empty()) return std::nullopt;
    T front = std::move(queue.front());
    queue.pop_front();
    return front;
}

}  // namespace

std::optional<ike::SendDatagram> Gateway::next_datagram() {
    return pop(impl_->datagrams);
}
std::optional<discovery::TransportAction> Gateway::next_dns() {
    return impl_->discovery.next_action();
}
std::optional<LogRecord> Gateway::next_log() {
    return pop(impl_->logs);
}
std::optional<std::string> Gateway::next_key_log() {
    return pop(impl_->key_log);
}
std::optional<store::Action> Gateway::next_store() {
    return pop(impl_->stores);
}
std::size_t Gateway::num_ike_sas() const {
    return impl_->engine.num_alive();
}
std::optional<TransitionView> Gateway::next_transition() {
    return pop(impl_->transitions);
}
void Gateway::set_monitored(bool on) {
    impl_->is_monitored = on;
}
std::uint64_t Gateway::post(unsigned worker, const Command& command) {
    return impl_->outbox.post(worker, command);
}

bool Gateway::flow_clear(const Pair& pair, Time now) {
    const bool done = impl_->keying.clear(pair, now);
    impl_->pump(now);
    return done;
}

bool Gateway::sticky_clear(const Address& destination, Time now) {
    const bool done = impl_->keying.sticky_clear(destination, now);
    impl_->pump(now);
    return done;
}

bool Gateway::tunnel_rekey(const Pair& pair, Time now) {
    const auto status = impl_->keying.find(pair);
    if (!status || !status->child) return false;
    impl_->keying.on_sa_expired(*status->child, false, now);
    impl_->pump(now);
    return true;
}

bool Gateway::tunnel_delete(const Pair& pair, Time now) {
    const auto status = impl_->keying.find(pair);
    return status && status->num_children > 0 && flow_clear(pair, now);
}

}  // namespace oegate::gateway
