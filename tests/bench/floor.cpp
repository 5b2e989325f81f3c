// The floor: what the cryptography alone costs, by intel-ipsec-mb on buffers as long as
// the real packets, each under a nonce of its own, with all nonces written before the
// first call (as encrypt does). AES-GCM by direct calls; the other suites by the fastest
// way that was measured for them, with the filling in of the library's jobs.
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "bench/gcm.hpp"
#include "esp/crypto.hpp"

namespace oegate::bench {
namespace {

constexpr unsigned kBurst = 32;
constexpr unsigned kRounds = 9;
constexpr std::size_t kStride = 2176 + 64;  // as far apart as mbufs, and not a power of two

/// Calls `prepare(i, len)` for each packet of a burst, then clocks `run(burst)`; the least
/// of several rounds, after one that warms up.
template <typename Prepare, typename Run>
double least_cycles(EspSuite suite, std::size_t size, unsigned bursts_per_round, Prepare prepare, Run run) {
    const std::vector<std::size_t> lengths = lengths_of(size);
    const std::size_t unit = esp::alignment(suite);
    unsigned turn = 0;
    double least = 0;
    for (unsigned round = 0; round <= kRounds; ++round) {
        std::uint64_t spent = 0;
        for (unsigned burst = 0; burst < bursts_per_round; ++burst) {
            for (unsigned i = 0; i < kBurst; ++i) {
                const std::size_t inner = lengths[turn++ % lengths.size()];
                // With padding and trailer (RFC 4303 §2.4).
                prepare(i, (inner + esp::kTrailerLen + unit - 1) / unit * unit);
            }
            const std::uint64_t start = rte_rdtsc();
            run(burst);
            spent += rte_rdtsc() - start;
        }
        const double cycles = static_cast<double>(spent) / (kBurst * bursts_per_round);
        if (round == 1 || (round > 1 && cycles < least)) least = cycles;
    }
    return least;
}

struct Room {
    std::unique_ptr<std::uint8_t[]> bytes = std::make_unique<std::uint8_t[]>(kBurst * kStride);
    std::uint8_t* of(unsigned packet) const { return bytes.get() + packet * kStride; }
};

double gcm_floor(EspSuite suite, std::size_t size, unsigned num_keys, bool sealing) {
    const Gcm gcm(suite, num_keys, sealing);
    struct Packet {
        std::uint8_t* data;
        std::size_t len;
        std::array<std::uint8_t, 12> nonce;
    };
    const Room room;
    std::array<Packet, kBurst> packets{};
    std::array<std::uint8_t, 16> icv;
    std::uint64_t sequence = 0;
    return least_cycles(
        suite, size, 600,
        [&](unsigned i, std::size_t len) {
            packets[i].data = room.of(i) + 16;
            packets[i].len = len;
            ++sequence;
            std::memcpy(packets[i].nonce.data() + 4, &sequence, 8);
        },
        [&](unsigned burst) {
            for (unsigned i = 0; i < kBurst; ++i)
                gcm.crypt((burst * kBurst + i) % num_keys, packets[i].data, packets[i].len,
                          packets[i].nonce.data(), packets[i].data - 16, icv.data());
        });
}

struct Expanded {
    explicit Expanded(unsigned num) : num_keys(num), step(esp::Crypto::expanded_len()) {
        bytes.resize(step * num + esp::Crypto::kExpandedAlignment);
        const auto at = reinterpret_cast<std::uintptr_t>(bytes.data());
        first = bytes.data() + (esp::Crypto::kExpandedAlignment - at % esp::Crypto::kExpandedAlignment);
    }
    std::uint8_t* of(unsigned key) const { return first + step * key; }

    unsigned num_keys;
    std::size_t step;
    std::vector<std::uint8_t> bytes;
    std::uint8_t* first;
};

double other_floor(EspSuite suite, std::size_t size, unsigned num_keys, bool sealing) {
    esp::Crypto crypto;
    if (!crypto.ok()) give_up("no usable intel-ipsec-mb");
    crypto.choose_paths();
    const Expanded keys(num_keys);
    for (unsigned i = 0; i < num_keys; ++i) {
        SaKey key;
        key.suite = suite;
        key.key.fill(static_cast<std::uint8_t>(i));
        crypto.expand(sealing ? Direction::outbound : Direction::inbound, key, keys.of(i));
    }
    const Room room;
    std::array<esp::Job, kBurst> jobs;
    std::uint64_t sequence = 0;
    unsigned turn = 0;
    return least_cycles(
        suite, size, 100,
        [&](unsigned i, std::size_t len) {
            esp::Job& job = jobs[i];
            job = {};
            job.key = keys.of(turn++ % num_keys);
            job.suite = suite;
            job.front = room.of(i);
            job.data = job.front + esp::front_len(suite);
            job.len = static_cast<std::uint32_t>(len);
            ++sequence;
            std::memcpy(job.nonce.data() + 4, &sequence, 8);
            esp::use_esn(job, sequence);
        },
        [&](unsigned) {
            if (sealing)
                crypto.seal(jobs);
            else
                crypto.open(jobs);
        });
}

}  // namespace

double crypto_floor(EspSuite suite, std::size_t size, unsigned num_keys, bool sealing) {
    return is_gcm(suite) ? gcm_floor(suite, size, num_keys, sealing)
                         : other_floor(suite, size, num_keys, sealing);
}

}  // namespace oegate::bench
