// AES-GCM by direct calls of intel-ipsec-mb, with nothing of ours between: for the floor
// and the bare loop, which are what our own code is compared with.
#pragma once

#include <intel-ipsec-mb.h>

#include <array>
#include <memory>

#include "bench/bench.hpp"

namespace oegate::bench {

constexpr bool is_gcm(EspSuite suite) {
    return suite == EspSuite::aes_gcm_16_128 || suite == EspSuite::aes_gcm_16_256;
}

class Gcm {
  public:
    static constexpr unsigned kAad = 12;  // SPI and 64-bit sequence number (RFC 4106 §5)

    /// Expands the key of zeros `num_keys` times.
    Gcm(EspSuite, unsigned num_keys, bool sealing);
    ~Gcm();
    Gcm(const Gcm&) = delete;
    Gcm& operator=(const Gcm&) = delete;

    unsigned num_keys() const { return num_keys_; }
    /// In place, under the key of that number; the ICV goes to `icv`, 16 bytes.
    void crypt(unsigned key, std::uint8_t* data, std::size_t len, const std::uint8_t* nonce,
               const std::uint8_t* aad, std::uint8_t* icv) const {
        gcm_context_data context;
        call_(&keys_[key].data, &context, data, data, len, nonce, aad, kAad, icv, 16);
    }

  private:
    struct alignas(64) Key {
        gcm_key_data data;
    };
    IMB_MGR* mgr_;
    aes_gcm_enc_dec_t call_ = nullptr;
    unsigned num_keys_;
    std::unique_ptr<Key[]> keys_;
};

}  // namespace oegate::bench
