// Two to five gateways at sites of their own or in common, their hosts, a resolver and a
// network that loses, doubles, delays, reorders and is cut, in virtual time from one
// seed. What an invariant finds ends up in violations(); the same seed finds it again.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "clockwork.hpp"
#include "gateway/gateway.hpp"
#include "ike/crypto/rsa.hpp"
#include "invariant.hpp"
#include "worker_model.hpp"
#include "zone.hpp"

namespace oegate::sim {

struct Weather {
    unsigned loss_percent = 0;
    unsigned double_percent = 0;
    Duration delay_least = 5ms;
    Duration delay_most = 50ms;
    unsigned dns_loss_percent = 0;
    Duration dns_delay_most = 50ms;
};

struct Delivery {
    Pair pair;
    std::uint64_t datagram = 0;
    bool encrypted = false;
    Time at;
};

class World {
  public:
    /// keys: at least one for each gateway, made once for all runs. sites: of each
    /// gateway; gateways of one site protect the same hosts.
    World(std::uint64_t seed, std::span<const ike::PrivateKey> keys, bool verbose,
          std::vector<unsigned> sites = {0, 1});
    ~World();

    Clockwork clock;
    SeededRandom random;
    Weather weather;
    Zone zone;

    struct Node;

    /// Before start(): may still change the configurations.
    config::Config& config(unsigned i);
    /// delegate: every host of the stories to each gateway of its site, with its key.
    void start(bool delegate = true);
    /// A host behind gateway `i` sends one datagram; its number.
    std::uint64_t send(unsigned i, const Pair& pair);
    /// The same by whichever gateway its site's routers choose. 0: there is none.
    std::uint64_t send_from_site(const Pair& pair);
    void run(Duration d);

    // ---- what goes wrong
    /// The gateway loses everything and begins anew (a crash: nobody is told).
    void crash(unsigned i);
    void stop(unsigned i);   // nobody is told
    void begin(unsigned i);  // after stop()
    bool is_up(unsigned i) const;
    void shutdown(unsigned i);  // orderly; stop() it when the deletes are through
    void cut(unsigned i, unsigned j, bool is_cut) { cut_.at(i).at(j) = cut_.at(j).at(i) = is_cut; }
    void cut_dns(unsigned i, bool is_cut) { dns_cut_.at(i) = is_cut; }
    void heal();
    /// The gateway by which a site's datagrams leave, and by which clear text comes.
    void route(unsigned site, unsigned exit, unsigned entry) { routes_[site] = {exit, entry}; }
    void set_fault(unsigned i, Fault fault);  // before start()
    /// Does the state directory survive a restart?
    void set_keeps_store(unsigned i, bool keeps);
    /// From now on it signs with this one of the keys (key rollover).
    void set_key(unsigned i, unsigned which);
    unsigned key_of(unsigned i) const;
    /// Its calendar is so much ahead of the others'.
    void set_wall(unsigned i, std::chrono::seconds ahead);
    std::int64_t wall(unsigned i) const;
    /// It speaks to the world through an address translator. Before start().
    void translate(unsigned i);

    // ---- an attacker's means: what it heard, and what it says
    const std::deque<ike::SendDatagram>& heard() const { return heard_; }  // as their senders sent them
    const std::deque<Esp>& heard_esp() const { return heard_esp_; }
    /// Arrives as if `remote` had sent it to `local`.
    void inject(const ike::SendDatagram& from_remote);
    void inject(const Packet& packet, unsigned to);
    void inject(const Event& event, unsigned to);
    unsigned forged_dns_percent = 0;
    /// May this pair of gateway i ever go in the clear? By the plan, not by the gateway's own
    /// reading of its configuration.
    std::function<bool(unsigned i, const Pair& pair)> may_clear;
    std::function<void(const ike::SendDatagram&)> stranger;  // hears IKE messages to no gateway of ours

    // ---- who is who
    static Address host(unsigned site, unsigned n);
    static Address gateway_address(unsigned i);
    /// 2001:db8:SITE:NET::N; the host 65 of net 0 is delegated.
    static Address address6(unsigned site, unsigned net, unsigned n);
    static Address gateway_address6(unsigned i);
    unsigned num_gateways() const { return static_cast<unsigned>(nodes_.size()); }
    unsigned site_of(unsigned i) const { return sites_.at(i); }
    std::vector<unsigned> gateways_of(unsigned site) const;
    static std::optional<unsigned> site_of(const Address& host);  // none: a host of the Internet
    std::optional<unsigned> gateway_at(const Address& outside) const;
    unsigned exit_of(unsigned site) const { return routes_.at(site).exit; }

    gateway::Gateway& gateway(unsigned i);
    WorkerModel& worker(unsigned i);
    const std::vector<Delivery>& delivered() const { return delivered_; }
    bool was_delivered(std::uint64_t datagram, bool* encrypted = nullptr) const;
    /// Both ends send through SAs that some other end has under the same keys.
    bool agreed(const Pair& pair) const;
    std::string describe(const Pair& pair);
    /// What is left of connections, SAs, channels and questions; empty: nothing.
    std::string leftovers();
    const std::vector<std::string>& violations() const { return violations_; }
    void violate(Invariant invariant, const std::string& what);
    void tell(const std::string& line) const;  // a line of the story
    bool verbose() const { return verbose_; }
    std::uint64_t clear_on_wire() const { return clear_on_wire_; }
    std::uint64_t esp_on_wire() const { return esp_on_wire_; }
    std::uint64_t ike_on_wire() const { return ike_on_wire_; }
    std::uint64_t counted(unsigned i, const std::string& name) const;
    /// How often each row of keying was taken, by all gateways in all their lives.
    std::vector<std::uint64_t> rows() const;

  private:
    void drain(unsigned i);
    void put_on_wire(unsigned from, Packet packet);
    void check_clear(unsigned from, const Pair& pair);
    void check_sticky(unsigned from, const Pair& pair);
    void check_limits(unsigned i);
    void check_opened(const Esp& esp, bool opened);
    bool is_calm() const;
    std::optional<unsigned> destination_of(unsigned from, const Packet& packet);
    void arrive(unsigned to, const Packet& packet);
    bool passes_out(unsigned from, Packet& packet);
    bool passes_in(unsigned to, Packet& packet);
    void ask_dns(unsigned i, const discovery::SendQuery& query);
    void arm(unsigned i);
    void check();
    Duration some(Duration least, Duration most);
    bool chance(unsigned percent) { return percent != 0 && random.below(100) < percent; }
    const WorkerModel::Sa* far_end(unsigned from, const Pair& pair) const;

    struct Route {
        unsigned exit = 0, entry = 0;
    };
    std::span<const ike::PrivateKey> keys_;
    bool verbose_;
    std::vector<unsigned> sites_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::map<unsigned, Route> routes_;
    std::vector<std::vector<char>> cut_;
    std::vector<char> dns_cut_;
    Time calm_since_;
    struct Hole {
        Time since, last;
    };
    std::map<Pair, Hole> holes_;       // what is sent there is opened by nobody
    std::vector<std::uint64_t> rows_;  // of lives that are over
    std::deque<ike::SendDatagram> heard_;
    std::deque<Esp> heard_esp_;
    std::vector<Delivery> delivered_;
    std::unordered_map<std::uint64_t, bool> fates_;
    std::vector<std::string> violations_;
    std::uint64_t next_datagram_ = 1;
    std::uint64_t clear_on_wire_ = 0;
    std::uint64_t esp_on_wire_ = 0;
    std::uint64_t ike_on_wire_ = 0;
};

}  // namespace oegate::sim
