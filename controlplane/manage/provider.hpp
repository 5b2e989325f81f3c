// Where `show` gets its facts. Implemented by the composition root over the data
// plane's Observer, the gateway's views, the neighbour table and the snapshot ring.
// Called on the control thread; nothing here has side effects but the actions, and
// nothing waits: what a worker must answer comes by callback.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "contract/command.hpp"
#include "contract/snapshot.hpp"
#include "contract/tables.hpp"
#include "gateway/view.hpp"
#include "net/identity.hpp"
#include "recording/captures.hpp"
#include "recording/tracing.hpp"

namespace oegate::manage {

struct SnapshotRequest {
    Snapshot::Table table = Snapshot::Table::flows;
    std::function<bool(const SnapshotRecord&)> keep;  // none: everything
    std::size_t max_records = 10'000;
};

struct SnapshotAnswer {
    std::vector<SnapshotRecord> records;
    bool truncated = false;  // there is more than max_records
    bool complete = true;    // false: a worker did not answer in time
};

struct NeighbourView {
    std::string interface;
    Address address;
    MacAddress mac;
    std::string state;  // incomplete, reachable, probe, failed
    Duration age{};
};

struct ActionResult {
    enum class Outcome { done, not_found, failed } outcome = Outcome::done;
    std::string text;  // one line
};

struct KeyReload {
    ActionResult result;
    PublicKey key;  // done: the one in use now
};

class Provider {
  public:
    virtual ~Provider() = default;

    virtual const config::Config& configuration() const = 0;
    virtual std::vector<InterfaceStatus> interfaces() const = 0;  // in configuration order
    virtual std::vector<WorkerStatus> workers() const = 0;
    virtual std::vector<MemoryStatus> memory() const = 0;
    virtual std::vector<Route> routes() const = 0;
    virtual std::vector<NeighbourView> neighbours() const = 0;

    virtual gateway::StatusView status() const = 0;
    virtual std::vector<gateway::TunnelView> tunnels() const = 0;
    virtual std::vector<gateway::IkeView> ike() const = 0;
    virtual std::vector<gateway::DnsView> dns() const = 0;
    virtual std::vector<gateway::ResolverView> resolvers() const = 0;
    virtual std::vector<gateway::ClassView> classes() const = 0;
    virtual std::vector<gateway::CounterView> counters() const = 0;
    virtual std::vector<gateway::LimitView> limits() const = 0;
    virtual std::vector<gateway::StickyView> sticky() const = 0;
    /// protocol 0 and port 0: not given.
    virtual gateway::ExplainView explain(const Pair& pair, std::uint8_t protocol,
                                         std::uint16_t port) const = 0;
    /// The name of FlowRecord::reason.
    virtual std::string reason(std::uint16_t reason) const = 0;

    /// The callback comes once, within a deadline, never from inside this call.
    virtual void snapshot(SnapshotRequest request, std::function<void(SnapshotAnswer)> done) = 0;

    virtual ActionResult clear_flow(const Pair& pair) = 0;
    virtual ActionResult clear_sticky(const Address& destination) = 0;
    virtual ActionResult delete_tunnel(const Pair& pair) = 0;
    virtual ActionResult rekey_tunnel(const Pair& pair) = 0;
    /// Until the next start; a route to the same prefix is replaced.
    virtual ActionResult add_route(const Prefix& prefix, const Address& via) = 0;
    virtual ActionResult remove_route(const Prefix& prefix) = 0;

    /// ike.private-key, read anew. A file that is no good changes nothing.
    virtual KeyReload reload_key() = 0;
    /// Every worker's stage clock runs for so long; 0 stops it.
    virtual void measure_stages(Duration time) = 0;
    virtual observe::Tracing& tracing() = 0;
    virtual observe::Captures& captures() = 0;
    /// Someone begins to see what is inside of datagrams (RFC 3871 §2.11): for the log.
    virtual void audit(const std::string& text, unsigned user) = 0;
};

}  // namespace oegate::manage
