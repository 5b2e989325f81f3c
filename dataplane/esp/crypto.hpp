// Encryption and integrity of a burst of ESP packets, every suite of the contract, over
// intel-ipsec-mb. Its sources are the only includers of that library. Called by the
// encrypt and decrypt stages after all headers and nonces of the burst are built, and by
// the SAD to expand keys. One object a worker: the library's manager is not shared
// between threads, and no job outlives the call that brought it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/random.hpp"
#include "contract/crypto_status.hpp"
#include "contract/sa.hpp"
#include "esp/layout.hpp"

namespace oegate::esp {

/// Longest datagram there is; longer jobs are refused.
inline constexpr std::uint32_t kMaxJobLen = 65535;
/// Longest ICV of any suite.
inline constexpr std::size_t kMaxIcvLen = 32;

/// One packet to seal or open, in place: ESP header and IV from `front`, then `len`
/// bytes from `data`, then the ICV, all contiguous. One cache line.
struct alignas(64) Job {
    const void* key = nullptr;  // Crypto::expand
    std::uint8_t* front = nullptr;
    std::uint8_t* data = nullptr;  // behind the IV; the trailer belongs to it
    std::uint32_t len = 0;
    std::uint32_t sequence_high = 0;  // esn: the half that is not in the packet
    EspSuite suite = EspSuite::aes_gcm_16_128;
    bool esn = false;     // the high half takes part in the ICV (RFC 4303 §2.2.1, RFC 4106 §5)
    bool ok = false;      // open: the ICV is right; seal: done
    bool failed = false;  // refused: no usable library, no key, or an impossible length
    std::array<std::uint8_t, kNonceLen> nonce{};  // AEADs
    std::array<std::uint8_t, 12> esn_aad{};       // AEADs with esn: SPI, sequence number

    std::uint8_t* icv() const { return data + len; }
};
static_assert(sizeof(Job) == 64);

/// Fills in what extended sequence numbers add to a job whose `front` is set.
inline void use_esn(Job& job, std::uint64_t sequence) {
    job.esn = true;
    job.sequence_high = static_cast<std::uint32_t>(sequence >> 32);
    const Be64 whole(sequence);
    std::memcpy(job.esn_aad.data(), job.front, 4);
    std::memcpy(job.esn_aad.data() + 4, &whole, 8);
}

struct Library;  // crypto_library.hpp

class Crypto {
  public:
    /// Sets the library up for this processor. Check ok() once at start: false when
    /// it cannot be used or its self-test fails.
    Crypto();
    bool ok() const { return library_ != nullptr; }

    /// Measures every way to compute every suite and keeps the fastest: some
    /// milliseconds, at start. Without it, direct calls where there are, else bursts.
    void choose_paths();
    /// For tests: false when the suite cannot be computed that way.
    bool set_path(EspSuite, CryptoPath);
    CryptoStatus status() const;

    /// Bytes of an expanded key of any suite, and their alignment.
    static std::size_t expanded_len();
    static constexpr std::size_t kExpandedAlignment = 64;
    /// Expands a key for one direction into `out` (expanded_len() bytes, zeroed). It may
    /// not be moved afterwards. The caller zeroises both. False when the library is unusable.
    bool expand(Direction, const SaKey& key, void* out) const;

    /// Encrypts and writes the ICV. True: every job is ok; false: the caller looks at each.
    bool seal(std::span<Job> jobs) const;
    /// Decrypts and compares the ICV in constant time. Data whose job is not ok is
    /// garbage and must not be used, nor what stands in the place of its ICV.
    void open(std::span<Job> jobs) const;

    /// Unpredictable IV for the CBC ciphers (RFC 3602 §3): the key stream of a cipher under
    /// a random key that dies with this object, made 64 IVs at a time.
    void write_iv(std::uint8_t* at, std::size_t num_bytes) {
        if (iv_next_ == ivs_.size()) refill_ivs();
        std::memcpy(at, ivs_.data() + iv_next_, num_bytes);
        iv_next_ += 16;
    }

  private:
    void refill_ivs();
    template <Direction>
    bool run(std::span<Job> jobs) const;
    std::uint32_t measure(EspSuite, Direction, CryptoPath);

    struct Free {
        void operator()(Library*) const;
    };
    std::unique_ptr<Library, Free> library_;
    std::array<std::uint8_t, 1024> ivs_{};
    std::size_t iv_next_ = ivs_.size();
};

}  // namespace oegate::esp
