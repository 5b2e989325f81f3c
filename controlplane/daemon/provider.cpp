// What `show`, `explain` and the operator's orders get from the daemon.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "daemon/daemon.hpp"
#include "ike/crypto/rsa.hpp"
#include "manage/dataplane_limits.hpp"

namespace oegate::daemon {

std::vector<manage::NeighbourView> Daemon::neighbours() const {
    std::vector<manage::NeighbourView> all;
    for (const route::NeighbourStatus& n : neighbours_.status(loop::monotonic_now()))
        all.push_back(
            {parts_.config.interfaces[n.interface].name, n.address, n.mac, std::string(n.state), n.age});
    return all;
}

gateway::StatusView Daemon::status() const {
    gateway::StatusView view = gateway_.status();
    if (bridge_.num_transmits_lost() > 0)
        view.alarms.push_back("workers do not keep up with control's datagrams: " +
                              std::to_string(bridge_.num_transmits_lost()) + " lost");
    if (!stored_.alarm.empty()) view.alarms.push_back(stored_.alarm);
    if (const std::string trouble = writer_ ? writer_->trouble() : std::string(); !trouble.empty())
        view.alarms.push_back("state is not kept: " + trouble);
    const std::vector<WorkerStatus> all = workers();
    for (std::size_t i = 0; i < all.size(); ++i)
        if (all[i].stalled_ns != 0)
            view.alarms.push_back(fmt::format("worker {} (lcore {}) has made no turn for {:.1f} s", i,
                                              all[i].lcore, static_cast<double>(all[i].stalled_ns) * 1e-9));
    return view;
}

std::vector<WorkerStatus> Daemon::workers() const {
    std::vector<WorkerStatus> all = parts_.observer.workers();
    const Time now = loop::monotonic_now();
    for (unsigned i = 0; i < all.size(); ++i)
        all[i].stalled_ns = static_cast<std::uint64_t>(stalls_.stalled(i, now).count());
    return all;
}

std::vector<gateway::TunnelView> Daemon::tunnels() const {
    return gateway_.tunnels(loop::monotonic_now());
}

std::vector<gateway::IkeView> Daemon::ike() const {
    return gateway_.ike(loop::monotonic_now());
}

std::vector<gateway::DnsView> Daemon::dns() const {
    return gateway_.dns(loop::monotonic_now());
}

std::vector<gateway::ResolverView> Daemon::resolvers() const {
    return gateway_.resolvers(loop::monotonic_now());
}

std::vector<gateway::ClassView> Daemon::classes() const {
    return gateway_.classes();
}

std::vector<gateway::CounterView> Daemon::counters() const {
    std::vector<gateway::CounterView> all = gateway_.counters();
    all.push_back({"neighbour_packets_refused", neighbours_.num_refused()});
    all.push_back({"transmits_lost", bridge_.num_transmits_lost()});
    all.push_back({"log_lines_suppressed", parts_.log.num_suppressed()});
    return all;
}

std::vector<gateway::LimitView> Daemon::limits() const {
    std::vector<gateway::LimitView> all = gateway_.limits();
    manage::DataplaneFacts facts{parts_.observer.interfaces(), parts_.observer.workers(),
                                 parts_.observer.memory()};
    facts.routes = routes_.size();
    facts.routes_refused = routes_refused_;
    facts.neighbours = neighbours_.size();
    facts.neighbours_refused = neighbours_.num_full();
    facts.sa_pairs_refused = gateway_.status().sa_pairs_refused;
    std::ranges::move(manage::dataplane_limits(parts_.config, facts), std::back_inserter(all));
    all.push_back({"neighbours asked for", std::nullopt, route::NeighbourSettings{}.max_unresolved,
                   neighbours_.num_put_off(), "asked for when the worker wishes again"});
    all.push_back({"clients of the management socket", server_ ? server_->num_clients() : 0,
                   manage::Server::kMaxClients, server_ ? server_->num_refused() : 0, "refused"});
    all.push_back({"readers of monitor", monitor_.num_readers(), manage::Monitor::kMaxReaders,
                   monitor_.num_refused(), "refused"});
    all.push_back({"lines that wait for a reader of monitor", std::nullopt, manage::Monitor::kMaxLines,
                   monitor_.num_lost(), "lost; the next line says how many"});
    all.push_back({"log lines of one kind a second", std::nullopt, manage::Log::kPerSecond,
                   parts_.log.num_suppressed(), "cut; the next line says how many (suppressed=)"});
    return all;
}

gateway::ExplainView Daemon::explain(const Pair& pair, std::uint8_t, std::uint16_t) const {
    // Classes are by address; protocol and port matter once filters do.
    return gateway_.explain(pair, loop::monotonic_now());
}

std::string Daemon::reason(std::uint16_t reason) const {
    return std::string(gateway::reason_text(reason));
}

void Daemon::snapshot(manage::SnapshotRequest request, std::function<void(manage::SnapshotAnswer)> done) {
    snapshots_.ask(std::move(request), std::move(done), loop::monotonic_now());
}

std::vector<Route> Daemon::routes() const {
    return routes_.all();
}

manage::ActionResult Daemon::add_route(const Prefix& prefix, const Address& via) {
    using Outcome = manage::ActionResult::Outcome;
    const auto route = routes_.make(prefix, via);
    if (!route) return {Outcome::failed, std::string(to_text(route.error()))};
    if (!parts_.tables.add_route(*route)) {
        ++routes_refused_;
        return {Outcome::failed, "the route table has no room; raise dataplane.routes"};
    }
    routes_.put(*route);
    neighbours_.know_gateway(via);
    return {Outcome::done, "added " + prefix.text() + " via " + via.text()};
}

manage::ActionResult Daemon::remove_route(const Prefix& prefix) {
    using Outcome = manage::ActionResult::Outcome;
    const Route* known = routes_.find(prefix);
    if (known == nullptr) return {Outcome::not_found, "no route to " + prefix.text()};
    if (!known->next_hop)
        return {Outcome::failed, std::string(to_text(route::RouteList::Refusal::connected))};
    parts_.tables.remove_route(prefix);
    routes_.remove(prefix);
    return {Outcome::done, "removed " + prefix.text()};
}

std::vector<gateway::StickyView> Daemon::sticky() const {
    return gateway_.sticky();
}

manage::ActionResult Daemon::clear_sticky(const Address& destination) {
    if (!gateway_.sticky_clear(destination, loop::monotonic_now()))
        return {manage::ActionResult::Outcome::not_found, destination.text() + " is not sticky"};
    return {manage::ActionResult::Outcome::done, "released " + destination.text()};
}

manage::ActionResult Daemon::clear_flow(const Pair& pair) {
    if (!gateway_.flow_clear(pair, loop::monotonic_now()))
        return {manage::ActionResult::Outcome::not_found, "no connection " + pair.text()};
    return {manage::ActionResult::Outcome::done, "cleared " + pair.text()};
}

manage::ActionResult Daemon::delete_tunnel(const Pair& pair) {
    if (!gateway_.tunnel_delete(pair, loop::monotonic_now()))
        return {manage::ActionResult::Outcome::not_found, "no tunnel " + pair.text()};
    return {manage::ActionResult::Outcome::done, "deleting the tunnel " + pair.text()};
}

manage::ActionResult Daemon::rekey_tunnel(const Pair& pair) {
    if (!gateway_.tunnel_rekey(pair, loop::monotonic_now()))
        return {manage::ActionResult::Outcome::not_found, "no tunnel " + pair.text()};
    return {manage::ActionResult::Outcome::done, "rekeying the tunnel " + pair.text()};
}

manage::KeyReload Daemon::reload_key() {
    using Outcome = manage::ActionResult::Outcome;
    const std::string& file = parts_.config.ike.private_key;
    if (file.empty()) return {{Outcome::failed, "no ike.private-key is configured"}, {}};
    auto key = ike::PrivateKey::load(file);
    if (!key) return {{Outcome::failed, key.error().detail + "; the key in use stays"}, {}};
    // The former one is wiped with its last copy, that of a signature in the making.
    parts_.key = std::move(*key);
    gateway_.set_key(parts_.key);
    return {
        {Outcome::done, fmt::format("signing with the RSA key of {} bits in {}", parts_.key.bits(), file)},
        parts_.key.public_key()};
}

void Daemon::measure_stages(Duration time) {
    const MeasureStages order{time > Duration{}, static_cast<std::uint64_t>(time.count())};
    for (unsigned worker = 0; worker < bridge_.num_workers(); ++worker) gateway_.post(worker, Command(order));
}

void Daemon::audit(const std::string& text, unsigned user) {
    parts_.log.write(config::LogLevel::warning, "security", text, {{"uid", std::to_string(user)}});
}

}  // namespace oegate::daemon
