#include "ike/crypto/sk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "ike/crypto/openssl.hpp"

namespace oegate::ike {
namespace {

constexpr std::size_t kSaltLen = 4;
using GcmNonce = std::array<std::uint8_t, kSaltLen + kSkIvLen>;

const EVP_CIPHER* cipher_for(std::size_t sk_e_len) {
    switch (sk_e_len) {
        case 16 + kSaltLen:
            return EVP_aes_128_gcm();
        case 32 + kSaltLen:
            return EVP_aes_256_gcm();
        default:
            std::abort();  // keys.cpp makes no other
    }
}

/// RFC 5282 §4: salt, then IV.
GcmNonce nonce_of(const Secret& sk_e, ByteView iv) {
    GcmNonce nonce;
    const auto after_salt = std::copy(sk_e.view().end() - kSaltLen, sk_e.view().end(), nonce.begin());
    std::copy(iv.begin(), iv.end(), after_salt);
    return nonce;
}

CipherContextPtr begin(const Secret& sk_e, ByteView iv, ByteView aad, bool encrypt) {
    CipherContextPtr context(EVP_CIPHER_CTX_new());
    const GcmNonce nonce = nonce_of(sk_e, iv);
    int len = 0;
    if (!context || !EVP_CipherInit_ex2(context.get(), cipher_for(sk_e.size()), sk_e.view().data(),
                                        nonce.data(), encrypt, nullptr))
        return nullptr;
    if (!EVP_CipherUpdate(context.get(), nullptr, &len, aad.data(), static_cast<int>(aad.size())))
        return nullptr;
    return context;
}

bool seal_in_place(const Secret& sk_e, ByteView iv, ByteView aad, MutableBytes text, MutableBytes icv) {
    const CipherContextPtr context = begin(sk_e, iv, aad, true);
    int len = 0;
    return context &&
           EVP_CipherUpdate(context.get(), text.data(), &len, text.data(), static_cast<int>(text.size())) &&
           EVP_CipherFinal_ex(context.get(), text.data() + len, &len) &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(icv.size()),
                               icv.data());
}

/// False: not authentic; text is then not to be used. GCM compares in constant time.
bool open_in_place(const Secret& sk_e, ByteView iv, ByteView aad, MutableBytes text, ByteView icv) {
    const CipherContextPtr context = begin(sk_e, iv, aad, false);
    Bytes tag(icv.begin(), icv.end());
    int len = 0;
    return context &&
           EVP_CipherUpdate(context.get(), text.data(), &len, text.data(), static_cast<int>(text.size())) &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()),
                               tag.data()) &&
           EVP_CipherFinal_ex(context.get(), text.data() + len, &len) > 0;
}

auto failed(OpenError::Kind kind, wire::Field field = wire::Field::icv) {
    return fail(OpenError{kind, {field, wire::PayloadType::sk}});
}

}  // namespace

Bytes SkSealer::seal(const wire::Header& header, const wire::Payloads& payloads) {
    if (next_iv_ == 0) return {};  // wrapped: the key is used up
    wire::PayloadType first = wire::PayloadType::none;
    const Bytes chain = wire::serialise_chain(payloads, first);
    // No padding is needed for a counter mode; the Pad Length byte is always there.
    const std::size_t text_len = chain.size() + 1;
    const std::size_t sk_len = wire::kGenericHeaderLen + kSkIvLen + text_len + kSkIcvLen;
    if (sk_len > UINT16_MAX) return {};

    Writer out;
    wire::serialise_header(out, header, wire::PayloadType::sk,
                           static_cast<std::uint32_t>(wire::kHeaderLen + sk_len));
    out.u8(static_cast<std::uint8_t>(first)).u8(0).u16(static_cast<std::uint16_t>(sk_len));
    const std::size_t aad_len = out.size();
    out.u64(next_iv_++).put(chain).u8(0).zeros(kSkIcvLen);

    Bytes message = std::move(out).take();
    const MutableBytes all(message);
    const MutableBytes iv = all.subspan(aad_len, kSkIvLen);
    const MutableBytes text = all.subspan(aad_len + kSkIvLen, text_len);
    if (!seal_in_place(key_, iv, all.first(aad_len), text, all.last(kSkIcvLen))) return {};
    return message;
}

std::string OpenError::text() const {
    switch (kind) {
        case Kind::not_encrypted:
            return "no SK payload";
        case Kind::authentication:
            return "SK payload: integrity check value is wrong";
        case Kind::malformed:
            break;
        case Kind::inside:
            return fmt::format("inside SK: {}", error.text());
    }
    return error.text();
}

Result<wire::Payloads, OpenError> SkOpener::open(ByteView datagram, const wire::Message& message) const {
    using enum OpenError::Kind;
    const auto* sk = message.payloads.find<wire::Encrypted>();
    if (!sk) return failed(not_encrypted);
    if (sk->body.size() < kSkIvLen + 1 + kSkIcvLen || sk->offset > datagram.size())
        return failed(malformed, wire::Field::iv);
    const ByteView body(sk->body);
    Secret text(body.subspan(kSkIvLen, body.size() - kSkIvLen - kSkIcvLen));
    if (!open_in_place(key_, body.first(kSkIvLen), datagram.first(sk->offset), text.mutable_view(),
                       body.last(kSkIcvLen)))
        return failed(authentication);

    const std::size_t pad_len = text.view().back();
    if (pad_len + 1 > text.size()) return failed(inside, wire::Field::pad_length);
    auto payloads = wire::parse_chain(sk->first, text.view().first(text.size() - pad_len - 1), true);
    if (!payloads) return fail(OpenError{inside, payloads.error()});
    return *std::move(payloads);
}

}  // namespace oegate::ike
