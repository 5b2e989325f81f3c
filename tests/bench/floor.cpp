// The floor: what the cryptography alone costs, by direct calls of intel-ipsec-mb on
// buffers as long as the real packets, each under a nonce of its own, with all nonces
// written before the first call (as encrypt does).
#include <intel-ipsec-mb.h>
#include <rte_cycles.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "bench/bench.hpp"

namespace oegate::bench {
namespace {

constexpr unsigned kBurst = 32;
constexpr unsigned kAad = 12;  // SPI and 64-bit sequence number (RFC 4106 §5)
constexpr unsigned kRounds = 9;
constexpr unsigned kBurstsPerRound = 600;
constexpr std::size_t kStride = 2176 + 64;  // as far apart as mbufs, and not a power of two

struct Manager {
    Manager() : mgr(alloc_mb_mgr(0)) {
        IMB_ARCH arch = IMB_ARCH_NONE;
        init_mb_mgr_auto(mgr, &arch);
    }
    ~Manager() { free_mb_mgr(mgr); }
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;
    IMB_MGR* mgr;
};

struct alignas(64) Key {
    gcm_key_data data;
};

void expand(IMB_MGR* mgr, EspSuite suite, const std::uint8_t* key, Key& out) {
    if (suite == EspSuite::aes_gcm_16_128)
        IMB_AES128_GCM_PRE(mgr, key, &out.data);
    else
        IMB_AES256_GCM_PRE(mgr, key, &out.data);
}

struct Packet {
    std::uint8_t* data;
    std::size_t len;
    std::array<std::uint8_t, 12> nonce;
};

void crypt(IMB_MGR* mgr, EspSuite suite, const Key& key, const Packet& p, std::uint8_t* aad,
           std::uint8_t* icv, bool sealing) {
    gcm_context_data context;
    const bool small = suite == EspSuite::aes_gcm_16_128;
    if (small && sealing)
        IMB_AES128_GCM_ENC(mgr, &key.data, &context, p.data, p.data, p.len, p.nonce.data(), aad, kAad, icv,
                           16);
    else if (small)
        IMB_AES128_GCM_DEC(mgr, &key.data, &context, p.data, p.data, p.len, p.nonce.data(), aad, kAad, icv,
                           16);
    else if (sealing)
        IMB_AES256_GCM_ENC(mgr, &key.data, &context, p.data, p.data, p.len, p.nonce.data(), aad, kAad, icv,
                           16);
    else
        IMB_AES256_GCM_DEC(mgr, &key.data, &context, p.data, p.data, p.len, p.nonce.data(), aad, kAad, icv,
                           16);
}

bool is_gcm(EspSuite suite) {
    return suite == EspSuite::aes_gcm_16_128 || suite == EspSuite::aes_gcm_16_256;
}

}  // namespace

double crypto_floor(EspSuite suite, std::size_t size, unsigned num_keys, bool sealing) {
    if (!is_gcm(suite)) return 0;
    static const Manager manager;
    const auto keys = std::make_unique<Key[]>(num_keys);
    for (unsigned i = 0; i < num_keys; ++i) {
        std::array<std::uint8_t, 32> key;
        key.fill(static_cast<std::uint8_t>(i));
        expand(manager.mgr, suite, key.data(), keys[i]);
    }
    const std::vector<std::size_t> lengths = lengths_of(size);
    const auto buffers = std::make_unique<std::uint8_t[]>(kBurst * kStride);
    std::array<Packet, kBurst> packets;
    std::array<std::uint8_t, 16> icv;
    std::uint64_t sequence = 0;
    unsigned turn = 0;
    std::vector<double> cycles;
    for (unsigned round = 0; round <= kRounds; ++round) {
        std::uint64_t spent = 0;
        for (unsigned burst = 0; burst < kBurstsPerRound; ++burst) {
            for (unsigned i = 0; i < kBurst; ++i) {
                const std::size_t inner = lengths[turn++ % lengths.size()];
                packets[i].data = buffers.get() + i * kStride + 16;
                packets[i].len = (inner + 2 + 3) / 4 * 4;  // with padding and trailer (RFC 4303 §2.4)
                ++sequence;
                std::memcpy(packets[i].nonce.data() + 4, &sequence, 8);
            }
            const std::uint64_t start = rte_rdtsc();
            for (unsigned i = 0; i < kBurst; ++i)
                crypt(manager.mgr, suite, keys[(burst * kBurst + i) % num_keys], packets[i],
                      packets[i].data - 16, icv.data(), sealing);
            spent += rte_rdtsc() - start;
        }
        if (round > 0)
            cycles.push_back(static_cast<double>(spent) / (kBurst * kBurstsPerRound));  // first: warm
    }
    std::sort(cycles.begin(), cycles.end());
    return cycles.front();
}

struct Sealer::Keys {
    Manager manager;
    EspSuite suite;
    Key key;
};

Sealer::Sealer(EspSuite suite) : keys_(new Keys) {
    if (!is_gcm(suite)) give_up("inbound frames are sealed with AES-GCM only");
    keys_->suite = suite;
    const std::array<std::uint8_t, 32> key{};
    expand(keys_->manager.mgr, suite, key.data(), keys_->key);
}

Sealer::~Sealer() {
    delete keys_;
}

void Sealer::seal(std::uint8_t* front, std::size_t len) const {
    Packet p{front + 16, len, {}};
    std::memcpy(p.nonce.data() + 4, front + 8, 8);
    std::array<std::uint8_t, kAad> aad{};  // the high half is 0
    std::memcpy(aad.data(), front, 4);
    std::memcpy(aad.data() + 8, front + 4, 4);
    crypt(keys_->manager.mgr, keys_->suite, keys_->key, p, aad.data(), front + 16 + len, true);
}

}  // namespace oegate::bench
