// The connection machine (keying.md, OE draft §3.2-3.4), sans-IO: one instance a
// host pair, driven by the rows of rows.hpp. Events come in through the calls
// below; what must happen comes out of next_action(). It knows no socket, no ring
// and no IKE message: the gateway (gateway/) connects it with the rest.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "config/config.hpp"
#include "contract/command.hpp"
#include "contract/event.hpp"
#include "discovery/answer.hpp"
#include "ike/engine.hpp"
#include "keying/realm.hpp"
#include "keying/rows.hpp"

namespace oegate::keying {

using ConnectionId = ike::ConnectionId;

/// A destination that was keyed with a secure verdict (config::Sticky).
struct StickyEntry {
    Address destination;
    std::uint32_t times = 0;
    std::int64_t last = 0;  // seconds of the wall clock
    auto operator<=>(const StickyEntry&) const = default;
};

// ---- actions -------------------------------------------------------------------

/// Answered by on_delegation() or on_keys() under the same id, of a connection or of
/// a peer's offer. A connection has at most one question at a time.
/// on_behalf: the inside host, or the peer, whose share of lookups it costs.
struct LookUpDelegation {
    ConnectionId connection;
    Address owner;
    Address on_behalf;
    bool fresh = false;  // not from the cache: a re-query (l.stale)
};
struct LookUpKeys {
    ConnectionId connection;
    Identity owner;
    Address on_behalf;
    bool fresh = false;
};
/// Nobody waits for the lookup under this id any more.
struct AbandonLookup {
    ConnectionId connection;
};
struct StartExchange {
    ike::Initiate request;
};
struct ForgetExchange {
    ConnectionId connection;
};
/// Policy of a pair in its worker; encrypt names the child whose outbound SA is used.
struct ApplyPolicy {
    Pair pair;
    FlowState state;
    ClassKind class_kind;
    std::uint16_t reason;
    std::optional<ike::ChildId> child;
};
struct DropPolicy {
    Pair pair;
};
struct AskUse {
    Pair pair;
    std::optional<ike::ChildId> child;
};
struct RekeyChild {
    ike::ChildId child;
};
struct DeleteChild {
    ike::ChildId child;
};
/// The keying channel behind a child goes, with all its children.
struct CloseChannel {
    ike::IkeSaId channel;
};
struct CheckLiveness {
    ike::ChildId child;
};
/// Answers to the responder's questions. No keys: AUTHENTICATION_FAILED.
struct AnswerPeerKeys {
    ike::IkeSaId sa;
    std::vector<PublicKey> keys;
    Verdict verdict;
    bool configured = false;  // they are the configuration's, not DNS's
};
struct AnswerAuthorization {
    ike::ChildId child;
    bool allowed;
};
/// What stickiness must survive a restart with: the whole of the entry, each time.
struct RememberSticky {
    StickyEntry entry;
};
struct ForgetSticky {
    Address destination;
};
/// A row was executed, or (`row` empty) an event had none: for the log, `monitor` and
/// `explain`. An offer's pair is in our outbound orientation.
struct Transition {
    Pair pair;
    std::string from, to, row, detail;
    bool security = false;
    std::string_view advice = {};  // what an operator can do; empty when nothing failed
    /// Many pairs behind one gateway, or of one host, did just the same lately: not worth
    /// a line of log each.
    bool repeated = false;
};
using Action =
    std::variant<LookUpDelegation, LookUpKeys, AbandonLookup, StartExchange, ForgetExchange, ApplyPolicy,
                 DropPolicy, AskUse, RekeyChild, DeleteChild, CloseChannel, CheckLiveness, AnswerPeerKeys,
                 AnswerAuthorization, RememberSticky, ForgetSticky, Transition>;

// ---- events --------------------------------------------------------------------

/// An SA pair whose inbound half is in its worker: ike::InstallChild without keys.
struct NewChild {
    ike::ChildId child = 0;
    ike::IkeSaId channel = 0;
    ConnectionId connection = 0;
    bool initiator = false;
    std::optional<ike::ChildId> replaces;
    Pair pair;  // outbound orientation
    Address remote;
    Identity peer;
    PublicKey key;  // with which it authenticated; none: not known
    Verdict verdict = Verdict::indeterminate;
    Bytes lowest_nonce;
};

/// The story of a pair, for `explain`; no side effects.
struct StoryLine {
    Time at;
    std::string row;
    std::string text;
    unsigned times = 1;  // routine, told once: since `at`
    Time last{};
};
struct ConnectionStatus {
    Pair pair;
    std::string state;
    FlowState policy = FlowState::none;  // as the worker was told
    ClassKind class_kind = ClassKind::none;
    std::uint16_t reason = 0;
    std::string reason_text;  // row name
    std::optional<Address> gateway;
    Verdict verdict = Verdict::indeterminate;
    std::optional<ike::ChildId> child;
    Time created, next_look;       // kNever when none
    std::vector<StoryLine> story;  // bounded
    // what DNS said, while the instance remembers it
    std::optional<discovery::DelegationAnswer> answer;
    std::vector<std::string> gateways;  // the walk: "192.0.2.1 (ipseckey, precedence 10): being tried"
    unsigned num_children = 0;
    std::optional<std::uint64_t> final_packets;  // when closing
};

struct Counters {
    std::array<std::uint64_t, kNumStories> stories{};  // rows executed, by name
    std::vector<std::uint64_t> rows;                   // the same, by index in rows()
    std::uint64_t refused_events = 0;                  // events without a row
    std::uint64_t stray_answers = 0;                   // for connections that are gone
    std::uint64_t connections = 0;
    std::uint64_t pending = 0;  // in potential or pending
    std::uint64_t offers = 0;   // peers' questions in DNS
    std::uint64_t keyed = 0;    // by state, expiring ones included
    std::uint64_t clear_text = 0;
    std::uint64_t clear_fallbacks = 0;  // of clear_text: oe-permissive that failed
    std::uint64_t denied = 0;
    std::uint64_t sticky = 0;    // destinations remembered
    std::uint64_t repeated = 0;  // transitions that were marked as repeated
    // Use and hits of bounds: `most` is of the source that has most.
    std::uint64_t pending_most = 0;
    std::uint64_t pending_over_share = 0;  // n.limit, f.defer: for the source's share, not the total
    std::uint64_t offers_most = 0;
    std::uint64_t offers_over_share = 0;  // r.budget likewise
    std::uint64_t sticky_ousted = 0;
};

class Keying {
  public:
    /// config and realm must outlive this. wall_seconds: since the epoch, for what
    /// outlives a restart; without it the virtual time counts.
    Keying(const config::Config& config, const Realm& realm, std::function<std::int64_t()> wall_seconds = {});
    ~Keying();

