// Inside of play: the plan of one seed's run. Included by play.cpp, which runs and judges,
// plan.cpp, which makes sites, zones and traffic, and trouble.cpp, where things go wrong.
#pragma once

#include "attacker.hpp"
#include "play.hpp"

namespace oegate::sim {

inline constexpr Duration kSettle = 100s;  // after the network healed both ends agree within this
inline constexpr Duration kBadDns =
    310s;  // more, when DNS failed: RFC 9520 §3.2 lets us remember it 5 minutes
inline constexpr Duration kIdleOut = 400s;  // and with nothing to do, all is gone within this
inline constexpr unsigned kHosts = 3;       // of a site

inline constexpr unsigned kMaxGateways = 5;

/// How a site's hosts are delegated. identity: to a name without an address, whose gateway
/// initiates only (OE draft §5.3).
enum class How : std::uint8_t {
    ipseckey,
    ipseckey_without_key,
    txt,
    txt_without_key,
    name,
    identity,
    unsigned_,
    none,
    kCount
};

struct Site {
    ClassKind kind = ClassKind::oe_permissive;
    std::map<unsigned, ClassKind> towards;  // other sites, by a longer prefix
    How how = How::ipseckey;
    bool nobody = false;      // DNS names a gateway that is not there, before the others
    bool translated = false;  // its gateway is behind an address translator
    bool require_secure = false;
    bool sticky = false;
    bool small = false;             // narrow bounds, and a host that scans
    bool by_default = false;        // no class: the administrator's default
    bool unsigned_gateway = false;  // its gateways' names too, where its hosts' are
    ClassKind kind_for(unsigned other) const {
        const auto it = towards.find(other);
        return it == towards.end() ? kind : it->second;
    }
    bool published() const { return how != How::none && how != How::unsigned_; }
    bool reachable() const { return how != How::identity; }
    Side side(unsigned other) const { return {kind_for(other), published(), reachable()}; }
};

struct Talk {
    Pair pair;
    unsigned here = 0, there = 0;  // sites
};

std::vector<unsigned> some_sites(SeededRandom& random);
/// A random number of seconds, fractions included.
Duration between(SeededRandom& random, Duration least, Duration most);
Address host_of(unsigned site, unsigned n, bool v6);

class Play {
  public:
    Play(std::uint64_t seed, std::span<const ike::PrivateKey> keys, bool verbose, Tally& tally)
        : topology_(seed ^ 0x5172a8e0c0ffee11),
          world_(seed, keys, verbose, some_sites(topology_)),
          random_(world_.random),
          attacker_(world_),
          keys_(keys),
          tally_(tally) {}
    std::vector<std::string> run();

  private:
    void make_sites();
    void configure();
    void publish(unsigned site);
    void delegate(const Site& site, const Address& host, unsigned gateway, unsigned key,
                  std::uint8_t precedence);
    void make_weather();
    void make_talks();
    void make_trouble();
    void make_bad_dns();
    void make_changes();
    void make_rollover(unsigned gateway);
    void make_restarts();
    void make_partitions();
    void make_routes();
    void scan(unsigned site);
    bool may_clear(unsigned gateway, const Pair& pair) const;
    void talk(const Pair& pair, Time from);
    void judge();
    bool judge(const Talk& talk, Outcome outcome);
    void judge_leftovers();
    void count();
    void say(const std::string& line) {
        if (world_.verbose()) world_.tell(line);
    }
    bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
    Time some_time() { return begin_ + between(random_, 2s, heal_ - begin_ - 2s); }

    SeededRandom topology_;
    World world_;
    SeededRandom& random_;
    Attacker attacker_;
    std::span<const ike::PrivateKey> keys_;
    Tally& tally_;
    std::vector<Site> sites_;
    std::vector<Talk> talks_;
    std::vector<char> dead_;                    // gateways, for ever
    std::vector<std::vector<unsigned>> shown_;  // of each gateway: its keys in DNS
    Time begin_, heal_, end_;
    bool bad_dns_ = false;  // at some time
};

}  // namespace oegate::sim
