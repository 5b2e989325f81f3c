// Two gateways, their hosts, a resolver and a network that loses, doubles, delays and
// reorders, in virtual time from one seed. What an invariant finds ends up in
// violations(); the same seed finds it again.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "clockwork.hpp"
#include "gateway/gateway.hpp"
#include "ike/crypto/rsa.hpp"
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
    /// keys: of the two gateways, made once for all runs.
    World(std::uint64_t seed, const std::array<ike::PrivateKey, 2>& keys, bool verbose);
    ~World();

    Clockwork clock;
    SeededRandom random;
    Weather weather;
    Zone zone;

    struct Node;

    /// Before start(): may still change the configurations.
    config::Config& config(unsigned i);
    void start();
    /// A host behind gateway `side` sends one datagram; its number.
    std::uint64_t send(unsigned side, const Pair& pair);
    void run(Duration d);
    /// The gateway loses everything and begins anew (a crash: nobody is told).
    void crash(unsigned i);

    static Address host(unsigned side, unsigned n);
    static Address gateway_address(unsigned side);
    /// 2001:db8:SIDE:NET::N; the host 65 of net 0 is delegated.
    static Address address6(unsigned side, unsigned net, unsigned n);
    static Address gateway_address6(unsigned side);

    gateway::Gateway& gateway(unsigned i);
    WorkerModel& worker(unsigned i);
    const std::vector<Delivery>& delivered() const { return delivered_; }
    bool was_delivered(std::uint64_t datagram, bool* encrypted = nullptr) const;
    /// Both ends send through SAs that the other end has under the same keys.
    bool agreed(const Pair& pair_of_0);
    std::string describe(const Pair& pair_of_0);
    const std::vector<std::string>& violations() const { return violations_; }
    std::uint64_t clear_on_wire() const { return clear_on_wire_; }
    std::uint64_t esp_on_wire() const { return esp_on_wire_; }

  private:
    void drain(unsigned i);
    void put_on_wire(unsigned from, Packet packet);
    void arrive(unsigned to, const Packet& packet);
    void arm(unsigned i);
    void check();
    void violate(unsigned i, const std::string& what);
    Duration some(Duration least, Duration most);
    bool chance(unsigned percent) { return random.below(100) < percent; }

    const std::array<ike::PrivateKey, 2>& keys_;
    bool verbose_;
    std::array<std::unique_ptr<Node>, 2> nodes_;
    std::vector<Delivery> delivered_;
    std::vector<std::string> violations_;
    std::uint64_t next_datagram_ = 1;
    std::uint64_t clear_on_wire_ = 0;
    std::uint64_t esp_on_wire_ = 0;
};

}  // namespace oegate::sim
