#include "bench/gcm.hpp"

namespace oegate::bench {

Gcm::Gcm(EspSuite suite, unsigned num_keys, bool sealing)
    : mgr_(alloc_mb_mgr(0)), num_keys_(num_keys), keys_(new Key[num_keys]) {
    if (!is_gcm(suite) || mgr_ == nullptr) give_up("no direct AES-GCM");
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(mgr_, &arch);
    const bool small = suite == EspSuite::aes_gcm_16_128;
    call_ = small ? (sealing ? mgr_->gcm128_enc : mgr_->gcm128_dec)
                  : (sealing ? mgr_->gcm256_enc : mgr_->gcm256_dec);
    const std::array<std::uint8_t, 32> key{};
    for (unsigned i = 0; i < num_keys; ++i) {
        if (small)
            IMB_AES128_GCM_PRE(mgr_, key.data(), &keys_[i].data);
        else
            IMB_AES256_GCM_PRE(mgr_, key.data(), &keys_[i].data);
    }
}

Gcm::~Gcm() {
    free_mb_mgr(mgr_);
}

}  // namespace oegate::bench
