// Who is where, with which class, what DNS says of whom, and who talks to whom.
#include <algorithm>

#include "run.hpp"

namespace oegate::sim {
namespace {

ClassKind some_class(SeededRandom& random) {
    // Keying is the matter here: half of all are permissive, and a fifth each are rare kinds.
    constexpr ClassKind kinds[] = {
        ClassKind::oe_permissive,  ClassKind::oe_permissive,     ClassKind::oe_permissive,
        ClassKind::oe_permissive,  ClassKind::oe_paranoid,       ClassKind::oe_paranoid,
        ClassKind::oe_accept_only, ClassKind::always_clear_text, ClassKind::deny};
    return kinds[random.below(std::size(kinds))];
}

}  // namespace

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

Duration between(SeededRandom& random, Duration least, Duration most) {
    return least + Duration(random.below(static_cast<std::uint64_t>((most - least).count()) + 1));
}

Address host_of(unsigned site, unsigned n, bool v6) {
    return v6 ? World::address6(site, 0, 65 + n) : World::host(site, n);
}

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
        const std::uint64_t how = random_.below(6 + static_cast<unsigned>(How::kCount));
        site.how = how < 6 ? How::ipseckey : static_cast<How>(how - 6);
        site.nobody = one_in(8);
        site.require_secure = one_in(5);
        site.sticky = one_in(4);
        site.small = one_in(6);
        site.by_default = one_in(6);
        site.unsigned_gateway = one_in(2);
    }
    const bool any_configured =
        std::ranges::any_of(sites_, [](const Site& x) { return x.kind == ClassKind::configured; });
    for (unsigned n = 0; n < sites_.size(); ++n) {
        Site& site = sites_[n];
        // The peers of a configuration have an address each. And whom nobody can call picks one of
        // the other site's gateways, which need not be the one that its routers use: no policy
        // could encrypt there.
        bool others_have_one = true;
        for (unsigned other = 0; other < sites_.size(); ++other)
            others_have_one = others_have_one && (other == n || world_.gateways_of(other).size() == 1);
        if (site.how == How::identity && (any_configured || !others_have_one)) site.how = How::ipseckey;
        site.translated = site.how == How::identity && one_in(2);
        if (!site.translated) continue;
        for (const unsigned i : world_.gateways_of(n)) world_.translate(i), ++tally_.translated;
    }
    dead_.assign(world_.num_gateways(), 0);
    for (unsigned i = 0; i < world_.num_gateways(); ++i) shown_.push_back({i});
}

void Play::configure() {
    // What heals only with the next SA pair is no agreement: in half of the runs the pairs live
    // longer than kSettle, in the others they are replaced often.
    const Duration child_lifetime = one_in(2) ? between(random_, 40s, 80s) : between(random_, 150s, 300s);
    for (unsigned i = 0; i < world_.num_gateways(); ++i) {
        const Site& site = sites_[world_.site_of(i)];
        config::Config& c = world_.config(i);
        world_.set_keeps_store(i, !one_in(3));
        c.classes[0].kind = site.kind;
        c.classes[0].require_secure = site.require_secure;
        if (site.how == How::identity) c.ike.name = c.name + ".sim";
        if (site.sticky) c.sticky = {true, 2, 24h, 64};
        if (site.small) {
            c.limits.connections = 10;
            c.limits.pending_per_source = 2;
            c.limits.pending_total = 4;
            c.limits.peer_lookups_per_source = 1;
            c.ike.max_exchanges = 1;
        }
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
        // The administrator's default does as well as a class for everything.
        if (site.by_default && site.kind != ClassKind::configured && !site.require_secure) {
            c.default_class = site.kind;
            c.classes.erase(c.classes.begin());
        }
        c.ike.child_lifetime = child_lifetime;
        c.ike.ike_lifetime = between(random_, 60s, 250s);
        if (one_in(4)) c.ike.pfs = config::Pfs::strict;
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

/// One record that names gateway i and its key k, in the site's manner.
void Play::delegate(const Site& site, const Address& host, unsigned i, unsigned k, std::uint8_t precedence) {
    Zone& zone = world_.zone;
    const Address gateway = host.is_ipv4() ? World::gateway_address(i) : World::gateway_address6(i);
    const PublicKey& key = keys_[k].public_key();
    const std::string name = world_.config(i).name + ".sim.";
    const bool first = k == shown_[i].front();  // a record without key is enough once
    switch (site.how) {
        case How::txt:
            return zone.delegate_by_txt(host, gateway.text(), &key, precedence);
        case How::txt_without_key:
            if (first) zone.delegate_by_txt(host, gateway.text(), nullptr, precedence);
            return;
        case How::name:
            if (i % 2 == 0 || first)
                zone.delegate_to_name(host, name, i % 2 == 0 ? &key : nullptr, precedence);
            return;
        case How::identity:
            return zone.delegate_to_identity(host, name, key);
        case How::ipseckey_without_key:
            if (first) zone.delegate_without_key(host, gateway, precedence);
            return;
        default:
            return zone.delegate(host, gateway, key, precedence);
    }
}

/// Everything that DNS says of one site, its gateways' own names included.
void Play::publish(unsigned s) {
    const Site& site = sites_[s];
    Zone& zone = world_.zone;
    for (const bool v6 : {false, true}) {
        for (const unsigned i : world_.gateways_of(s)) {
            const Address gateway = v6 ? World::gateway_address6(i) : World::gateway_address(i);
            const std::string name = world_.config(i).name + ".sim.";
            zone.forget(gateway);
            if (!v6) zone.forget(name);
            zone.publish_address(name, gateway);
            for (const unsigned k : shown_[i]) {
                const PublicKey& key = keys_[k].public_key();
                if (!v6) zone.publish_key(name, key);
                if (i % 2 == 0) zone.delegate(gateway, gateway, key);
                if (i % 2 == 1) zone.publish_key(gateway.reverse_name(), key);
            }
        }
        for (unsigned n = 0; n < kHosts; ++n) {
            const Address host = host_of(s, n, v6);
            zone.forget(host);
            if (site.how == How::none) continue;
            const Address nobody = v6 ? World::address6(8, 1, 1) : Address::ipv4(192, 9, 1, 1);
            std::uint8_t precedence = 10;
            for (const unsigned i : world_.gateways_of(s)) {
                for (const unsigned k : shown_[i]) delegate(site, host, i, k, precedence);
                if (n == 1) precedence += 5;  // some hosts prefer the first
            }
            if (site.nobody && (site.how == How::ipseckey || site.how == How::unsigned_))
                zone.delegate(host, nobody, keys_[0].public_key(), 1);
        }
        const std::string end = host_of(s, 0, v6).reverse_name();
        if (site.how == How::unsigned_)
            zone.moods[end.substr(v6 ? 32 : end.find('.') + 1)] = Zone::Mood::unsigned_;
        if (site.how == How::unsigned_ && site.unsigned_gateway)
            for (const unsigned i : world_.gateways_of(s))
                zone.moods[(v6 ? World::gateway_address6(i) : World::gateway_address(i)).reverse_name()] =
                    Zone::Mood::unsigned_;
    }
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

}  // namespace oegate::sim
