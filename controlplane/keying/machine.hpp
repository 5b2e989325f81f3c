// Inside of Keying: instances, offers and the one function that changes a state.
// Included by this room's sources only. keying.cpp and answers.cpp turn what happens
// into events, step.cpp finds the row; runs.cpp, seek.cpp, looks.cpp and children.cpp do
// what it says. offers.cpp is the responder's half.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "contract/verdict.hpp"
#include "keying/keying.hpp"

namespace oegate::keying {

inline bool is_pending(State s) {
    return s == State::potential || s == State::pending;
}
inline bool is_expiring(State s) {
    return s == State::expiring_keyed || s == State::expiring_clear || s == State::expiring_deny;
}

inline constexpr std::size_t kMaxStory = 24;
inline constexpr std::size_t kMaxBursts = 4096;
inline constexpr unsigned kSaidOften = 8;  // the same of many pairs, in a liveness interval

struct Child {
    NewChild info;
    Time installed;
    Time move_at = kNever;   // responder: outbound moves here then
    Time probe_at = kNever;  // s.both: not moved to without proof
    bool lost = false;       // another child won (s.both, k.rekey-both, r.identical): never moved to
    bool close = false;      // lost and ours to delete
    bool deleting = false;
    bool spent = false;        // outbound was used and left: its sequence numbers must not begin again
    bool undelegated = false;  // r.own-source: no DNS record names its peer

    /// Outbound traffic may (still or again) be moved here.
    bool can_serve() const { return !lost && !deleting && !spent; }
};

struct Connection {
    ConnectionId id = 0;
    Pair pair;
    ClassMatch match;
    State state = State::none;
    Story reason = Story::unknown;  // of the policy
    FlowState policy = FlowState::none;
    Time created;

    // DNS
    bool looking_up = false;
    bool asking_key = false;
    bool requerying = false;                            // asked again: state and policy stand meanwhile
    std::optional<discovery::DelegationAnswer> answer;  // the one that decided
    Time answer_until = kNever;
    std::optional<discovery::DelegationAnswer> news;  // what the re-query said, until it is judged
    Time news_until = kNever;
    // the walk over gateways
    std::vector<discovery::Candidate> candidates;
    std::vector<std::string> fates;
    std::size_t at = 0;
    bool exchange = false;        // the engine works for us
    bool fresh = false;           // without reusing a channel
    bool reauth = false;          // its key is gone: success or the end (k.key-gone)
    std::optional<Address> dead;  // this gateway died just now: tried last, and without its channel
    bool stuck = false;           // the failure denies because the destination is sticky
    bool tainted = false;         // a chain was bogus or malformed: failure denies
    Duration lifespan{};          // of a failure, the shortest on the walk
    // SA pairs
    std::vector<Child> children;
    std::optional<ike::ChildId> current;
    Verdict verdict = Verdict::indeterminate;
    bool rekeying = false;
    bool rekey_failed = false;
    // timers
    Time hold_at = kNever, late_at = kNever, lifespan_at = kNever, look_at = kNever, ask_at = kNever,
         close_at = kNever, watch_at = kNever;
    Time held_until = kNever;  // hold: its bound, whatever is tried meanwhile
    Time queued = kNever;
    std::deque<StoryLine> story;
    std::optional<std::uint64_t> final_packets;

