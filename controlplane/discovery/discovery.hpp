// Discovery: asks DNS who protects an address and which keys an identity has.
// Sans-IO: queries go out and answers come in through the two transport calls; the
// reactor gives each query a kernel socket of its own (a fresh source port), the
// simulation a lossy virtual network. No thread, no clock, no socket in here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "config/config.hpp"
#include "discovery/answer.hpp"
#include "discovery/bench.hpp"

namespace oegate::discovery {

using LookupId = std::uint64_t;
using QueryId = std::uint64_t;

/// Who wants to know, and how.
struct Asker {
    Address on_behalf;   // the host or peer whose share of lookups it costs (dns.per-source)
    bool fresh = false;  // not from the cache: a re-query (l.stale)
};

/// What the transport must do.
struct SendQuery {
    QueryId query = 0;
    Address server;
    std::uint16_t port = 53;
    bool tcp = false;  // with the two-byte length in front
    Bytes message;
};
struct CloseQuery {
    QueryId query = 0;  // its socket is not needed any more
};
using TransportAction = std::variant<SendQuery, CloseQuery>;

struct DelegationDone {
    LookupId lookup = 0;
    Address owner;
    DelegationAnswer answer;
};
struct KeysDone {
    LookupId lookup = 0;
    Identity owner;
    KeyAnswer answer;
};
using Completion = std::variant<DelegationDone, KeysDone>;

/// A cached answer, for `show dns`.
struct CachedAnswer {
    Address owner;
    DelegationAnswer answer;
    Duration left{};
};

/// A line for the operator.
struct Complaint {
    std::optional<Address> resolver;  // nullopt: it is about the trust anchors
    std::string text;
};

/// A configured resolver, for `show dns`.
struct ResolverStatus {
    Address address;
    std::uint16_t port = 53;
    bool trusted = false;
    std::uint64_t answers = 0;
    std::uint64_t forgeries = 0;  // bogus, where another's answer was not
    bool rests = false;           // asked after the others
};

/// What the rest of the configuration says that matters here.
struct Surroundings {
    Duration failure = config::Timers{}.dns_failure;  // timers.dns-failure
    /// Families of which this gateway has an outside address: others are of no use in
    /// a gateway that DNS gives by name.
    bool ipv4 = true, ipv6 = true;
    /// next_judgement() is drained, and what it gives is run on another thread.
    bool judge_elsewhere = false;
};

struct Counters {
    std::uint64_t lookups = 0;
    std::uint64_t cache_hits = 0;
    std::uint64_t sent = 0;           // queries, repetitions included
    std::uint64_t received = 0;       // answers that matched
    std::uint64_t mismatched = 0;     // wrong ID, question or kind, or no DNS at all
    std::uint64_t tcp = 0;            // asked again after truncation
    std::uint64_t servfail = 0;       // asked again with CD = 1
    std::uint64_t confirmations = 0;  // asked again with CD = 0 before it is bogus
    std::uint64_t plain = 0;          // asked again without EDNS
    std::uint64_t merged = 0;         // questions that were in flight already
    std::uint64_t chain = 0;          // questions of our own validation (DNSKEY, DS)
    std::uint64_t early = 0;          // look-ups decided while a type was silent that could not matter
    std::uint64_t refused = 0;        // questions beyond the bound of waiting ones
    std::uint64_t over_share = 0;     // look-ups beyond what one source may have under way
    std::uint64_t forged = 0;         // bogus from one resolver, good from another
    std::uint64_t unanchored = 0;     // a zone of an anchor was seen with a key that no anchor covers
    std::uint64_t evicted = 0;        // cached answers that made room before they were stale
    std::uint64_t queued = 0;         // questions that had to wait for a place
    auto operator<=>(const Counters&) const = default;
};

/// What is there now, against dns.max-queries, dns.max-waiting and dns.cache-entries.
struct Load {
    std::size_t lookups = 0;  // open
    std::size_t in_flight = 0;
    std::size_t waiting = 0;  // questions
    std::size_t max_waiting = 0;
    std::size_t sources = 0;   // hosts and peers that hold or wait
    std::size_t to_judge = 0;  // answers that wait for their signatures to be verified
    std::size_t cached = 0;
    std::size_t most = 0;  // look-ups of the source that has most
};

class Discovery {
  public:
    /// config is copied. random picks among equal precedences and makes query IDs;
    /// it must outlive this. wall_seconds: seconds since the epoch, so that signed
    /// answers do not outlive their RRSIG; without it only TTLs count.
    /// validator: who judges signatures under dns.validation: own; without one every
    /// answer is indeterminate then.
    Discovery(const config::Dns& config, Random& random, std::function<std::int64_t()> wall_seconds = {},
              std::unique_ptr<Validator> validator = {}, const Surroundings& surroundings = {});
    ~Discovery();

    /// IPSECKEY, TXT and KEY at the reverse name of owner, in parallel; then A and AAAA
    /// of gateways by name. Answers from the cache complete at once (still through
    /// next_completion). Equal questions in flight are asked once. Beyond the share of
    /// asker.on_behalf it fails at once, and that is not cached.
    LookupId look_up_delegation(const Address& owner, Time now, const Asker& asker = {});
    /// IPSECKEY and KEY (and TXT naming itself) at an identity's own name.
    LookupId look_up_keys(const Identity& owner, Time now, const Asker& asker = {});
    /// Nobody waits for this one any more.
    void abandon(LookupId lookup);

    /// message: without the TCP length. Anything that does not match its query is
    /// counted and ignored; the query goes on waiting.
    void on_message(QueryId query, ByteView message, Time now);
    /// The socket failed (ICMP unreachable, connection refused, closed early).
    void on_transport_error(QueryId query, Time now);
    void on_timer(Time now);
    /// kNever when nothing is pending.
    Time next_deadline() const;

    std::optional<TransportAction> next_action();
    std::optional<Completion> next_completion();
    std::optional<Complaint> next_complaint();
    /// Signatures to verify: run() may be called on another thread, then on_judged() here.
    /// At most one is out at a time. nullptr: none.
    std::shared_ptr<Judgement> next_judgement();
    void on_judged(const Judgement& judgement, Time now);

    std::vector<CachedAnswer> cached(Time now) const;
    /// The cached answer of one owner without asking, for `explain`.
    std::optional<CachedAnswer> cached(const Address& owner, Time now) const;
    void flush();
    std::vector<ResolverStatus> resolvers(Time now) const;
    const Counters& counters() const;
    Load load() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace oegate::discovery
