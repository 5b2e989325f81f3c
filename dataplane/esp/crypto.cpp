// Set-up of the library, expanded keys, direct calls; what goes through its queue is in
// crypto_jobs.cpp, what chooses between the two in crypto_choice.cpp.
#include "esp/crypto.hpp"

#include "base/secret.hpp"
#include "esp/crypto_library.hpp"

namespace oegate::esp {
namespace {

std::string_view name_of(IMB_ARCH arch) {
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

/// The library's own refusals are in a global that its threads share, so a refused
/// call must not happen: what it would refuse is refused here.
bool acceptable(const Library* library, Job& job) {
    const std::uint32_t part_of_block = job.len & (facts(job.suite).block_len - 1u);  // a power of two
    job.ok = false;
    job.failed = library == nullptr || job.key == nullptr || job.len - 1 >= kMaxJobLen || part_of_block != 0;
    return !job.failed;
}

void expand_aes(IMB_MGR* mgr, Direction direction, const SaKey& key, CbcKey& out) {
    alignas(16) std::uint8_t other[sizeof out.schedule];
    std::uint8_t* const encrypt = direction == Direction::outbound ? out.schedule : other;
    std::uint8_t* const decrypt = direction == Direction::outbound ? other : out.schedule;
    if (key_len(key.suite) == 16)
        IMB_AES_KEYEXP_128(mgr, key.key.data(), encrypt, decrypt);
    else
        IMB_AES_KEYEXP_256(mgr, key.key.data(), encrypt, decrypt);
    zeroise(other);
}

void expand_triple_des(IMB_MGR* mgr, const SaKey& key, TripleDesKey& out) {
    for (std::size_t i = 0; i < 3; ++i) {
        IMB_DES_KEYSCHED(mgr, out.schedule[i], key.key.data() + 8 * i);
        out.parts[i] = out.schedule[i];
    }
}

/// One block of the padded key through the hash, as RFC 2104 §4 allows. Our keys are
/// never longer than a block.
void expand_hmac(IMB_MGR* mgr, const SaKey& key, HmacKey& out) {
    const IMB_HASH_ALG hash = hash_of(key.suite);
    const std::size_t block = hash == IMB_AUTH_HMAC_SHA_384 || hash == IMB_AUTH_HMAC_SHA_512 ? 128 : 64;
    const auto one_block = [&](std::uint8_t pad, std::uint8_t* state) {
        alignas(64) std::uint8_t padded[128];
        for (std::size_t i = 0; i < block; ++i)
            padded[i] = i < facts(key.suite).auth_key_len ? key.auth_key[i] ^ pad : pad;
        switch (hash) {
            case IMB_AUTH_MD5:
                IMB_MD5_ONE_BLOCK(mgr, padded, state);
                break;
            case IMB_AUTH_HMAC_SHA_1:
                IMB_SHA1_ONE_BLOCK(mgr, padded, state);
                break;
            case IMB_AUTH_HMAC_SHA_256:
                IMB_SHA256_ONE_BLOCK(mgr, padded, state);
                break;
            case IMB_AUTH_HMAC_SHA_384:
                IMB_SHA384_ONE_BLOCK(mgr, padded, state);
                break;
            default:
                IMB_SHA512_ONE_BLOCK(mgr, padded, state);
                break;
        }
        zeroise(padded);
    };
    one_block(0x36, out.inner);
    one_block(0x5c, out.outer);
}

const std::uint8_t* aad_of(const Job& job) {
    return job.esn ? job.esn_aad.data() : job.front;
}
std::uint64_t aad_len_of(const Job& job) {
    return job.esn ? job.esn_aad.size() : kAadLen;
}

void chacha(IMB_MGR* mgr, Direction direction, Job& job, std::uint8_t* icv) {
    const auto* key = static_cast<const ChachaKey*>(job.key);
    chacha20_poly1305_context_data context;
    IMB_CHACHA20_POLY1305_INIT(mgr, key->key, &context, job.nonce.data(), aad_of(job), aad_len_of(job));
    if (direction == Direction::outbound) {
        IMB_CHACHA20_POLY1305_ENC_UPDATE(mgr, key->key, &context, job.data, job.data, job.len);
        IMB_CHACHA20_POLY1305_ENC_FINALIZE(mgr, &context, icv, kAeadIcvLen);
    } else {
        IMB_CHACHA20_POLY1305_DEC_UPDATE(mgr, key->key, &context, job.data, job.data, job.len);
        IMB_CHACHA20_POLY1305_DEC_FINALIZE(mgr, &context, icv, kAeadIcvLen);
    }
}

/// As equal_constant_time, of one length and in line: both halves are looked at, whatever
/// the first one says.
bool same_icv(const std::uint8_t* a, const std::uint8_t* b) {
    std::uint64_t left[2], right[2];
    static_assert(sizeof left == kAeadIcvLen);
    std::memcpy(left, a, sizeof left);
    std::memcpy(right, b, sizeof right);
    std::uint64_t difference = (left[0] ^ right[0]) | (left[1] ^ right[1]);
    asm volatile("" : "+r"(difference));
    return difference == 0;
}

/// The library's call for a whole packet; null for suites that are not AES-GCM.
template <Direction direction>
aes_gcm_enc_dec_t gcm_of(const IMB_MGR* mgr, EspSuite suite) {
    constexpr bool sealing = direction == Direction::outbound;
    if (suite == EspSuite::aes_gcm_16_128) return sealing ? mgr->gcm128_enc : mgr->gcm128_dec;
    if (suite == EspSuite::aes_gcm_16_256) return sealing ? mgr->gcm256_enc : mgr->gcm256_dec;
    return nullptr;
}

template <Direction direction>
void run_direct(IMB_MGR* mgr, aes_gcm_enc_dec_t gcm, Job& job) {
    constexpr bool sealing = direction == Direction::outbound;
    alignas(16) std::uint8_t made[kAeadIcvLen];
    std::uint8_t* const icv = sealing ? job.icv() : made;
    if (gcm != nullptr) {
        gcm_context_data context;
        gcm(static_cast<const gcm_key_data*>(job.key), &context, job.data, job.data, job.len,
            job.nonce.data(), aad_of(job), aad_len_of(job), icv, kAeadIcvLen);
    } else {
        chacha(mgr, direction, job, icv);
    }
    job.ok = sealing || same_icv(made, job.icv());
}

/// Groups that the library can take together, in the order of their first packets.
void run_waiting(Library& library, Direction direction, std::span<Job*> waiting) {
    const auto& choices = direction == Direction::outbound ? library.status.seal : library.status.open;
    const auto path_of = [&](const Job& job) { return choices[static_cast<std::size_t>(job.suite)].path; };
    while (!waiting.empty()) {
        const EspSuite suite = waiting[0]->suite;
        const CryptoPath path = path_of(*waiting[0]);
        std::array<Job*, kBatch> together;
        unsigned num_together = 0, num_left = 0;
        for (Job* job : waiting) {
            const bool fits = path == CryptoPath::split ? job->suite == suite : path_of(*job) == path;
            if (fits)
                together[num_together++] = job;
            else
                waiting[num_left++] = job;
        }
        run_jobs(library, direction, path, {together.data(), num_together});
        waiting = waiting.first(num_left);
    }
}

}  // namespace

void Crypto::Free::operator()(Library* library) const {
    free_mb_mgr(library->mgr);
    zeroise({reinterpret_cast<std::uint8_t*>(&library->iv_key), sizeof library->iv_key});
    delete library;
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
    library_.reset(new Library());
    library_->mgr = mgr;
    library_->status.architecture = name_of(arch);
    for (auto* choices : {&library_->status.seal, &library_->status.open})
        for (std::size_t i = 0; i < kNumEspSuites; ++i)
            for (const CryptoPath path : {CryptoPath::job, CryptoPath::burst, CryptoPath::direct})
                if (has_path(kEspSuites[i].suite, path)) (*choices)[i].path = path;
    make_templates(*library_);
    SystemRandom random;
    std::array<std::uint8_t, 32> key;
    random.fill(key);
    IMB_AES256_GCM_PRE(mgr, key.data(), &library_->iv_key);
    zeroise(key);
}

CryptoStatus Crypto::status() const {
    return library_ ? library_->status : CryptoStatus{};
}

std::size_t Crypto::expanded_len() {
    constexpr std::size_t kLen = std::max({sizeof(gcm_key_data), sizeof(CbcKey), sizeof(TripleDesKey)});
    static_assert(alignof(gcm_key_data) <= kExpandedAlignment);
    return (kLen + kExpandedAlignment - 1) / kExpandedAlignment * kExpandedAlignment;
}

bool Crypto::expand(Direction direction, const SaKey& key, void* out) const {
    if (!library_) return false;
    IMB_MGR* mgr = library_->mgr;
    switch (key.suite) {
        case EspSuite::aes_gcm_16_128:
            IMB_AES128_GCM_PRE(mgr, key.key.data(), static_cast<gcm_key_data*>(out));
            return true;
        case EspSuite::aes_gcm_16_256:
            IMB_AES256_GCM_PRE(mgr, key.key.data(), static_cast<gcm_key_data*>(out));
            return true;
        case EspSuite::chacha20_poly1305:
            std::memcpy(static_cast<ChachaKey*>(out)->key, key.key.data(), sizeof(ChachaKey));
            return true;
        default:
            expand_hmac(mgr, key, *static_cast<HmacKey*>(out));
            if (is_triple_des(key.suite))
                expand_triple_des(mgr, key, *static_cast<TripleDesKey*>(out));
            else if (key_len(key.suite) != 0)
                expand_aes(mgr, direction, key, *static_cast<CbcKey*>(out));
            return true;
    }
}

template <Direction direction>
bool Crypto::run(std::span<Job> jobs) const {
    Library* library = library_.get();
    std::array<Job*, kBatch> waiting;
    unsigned num_waiting = 0;
    bool all = true;
    bool direct = false;  // what is true of `suite`, mostly that of the whole burst
    aes_gcm_enc_dec_t gcm = nullptr;
    std::size_t suite = kNumEspSuites;
    for (Job& job : jobs) {
        if (!acceptable(library, job)) [[unlikely]] {
            all = false;
            continue;
        }
        if (static_cast<std::size_t>(job.suite) != suite) [[unlikely]] {
            suite = static_cast<std::size_t>(job.suite);
            const CryptoStatus& status = library->status;
            direct = (direction == Direction::outbound ? status.seal : status.open)[suite].path ==
                     CryptoPath::direct;
            gcm = gcm_of<direction>(library->mgr, job.suite);
        }
        if (direct) [[likely]] {
            run_direct<direction>(library->mgr, gcm, job);
            all &= job.ok;
            continue;
        }
        all = false;  // not known here
        waiting[num_waiting++] = &job;
        if (num_waiting < kBatch) continue;
        run_waiting(*library, direction, waiting);
        num_waiting = 0;
    }
    if (num_waiting != 0) run_waiting(*library, direction, {waiting.data(), num_waiting});
    return all;
}

bool Crypto::seal(std::span<Job> jobs) const {
    return run<Direction::outbound>(jobs);
}

void Crypto::open(std::span<Job> jobs) const {
    run<Direction::inbound>(jobs);
}

/// AES-256 in counter mode: GCM over zeros, whose tag nobody wants. The nonce counts
/// refills, so that no block of key stream comes twice.
void Crypto::refill_ivs() {
    iv_next_ = 0;
    if (!library_) return;
    ivs_.fill(0);
    gcm_context_data context;
    std::array<std::uint8_t, kNonceLen> nonce{};
    const Be64 number(library_->iv_refills++);
    std::memcpy(nonce.data() + 4, &number, sizeof number);
    std::array<std::uint8_t, kAeadIcvLen> tag;
    IMB_AES256_GCM_ENC(library_->mgr, &library_->iv_key, &context, ivs_.data(), ivs_.data(), ivs_.size(),
                       nonce.data(), nonce.data(), 0, tag.data(), tag.size());
}

}  // namespace oegate::esp
