// The control plane at work: connects the gateway, which does no I/O, with the
// workers' rings, the DNS sockets, the neighbour table, the log and the management
// socket, all on the reactor's thread. Decides nothing about packets or peers itself.
#pragma once

#include <cstdio>
#include <memory>

#include "bridge/bridge.hpp"
#include "daemon/stalls.hpp"
#include "discovery/transport.hpp"
#include "gateway/gateway.hpp"
#include "loop/reactor.hpp"
#include "manage/commands.hpp"
#include "manage/server.hpp"
#include "manage/snapshots.hpp"
#include "recording/captures.hpp"
#include "recording/tracing.hpp"
#include "route/neighbours.hpp"
#include "route/routes.hpp"
#include "store/writer.hpp"

namespace oegate::daemon {

/// An interface as the data plane brought it up.
struct Port {
    MacAddress mac;
    Address link_local;
};

/// What the composition root has made; all of it outlives the daemon.
struct Parts {
    const config::Config& config;
    loop::Reactor& reactor;
    ike::CryptoPool& pool;
    ike::PrivateKey& key;  // replaced when it is reloaded
    Random& random;
    manage::Log& log;
    Tables& tables;
    const Observer& observer;
    std::vector<WorkerLink> links;
    std::vector<Port> ports;              // by interface
    std::function<void()> refresh_links;  // of the data plane, about once a second
    OwnerSeed seed;
    std::FILE* key_log = nullptr;          // --insecure-key-log
    discovery::validate::Anchors anchors;  // dns.validation: own
};

class Daemon final : private bridge::Inbox, private manage::Provider {
  public:
    /// Publishes routes and classes, opens the management socket and begins to serve.
    /// The error is a line for the operator.
    static Result<std::unique_ptr<Daemon>, std::string> start(Parts parts);
    ~Daemon() override;

    /// x.shutdown: peers get their deletes, then the reactor stops; at most kFarewell later.
    void shutdown();

    static constexpr Duration kFarewell = 2s;

  private:
    explicit Daemon(Parts parts);
    Result<void, std::string> publish_tables();
    Result<void, std::string> open_socket();
    void join_reactor();
    observe::Captures::Outside captures_outside();

    // from the workers
    void on_event(const Event& event) override;
    void on_punt(const Punt& punt, ByteView data) override;
    void on_snapshot(unsigned worker, const SnapshotRecord& record) override;
    void on_applied(unsigned worker, std::uint64_t sequence) override;
    void on_trace(const TraceRecord& record) override;
    void on_capture(const CaptureRecord& record) override;

    /// Carries out whatever the machines have asked for, until they ask no more.
    bool pump();
    bool pump_gateway();
    bool pump_neighbours();
    void carry_out(const route::NeighbourAction& action);
    void send_ike(const ike::SendDatagram& datagram);
    void tell_workers(const NeighbourChanged& change);
    void look_for_stalls(Time now);
    void write_log(const gateway::LogRecord& record);
    void write_key_log(const std::string& line);

    // for `show`
    const config::Config& configuration() const override { return parts_.config; }
    std::vector<InterfaceStatus> interfaces() const override { return parts_.observer.interfaces(); }
    std::vector<WorkerStatus> workers() const override;
    std::vector<MemoryStatus> memory() const override { return parts_.observer.memory(); }
    std::vector<Route> routes() const override;
    std::vector<manage::NeighbourView> neighbours() const override;
    gateway::StatusView status() const override;
    std::vector<gateway::TunnelView> tunnels() const override;
    std::vector<gateway::IkeView> ike() const override;
    std::vector<gateway::DnsView> dns() const override;
    std::vector<gateway::ResolverView> resolvers() const override;
    std::vector<gateway::ClassView> classes() const override;
    std::vector<gateway::CounterView> counters() const override;
    std::vector<gateway::LimitView> limits() const override;
    std::vector<gateway::StickyView> sticky() const override;
    gateway::ExplainView explain(const Pair& pair, std::uint8_t protocol, std::uint16_t port) const override;
    std::string reason(std::uint16_t reason) const override;
    void snapshot(manage::SnapshotRequest request, std::function<void(manage::SnapshotAnswer)> done) override;
    manage::ActionResult clear_flow(const Pair& pair) override;
    manage::ActionResult clear_sticky(const Address& destination) override;
    manage::ActionResult delete_tunnel(const Pair& pair) override;
    manage::ActionResult rekey_tunnel(const Pair& pair) override;
    manage::ActionResult add_route(const Prefix& prefix, const Address& via) override;
    manage::ActionResult remove_route(const Prefix& prefix) override;
    manage::KeyReload reload_key() override;
    void measure_stages(Duration time) override;
    observe::Tracing& tracing() override { return tracing_; }
    observe::Captures& captures() override { return captures_; }
    void audit(const std::string& text, unsigned user) override;

    Parts parts_;
    store::Opened stored_;                   // before the gateway, which begins with it
    std::unique_ptr<store::Writer> writer_;  // none: nothing is kept, stored_.alarm says why
    route::RouteList routes_;
    std::uint64_t routes_refused_ = 0;
    bridge::Bridge bridge_;
    gateway::Gateway gateway_;
    route::Neighbours neighbours_;
    Stalls stalls_;
    discovery::Transport transport_;
    manage::Snapshots snapshots_;
    observe::Tracing tracing_;
    observe::Captures captures_;
    manage::Commands commands_;
    manage::Monitor monitor_;
    std::unique_ptr<manage::Server> server_;
    std::shared_ptr<loop::Reactor::Timer> refresh_;
    Time now_;  // of the present round
};

}  // namespace oegate::daemon
