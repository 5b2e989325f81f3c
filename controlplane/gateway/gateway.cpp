// The public side: what happens is told to the part that it concerns, what must be done
// is handed out, and what an operator orders is passed on.
#include "gateway/gateway.hpp"

#include "gateway/compose.hpp"

namespace oegate::gateway {

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
            if (event.unknown_spi.spi == 0) {  // no SPI of ours: ICMP says that ours got nowhere
                m.keying.on_peer_hint(event.unknown_spi.remote, now, "ICMP: no way for ESP to");
                break;
            }
            m.engine.on_unknown_spi(event.unknown_spi.local, event.unknown_spi.remote, event.unknown_spi.spi,
                                    now);
            m.keying.on_peer_hint(event.unknown_spi.remote, now, "unknown SPI from");
            break;
        case Event::Kind::selector_mismatch:
            ++m.selector_mismatches;
            m.log(config::LogLevel::warning, true,
                  "decrypted datagram " + event.selector_mismatch.inner.text() + " does not belong to its SA",
                  {{"pair", event.selector_mismatch.inner.text()}}, "selectors");
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
std::vector<std::uint64_t> Gateway::row_counts() const {
    return impl_->keying.counters().rows;
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
