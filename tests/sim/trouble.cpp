// What goes wrong in a run until the network heals.
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

}  // namespace oegate::sim
