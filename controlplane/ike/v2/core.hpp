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
#include "ike/v2/ike_sa.hpp"
#include "ike/v2/machine.hpp"

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

using SaRow = Row<SaState, SaEvent, Turn>;
using ChildRow = Row<ChildState, ChildEvent, Turn>;

/// A pair that waits until somebody else's IKE_SA_INIT with its gateway is over.
struct Waiting {
    Initiate request;
    Time deadline{};
};

/// Established IKE SAs that others have opened, of one /32 or /64 and in total: a key
/// in DNS is cheap, so who is authenticated is bounded like everybody.
inline constexpr unsigned kMaxChannelsPerSource = 256;
inline constexpr unsigned kMaxChannels = 65536;
/// Children that one /32 or /64 has made, over all its channels: who keys every address
/// of a network uses up his own budget, not the inbound SAs of all.
inline constexpr unsigned kMaxChildrenPerSource = 2048;

class Core {
  public:
    Core(const Settings& settings, const PrivateKey& key, Random& random, SpiAllocator& spis,
         CryptoPool& pool);
    ~Core();

    const Settings settings;
    const PrivateKey& key;
    Random& random;
    SpiAllocator& spis;
    Counters counters;
    CookieJar cookies;
    bool shutting_down = false;
    Time last_now{};  // of the last call that said so

    // ---- tables
    IkeSa& make_sa(Time now);
    /// nullptr when it is gone.
    IkeSa* find(Serial serial);
    IkeSa* find_by_spi(std::uint64_t own_spi);
    IkeSa* find_channel(IkeSaId channel);
    Child& make_child(IkeSa& sa, const Pair& pair);
    Child* find_child(ChildId id);
    /// A child of this IKE SA by the SPI that the peer receives on.
    Child* child_by_spi_out(const IkeSa& sa, std::uint32_t spi_out);
    Child* child_by_spi_in(const IkeSa& sa, std::uint32_t spi_in);
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
    /// Rate-limited: a flood of bad messages must not become a flood of log lines.
    void notice(Notice::Level level, const Endpoint& remote, std::string text, Time now);
    /// work runs in the pool on copies only; done runs with the IKE SA if it is
    /// still there, as a turn of its own.
    void submit(Serial serial, std::function<void()> work, std::function<void(IkeSa&, Time)> done);
    /// Our identity on this local address.
    Identity own_identity(const Address& local) const;
    bool is_own_identity(const Identity& identity) const;

    // ---- machines
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

    // ---- half-open bounds and IKE_SA_INIT repetitions
    using InitKey = std::tuple<Endpoint, std::uint64_t, Bytes>;  // remote, SPIi, Ni
    std::map<InitKey, Serial> init_requests;
    void enter_half_open(IkeSa& sa);
    void leave_half_open(IkeSa& sa);
    void enter_channel(IkeSa& sa);
    void leave_channel(IkeSa& sa);
    bool too_many_children(const IkeSa& sa) const;
    void enter_child(const IkeSa& sa, Child& child);
    void leave_child(Child& child);
    bool wants_cookie(const Address& remote) const;
    bool overfull(const Address& remote) const;

    // ---- channels (channels.cpp)
    std::map<Address, std::deque<Waiting>> waiting;      // by gateway
    std::map<Address, Time> silent_until;                // g.silence, remembered
    std::set<std::pair<Identity, Identity>> lost_peers;  // own, peer: INITIAL_CONTACT is due
    unsigned num_exchanges = 0;                          // as initiator, not yet authenticated
    void enter_exchange(IkeSa& sa);
    void leave_exchange(IkeSa& sa);

  private:
    std::deque<IkeEvent> events_;
    CryptoPool& pool_;
    std::map<Serial, std::unique_ptr<IkeSa>> sas_;
    std::map<ChildId, std::unique_ptr<Child>> children_;
    std::unordered_map<std::uint64_t, Serial> by_spi_;
    std::unordered_map<IkeSaId, Serial> by_channel_;
    std::set<std::pair<Time, Serial>> timers_;
    std::set<Serial> touched_;
    std::vector<Serial> sa_graves_;
    std::vector<ChildId> child_graves_;
    std::map<Address, unsigned> half_open_;  // by /32 or /64
    unsigned num_half_open_ = 0;
    std::map<Address, unsigned> channels_;  // that strangers opened, by /32 or /64
    unsigned num_channels_ = 0;
    std::map<Address, unsigned> children_of_source_;  // that strangers made, likewise
    Serial last_serial_ = 0;
    IkeSaId last_channel_ = 0;
    ChildId last_child_ = 0;
    Time notice_refill_{};
    unsigned notice_tokens_ = 0;
    std::shared_ptr<Core*> alive_;  // jobs in the pool hold it weakly
};

}  // namespace oegate::ike::v2
