// What goes wrong in a run until the network heals.
#include <algorithm>

#include "run.hpp"

namespace oegate::sim {

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

void Play::make_trouble() {
    Clockwork& clock = world_.clock;
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
    if (bad_dns_) make_bad_dns();
    make_changes();
    make_restarts();
    make_partitions();
    make_routes();
    if (one_in(3))
        for (std::uint64_t n = 1 + random_.below(25); n > 0; --n)
            clock.at(some_time(), [this] { attacker_.strike(); });
    if (one_in(10)) clock.at(some_time(), [this] { attacker_.half_open(20); });
}

/// The zones of a site are tampered with, lame, silent or full of broken records for a while.
void Play::make_bad_dns() {
    Clockwork& clock = world_.clock;
    const bool v6 = one_in(4);
    const unsigned site = static_cast<unsigned>(random_.below(sites_.size()));
    const std::string name = host_of(site, 0, v6).reverse_name();
    const std::string end = one_in(2) ? "arpa." : name.substr(v6 ? 32 : name.find('.') + 1);
    const Time when = some_time();
    switch (random_.below(4)) {
        case 0:
            clock.at(when, [this, site] {
                for (unsigned n = 0; n < kHosts; ++n)
                    for (const bool six : {false, true}) world_.zone.break_records(host_of(site, n, six));
                say("the records of site " + std::to_string(site) + " are broken");
            });
            return;
        case 1:
            clock.at(when, [this, end] {
                world_.zone.moods[end] = Zone::Mood::lame;
                say(end + " is lame");
            });
            return;
        case 2:
            clock.at(when, [this, end] {
                world_.zone.moods[end] = Zone::Mood::silent;
                say(end + " is silent");
            });
            return;
        default:
            clock.at(when, [this, end] {
                world_.zone.moods[end] = Zone::Mood::tampered;
                say(end + " is tampered with");
            });
    }
}

/// What owners and operators do: zones that come late or go for a while, new keys, wrong
/// calendars, hosts that scan.
void Play::make_changes() {
    Clockwork& clock = world_.clock;
    if (one_in(6)) {  // a zone that is published late
        const unsigned s = static_cast<unsigned>(random_.below(sites_.size()));
        for (unsigned n = 0; n < kHosts; ++n)
            for (const bool v6 : {false, true}) world_.zone.forget(host_of(s, n, v6));
        clock.at(some_time(), [this, s] { publish(s), say("zone " + std::to_string(s) + " is published"); });
    }
    if (one_in(5)) {  // withdrawn for a while
        const unsigned s = static_cast<unsigned>(random_.below(sites_.size()));
        const Time when = some_time();
        clock.at(when, [this, s] {
            for (unsigned n = 0; n < kHosts; ++n)
                for (const bool v6 : {false, true}) world_.zone.forget(host_of(s, n, v6));
            say("zone " + std::to_string(s) + " is withdrawn");
        });
        clock.at(std::min(heal_, when + between(random_, 5s, 40s)), [this, s] { publish(s); });
    }
    const bool configured =
        std::ranges::any_of(sites_, [](const Site& s) { return s.kind == ClassKind::configured; });
    if (one_in(5) && !configured)  // whose peers have its key from elsewhere
        make_rollover(static_cast<unsigned>(random_.below(world_.num_gateways())));
    if (one_in(6))
        clock.at(some_time(), [this, i = static_cast<unsigned>(random_.below(world_.num_gateways())),
                               ahead = std::chrono::seconds(random_.below(20'000'000)) - 10'000'000s] {
            world_.set_wall(i, ahead), say("a calendar jumps");
        });
    for (unsigned s = 0; s < sites_.size(); ++s)
        if (sites_[s].small) scan(s);
}

/// OE draft §5.4: the new key is published first, used when it is known everywhere, and then
/// the old one goes. Or in haste, all at once.
void Play::make_rollover(unsigned i) {
    const unsigned next = i + kMaxGateways;
    if (keys_.size() <= next) return;
    ++tally_.rollovers;
    const auto show = [this, i](std::vector<unsigned> keys) {
        shown_[i] = std::move(keys);
        publish(world_.site_of(i));
    };
    Clockwork& clock = world_.clock;
    const bool hasty = one_in(3);
    const Time begin = begin_ + between(random_, 2s, 15s);
    const Time use = hasty ? begin : begin + world_.zone.ttl;
    if (!hasty) clock.at(begin, [show, i, next] { show({i, next}); });
    clock.at(use,
             [this, i, next] { world_.set_key(i, next), say(world_.config(i).name + " uses its new key"); });
    clock.at(std::max(use, std::min(heal_, use + between(random_, 0s, 20s))), [show, next] { show({next}); });
}

/// A host beyond those that talk asks for many addresses that nobody protects.
void Play::scan(unsigned s) {
    const Time when = some_time();
    for (unsigned n = 0; n < 24; ++n)
        world_.clock.at(when + Duration(n * 50'000'000ull), [this, s, n] {
            world_.send_from_site(
                {host_of(s, kHosts, false), Address::ipv4(203, 0, 113, static_cast<std::uint8_t>(1 + n))});
        });
}

void Play::make_restarts() {
    Clockwork& clock = world_.clock;
    const auto some_gateway = [&] { return static_cast<unsigned>(random_.below(world_.num_gateways())); };
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
}

void Play::make_partitions() {
    Clockwork& clock = world_.clock;
    const auto some_gateway = [&] { return static_cast<unsigned>(random_.below(world_.num_gateways())); };
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
}

/// Sites with several exits: the way changes, and a gateway dies for good.
void Play::make_routes() {
    Clockwork& clock = world_.clock;
    for (unsigned s = 0; s < sites_.size(); ++s) {
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
}

}  // namespace oegate::sim
