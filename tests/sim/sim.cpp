// Seeded simulations of two whole gateways: `oegate_sim --runs N --first-seed S`, or
// `--seed S` to see one seed's story. Exit 1 names each seed that broke an invariant:
//   no clear text for paranoid or keyed pairs · no datagram dies in hold that could be
//   sent, first before last · one outbound SA a pair · each hold ends in its bound ·
//   after the network heals both ends send through SAs that the other end has.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "world.hpp"

namespace oegate::sim {
namespace {

struct Tally {
    std::uint64_t events = 0, clear = 0, esp = 0, delivered = 0, crossed = 0, rekeys = 0, crashes = 0;
};

/// A traffic source: both hosts of a pair talk until `end`, about once per `every`.
void talk(World& world, const Pair& pair, Time from, Time until, Duration every) {
    for (unsigned side = 0; side < 2; ++side) {
        const Pair mine = side == 0 ? pair : pair.reversed();
        for (Time t = from + Duration(world.random.below(20'000'000)); t < until;
             t += every / 2 + Duration(world.random.below(static_cast<std::uint64_t>(every.count()))))
            world.clock.at(t, [&world, side, mine] { world.send(side, mine); });
    }
}

std::vector<std::string> play(std::uint64_t seed, const std::array<ike::PrivateKey, 2>& keys, bool verbose,
                              Tally& tally) {
    World world(seed, keys, verbose);
    SeededRandom& random = world.random;
    // The weather of this seed; paranoid or permissive on each side.
    // a third each: no loss, some loss, and hardly anything arrives before the network heals
    const std::uint64_t storm = random.below(3);
    world.weather.loss_percent = storm == 0   ? 0
                                 : storm == 1 ? static_cast<unsigned>(random.below(30))
                                              : 30 + static_cast<unsigned>(random.below(70));
    world.weather.double_percent = static_cast<unsigned>(random.below(15));
    world.weather.delay_most = 6ms + Duration(random.below(300'000'000));
    world.weather.dns_loss_percent = static_cast<unsigned>(random.below(30));
    world.weather.dns_delay_most = 2ms + Duration(random.below(800'000'000));
    for (unsigned i = 0; i < 2; ++i) {
        world.config(i).ike.child_lifetime = 40s + Duration(random.below(80'000'000'000));
        if (random.below(2) == 0) world.config(i).classes[0].kind = ClassKind::oe_paranoid;
    }
    world.start();

    const Time begin = world.clock.now();
    const Time heal = begin + 60s + Duration(random.below(30'000'000'000));
    const bool bad_zone = random.below(5) == 0;
    // A failed or bogus answer is remembered up to 5 minutes (RFC 9520 §3.2).
    const Time end = heal + (bad_zone ? 420s : 150s);
    std::vector<Pair> pairs;
    const std::uint64_t num_pairs = 1 + random.below(3);
    for (std::uint64_t n = 0; n < num_pairs; ++n) {
        const Pair pair{World::host(0, static_cast<unsigned>(n % 2)),
                        World::host(1, static_cast<unsigned>(n))};
        pairs.push_back(pair);
        talk(world, pair, begin + Duration(random.below(2'000'000'000)), end,
             300ms + Duration(random.below(2'000'000'000)));
    }
    // Crossed initiation also later: both sides forget a pair at about the same time.
    for (const Pair& pair : pairs) {
        const Time t = begin + 20s + Duration(random.below(60'000'000'000));
        if (random.below(2) == 0)
            for (unsigned side = 0; side < 2; ++side)
                world.clock.at(t + Duration(random.below(100'000'000)), [&world, side, pair] {
                    const Pair mine = side == 0 ? pair : pair.reversed();
                    const WorkerModel::Flow* flow = world.worker(side).flow(mine);
                    // What the operator clears while it is held is lost on purpose.
                    if (flow != nullptr && flow->state == FlowState::encrypt)
                        world.gateway(side).flow_clear(mine, world.clock.now());
                });
    }
    if (bad_zone)  // the zone is tampered with, or lame, for a while
        world.clock.at(begin + Duration(random.below(30'000'000'000)), [&world, lame = random.below(2) == 0] {
            world.zone.mood = lame ? Zone::Mood::lame : Zone::Mood::tampered;
        });
    if (random.below(4) == 0) {
        const unsigned side = static_cast<unsigned>(random.below(2));
        ++tally.crashes;
        world.clock.at(begin + 20s + Duration(random.below(40'000'000'000)),
                       [&world, side] { world.crash(side); });
    }
    world.clock.at(heal, [&world] {
        world.weather.loss_percent = world.weather.double_percent = world.weather.dns_loss_percent = 0;
        world.zone.mood = Zone::Mood::signed_;
    });
    world.run(end - begin);

    std::vector<std::string> broken = world.violations();
    for (const Pair& pair : pairs) {
        bool agreed = world.agreed(pair);
        for (int i = 0; i < 10 && !agreed; ++i) {  // a rekey may be under way
            world.send(0, pair);
            world.send(1, pair.reversed());
            world.run(500ms);
            agreed = world.agreed(pair);
        }
        if (!agreed) {
            broken.push_back("the ends do not agree on " + pair.text() + "\n" + world.describe(pair));
            continue;
        }
        // What is sent now arrives, encrypted, in either direction.
        const std::uint64_t there = world.send(0, pair);
        const std::uint64_t back = world.send(1, pair.reversed());
        world.run(5s);
        for (const std::uint64_t datagram : {there, back}) {
            bool encrypted = false;
            if (!world.was_delivered(datagram, &encrypted) || !encrypted)
                broken.push_back("a datagram of the agreed pair " + pair.text() +
                                 " did not arrive encrypted\n" + world.describe(pair));
        }
    }
    for (unsigned i = 0; i < 2; ++i)
        for (const gateway::CounterView& c : world.gateway(i).counters()) {
            if (c.name == "row s.both" || c.name == "row s.peer-first") tally.crossed += c.value;
            if (c.name == "row k.rekey-own") tally.rekeys += c.value;
        }
    tally.events += world.clock.happened();
    tally.clear += world.clear_on_wire();
    tally.esp += world.esp_on_wire();
    tally.delivered += world.delivered().size();
    if (verbose)
        for (unsigned i = 0; i < 2; ++i)
            for (const gateway::CounterView& c : world.gateway(i).counters())
                std::printf("%s %s %llu\n", world.config(i).name.c_str(), c.name.c_str(),
                            static_cast<unsigned long long>(c.value));
    return broken;
}

int usage() {
    std::fprintf(stderr, "usage: oegate_sim [--runs N] [--first-seed S] | --seed S\n");
    return 2;
}

int run(int argc, char** argv) {
    std::uint64_t runs = 200, first = 1;
    bool verbose = false;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc) return usage();
        char* rest = nullptr;
        const std::uint64_t value = std::strtoull(argv[i + 1], &rest, 10);
        if (*rest != '\0') return usage();
        if (std::strcmp(argv[i], "--runs") == 0)
            runs = value;
        else if (std::strcmp(argv[i], "--first-seed") == 0)
            first = value;
        else if (std::strcmp(argv[i], "--seed") == 0)
            first = value, runs = 1, verbose = true;
        else
            return usage();
    }
    auto a = ike::PrivateKey::generate(2048);
    auto b = ike::PrivateKey::generate(2048);
    if (!a || !b) {
        std::fprintf(stderr, "no keys: the library refuses to make them\n");
        return 1;
    }
    const std::array<ike::PrivateKey, 2> keys{std::move(*a), std::move(*b)};
    Tally tally;
    std::uint64_t failed = 0;
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
        const std::vector<std::string> broken = play(seed, keys, verbose, tally);
        if (broken.empty()) continue;
        ++failed;
        std::printf("seed %llu broke:\n", static_cast<unsigned long long>(seed));
        for (const std::string& what : broken) std::printf("  %s\n", what.c_str());
    }
    const auto n = [](std::uint64_t v) { return static_cast<unsigned long long>(v); };
    std::printf(
        "%llu runs, %llu failed: %llu events, %llu ESP and %llu clear datagrams, %llu delivered, "
        "%llu crossed initiations, %llu rekeys, %llu crashes\n",
        n(runs), n(failed), n(tally.events), n(tally.esp), n(tally.clear), n(tally.delivered),
        n(tally.crossed), n(tally.rekeys), n(tally.crashes));
    return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace oegate::sim

int main(int argc, char** argv) {
    return oegate::sim::run(argc, argv);
}
