#include "esp/crypto.hpp"

#include <intel-ipsec-mb.h>

#include "base/secret.hpp"

namespace oegate::esp {
namespace {

const char* name_of(IMB_ARCH arch) {
    switch (arch) {
        case IMB_ARCH_AVX512:
            return "avx512";
        case IMB_ARCH_AVX2:
            return "avx2";
        case IMB_ARCH_SSE:
            return "sse";
        default:
            return "other";
    }
}

IMB_MGR* manager(void* opaque) {
    return static_cast<IMB_MGR*>(opaque);
}

/// The library's own refusals are in a global that its threads share, so a refused
/// call must not happen: what it would refuse is refused here (RFC 4106 has no
/// length that GCM cannot take).
bool acceptable(const IMB_MGR* mgr, GcmJob& job) {
    job.ok = false;
    job.failed = mgr == nullptr || job.key == nullptr || job.len > kMaxJobLen;
    return !job.failed;
}

}  // namespace

void Crypto::Free::operator()(void* opaque) const {
    free_mb_mgr(manager(opaque));
}

Crypto::Crypto() {
    IMB_MGR* mgr = alloc_mb_mgr(0);
    if (mgr == nullptr) return;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(mgr, &arch);
    const bool self_tested =
        (mgr->features & IMB_FEATURE_SELF_TEST) == 0 || (mgr->features & IMB_FEATURE_SELF_TEST_PASS) != 0;
    if (arch == IMB_ARCH_NONE || !self_tested) {
        free_mb_mgr(mgr);
        return;
    }
    manager_.reset(mgr);
    architecture_ = name_of(arch);
}

std::size_t Crypto::expanded_len() {
    static_assert(alignof(gcm_key_data) <= kExpandedAlignment);
    return (sizeof(gcm_key_data) + kExpandedAlignment - 1) / kExpandedAlignment * kExpandedAlignment;
}

bool Crypto::expand(EspSuite suite, const std::uint8_t* key, void* out) const {
    IMB_MGR* mgr = manager(manager_.get());
    if (mgr == nullptr) return false;
    auto* data = static_cast<gcm_key_data*>(out);
    if (suite == EspSuite::aes_gcm_16_128)
        IMB_AES128_GCM_PRE(mgr, key, data);
    else
        IMB_AES256_GCM_PRE(mgr, key, data);
    return true;
}

void Crypto::seal(std::span<GcmJob> jobs) const {
    IMB_MGR* mgr = manager(manager_.get());
    gcm_context_data context;
    for (GcmJob& job : jobs) {
        if (!acceptable(mgr, job)) continue;
        const auto* key = static_cast<const gcm_key_data*>(job.key);
        if (job.suite == EspSuite::aes_gcm_16_128)
            IMB_AES128_GCM_ENC(mgr, key, &context, job.data, job.data, job.len, job.nonce.data(), job.aad,
                               job.aad_len, job.icv, kIcvLen);
        else
            IMB_AES256_GCM_ENC(mgr, key, &context, job.data, job.data, job.len, job.nonce.data(), job.aad,
                               job.aad_len, job.icv, kIcvLen);
        job.ok = true;
    }
}

void Crypto::open(std::span<GcmJob> jobs) const {
    IMB_MGR* mgr = manager(manager_.get());
    gcm_context_data context;
    for (GcmJob& job : jobs) {
        if (!acceptable(mgr, job)) continue;
        const auto* key = static_cast<const gcm_key_data*>(job.key);
        std::array<std::uint8_t, kIcvLen> icv;
        if (job.suite == EspSuite::aes_gcm_16_128)
            IMB_AES128_GCM_DEC(mgr, key, &context, job.data, job.data, job.len, job.nonce.data(), job.aad,
                               job.aad_len, icv.data(), kIcvLen);
        else
            IMB_AES256_GCM_DEC(mgr, key, &context, job.data, job.data, job.len, job.nonce.data(), job.aad,
                               job.aad_len, icv.data(), kIcvLen);
        job.ok = equal_constant_time(icv, {job.icv, kIcvLen});
    }
}

}  // namespace oegate::esp
