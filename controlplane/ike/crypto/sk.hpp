// The SK payload with AES-GCM-16 (RFC 5282): nonce is 4 bytes of salt and the 8-byte
// IV, associated data is the message from its first byte to SK's generic header.
#pragma once

#include "base/secret.hpp"
#include "ike/wire/message.hpp"

namespace oegate::ike {

inline constexpr std::size_t kSkIvLen = 8;
inline constexpr std::size_t kSkIcvLen = 16;

/// One direction, sending. The IV is a counter that starts at 1: it never repeats
/// under one key. Retransmissions send the same bytes again and need no sealing.
class SkSealer {
  public:
    /// sk_e: SK_ei or SK_er, 20 or 36 bytes.
    explicit SkSealer(Secret sk_e) : key_(std::move(sk_e)) {}
    /// The whole message. Empty only if the library fails or 2^64-1 messages were sealed.
    Bytes seal(const wire::Header& header, const wire::Payloads& payloads);

  private:
    Secret key_;
    std::uint64_t next_iv_ = 1;
};

struct OpenError {
    enum class Kind : std::uint8_t {
        not_encrypted,   // no SK payload
        malformed,       // before authentication: ignore the message
        authentication,  // ICV wrong: ignore the message (RFC 7296 §2.21)
        inside,          // authentic, but malformed inside: error.notify() is the answer
    };
    Kind kind = Kind::malformed;
    wire::ParseError error;
    std::string text() const;
};

/// One direction, receiving.
class SkOpener {
  public:
    explicit SkOpener(Secret sk_e) : key_(std::move(sk_e)) {}
    /// datagram: the whole message; message: what wire::parse() made of it. Gives the
    /// payloads inside SK; those outside it are not authenticated separately and are
    /// not in the result.
    Result<wire::Payloads, OpenError> open(ByteView datagram, const wire::Message& message) const;

  private:
    Secret key_;
};

}  // namespace oegate::ike
