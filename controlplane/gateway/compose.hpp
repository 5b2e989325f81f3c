// Inside of Gateway: the parts and how they are connected. Included by this room's
// sources only.
#pragma once

#include <deque>
#include <map>

#include "gateway/gateway.hpp"
#include "gateway/greeter.hpp"
#include "keying/keying.hpp"
#include "sa/sa.hpp"

namespace oegate::gateway {

// Between two drains.
inline constexpr std::size_t kMaxLogs = 4096;
inline constexpr std::size_t kMaxTransitions = 4096;

inline constexpr std::size_t kMaxRecent = 4096;

// The parts' status as an operator sees it (views.cpp).
std::optional<Duration> until(Time at, Time now);
DnsView dns_view(const Address& owner, const discovery::DelegationAnswer& answer, Duration left);
IkeView ike_view(const ike::IkeSaStatus& s, Time now);
TunnelView tunnel_view(const sa::ChildStatus& s, Time now);

class Gateway::Impl {
  public:
    Impl(const config::Config& config, const ike::PrivateKey& key, Random& random, ike::CryptoPool& pool,
         const Options& options);

    /// Carries answers and orders between the parts until none has anything to say.
    void pump(Time now);
    bool obey(Time now);

    /// A job's `done` changes the engine: what follows from it must be carried on.
    class Pool final : public ike::CryptoPool {
      public:
        Pool(ike::CryptoPool& below, Impl& impl) : below_(below), impl_(impl) {}
        void submit(ike::Job job) override;

      private:
        ike::CryptoPool& below_;
        Impl& impl_;
    };

    const config::Config& config;
    keying::Realm realm;
    sa::Outbox outbox;
    sa::Sa sa;
    discovery::Discovery discovery;
    keying::Keying keying;
    Pool pool;
    ike::Engine engine;
    OwnerSeed seed;

    std::map<discovery::LookupId, ike::ConnectionId> lookups;
    std::map<ike::ConnectionId, discovery::LookupId> by_asker;
    std::map<ike::ChildId, keying::NewChild> installing;  // until their worker has the inbound SA
    std::deque<ike::SendDatagram> datagrams;
    std::deque<LogRecord> logs;
    std::deque<std::string> key_log;
    std::uint64_t logs_lost = 0;
    std::deque<TransitionView> transitions;  // while is_monitored
    std::uint64_t transitions_lost = 0;
    bool is_monitored = false;
    struct Recent {
        Time at;
        TransitionView what;
    };
    std::deque<Recent> recent;  // the last kMaxRecent: `explain` of pairs that are forgotten
    std::uint64_t selector_mismatches = 0;
    std::uint64_t stale_events = 0;  // of former tenants of a slot
    std::uint64_t no_slot = 0;
    bool key_log_on = false;
    bool keep_state = false;
    std::function<std::int64_t()> wall_seconds;
    Greeter greeter;
    std::map<discovery::LookupId, store::PeerRecord> greetings;  // their keys are being asked for
    std::deque<store::Action> stores;
    std::uint64_t stores_lost = 0;

    void log(config::LogLevel level, bool security, std::string text,
             std::vector<std::pair<std::string, std::string>> fields = {}, std::string kind = {});
    void show_transition(const keying::Transition& a, Time now);  // views.cpp
    unsigned worker_of(const Pair& pair) const;
    void ask(ike::ConnectionId asker, discovery::LookupId lookup);

    // peers over restarts (peers.cpp)
    std::int64_t wall_now() const;
    void keep(store::Action action);
    void remember_peers(const std::vector<store::PeerRecord>& peers);
    void greet_some(Time now);
    bool greet(const discovery::KeysDone& done, Time now);

    // discovery → keying
    void carry(const discovery::DelegationDone& done, Time now);
    void carry(const discovery::KeysDone& done, Time now);
    // engine → keying, sa, outside
    void carry(ike::SendDatagram& e, Time now);
    void carry(ike::WantPeerKeys& e, Time now);
    void carry(ike::WantAuthorization& e, Time now);
    void carry(ike::InstallChild& e, Time now);
    void carry(ike::ChildGone& e, Time now);
    void carry(ike::InitiateFailed& e, Time now);
    void carry(ike::RekeyFailed& e, Time now);
    void carry(ike::PeerKnown& e, Time now);
    void carry(ike::PeerForgotten& e, Time now);
    void carry(ike::GreetEnded& e, Time now);
    void carry(ike::IkeRekeyed& e, Time now);
    void carry(ike::Notice& e, Time now);
    void carry(ike::KeyLog& e, Time now);
    // keying → discovery, engine, workers
    void carry(const keying::LookUpDelegation& a, Time now);
    void carry(const keying::LookUpKeys& a, Time now);
    void carry(const keying::AbandonLookup& a, Time now);
    void carry(const keying::StartExchange& a, Time now);
    void carry(const keying::ForgetExchange& a, Time now);
    void carry(const keying::ApplyPolicy& a, Time now);
    void carry(const keying::DropPolicy& a, Time now);
    void carry(const keying::AskUse& a, Time now);
    void carry(const keying::RekeyChild& a, Time now);
    void carry(const keying::DeleteChild& a, Time now);
    void carry(const keying::CloseChannel& a, Time now);
    void carry(const keying::CheckLiveness& a, Time now);
    void carry(const keying::AnswerPeerKeys& a, Time now);
    void carry(const keying::AnswerAuthorization& a, Time now);
    void carry(const keying::RememberSticky& a, Time now);
    void carry(const keying::ForgetSticky& a, Time now);
    void carry(const keying::Transition& a, Time now);
};

}  // namespace oegate::gateway
