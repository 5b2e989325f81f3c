// Which way to compute a suite is the fastest on this processor: measured at start, on a
// burst of packets that look like traffic. Touches no SA.
#include <x86intrin.h>

#include <algorithm>
#include <vector>

#include "base/secret.hpp"
#include "esp/crypto_library.hpp"

namespace oegate::esp {
namespace {

constexpr unsigned kPackets = 16;
constexpr std::uint32_t kPacketLen = 512;  // a multiple of every block
constexpr std::size_t kFront = 32;         // room for ESP header and IV
constexpr unsigned kRounds = 3;            // the first warms up

/// Memory that a measurement needs, aligned as the hot path's own.
struct alignas(64) Bench {
    std::uint8_t key[2048];
    std::uint8_t packets[kPackets][kFront + kPacketLen + kMaxIcvLen];
};

}  // namespace

std::uint32_t Crypto::measure(EspSuite suite, Direction direction, CryptoPath path) {
    const auto bench = std::make_unique<Bench>();
    SaKey key;
    key.suite = suite;
    for (std::size_t i = 0; i < key.key.size(); ++i) key.key[i] = static_cast<std::uint8_t>(i);
    expand(direction, key, bench->key);
    auto& choice =
        (direction == Direction::outbound ? library_->status.seal
                                          : library_->status.open)[static_cast<std::size_t>(suite)];
    choice.path = path;
    std::array<Job, kPackets> jobs;
    for (unsigned i = 0; i < kPackets; ++i) {
        jobs[i].key = bench->key;
        jobs[i].suite = suite;
        jobs[i].front = bench->packets[i];
        jobs[i].data = bench->packets[i] + sizeof(EspHeader) + facts(suite).iv_len;
        jobs[i].len = kPacketLen;
    }
    std::uint64_t best = UINT64_MAX;
    for (unsigned round = 0; round < kRounds; ++round) {
        const std::uint64_t start = __rdtsc();
        if (direction == Direction::outbound)
            seal(jobs);
        else
            open(jobs);
        if (round != 0) best = std::min<std::uint64_t>(best, __rdtsc() - start);
    }
    return static_cast<std::uint32_t>(best / kPackets);
}

void Crypto::choose_paths() {
    if (!library_) return;
    static_assert(sizeof(Bench::key) >= sizeof(gcm_key_data));
    for (const EspSuiteFacts& f : kEspSuites) {
        for (const Direction direction : {Direction::outbound, Direction::inbound}) {
            CryptoChoice best{CryptoPath::burst, UINT32_MAX};
            for (const CryptoPath path :
                 {CryptoPath::direct, CryptoPath::split, CryptoPath::burst, CryptoPath::job}) {
                if (!has_path(f.suite, path)) continue;
                const std::uint32_t cycles = measure(f.suite, direction, path);
                if (cycles < best.cycles) best = {path, cycles};
            }
            (direction == Direction::outbound ? library_->status.seal
                                              : library_->status.open)[static_cast<std::size_t>(f.suite)] =
                best;
        }
    }
}

bool Crypto::set_path(EspSuite suite, CryptoPath path) {
    if (!library_ || !has_path(suite, path)) return false;
    library_->status.seal[static_cast<std::size_t>(suite)].path = path;
    library_->status.open[static_cast<std::size_t>(suite)].path = path;
    return true;
}

}  // namespace oegate::esp
