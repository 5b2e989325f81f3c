// Seeded simulations of whole gateways: `oegate_sim --runs N [--first-seed S] [--jobs J]`,
// or `--seed S` to see one seed's story. Stops at the first broken invariant (or goes on
// with --all), names the seed, and exits 1. It tells which rows of keying no gateway took
// (row_list.hpp: with 10,000 runs, it exits 1 where that is not as expected); with --rows how
// often each was. invariant.hpp says what must hold.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "row_list.hpp"
#include "run.hpp"

namespace oegate::sim {
namespace {

constexpr unsigned kMaxJobs = 64;

struct Options {
    std::uint64_t runs = 200, first = 1;
    unsigned jobs = 0;
    bool one = false;   // one seed, with its story
    bool all = false;   // do not stop at the first that breaks
    bool rows = false;  // how often each row of keying was taken
};

/// What the processes share. A process that dies leaves the seed that it was at.
struct Board {
    std::atomic<std::uint64_t> next;
    std::atomic<bool> stop;
    struct Job {
        Tally tally;
        std::uint64_t at = 0;
    } jobs[kMaxJobs];
};

void work(Board& board, unsigned job, const Options& options, std::span<const ike::PrivateKey> keys) {
    Board::Job& mine = board.jobs[job];
    while (!board.stop) {
        const std::uint64_t n = board.next++;
        if (n >= options.runs) break;
        const std::uint64_t seed = mine.at = options.first + n;
        const std::vector<std::string> broken = play(seed, keys, options.one, mine.tally);
        mine.at = 0;
        if (broken.empty()) continue;
        std::string text = "seed " + std::to_string(seed) + " broke:\n";
        for (const std::string& what : broken) text += "  " + what + "\n";
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
        if (!options.all) board.stop = true;
    }
}

int usage() {
    std::fprintf(stderr,
                 "usage: oegate_sim [--runs N] [--first-seed S] [--jobs J] [--all] [--rows] | --seed S\n");
    return 2;
}

bool read(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--all" || word == "--rows") {
            (word == "--all" ? options.all : options.rows) = true;
            continue;
        }
        if (++i >= argc) return false;
        char* rest = nullptr;
        const std::uint64_t value = std::strtoull(argv[i], &rest, 10);
        if (*rest != '\0' || rest == argv[i]) return false;
        if (word == "--runs")
            options.runs = value;
        else if (word == "--first-seed")
            options.first = value;
        else if (word == "--jobs" && value <= kMaxJobs)
            options.jobs = static_cast<unsigned>(value);
        else if (word == "--seed")
            options.first = value, options.runs = 1, options.jobs = 1, options.one = true;
        else
            return false;
    }
    if (options.jobs == 0)
        options.jobs = std::max(1u, std::min(kMaxJobs, std::thread::hardware_concurrency()));
    return true;
}

void print(const Tally& t) {
    const auto n = [](std::uint64_t v) { return static_cast<unsigned long long>(v); };
    std::printf(
        "%llu runs, %llu failed: %llu gateways, %llu events; %llu ESP, %llu IKE and %llu clear datagrams, "
        "%llu delivered\n",
        n(t.runs), n(t.failed), n(t.gateways), n(t.events), n(t.esp), n(t.ike), n(t.clear), n(t.delivered));
    std::printf(
        "in the end %llu pairs encrypted, %llu clear, %llu silent; %llu crossed initiations, %llu rekeys, "
        "%llu changes of gateway\n",
        n(t.encrypted_pairs), n(t.clear_pairs), n(t.silent_pairs), n(t.crossed), n(t.rekeys), n(t.second));
    std::printf(
        "%llu crashes, %llu shutdowns, %llu deaths, %llu partitions, %llu forgeries, %llu key rollovers, "
        "%llu translated gateways\n",
        n(t.crashes), n(t.shutdowns), n(t.deaths), n(t.partitions), n(t.forged), n(t.rollovers),
        n(t.translated));
}

/// Processes, not threads: a run that crashes names its seed and harms no other.
int run_jobs(const Options& options, std::span<const ike::PrivateKey> keys) {
    void* shared = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        std::perror("mmap");
        return 1;
    }
    Board& board = *new (shared) Board{};
    std::vector<pid_t> children;
    std::fflush(stdout);
    for (unsigned job = 0; job < options.jobs; ++job) {
        const pid_t pid = fork();
        if (pid == 0) {
            work(board, job, options, keys);
            std::fflush(stdout);
            _exit(0);
        }
        if (pid < 0) {
            std::perror("fork");
            board.stop = true;
            break;
        }
        children.push_back(pid);
    }
    bool died = children.size() < options.jobs;
    for (unsigned job = 0; job < children.size(); ++job) {
        int status = 0;
        if (waitpid(children[job], &status, 0) != children[job] || status == 0) continue;
        std::printf("seed %llu ended its process (status %d)\n",
                    static_cast<unsigned long long>(board.jobs[job].at), status);
        board.stop = died = true;
    }
    Tally tally;
    for (unsigned job = 0; job < options.jobs; ++job) tally.add(board.jobs[job].tally);
    print(tally);
    const bool rows_sound =
        options.one || check_rows({tally.rows, keying::rows().size()}, tally.runs, options.rows);
    return tally.failed != 0 || died || !rows_sound ? 1 : 0;
}

int run(int argc, char** argv) {
    Options options;
    if (!read(argc, argv, options)) return usage();
    std::vector<ike::PrivateKey> keys;
    for (unsigned i = 0; i < 2 * kMaxGateways; ++i) {  // today's and tomorrow's
        auto key = ike::PrivateKey::generate(2048);
        if (!key) {
            std::fprintf(stderr, "no keys: the library refuses to make them\n");
            return 1;
        }
        keys.push_back(std::move(*key));
    }
    return run_jobs(options, keys);
}

}  // namespace
}  // namespace oegate::sim

int main(int argc, char** argv) {
    return oegate::sim::run(argc, argv);
}
