// What all exchanges share: the tables of IKE SAs and children, the queue of events
// for the outside, the injected parts, the timer queue. Owned by the engine. The
// exchanges work on a Turn: one event that happens to one IKE SA at one time.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "ike/crypto/cookie.hpp"
#include "ike/crypto/rsa.hpp"
#include "ike/v2/budget.hpp"
#include "ike/v2/ike_sa.hpp"
#include "ike/v2/lost_peers.hpp"
#include "ike/v2/machine.hpp"
#include "ike/v2/waiting.hpp"

namespace oegate::ike::v2 {

class Core;

struct Turn {
    Core& core;
    IkeSa& sa;
    Time now;
    Child* child = nullptr;                            // of a child's event
    const wire::Payloads* payloads = nullptr;          // of the message that is the event
    wire::NotifyType notify = wire::NotifyType::none;  // of a refusal
    Bytes notify_data;
    std::string detail;                                      // of a refusal, for people
    Failure failure = Failure::dead_channel;                 // of connections, when an IKE SA ends
    ChildGone::Reason reason = ChildGone::Reason::ike_gone;  // of children, when an IKE SA ends
};

/// The only place where a row changes a state; counts how often each row was taken.
void enter_state(Turn& turn, IkeSa& sa, SaState to, std::size_t row);
void enter_state(Turn& turn, Child& child, ChildState to, std::size_t row);

using SaRow = Row<SaState, SaEvent, Turn>;
using ChildRow = Row<ChildState, ChildEvent, Turn>;

class Core {
  public:
    Core(const Settings& settings, const PrivateKey& key, Random& random, SpiAllocator& spis,
         CryptoPool& pool);
    ~Core();

    const Settings settings;
    PrivateKey key;                // jobs have copies: set_key() may replace it at any time
    std::uint32_t key_number = 0;  // how often it did
    Random& random;
    SpiAllocator& spis;
    Counters counters;
    CookieJar cookies;
    bool shutting_down = false;
    Time last_now{};  // of the last call that said so

    // ---- tables (tables.cpp)
    IkeSa& make_sa(const Endpoint& local, const Endpoint& remote, Time now);
    /// nullptr when it is gone.
    IkeSa* find(Serial serial);
    IkeSa* find_by_spi(std::uint64_t own_spi);
    IkeSa* find_channel(IkeSaId channel);
    std::vector<Serial> sas_with(const Address& remote) const;
    /// Established ones, the oldest first.
    std::vector<Serial> channels_of(const Identity& peer) const;
    /// Those that do more than repeat an answer.
    std::size_t num_alive() const;
    Child& make_child(IkeSa& sa, const Pair& pair, ConnectionId connection);
    Child* find_child(ChildId id);
    std::vector<ChildId> children_for(ConnectionId connection) const;
    /// A child of this IKE SA by the SPI that the peer receives on.
    Child* child_by_spi_out(const IkeSa& sa, std::uint32_t spi_out);
    void set_spi_out(Child& child, std::uint32_t spi_out);
    void set_deadline(Child& child, Time deadline);
    void set_state(Child& child, ChildState state);
    /// Children, their indices and what waits go over to a successor.
    void move_children(IkeSa& from, IkeSa& to);
    /// A random SPI that no IKE SA has; the index knows it from now on.
    std::uint64_t draw_spi(Serial serial);
    /// The successor inherits the public handle.
    void pass_channel(IkeSa& from, IkeSa& to);
    /// Forgotten at the end of the turn; its memory stays until then.
    void bury(IkeSa& sa);
    void bury(Child& child);
    void for_each(const std::function<void(IkeSa&)>& visit);

    // ---- the outside
    void emit(IkeEvent event) { events_.push_back(std::move(event)); }
    std::optional<IkeEvent> next_event();
    /// Would notice() say anything now? For places where a flood must not even cost the text.
    bool may_notice(Time now);
    /// Rate-limited: a flood of bad messages must not become a flood of log lines.
    void notice(Notice::Level level, const Endpoint& remote, std::string text, Time now);
    /// work runs in the pool on copies only; done runs with the IKE SA if it is
    /// still there, as a turn of its own.
    void submit(Serial serial, std::function<void()> work, std::function<void(IkeSa&, Time)> done);
    /// Our identity on this local address.
    Identity own_identity(const Address& local) const;
    /// The one that we initiate with: ike.name, if there is one.
    Identity own_name(const Address& local) const;
    bool is_own_identity(const Identity& identity) const;

