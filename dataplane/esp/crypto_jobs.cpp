// Suites through the library's queue or its synchronous bursts. Every job that is
// submitted here completes here: what the library holds back to fill its lanes is
// flushed before the call ends, and a job that does not come back is marked as failed.
#include "base/secret.hpp"
#include "esp/crypto_library.hpp"

namespace oegate::esp {

IMB_HASH_ALG hash_of(EspSuite suite) {
    switch (suite) {
        case EspSuite::aes_gcm_16_128:
        case EspSuite::aes_gcm_16_256:
            return IMB_AUTH_AES_GMAC;
        case EspSuite::chacha20_poly1305:
            return IMB_AUTH_CHACHA20_POLY1305;
        case EspSuite::triple_des_md5_96:
            return IMB_AUTH_MD5;
        default:
            break;
    }
    switch (facts(suite).auth_key_len) {
        case 20:
            return IMB_AUTH_HMAC_SHA_1;
        case 32:
            return IMB_AUTH_HMAC_SHA_256;
        case 48:
            return IMB_AUTH_HMAC_SHA_384;
        default:
            return IMB_AUTH_HMAC_SHA_512;
    }
}

IMB_CIPHER_MODE cipher_of(EspSuite suite) {
    if (is_gcm(suite)) return IMB_CIPHER_GCM;
    if (suite == EspSuite::chacha20_poly1305) return IMB_CIPHER_CHACHA20_POLY1305;
    if (is_triple_des(suite)) return IMB_CIPHER_DES3;
    return key_len(suite) == 0 ? IMB_CIPHER_NULL : IMB_CIPHER_CBC;
}

namespace {

/// Measured: with more than sixteen 3DES jobs in its queue, the AVX-512 code of 2.0
/// computes every other one wrongly. One after the other, they are right.
bool alone(EspSuite suite) {
    return IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0) && is_triple_des(suite);
}

}  // namespace

bool has_path(EspSuite suite, CryptoPath path) {
    switch (path) {
        case CryptoPath::direct:
            return is_aead(suite);
        case CryptoPath::split:  // the library has synchronous bursts of CBC and HMAC-SHA
            return !is_aead(suite) && !is_triple_des(suite);
        case CryptoPath::burst:
            return !alone(suite);
        case CryptoPath::job:
            return true;
    }
    return false;
}

void make_templates(Library& library) {
    for (const EspSuiteFacts& f : kEspSuites) {
        for (const bool sealing : {true, false}) {
            IMB_JOB& job = (sealing ? library.seal_templates
                                    : library.open_templates)[static_cast<std::size_t>(f.suite)];
            job = IMB_JOB{};
            job.cipher_mode = cipher_of(f.suite);
            job.hash_alg = hash_of(f.suite);
            job.cipher_direction = sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
            job.chain_order = sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
            job.key_len_in_bytes = f.key_len;
            job.iv_len_in_bytes = is_aead(f.suite) ? kNonceLen : f.iv_len;
            job.auth_tag_output_len_in_bytes = f.icv_len;
#if IMB_VERSION_NUM >= IMB_VERSION(1, 4, 0)
            imb_set_session(library.mgr, &job);
#endif
        }
    }
}

