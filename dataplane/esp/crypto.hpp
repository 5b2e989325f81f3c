// AES-GCM of a burst (RFC 4106), over intel-ipsec-mb's direct calls. Its source is
// the only includer of that library. Called by the encrypt and decrypt stages after
// all headers and nonces of the burst are built, and by the SAD to expand keys. One
// object a worker: the library's manager is not shared between threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "contract/sa.hpp"
#include "esp/layout.hpp"

namespace oegate::esp {

/// Longest datagram there is; longer jobs are refused.
inline constexpr std::uint32_t kMaxJobLen = 65535;

/// One packet to seal or open, in place.
struct GcmJob {
    const void* key = nullptr;  // Crypto::expand
    std::uint8_t* aad = nullptr;
    std::uint8_t* data = nullptr;
    std::uint8_t* icv = nullptr;  // written by seal, compared by open
    std::uint32_t len = 0;        // of data
    std::uint32_t aad_len = kAadLen;
    EspSuite suite = EspSuite::aes_gcm_16_128;
    bool ok = false;      // open: the ICV is right; seal: done
    bool failed = false;  // refused: no usable library, no key, or too long
    std::array<std::uint8_t, kNonceLen> nonce{};
};

class Crypto {
  public:
    /// Sets the library up for this processor. Check ok() once at start: false when
    /// it cannot be used or its self-test fails.
    Crypto();
    bool ok() const { return manager_ != nullptr; }
    /// The library's name for the instruction set it chose, for the log.
    const char* architecture() const { return architecture_; }

    /// Bytes of an expanded key, and their alignment.
    static std::size_t expanded_len();
    static constexpr std::size_t kExpandedAlignment = 64;
    /// Expands key_len(suite) bytes into `out` (expanded_len() bytes). The caller
    /// zeroises both. False when the library is unusable.
    bool expand(EspSuite suite, const std::uint8_t* key, void* out) const;

    /// Encrypts and writes the ICV.
    void seal(std::span<GcmJob> jobs) const;
    /// Decrypts and compares the ICV in constant time. Data whose job is not ok is
    /// garbage and must not be used.
    void open(std::span<GcmJob> jobs) const;

  private:
    struct Free {
        void operator()(void* manager) const;
    };
    std::unique_ptr<void, Free> manager_;
    const char* architecture_ = "none";
};

}  // namespace oegate::esp
