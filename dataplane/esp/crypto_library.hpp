// What esp/crypto keeps of intel-ipsec-mb, and how expanded keys lie in memory. For
// esp/crypto*.cpp alone.
#pragma once

#include <intel-ipsec-mb.h>

#include "esp/crypto.hpp"

namespace oegate::esp {

/// Packets given to the library's queue at once.
inline constexpr unsigned kBatch = 32;

/// Hash states behind the two padded keys (RFC 2104 §4).
struct HmacKey {
    alignas(16) std::uint8_t inner[64];
    alignas(16) std::uint8_t outer[64];
};

/// AES-CBC and NULL: the schedule of the SA's own direction only. AES-128 with SHA-1
/// touches five cache lines of it.
struct CbcKey {
    HmacKey hmac;
    alignas(16) std::uint8_t schedule[15 * 16];
};

struct TripleDesKey {
    HmacKey hmac;
    std::uint64_t schedule[3][16];
    const void* parts[3];  // the library wants their addresses
};

struct ChachaKey {
    std::uint8_t key[32];
};

struct Library {
    IMB_MGR* mgr = nullptr;
    CryptoStatus status;
    /// Everything of a job that no packet changes, by suite.
    std::array<IMB_JOB, kNumEspSuites> seal_templates;
    std::array<IMB_JOB, kNumEspSuites> open_templates;
    /// Jobs of the split path, which the library's queue does not know.
    std::array<IMB_JOB, kBatch> own;
    std::array<std::array<std::uint8_t, 64>, kBatch> tags;
    /// ICVs as received, where the packet's place holds the implicit sequence number.
    std::array<std::array<std::uint8_t, kMaxIcvLen>, kBatch> received;
    alignas(64) gcm_key_data iv_key;
    std::uint64_t iv_refills = 0;
};

constexpr bool is_gcm(EspSuite suite) {
    return suite == EspSuite::aes_gcm_16_128 || suite == EspSuite::aes_gcm_16_256;
}
constexpr bool is_triple_des(EspSuite suite) {
    return suite == EspSuite::triple_des_md5_96 || suite == EspSuite::triple_des_sha1_96;
}

IMB_HASH_ALG hash_of(EspSuite);
IMB_CIPHER_MODE cipher_of(EspSuite);
bool has_path(EspSuite, CryptoPath);
void make_templates(Library&);

/// Each job of the span is of `path`; for split also of one suite. At most kBatch.
void run_jobs(Library&, Direction, CryptoPath, std::span<Job* const> jobs);

}  // namespace oegate::esp