    // from workers
    void on_miss(const Miss& miss, Time now);
    void on_sa_expired(ike::ChildId child, bool hard, Time now);
    void on_first_esp(ike::ChildId child, Time now);
    void on_use_report(const UseReport& report, Time now);
    /// Unknown SPI or ICMP from a peer's gateway: forgeable (k.hint).
    void on_peer_hint(const Address& remote, Time now, std::string_view what = "unknown SPI from");
    /// Clear text from the peer's host though the pair is encrypted (k.hint).
    void on_clear_text(const Pair& pair, Time now);
    // from discovery
    void on_delegation(ConnectionId id, const discovery::DelegationAnswer& answer, Time now);
    void on_keys(ConnectionId id, const discovery::KeyAnswer& answer, Time now);
    // from the engine
    void on_want_peer_keys(const ike::WantPeerKeys& question, Time now);
    void on_want_authorization(const ike::WantAuthorization& question, Time now);
    void on_child_installed(const NewChild& child, Time now);
    void on_child_gone(const ike::ChildGone& gone, Time now);
    void on_initiate_failed(const ike::InitiateFailed& failed, Time now);
    void on_rekey_failed(ike::ChildId child, Time now);
    /// What rests on a DNS answer that is stale meanwhile is asked for anew.
    void on_ike_rekeyed(const ike::IkeRekeyed& rekeyed, Time now);
    // from the operator and the clock
    bool clear(const Pair& pair, Time now);
    /// What the store kept; before anything else.
    void restore_sticky(const StickyEntry& entry, Time now);
    /// The operator says that this destination may be spoken to in the clear again.
    /// false: it is not sticky.
    bool sticky_clear(const Address& destination, Time now);
    void shutdown(Time now);
    void on_timer(Time now);
    Time next_deadline() const;

    std::optional<Action> next_action();

    std::optional<ConnectionStatus> find(const Pair& pair) const;
    /// In order of pairs; without story, answer and gateways, which find() gives.
    std::vector<ConnectionStatus> connections() const;
    Counters counters() const;
    /// Least recently keyed first; those that do not bind yet (config.sticky.after) too.
    std::vector<StickyEntry> sticky() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace oegate::keying