    // ---- machines
    std::vector<std::uint64_t> sa_rows_taken, child_rows_taken;  // in the order of rows.hpp
    /// Raises an event. No row: counted and reported under the name of the event.
    bool raise(Turn& turn, SaEvent event);
    bool raise(Turn& turn, Child& child, ChildEvent event);

    // ---- time
    void arm(IkeSa& sa);
    Time first_deadline() const { return timers_.empty() ? kNever : timers_.begin()->first; }
    std::optional<Serial> take_due(Time now);
    /// End of an API call: graves are emptied, timers set.
    void finish();
    void touch(const IkeSa& sa) { touched_.insert(sa.serial); }

    // ---- bounds (bounds.cpp)
    using InitKey = std::tuple<Endpoint, std::uint64_t, Bytes>;  // remote, SPIi, Ni
    std::map<InitKey, Serial> init_requests;                     // repetitions of IKE_SA_INIT
    void enter_half_open(IkeSa& sa);
    void leave_half_open(IkeSa& sa);
    /// It is established: the peer is known to have an IKE SA with us.
    void enter_channel(IkeSa& sa);
    void leave_channel(IkeSa& sa);
    /// May this peer have one channel more, when the oldest without children gives way?
    bool has_room(const Identity& peer) const;
    /// It has limits.ike-sas-per-peer channels.
    bool has_its_share(const Identity& peer) const;
    Load load() const;
    /// Lets one give way, if one must.
    void make_room(const IkeSa& newcomer, Time now);
    /// Has ended, and only repeats its last answer until then; a bounded number does.
    void linger(IkeSa& sa, Time until);
    bool may_verify(const Address& remote) const;
    bool verifies_its_share(const Address& remote) const;
    unsigned half_open_of(const Address& remote) const { return half_open_.of(remote); }
    /// A place in the budget of verifications, until the last copy goes.
    std::shared_ptr<void> enter_verification(const Address& remote);
    /// Counted when it is so.
    bool too_many_children(const IkeSa& sa);
    void enter_child(const IkeSa& sa, Child& child);
    void leave_child(Child& child);
    bool wants_cookie(const Address& remote) const;
    bool overfull(const Address& remote) const;
    bool too_many_channels(const Address& remote) const;

    // ---- channels (channels.cpp)
    WaitingRoom waiting;
    SilentGateways silent;
    LostPeers lost_peers;
    std::set<Identity> without_childless;  // named in the log (ike.pfs strict); a bounded number
    /// The peer may hold SAs that we have not any more.
    void lose_peer(const Identity& own, const Identity& peer);
    /// Nobody shares this identity of ours: INITIAL_CONTACT speaks for us alone (RFC 7296 §2.4).
    static bool ours_alone(const Identity& own) { return own.kind == Identity::Kind::address; }
    TokenBucket unknown_spi_answers{20, 100ms};
    unsigned num_exchanges = 0;  // as initiator, not yet authenticated
    void enter_exchange(IkeSa& sa);
    void leave_exchange(IkeSa& sa);

  private:
    void unlist(IkeSa& sa);
    void unlist(Child& child);

    std::deque<IkeEvent> events_;
    CryptoPool& pool_;
    std::map<Serial, std::unique_ptr<IkeSa>> sas_;
    std::map<ChildId, std::unique_ptr<Child>> children_;
    std::unordered_map<std::uint64_t, Serial> by_spi_;
    std::unordered_map<IkeSaId, Serial> by_channel_;
    std::set<std::pair<Address, Serial>> by_remote_;
    std::set<std::tuple<Identity, Time, Serial>> by_peer_;  // established, since
    std::set<std::pair<ConnectionId, ChildId>> by_connection_;
    std::set<std::pair<Time, Serial>> idle_;  // established without children, by when they close
    std::set<std::pair<Time, Serial>> timers_;
    std::set<Serial> touched_;
    std::vector<Serial> sa_graves_;
    std::vector<ChildId> child_graves_;
    std::deque<Serial> lingering_;
    Budget half_open_;
    // A key in DNS is cheap, so who is authenticated is bounded like everybody, and who keys
    // every address of a network uses up his own budget, not the inbound SAs of all.
    Budget channels_;           // that others opened (limits.ike-sas-per-source)
    Budget children_of_peers_;  // that others made (limits.children-per-source)
    Budget verifications_;      // of strangers' signatures, in the pool
    Serial last_serial_ = 0;
    IkeSaId last_channel_ = 0;
    ChildId last_child_ = 0;
    TokenBucket notices_{64, 100ms};
    TokenBucket security_notices_{64, 100ms};  // of their own: noise must not hide them
    std::shared_ptr<Core*> alive_;             // jobs in the pool hold it weakly
};

}  // namespace oegate::ike::v2