    Child* child(ike::ChildId wanted);
    const Child* child(ike::ChildId wanted) const;
    bool encrypting() const { return policy == FlowState::encrypt; }
    const discovery::Candidate* candidate() const {
        return at < candidates.size() ? &candidates[at] : nullptr;
    }
};

/// What a peer asks (§3.3); its DNS questions run under `id`, as a connection's do.
struct Offer {
    ConnectionId id = 0;
    State state = State::offered;
    Prefix source;  // budget: per /32 or /64 of the peer
    std::optional<ike::WantPeerKeys> keys;
    std::optional<ike::WantAuthorization> authorization;
    std::optional<discovery::DelegationAnswer> answer;
    std::vector<PublicKey> found;
    Verdict verdict = Verdict::indeterminate;
    std::string detail;
};

struct Step {
    Event event;
    std::string detail = {};
    ike::ChildId child = 0;
    const NewChild* new_child = nullptr;
    Facts facts = 0;  // what only the caller knows
};

class Keying::Impl {
  public:
    Impl(const config::Config& c, const Realm& r, std::function<std::int64_t()> wall)
        : config(c), realm(r), wall_seconds(std::move(wall)), row_counts(rows().size()) {}

    const config::Config& config;
    const Realm& realm;
    const std::function<std::int64_t()> wall_seconds;
    std::map<ConnectionId, Connection> connections;
    std::map<Pair, ConnectionId> by_pair;
    std::set<std::pair<Address, ConnectionId>> by_far_host;
    std::unordered_map<ike::ChildId, ConnectionId> by_child;
    std::map<ConnectionId, Offer> offers;
    std::map<ike::IkeSaId, ConnectionId> key_offers;
    std::map<ike::ChildId, ConnectionId> source_offers;
    std::map<Prefix, unsigned> offers_by_source;
    /// What a peer was let in for, until its child is installed.
    struct Authorized {
        Story by;
        Verdict verdict;
        std::optional<discovery::DelegationAnswer> answer;
        Time until;
        Time since;
    };
    std::map<ike::ChildId, Authorized> authorized;
    std::map<Address, std::size_t> by_source;  // connections, by our host
    std::map<Address, unsigned> pending_by_source;
    std::size_t num_pending = 0;
    struct Peer {
        std::set<ConnectionId> connections;
        std::optional<Time> hinted;
        std::optional<Time> looked;  // at its keys, because a channel was rekeyed
    };
    Time peers_swept{};
    std::map<Address, Peer> peers;  // gateways behind which we use an SA
    std::set<std::pair<Time, ConnectionId>> timers;
    std::deque<Action> actions;
    Counters counts;
    std::vector<std::uint64_t> row_counts;
    /// The same transition of many pairs, by what they have in common.
    struct Burst {
        Time since;
        unsigned said = 0;
    };
    std::map<std::pair<Address, Story>, Burst> bursts;
    Time bursts_swept{};
    std::map<Address, StickyEntry> sticky;
    std::set<std::pair<std::int64_t, Address>> sticky_age;
    ConnectionId next_id = 1;
    bool closing = false;

    // keying.cpp
    void adopt(NewChild& info, Time now);
    bool succeeds(const Connection* c, NewChild& info) const;

    // step.cpp
    Connection& create(const Pair& pair, Time now);
    void erase(ConnectionId id);
    Connection* of_child(ike::ChildId child);
    Connection* of_pair(const Pair& pair);
    bool limit_reached(const Address& source) const;
    bool is_full(const Address& source) const;
    bool has_its_share(const Address& source) const;
    Facts facts_of(const Connection& c, const Step& step, Time now) const;
    /// The one function that changes a connection's state. false: no row.
    bool step(Connection& c, const Step& step, Time now);
    void rearm(Connection& c);
    void fire(ConnectionId id, Time now);
    void count(const Row& row);
    void tell(Connection& c, Story row, const std::string& text, Time now);
    void say(const Pair& pair, State from, State to, const Row& row, const std::string& detail,
             const std::optional<Address>& common, Time now);
    bool is_repeated(const Address& common, Story story, Time now);
    void refuse_event(const Pair& pair, State state, Event event, const std::string& detail);
    void forget_peers(Time now);
    void watch(Connection& c, Time now);
    bool is_silent(const Connection& c, const UseReport& report, Time now) const;
    void hint(Connection& c, std::string detail, Time now);

