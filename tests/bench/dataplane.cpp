// Cycles a packet costs in the worker loop, on one core, with in-memory ports, next to
// those ports alone and to the cryptography alone. Run by scripts/bench dataplane, which
// says what the options are for.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_version.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "bench/world.hpp"

namespace oegate::bench {
namespace {

constexpr unsigned kPackets = 900'000;
constexpr double kClockedCycles = 3e8;
constexpr unsigned kLeastPasses = 9;
constexpr std::uint64_t kMostSeconds = 2;  // beyond the least passes, for the slow suites

Spread spread(std::vector<double> cycles) {
    std::sort(cycles.begin(), cycles.end());
    return {cycles.front(), cycles[cycles.size() / 2]};
}

/// The loop and the ports take turns, pass by pass, so that what else the machine does hits
/// both; a pass is so short that most are not interrupted, and their median says little of
/// those that are. Before that the loop has met each flow: the first datagram of a pair goes
/// the long way, and is not what is measured here.
void measure_passes(World& world, const Case& c, Result& result) {
    const unsigned passes = std::max(kLeastPasses, kPackets / world.num_frames());
    const auto packets = static_cast<double>(world.num_frames());
    std::vector<double> loop, io, bare;
    std::unique_ptr<Bare> bare_loop;
    if (c.path != Path::clear && is_gcm(c.suite)) bare_loop = std::make_unique<Bare>(c);
    const unsigned warm = std::max(2u, c.flows / world.num_frames() + 1);
    for (unsigned i = 0; i < warm; ++i) world.pass_loop();
    const std::uint64_t enough = rte_rdtsc() + kMostSeconds * rte_get_tsc_hz();
    for (unsigned i = 0; i < passes && (i < kLeastPasses || rte_rdtsc() < enough); ++i) {
        loop.push_back(static_cast<double>(world.pass_loop()) / packets);
        io.push_back(static_cast<double>(world.pass_io()) / packets);
    }
    // Apart, since its keys would push the loop's out of the cache.
    for (std::size_t i = 0; bare_loop && i < loop.size(); ++i)
        bare.push_back(static_cast<double>(world.pass_bare(*bare_loop)) / packets);
    result.loop = spread(std::move(loop));
    result.io = spread(std::move(io));
    if (bare_loop) result.bare = spread(std::move(bare));
}

/// Words separated by commas; empty: nothing was said.
std::vector<std::string> words(const std::string& list) {
    std::vector<std::string> all;
    std::istringstream in(list);
    for (std::string word; std::getline(in, word, ',');) all.push_back(word);
    return all;
}

struct Wishes {
    bool quick = false, all = false;
    std::string json, secgw;
    std::vector<std::string> directions, suites, sizes, sas, flows;
    unsigned flows_per_sa = 1;
};

const char* name_of(Path path) {
    return path == Path::clear ? "clear" : path == Path::outbound ? "outbound" : "inbound";
}

std::string size_text(std::size_t size) {
    return size == kImix ? "IMIX" : std::to_string(size);
}

bool wanted(const std::vector<std::string>& list, const std::string& what) {
    return list.empty() || std::find(list.begin(), list.end(), what) != list.end();
}

std::vector<Case> plan(const Wishes& w) {
    std::vector<std::size_t> sizes{64, 512, 1420};
    std::vector<unsigned> sas{1, 1000};
    std::vector<EspSuite> suites{EspSuite::aes_gcm_16_128};
    std::vector<unsigned> clear_flows{1000, 1'000'000};
    if (w.all || (!w.quick && !w.sizes.empty())) sizes = {64, 128, 256, 512, 1024, 1420, kImix};
    if (w.all || !w.sas.empty()) sas = {1, 100, 1000, 4000, 100'000};
    if (w.all || !w.suites.empty()) {
        suites.clear();
        for (const EspSuiteFacts& facts : kEspSuites) suites.push_back(facts.suite);
    } else if (!w.quick) {
        suites.push_back(EspSuite::aes_gcm_16_256);
        sizes.push_back(kImix);
    }
    if (w.all) clear_flows = {1, 1000, 100'000, 1'000'000, 4'000'000};
    if (!w.flows.empty()) clear_flows.clear();
    for (const std::string& flows : w.flows)
        clear_flows.push_back(static_cast<unsigned>(std::clamp(std::atol(flows.c_str()), 1l, 8'000'000l)));
    std::vector<Case> cases;
    for (const std::size_t size : sizes) {
        if (!wanted(w.sizes, size_text(size))) continue;
        if (w.quick && size != 64) continue;
        for (const unsigned flows : clear_flows)
            if (wanted(w.directions, "clear") && w.suites.empty())
                cases.push_back({Path::clear, EspSuite::aes_gcm_16_128, size, 0, flows});
    }
    for (const Path path : {Path::outbound, Path::inbound})
        for (const EspSuite suite : suites)
            for (const std::size_t size : sizes)
                for (const unsigned num : sas) {
                    if (!wanted(w.directions, name_of(path)) || !wanted(w.sizes, size_text(size)) ||
                        !wanted(w.sas, std::to_string(num)) ||
                        !wanted(w.suites, std::string(facts(suite).name)))
                        continue;
                    cases.push_back({path, suite, size, num, num * w.flows_per_sa});
                }
    return cases;
}

/// Whether this thread had the processor to itself: the part of the time it ran.
class Quiet {
  public:
    double share() const {
        const double wall = seconds(CLOCK_MONOTONIC) - wall_;
        return wall > 0 ? (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu_) / wall : 1;
    }

  private:
    static double seconds(clockid_t clock) {
        timespec t;
        clock_gettime(clock, &t);
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
    }
    double wall_ = seconds(CLOCK_MONOTONIC), cpu_ = seconds(CLOCK_THREAD_CPUTIME_ID);
};

std::string json_of(const Case& c, const Result& r, double hz) {
    const double pps = hz / r.loop.median;
    std::string stages;
    for (const auto& [name, cycles] : r.stages)
        stages += fmt::format("{}\"{}\": {:.1f}", stages.empty() ? "" : ", ", name, cycles);
    return fmt::format(
        "  {{\"direction\": \"{}\", \"suite\": \"{}\", \"size\": \"{}\", \"sas\": {}, \"flows\": {}, "
        "\"cycles_per_packet\": {:.1f}, \"least_cycles\": {:.1f}, \"io_cycles\": {:.1f}, "
        "\"least_io_cycles\": {:.1f}, \"floor_cycles\": {:.1f}, \"bare_cycles\": {:.1f}, "
        "\"secgw_cycles\": {:.1f}, \"mpps\": {:.3f}, \"gbps\": {:.3f}, "
        "\"stages\": {{{}}}}}",
        name_of(c.path), c.path == Path::clear ? "none" : facts(c.suite).name, size_text(c.size), c.sas,
        c.flows, r.loop.median, r.loop.least, r.io.median, r.io.least, r.floor, r.bare.median, r.secgw,
        pps / 1e6, pps * r.mean_len * 8 / 1e9, stages);
}

/// A figure that there may not be.
std::string figure(double cycles) {
    return cycles > 0 ? fmt::format("{:.0f}", cycles) : "-";
}

void print(const Case& c, const Result& r, double hz) {
    const double pps = hz / r.loop.median;
    fmt::print(
        "{:<9} {:<22} {:>5} {:>6} {:>8} {:>7.0f} {:>7.0f} {:>6.0f} {:>6} {:>6} {:>6} {:>7.3f} {:>7.3f}\n",
        name_of(c.path), c.path == Path::clear ? "-" : facts(c.suite).name, size_text(c.size), c.sas, c.flows,
        r.loop.least, r.loop.median, r.io.median, figure(r.floor), figure(r.bare.median), figure(r.secgw),
        pps / 1e6, pps * r.mean_len * 8 / 1e9);
    std::string stages;
    for (const auto& [name, cycles] : r.stages)
        if (cycles >= 0.5) stages += fmt::format(" {} {:.0f}", name, cycles);
    fmt::print("          by stage:{}\n", stages);
    if (!r.note.empty()) fmt::print("          {}\n", r.note);
    std::fflush(stdout);
}

Wishes read(int argc, char** argv) {
    Wishes w;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        const auto value = [&]() -> std::string {
            if (i + 1 >= argc) give_up(option + " needs a value");
            return argv[++i];
        };
        if (option == "--quick")
            w.quick = true;
        else if (option == "--all")
            w.all = true;
        else if (option == "--json")
            w.json = value();
        else if (option == "--secgw")
            w.secgw = value();
        else if (option == "--direction")
            w.directions = words(value());
        else if (option == "--suite")
            w.suites = words(value());
        else if (option == "--size")
            w.sizes = words(value());
        else if (option == "--sas")
            w.sas = words(value());
        else if (option == "--flows")
            w.flows = words(value());
        else if (option == "--flows-per-sa")
            w.flows_per_sa = static_cast<unsigned>(std::max(1l, std::atol(value().c_str())));
        else
            give_up("unknown option " + option);
    }
    return w;
}

}  // namespace

Result measure(const Case& c) {
    Result result;
    World world(c);
    const Quiet quiet;
    measure_passes(world, c, result);
    if (quiet.share() < 0.97)
        result.note = fmt::format("not quiet: the thread ran {:.0f} % of the time", quiet.share() * 100);
    result.mean_len = world.mean_len();
    result.stages = world.clock_stages(static_cast<unsigned>(std::clamp(
        kClockedCycles / result.loop.median / world.num_frames(), 2.0, kPackets / 4.0 / world.num_frames())));
    if (c.path != Path::clear)
        result.floor = crypto_floor(c.suite, c.size, std::min(c.sas, 4000u), c.path == Path::outbound);
    return result;
}

int run(const Wishes& wishes) {
    const std::vector<Case> cases = plan(wishes);
    if (cases.empty()) give_up("no case fits these filters");
    unsigned most = 4096, flows = 0;
    for (const Case& c : cases)
        most = std::max(most, c.path == Path::inbound ? c.sas : 0), flows = std::max(flows, c.flows);
    start_for(most, flows);
    const double hz = static_cast<double>(rte_get_tsc_hz());
    fmt::print("TSC {:.0f} MHz, {}; cycles per packet over short passes; sizes are inner IP lengths\n",
               hz / 1e6, rte_version());
    fmt::print("{:<9} {:<22} {:>5} {:>6} {:>8} {:>7} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7}\n",
               "direction", "suite", "size", "SAs", "flows", "least", "median", "io", "floor", "bare",
               "secgw", "Mpps", "Gbit/s");
    std::vector<std::string> json;
    for (const Case& c : cases) {
        Result result = measure(c);
        if (!wishes.secgw.empty()) {
            if (const auto cycles = measure_secgw(wishes.secgw, c))
                result.secgw = *cycles;
            else
                result.note += (result.note.empty() ? "" : "; ") + ("ipsec-secgw: " + cycles.error());
        }
        print(c, result, hz);
        json.push_back(json_of(c, result, hz));
    }
    fmt::print(
        "By stage: cycles per packet in passes of their own, since the clock takes some itself.\n"
        "least and median include the ports (io); floor is the cryptography alone; bare is io, headers and\n"
        "cryptography, without a table or a check. SAs have 64-bit sequence numbers. Inbound frames are\n"
        "sealed once and come again in each pass: the replay window (1,024) is on and is emptied between\n"
        "passes, outside of the measured time. With more than 4,096 flows the destination is written into\n"
        "each frame as it is received; io includes that.\n");
    if (!wishes.json.empty()) {
        std::ofstream out(wishes.json);
        out << "[\n";
        for (std::size_t i = 0; i < json.size(); ++i) out << json[i] << (i + 1 < json.size() ? ",\n" : "\n");
        out << "]\n";
        if (!out) give_up("cannot write " + wishes.json);
    }
    leave_eal();
    return 0;
}

}  // namespace oegate::bench

int main(int argc, char** argv) {
    return oegate::bench::run(oegate::bench::read(argc, argv));
}
