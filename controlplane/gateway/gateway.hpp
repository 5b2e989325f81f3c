// The whole control plane of one gateway, sans-IO: discovery, the IKE engine, keying
// and SA bookkeeping, connected. The simulation runs many of these, the daemon one.
// What happens comes in through on_…(), what must be done comes out of next_…();
// there is no socket, no ring, no thread and no clock in here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "contract/event.hpp"
#include "contract/tables.hpp"
#include "discovery/discovery.hpp"
#include "discovery/validate/anchors.hpp"
#include "gateway/view.hpp"
#include "ike/engine.hpp"
#include "net/owner.hpp"
#include "sa/outbox.hpp"
#include "store/records.hpp"

namespace oegate::gateway {

struct LogRecord {
    config::LogLevel level = config::LogLevel::info;
    bool security = false;
    std::string text;
    std::vector<std::pair<std::string, std::string>> fields;  // pair, row, peer, mtu
    std::string kind;  // the row, or a word: each kind has a rate of its own in the log
};

struct Options {
    OwnerSeed seed;  // the data plane's
    unsigned num_workers = 1;
    bool key_log = false;                        // --insecure-key-log
    std::function<std::int64_t()> wall_seconds;  // since the epoch, for RRSIGs; may be empty
    discovery::validate::Anchors anchors;        // dns.validation: own
    bool keep_state = false;                     // next_store() is drained
    store::Contents stored;                      // what was kept over the restart
};

class Gateway {
  public:
    /// All references must outlive this.
    Gateway(const config::Config& config, const ike::PrivateKey& key, Random& random, ike::CryptoPool& pool,
            const Options& options);
    ~Gateway();

    // ---- what happens
    void on_event(const Event& event, Time now);
    /// payload: of UDP, without the non-ESP marker. Ports tell 500 from 4500.
    void on_ike(const ike::Endpoint& local, const ike::Endpoint& remote, ByteView payload, Time now);
    void on_dns(discovery::QueryId query, ByteView message, Time now);
    void on_dns_error(discovery::QueryId query, Time now);
    /// A worker has applied all commands up to this number of next_command()'s.
    void command_applied(unsigned worker, std::uint64_t sequence, Time now);
    void on_timer(Time now);
    /// kNever when nothing is pending.
    Time next_deadline() const;
    /// Signs with this key from now on (key rollover); what runs goes on.
    void set_key(const ike::PrivateKey& key);
    /// Orderly: deletes go out, offers are ignored from now on (x.shutdown).
    void shutdown(Time now);

    // ---- what must be done: drain after every call above and after crypto jobs' `done`
    std::optional<sa::WorkerCommand> next_command();
    std::optional<ike::SendDatagram> next_datagram();
    std::optional<discovery::TransportAction> next_dns();
    std::optional<LogRecord> next_log();
    std::optional<std::string> next_key_log();
    /// What must survive a restart; only with Options::keep_state.
    std::optional<store::Action> next_store();
    /// Only while monitored.
    std::optional<TransitionView> next_transition();
    void set_monitored(bool on);

    /// Other rooms' commands (neighbours, snapshots) pass here too, so that a worker's
    /// commands are one row of numbers. Returns the command's number.
    std::uint64_t post(unsigned worker, const Command& command);
    /// For Tables::set_classes: the workers decide deny and always-clear-text themselves.
    std::vector<ClassRule> class_rules() const;

    // ---- orders of the operator; false: there is none such
    bool flow_clear(const Pair& pair, Time now);
    bool tunnel_rekey(const Pair& pair, Time now);
    bool tunnel_delete(const Pair& pair, Time now);
    /// The destination may be spoken to in the clear again (sticky).
    bool sticky_clear(const Address& destination, Time now);

    // ---- views: no side effects
    StatusView status() const;
    std::vector<TunnelView> tunnels(Time now) const;
    std::vector<IkeView> ike(Time now) const;
    std::vector<DnsView> dns(Time now) const;
    std::vector<ResolverView> resolvers(Time now) const;
    std::vector<ConnectionView> connections(Time now) const;
    std::vector<ClassView> classes() const;
    std::vector<StickyView> sticky() const;
    std::vector<CounterView> counters() const;
    /// How often each of keying::rows() was taken, by index.
    std::vector<std::uint64_t> row_counts() const;
    /// Peers that have not answered yet after shutdown().
    std::size_t num_ike_sas() const;
    std::vector<LimitView> limits() const;
    ExplainView explain(const Pair& pair, Time now) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// The row name behind FlowRecord::reason, and its one line of help.
std::string_view reason_text(std::uint16_t reason);
std::string_view reason_help(std::uint16_t reason);

}  // namespace oegate::gateway