    // answers.cpp
    void judge(Connection& c, const discovery::DelegationAnswer& answer, Time until, Time now);
    bool take_candidates(Connection& c, const discovery::DelegationAnswer& answer,
                         std::string& why_not) const;
    const char* refused(const Connection& c, const discovery::Candidate& candidate, Verdict chain) const;
    Event compare(const Connection& c, const discovery::DelegationAnswer& answer, std::string& detail) const;
    void answer_requery(Connection& c, const discovery::DelegationAnswer& answer, Time now);
    void answer_requery(Connection& c, const discovery::KeyAnswer& answer, Time now);
    void answer_key(Connection& c, const discovery::KeyAnswer& answer, Time now);

    // views.cpp
    ConnectionStatus status_of(const Connection& c, bool whole) const;

    // runs.cpp
    void run(Connection& c, const Row& row, const Step& step, Time now);
    void set_policy(Connection& c, FlowState state, Story reason);
    void rehold(Connection& c, const Row& row, const Step& step, Time now);
    void reapply(Connection& c);
    void close_down(Connection& c, const Row& row, const Step& step, Time now);

    // seek.cpp
    void start_lookup(Connection& c, Time now);
    void begin_seeking(Connection& c, Time now);
    void start_configured(Connection& c, Time now);
    void stop_seeking(Connection& c);
    void abandon_lookup(Connection& c);
    void walk(Connection& c, Time now);
    void start_exchange(Connection& c, bool fresh);
    void conclude(Connection& c, Story reason, Time now);
    void ask_key(Connection& c);
    void answer_only(Connection& c, Story reason, Time now);
    void hold_over(Connection& c, Story reason, Time now);

    // looks.cpp
    void start_requery(Connection& c, Time now);
    void rejudge(Connection& c, Time now);
    void refresh(Connection& c, Time now);
    void retry_query(Connection& c, Time now);
    void resume(Connection& c, Time now);

    // children.cpp
    Child& add_child(Connection& c, const NewChild& info, Time now);
    void adopt_first(Connection& c, const NewChild& info, Story reason, Time now);
    void learn_delegation(Connection& c, const NewChild& info, Time now);
    void settle_rivals(Connection& c, Child& added, Story reason, Time now);
    void adopt_rekey(Connection& c, const NewChild& info, Story reason, Time now);
    void adopt_new(Connection& c, const Row& row, const NewChild& added, Time now);
    void move_to(Connection& c, ike::ChildId child, Story reason);
    void sweep(Connection& c);
    void delete_child(Child& child);
    void drop_child(Connection& c, ike::ChildId child);
    void fall_back(Connection& c, const Step& step, Story reason);
    void forget_children(Connection& c, ike::ChildId gone = 0);
    void leave_peer(Connection& c);

    // sticky.cpp
    std::int64_t wall(Time now) const;
    bool is_sticky(const Connection& c, Time now) const;
    void remember_sticky(const Connection& c, const NewChild& added, Time now);
    void bind_sticky(const Address& destination, Time now);
    bool forget_sticky(Address destination);
    void put_sticky(const StickyEntry& entry);
    void mark_sticky(Connection& c, const Row& row, Time now);
    void hold_sticky(Connection& c);

    // offers.cpp
    Offer& create_offer(const Address& peer);
    void erase_offer(ConnectionId id);
    bool offer_limit_reached(const Address& peer) const;
    bool step_offer(Offer& o, Event event, Facts facts, Time now);
    bool held_stronger(const Pair& pair, Verdict verdict, const PublicKey& key) const;
    bool authorized_full(Time now);
    Facts facts_of(const ike::WantAuthorization& question) const;
    Facts configured_facts(const ike::WantAuthorization& question) const;
    bool believes(const discovery::Candidate& candidate, const Address& owner, Verdict chain) const;
    void answer_keys(Offer& o, const discovery::KeyAnswer& answer, Time now);
    void answer_source(Offer& o, const discovery::DelegationAnswer& answer, Time now);
};

}  // namespace oegate::keying
