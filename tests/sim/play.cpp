#include "play.hpp"

#include <algorithm>

#include "attacker.hpp"

namespace oegate::sim {
namespace {

constexpr Duration kSettle = 100s;   // after the network healed both ends agree within this
constexpr Duration kBadDns = 310s;   // more, when DNS failed: RFC 9520 §3.2 lets us remember it 5 minutes
constexpr Duration kIdleOut = 400s;  // and with nothing to do, all is gone within this
constexpr unsigned kHosts = 3;       // of a site

/// How a site's hosts are delegated.
enum class How : std::uint8_t { ipseckey, ipseckey_without_key, txt, txt_without_key, name, unsigned_, none };

struct Site {
    ClassKind kind = ClassKind::oe_permissive;
    std::map<unsigned, ClassKind> towards;  // other sites, by a longer prefix
    How how = How::ipseckey;
    bool nobody = false;  // DNS names a gateway that is not there, before the others
    ClassKind kind_for(unsigned other) const {
        const auto it = towards.find(other);
        return it == towards.end() ? kind : it->second;
    }
    bool published() const { return how != How::none && how != How::unsigned_; }
};

struct Talk {
    Pair pair;
    unsigned here = 0, there = 0;  // sites
};

ClassKind some_class(SeededRandom& random) {
    // Keying is the matter here: half of all are permissive, and a fifth each are rare kinds.
    constexpr ClassKind kinds[] = {
        ClassKind::oe_permissive,  ClassKind::oe_permissive,     ClassKind::oe_permissive,
        ClassKind::oe_permissive,  ClassKind::oe_paranoid,       ClassKind::oe_paranoid,
        ClassKind::oe_accept_only, ClassKind::always_clear_text, ClassKind::deny};
    return kinds[random.below(std::size(kinds))];
}

/// One gateway each for the first sites; those that are left over join one of them.
std::vector<unsigned> some_sites(SeededRandom& random) {
    const unsigned num = random.below(2) == 0 ? 2 : 3 + static_cast<unsigned>(random.below(3));
    std::vector<unsigned> sites{0, 1};
    while (sites.size() < num) {
        const unsigned next = *std::ranges::max_element(sites) + 1;
        sites.push_back(random.below(2) == 0 ? static_cast<unsigned>(random.below(next)) : next);
    }
    return sites;
}

/// A random number of seconds, fractions included.
Duration between(SeededRandom& random, Duration least, Duration most) {
    return least + Duration(random.below(static_cast<std::uint64_t>((most - least).count()) + 1));
}

Address host_of(unsigned site, unsigned n, bool v6) {
    return v6 ? World::address6(site, 0, 65 + n) : World::host(site, n);
}

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
    void make_weather();
    void make_talks();
    void make_trouble();
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
    std::vector<char> dead_;  // gateways, for ever
    Time begin_, heal_, end_;
    bool bad_dns_ = false;  // at some time
};

void Play::make_sites() {
    unsigned num_sites = 0;
    for (unsigned i = 0; i < world_.num_gateways(); ++i)
        num_sites = std::max(num_sites, world_.site_of(i) + 1);
    sites_.resize(num_sites);
    unsigned s = 0;
    for (Site& site : sites_) {
        // A site that never initiates answers by the exit that its peer happened to key with.
        do {
            site.kind = some_class(random_);
        } while (site.kind == ClassKind::oe_accept_only && world_.gateways_of(s).size() > 1);
        // Who is configured knows one gateway of each other site.
        if (num_sites == world_.num_gateways() && one_in(8)) site.kind = ClassKind::configured;
        ++s;
        if (site.kind != ClassKind::oe_accept_only && one_in(4))
            site.towards[static_cast<unsigned>(random_.below(num_sites))] =
                one_in(2) ? ClassKind::oe_paranoid : ClassKind::oe_permissive;
        const std::uint64_t how = random_.below(13);
        site.how = how < 6 ? How::ipseckey : static_cast<How>(how - 6);
        site.nobody = one_in(8);
    }
    dead_.assign(world_.num_gateways(), 0);
}

void Play::configure() {
    for (unsigned i = 0; i < world_.num_gateways(); ++i) {
        const Site& site = sites_[world_.site_of(i)];
        config::Config& c = world_.config(i);
        world_.set_keeps_store(i, !one_in(3));
        c.classes[0].kind = site.kind;
        if (site.kind == ClassKind::configured) {
            c.classes[0].kind = ClassKind::deny;
            for (unsigned other = 0; other < sites_.size(); ++other) {
                if (other == world_.site_of(i) || site.towards.contains(other)) continue;
                const unsigned peer = world_.gateways_of(other).front();
                c.peers.push_back({world_.config(peer).name,
                                   World::gateway_address(peer),
                                   "",
                                   {to_base64(keys_[peer].public_key().data)}});
                config::Class tunnel;
                tunnel.kind = ClassKind::configured;
                tunnel.destinations = {Prefix(World::host(other, 0), 24)};
                tunnel.peer = world_.config(peer).name;
                c.classes.push_back(tunnel);
            }
        }
        for (const auto& [other, kind] : site.towards)
            c.classes.push_back({kind,
                                 {Prefix(Address::ipv4(192, static_cast<std::uint8_t>(other + 1), 0, 0), 24),
                                  Prefix(World::address6(other, 0, 0), 64)}});
        c.ike.child_lifetime = between(random_, 40s, 80s);  // below kSettle
        c.ike.ike_lifetime = between(random_, 60s, 250s);
        config::Timers& t = c.timers;
        t.gateway = 5s;
        t.hold = between(random_, 6s, 15s);
        t.late_exchange = 15s;
        t.short_failure = 15s;
        t.normal_failure = 25s;
        t.dns_failure = 10s;
        t.half_open = 15s;
        t.look_again_first = 15s;
        t.look_again = 30s;
        t.used_within = 15s;
        t.liveness = 8s;
        t.requery = 10s;
        t.old_inbound = 10s;
        t.idle_channel = 30s;
    }
    world_.zone.ttl = between(random_, 20s, 60s);
    world_.zone.negative_ttl = between(random_, 5s, 30s);
}

/// Everything that DNS says of one site, its gateways' own names included.
void Play::publish(unsigned s) {
    const Site& site = sites_[s];
    Zone& zone = world_.zone;
    for (const bool v6 : {false, true}) {
        for (const unsigned i : world_.gateways_of(s)) {
            const Address gateway = v6 ? World::gateway_address6(i) : World::gateway_address(i);
            const PublicKey& key = keys_[i].public_key();
            const std::string name = world_.config(i).name + ".sim.";
            zone.forget(gateway);
            if (!v6) zone.forget(name), zone.publish_key(name, key);
            zone.publish_address(name, gateway);
            if (i % 2 == 0) zone.delegate(gateway, gateway, key);
            if (i % 2 == 1) zone.publish_key(gateway.reverse_name(), key);
        }
        for (unsigned n = 0; n < kHosts; ++n) {
            const Address host = host_of(s, n, v6);
            zone.forget(host);
            if (site.how == How::none) continue;
            const Address nobody = v6 ? World::address6(8, 1, 1) : Address::ipv4(192, 9, 1, 1);
            std::uint8_t precedence = 10;
            for (const unsigned i : world_.gateways_of(s)) {
                const Address gateway = v6 ? World::gateway_address6(i) : World::gateway_address(i);
                const PublicKey& key = keys_[i].public_key();
                if (site.how == How::txt)
                    zone.delegate_by_txt(host, gateway.text(), &key, precedence);
                else if (site.how == How::txt_without_key)
                    zone.delegate_by_txt(host, gateway.text(), nullptr, precedence);
                else if (site.how == How::name)
                    zone.delegate_to_name(host, world_.config(i).name + ".sim.", i % 2 == 0 ? &key : nullptr,
                                          precedence);
                else if (site.how == How::ipseckey_without_key)
                    zone.delegate_without_key(host, gateway, precedence);
                else
                    zone.delegate(host, gateway, key, precedence);
                if (n == 1) precedence += 5;  // some hosts prefer the first
            }
            if (site.nobody && (site.how == How::ipseckey || site.how == How::unsigned_))
                zone.delegate(host, nobody, keys_[0].public_key(), 1);
        }
        const std::string end = host_of(s, 0, v6).reverse_name();
        if (site.how == How::unsigned_)
            zone.moods[end.substr(v6 ? 32 : end.find('.') + 1)] = Zone::Mood::unsigned_;
    }
}

/// A third each: no loss, some loss, and hardly anything arrives before the network heals.
void Play::make_weather() {
    const std::uint64_t storm = random_.below(3);
    world_.weather.loss_percent = storm == 0   ? 0
                                  : storm == 1 ? static_cast<unsigned>(random_.below(30))
                                               : 30 + static_cast<unsigned>(random_.below(70));
    world_.weather.double_percent = static_cast<unsigned>(random_.below(15));
    world_.weather.delay_most = 6ms + Duration(random_.below(300'000'000));
    world_.weather.dns_loss_percent = static_cast<unsigned>(random_.below(30));
    world_.weather.dns_delay_most = 2ms + Duration(random_.below(800'000'000));
    world_.forged_dns_percent = one_in(4) ? 20 : 0;
}

/// Both hosts of a pair talk until the end.
void Play::talk(const Pair& pair, Time from) {
    const Duration every = between(random_, 300ms, 2300ms);
    for (const Pair& mine : {pair, pair.reversed()})
        for (Time t = from + Duration(random_.below(20'000'000)); t < end_;
             t += (every / 2 + Duration(random_.below(static_cast<std::uint64_t>(every.count())))) *
                  (t > heal_ && bad_dns_ ? 4 : 1))
            world_.clock.at(t, [this, mine] { world_.send_from_site(mine); });
}

void Play::make_talks() {
    const std::uint64_t num = 1 + random_.below(3);
    for (std::uint64_t n = 0; n < num; ++n) {
        Talk t;
        t.here = static_cast<unsigned>(random_.below(sites_.size()));
        t.there = static_cast<unsigned>(random_.below(sites_.size() - 1));
        if (t.there >= t.here) ++t.there;
        const bool configured =
            sites_[t.here].kind == ClassKind::configured || sites_[t.there].kind == ClassKind::configured;
        const bool v6 = one_in(4) && !configured;  // the tunnels are between IPv4 hosts
        t.pair = {host_of(t.here, static_cast<unsigned>(n) % kHosts, v6),
                  host_of(t.there, static_cast<unsigned>(random_.below(kHosts)), v6)};
        if (std::ranges::any_of(
                talks_, [&](const Talk& o) { return o.pair == t.pair || o.pair == t.pair.reversed(); }))
            continue;
        talks_.push_back(t);
        talk(t.pair, begin_ + Duration(random_.below(2'000'000'000)));
    }
}

void Play::make_trouble() {
    Clockwork& clock = world_.clock;
    const unsigned num = world_.num_gateways();
    const auto some_gateway = [&] { return static_cast<unsigned>(random_.below(num)); };
    for (const Talk& t : talks_)  // both sides forget a pair at about the same time
        if (one_in(3)) {
            const Time when = some_time();
            for (const Pair& mine : {t.pair, t.pair.reversed()})
                clock.at(when + Duration(random_.below(100'000'000)), [this, mine] {
                    const unsigned exit = world_.exit_of(*World::site_of(mine.source));
                    if (!world_.is_up(exit)) return;
                    // What the operator clears while it is held is lost on purpose.
                    const WorkerModel::Flow* flow = world_.worker(exit).flow(mine);
                    if (flow != nullptr && flow->state == FlowState::encrypt)
                        world_.gateway(exit).flow_clear(mine, world_.clock.now());
                });
        }
    if (bad_dns_) {  // the zones of a site are tampered with, or lame, for a while
        const bool v6 = one_in(4);
        const std::string name =
            host_of(static_cast<unsigned>(random_.below(sites_.size())), 0, v6).reverse_name();
        const std::string end = one_in(2) ? "arpa." : name.substr(v6 ? 32 : name.find('.') + 1);
        clock.at(some_time(), [this, end, lame = one_in(2)] {
            world_.zone.moods[end] = lame ? Zone::Mood::lame : Zone::Mood::tampered;
            say(end + (lame ? " is lame" : " is tampered with"));
        });
    }
    if (one_in(6)) {  // a zone that is published late
        const unsigned s = static_cast<unsigned>(random_.below(sites_.size()));
        for (unsigned n = 0; n < kHosts; ++n)
            for (const bool v6 : {false, true}) world_.zone.forget(host_of(s, n, v6));
        clock.at(some_time(), [this, s] { publish(s), say("zone " + std::to_string(s) + " is published"); });
    }
    if (one_in(4)) {
        const unsigned i = some_gateway();
        ++tally_.crashes;
        const Time when = some_time();
        clock.at(when, [this, i] {
            if (world_.is_up(i)) world_.stop(i);
        });
        clock.at(std::min(heal_, when + between(random_, 0s, 10s)), [this, i] {
            if (!world_.is_up(i) && !dead_[i]) world_.begin(i);
        });
    }
    if (one_in(8)) {
        const unsigned i = some_gateway();
        ++tally_.shutdowns;
        const Time when = some_time();
        clock.at(when, [this, i] {
            if (world_.is_up(i)) world_.shutdown(i);
        });
        clock.at(when + 2s, [this, i] {
            if (world_.is_up(i)) world_.stop(i);
        });
        clock.at(std::min(heal_, when + 2s + between(random_, 0s, 10s)), [this, i] {
            if (!world_.is_up(i) && !dead_[i]) world_.begin(i);
        });
    }
    for (std::uint64_t n = one_in(4) ? 1 + random_.below(2) : 0; n > 0; --n) {
        const unsigned i = some_gateway(), j = some_gateway();
        if (i == j) continue;
        ++tally_.partitions;
        const Time when = some_time();
        clock.at(when, [this, i, j] { world_.cut(i, j, true), say("a wire is cut"); });
        clock.at(std::min(heal_, when + between(random_, 1s, 40s)),
                 [this, i, j] { world_.cut(i, j, false); });
    }
    if (one_in(7)) {
        const unsigned i = some_gateway();
        const Time when = some_time();
        clock.at(when, [this, i] { world_.cut_dns(i, true), say("a resolver is out of reach"); });
        clock.at(std::min(heal_, when + between(random_, 1s, 20s)), [this, i] { world_.cut_dns(i, false); });
    }
    for (unsigned s = 0; s < sites_.size(); ++s) {  // sites with several exits
        const std::vector<unsigned> all = world_.gateways_of(s);
        if (all.size() < 2) continue;
        const auto any = [&] { return all[random_.below(all.size())]; };
        world_.route(s, any(), any());
        for (std::uint64_t n = random_.below(4); n > 0; --n)
            clock.at(some_time(), [this, s, exit = any(), entry = any()] {
                if (!dead_[exit] && !dead_[entry]) world_.route(s, exit, entry), say("routes change");
            });
        if (!one_in(3)) continue;
        const unsigned victim = any();
        ++tally_.deaths;
        const Time when = some_time();
        clock.at(when, [this, victim] {
            dead_[victim] = 1;
            if (world_.is_up(victim)) world_.stop(victim);
        });
        clock.at(when + between(random_, 500ms, 3s), [this, s, victim, all] {
            for (const unsigned other : all)
                if (other != victim && !dead_[other]) world_.route(s, other, other);
        });
    }
    if (one_in(3))
        for (std::uint64_t n = 1 + random_.below(25); n > 0; --n)
            clock.at(some_time(), [this] { attacker_.strike(); });
    if (one_in(10)) clock.at(some_time(), [this] { attacker_.half_open(20); });
}

bool Play::judge(const Talk& talk, Outcome outcome) {
    const auto round = [&] {
        const std::uint64_t sent[] = {world_.send_from_site(talk.pair),
                                      world_.send_from_site(talk.pair.reversed())};
        world_.run(500ms);
        bool as_expected = true;
        for (const std::uint64_t datagram : sent) {
            bool encrypted = false;
            const bool there = world_.was_delivered(datagram, &encrypted);
            as_expected = as_expected && there == (outcome != Outcome::nothing) &&
                          encrypted == (outcome == Outcome::encrypted);
        }
        return as_expected && (outcome != Outcome::encrypted || world_.agreed(talk.pair));
    };
    for (int i = 0; i < 10; ++i)  // a rekey may be under way
        if (round()) return true;
    return false;
}

void Play::judge() {
    for (const Talk& t : talks_) {
        bool reachable = true;
        for (const unsigned s : {t.here, t.there}) reachable = reachable && world_.is_up(world_.exit_of(s));
        if (!reachable) continue;
        const Outcome outcome = expected({sites_[t.here].kind_for(t.there), sites_[t.here].published()},
                                         {sites_[t.there].kind_for(t.here), sites_[t.there].published()});
        ++(outcome == Outcome::encrypted ? tally_.encrypted_pairs
           : outcome == Outcome::clear   ? tally_.clear_pairs
                                         : tally_.silent_pairs);
        if (!judge(t, outcome))
            world_.violate(Invariant::agreed, std::string(outcome == Outcome::encrypted ? "not encrypted"
                                                          : outcome == Outcome::clear   ? "not in the clear"
                                                                                        : "not silent") +
                                                  " in the end: " + t.pair.text() + "\n" +
                                                  world_.describe(t.pair));
    }
    for (unsigned i = 0; i < world_.num_gateways(); ++i)
        if (world_.is_up(i) && world_.gateway(i).status().connections > talks_.size())
            world_.violate(Invariant::bounded, world_.config(i).name + " has more connections than pairs");
}

void Play::judge_leftovers() {
    const Time until = world_.clock.now() + kIdleOut;
    std::string left = world_.leftovers();
    while (!left.empty() && world_.clock.now() < until) {
        world_.run(20s);
        left = world_.leftovers();
    }
    if (!left.empty()) world_.violate(Invariant::bounded, "left over:" + left);
}

void Play::count() {
    for (unsigned i = 0; i < world_.num_gateways(); ++i) {
        tally_.crossed += world_.counted(i, "row s.both") + world_.counted(i, "row s.peer-first");
        tally_.rekeys += world_.counted(i, "row k.rekey-own");
        tally_.second += world_.counted(i, "row k.second");
        if (!world_.verbose() || !world_.is_up(i)) continue;
        for (const gateway::CounterView& c : world_.gateway(i).counters())
            if (c.value > 0)
                say(world_.config(i).name + " counted " + c.name + ": " + std::to_string(c.value));
    }
    tally_.gateways += world_.num_gateways();
    tally_.events += world_.clock.happened();
    tally_.clear += world_.clear_on_wire();
    tally_.esp += world_.esp_on_wire();
    tally_.ike += world_.ike_on_wire();
    tally_.delivered += world_.delivered().size();
    tally_.forged += attacker_.num_strikes();
}

std::vector<std::string> Play::run() {
    make_sites();
    configure();
    make_weather();
    for (unsigned s = 0; s < sites_.size(); ++s) {
        publish(s);
        std::string gateways;
        for (const unsigned i : world_.gateways_of(s)) gateways += " " + world_.config(i).name;
        say("site " + std::to_string(s) + " behind" + gateways + ": class " +
            std::string(to_text(sites_[s].kind)) + (sites_[s].published() ? "" : ", not published securely"));
        for (const auto& [other, kind] : sites_[s].towards)
            say("  towards site " + std::to_string(other) + " " + std::string(to_text(kind)));
    }
    begin_ = world_.clock.now();
    heal_ = begin_ + between(random_, 40s, 80s);
    bad_dns_ = one_in(6);
    end_ = heal_ + kSettle + (bad_dns_ ? kBadDns : 0s);
    world_.start(false);
    make_talks();
    make_trouble();
    for (const Talk& t : talks_) say("pair " + t.pair.text());
    world_.clock.at(heal_, [this] {
        world_.zone.moods.clear();
        for (unsigned s = 0; s < sites_.size(); ++s) publish(s);
        world_.heal();
    });
    world_.run(end_ - begin_);
    judge();
    judge_leftovers();
    count();
    return world_.violations();
}

}  // namespace

Outcome expected(const Side& here, const Side& there) {
    const auto starts = [](const Side& s) {
        return s.kind == ClassKind::oe_permissive || s.kind == ClassKind::oe_paranoid;
    };
    const auto accepts = [&](const Side& s) { return starts(s) || s.kind == ClassKind::oe_accept_only; };
    const auto clears = [](const Side& s) {
        return s.kind == ClassKind::oe_permissive || s.kind == ClassKind::oe_accept_only ||
               s.kind == ClassKind::always_clear_text;
    };
    const auto configured = [](const Side& s) { return s.kind == ClassKind::configured; };
    if (configured(here) && configured(there)) return Outcome::encrypted;
    // A configured side needs no DNS; what its peer must believe, does.
    if (configured(here)) return accepts(there) && here.published ? Outcome::encrypted : Outcome::nothing;
    if (configured(there)) return expected(there, here);
    if (here.published && there.published && accepts(here) && accepts(there) &&
        (starts(here) || starts(there)))
        return Outcome::encrypted;
    return clears(here) && clears(there) ? Outcome::clear : Outcome::nothing;
}

std::vector<std::string> play(std::uint64_t seed, std::span<const ike::PrivateKey> keys, bool verbose,
                              Tally& tally) {
    const std::vector<std::string> broken = Play(seed, keys, verbose, tally).run();
    ++tally.runs;
    if (!broken.empty()) ++tally.failed;
    return broken;
}

void Tally::add(const Tally& o) {
    static_assert(sizeof(Tally) % sizeof(std::uint64_t) == 0);
    auto* to = reinterpret_cast<std::uint64_t*>(this);
    const auto* from = reinterpret_cast<const std::uint64_t*>(&o);
    for (std::size_t i = 0; i < sizeof(Tally) / sizeof(std::uint64_t); ++i) to[i] += from[i];
}

}  // namespace oegate::sim