namespace {

void fill_aead(Job& from, IMB_JOB& to) {
    to.enc_keys = to.dec_keys = from.key;
    to.src = to.dst = from.data;
    to.msg_len_to_cipher_in_bytes = to.msg_len_to_hash_in_bytes = from.len;
    to.iv = from.nonce.data();
    const std::uint8_t* aad = from.esn ? from.esn_aad.data() : from.front;
    const std::uint64_t aad_len = from.esn ? from.esn_aad.size() : kAadLen;
    if (is_gcm(from.suite)) {
        to.u.GCM.aad = aad;
        to.u.GCM.aad_len_in_bytes = aad_len;
    } else {
        to.u.CHACHA20_POLY1305.aad = aad;
        to.u.CHACHA20_POLY1305.aad_len_in_bytes = aad_len;
    }
}

void fill_hmac(Job& from, IMB_JOB& to) {
    const EspSuiteFacts& f = facts(from.suite);
    const auto* hmac = static_cast<const HmacKey*>(from.key);
    to.u.HMAC._hashed_auth_key_xor_ipad = hmac->inner;
    to.u.HMAC._hashed_auth_key_xor_opad = hmac->outer;
    if (is_triple_des(from.suite))
        to.enc_keys = to.dec_keys = static_cast<const TripleDesKey*>(from.key)->parts;
    else if (f.key_len != 0)
        to.enc_keys = to.dec_keys = static_cast<const CbcKey*>(from.key)->schedule;
    const auto front_len = static_cast<std::uint64_t>(from.data - from.front);
    to.src = from.front;
    to.dst = from.data;
    to.cipher_start_src_offset_in_bytes = front_len;
    to.msg_len_to_cipher_in_bytes = from.len;
    to.msg_len_to_hash_in_bytes = front_len + from.len + (from.esn ? 4 : 0);
    to.iv = from.data - f.iv_len;
}

/// `place` numbers the job's scratch room within its batch.
void fill(Library& library, Direction direction, Job& from, IMB_JOB& to, unsigned place) {
    const auto& templates =
        direction == Direction::outbound ? library.seal_templates : library.open_templates;
    to = templates[static_cast<std::size_t>(from.suite)];
    to.user_data = &from;
    to.user_data2 = library.received[place].data();
    to.auth_tag_output = library.tags[place].data();
    if (direction == Direction::inbound)
        std::memcpy(library.received[place].data(), from.icv(), facts(from.suite).icv_len);
    if (is_aead(from.suite)) {
        fill_aead(from, to);
        return;
    }
    if (from.esn) {  // the implicit half is hashed where the ICV stands (RFC 4303 §2.2.1)
        const Be32 high(from.sequence_high);
        std::memcpy(from.icv(), &high, sizeof high);
    }
    fill_hmac(from, to);
}

void finish(Direction direction, const IMB_JOB& done) {
    Job& job = *static_cast<Job*>(done.user_data);
    const std::size_t icv_len = facts(job.suite).icv_len;
    job.failed = false;
    if (direction == Direction::outbound) {
        std::memcpy(job.icv(), done.auth_tag_output, icv_len);
        job.ok = true;
    } else {
        job.ok = equal_constant_time({done.auth_tag_output, icv_len},
                                     {static_cast<const std::uint8_t*>(done.user_data2), icv_len});
    }
}

/// What the library gave back; only whole jobs count.
bool take_back(Direction direction, const IMB_JOB& done) {
    if (done.status == IMB_STATUS_COMPLETED) finish(direction, done);
    return true;
}

void run_queue(Library& library, Direction direction, std::span<Job* const> jobs) {
    IMB_MGR* mgr = library.mgr;
    unsigned place = 0;
    for (Job* job : jobs) {
        IMB_JOB* to = IMB_GET_NEXT_JOB(mgr);
        fill(library, direction, *job, *to, place++);
        for (const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(mgr); done != nullptr;
             done = IMB_GET_COMPLETED_JOB(mgr))
            take_back(direction, *done);
        if (!alone(job->suite)) continue;
        while (const IMB_JOB* done = IMB_FLUSH_JOB(mgr)) take_back(direction, *done);
    }
    while (const IMB_JOB* done = IMB_FLUSH_JOB(mgr)) take_back(direction, *done);
}

void run_burst(Library& library, Direction direction, std::span<Job* const> jobs) {
    IMB_MGR* mgr = library.mgr;
    std::array<IMB_JOB*, kBatch> slots;
    const auto wanted = static_cast<std::uint32_t>(jobs.size());
    // The queue is empty between two calls, so there is always room for a batch.
    const std::uint32_t num = IMB_GET_NEXT_BURST(mgr, wanted, slots.data());
    for (std::uint32_t i = 0; i < num; ++i) fill(library, direction, *jobs[i], *slots[i], i);
    std::uint32_t num_done = IMB_SUBMIT_BURST_NOCHECK(mgr, num, slots.data());
    for (std::uint32_t total = num_done;; total += num_done) {
        for (std::uint32_t i = 0; i < num_done; ++i) take_back(direction, *slots[i]);
        if (total >= num) return;
        num_done = IMB_FLUSH_BURST(mgr, num - total, slots.data());
        if (num_done == 0) return;  // they stay marked as failed
    }
}

void run_split(Library& library, Direction direction, std::span<Job* const> jobs) {
    IMB_MGR* mgr = library.mgr;
    const auto num = static_cast<std::uint32_t>(jobs.size());
    const EspSuite suite = jobs[0]->suite;
    for (std::uint32_t i = 0; i < num; ++i) fill(library, direction, *jobs[i], library.own[i], i);
    const auto cipher = [&] {
        if (key_len(suite) == 0) return num;
        return IMB_SUBMIT_CIPHER_BURST_NOCHECK(
            mgr, library.own.data(), num, IMB_CIPHER_CBC,
            direction == Direction::outbound ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT,
            static_cast<IMB_KEY_SIZE_BYTES>(key_len(suite)));
    };
    const auto hash = [&] {
        return IMB_SUBMIT_HASH_BURST_NOCHECK(mgr, library.own.data(), num, hash_of(suite));
    };
    const bool done = direction == Direction::outbound ? cipher() == num && hash() == num
                                                       : hash() == num && cipher() == num;
    if (!done) return;
    for (std::uint32_t i = 0; i < num; ++i) finish(direction, library.own[i]);
}

}  // namespace

void run_jobs(Library& library, Direction direction, CryptoPath path, std::span<Job* const> jobs) {
    for (Job* job : jobs) job->failed = true;  // until it comes back
    switch (path) {
        case CryptoPath::split:
            return run_split(library, direction, jobs);
        case CryptoPath::job:
            return run_queue(library, direction, jobs);
        case CryptoPath::burst:
        case CryptoPath::direct:
            return run_burst(library, direction, jobs);
    }
}

}  // namespace oegate::esp
