// The payloads that are a header and one field: KE, IDi/IDr, AUTH, Nonce, Delete,
// Vendor ID, SK before decryption, and those that are recognised and skipped.
#pragma once

#include <optional>
#include <vector>

#include "base/cursor.hpp"
#include "ike/wire/error.hpp"
#include "net/identity.hpp"

namespace oegate::ike::wire {

struct KeyExchange {  // RFC 7296 §3.4
    static constexpr std::size_t kMaxLen = 2048;

    std::uint16_t group = 0;
    Bytes data;

    static Parsed<KeyExchange> parse(ByteView body);
    void serialise(Writer& out) const;
    bool operator==(const KeyExchange&) const = default;
};

struct Identification {  // RFC 7296 §3.5
    static constexpr std::size_t kMaxLen = 1024;

    PayloadType type = PayloadType::id_i;  // id_i or id_r
    IdType id_type = IdType::ipv4_addr;
    std::array<std::uint8_t, 3> reserved{};  // signed as received (RFC 7296 §2.15)
    Bytes data;

    static Identification of(PayloadType type, const Identity& identity);
    /// An address or a name (lower case, no final dot); nullopt for the types that
    /// name nobody in DNS and for a name that is none.
    std::optional<Identity> identity() const;
    /// RestOfInitIDPayload, RestOfRespIDPayload of RFC 7296 §2.15.
    Bytes body() const;

    static Parsed<Identification> parse(PayloadType type, ByteView body);
    void serialise(Writer& out) const;
    bool operator==(const Identification&) const = default;
};

struct Authentication {  // RFC 7296 §3.8
    static constexpr std::size_t kMaxLen = 4096;

    AuthMethod method = AuthMethod::rsa_signature;
    Bytes data;

    static Parsed<Authentication> parse(ByteView body);
    void serialise(Writer& out) const;
    bool operator==(const Authentication&) const = default;
};

struct Nonce {  // RFC 7296 §3.9: 16 to 256 bytes
    Bytes data;

    static Parsed<Nonce> parse(ByteView body);
    void serialise(Writer& out) const { out.put(data); }
    bool operator==(const Nonce&) const = default;
};

struct Delete {  // RFC 7296 §3.11
    static constexpr std::size_t kMaxSpis = 512;

    ProtocolId protocol = ProtocolId::ike;
    std::vector<std::uint32_t> spis;  // ESP and AH: those that the sender receives on; IKE: empty

    static Parsed<Delete> parse(ByteView body);
    void serialise(Writer& out) const;
    bool operator==(const Delete&) const = default;
};

struct VendorId {  // RFC 7296 §3.12
    Bytes data;

    static Parsed<VendorId> parse(ByteView body);
    void serialise(Writer& out) const { out.put(data); }
    bool operator==(const VendorId&) const = default;
};

/// SK before decryption (RFC 7296 §3.14); opened by crypto/sk.hpp.
struct Encrypted {
    PayloadType first = PayloadType::none;  // of the payloads inside
    std::size_t offset = 0;                 // of `body` in the datagram
    Bytes body;                             // IV, ciphertext, ICV

    bool operator==(const Encrypted&) const = default;
};

/// CERT, CERTREQ, CP, EAP and unknown payloads without the critical bit: skipped
/// (RFC 7296 §2.5), remembered so that an exchange can say that they were there.
struct Skipped {
    PayloadType type = PayloadType::none;
    std::size_t len = 0;
    bool operator==(const Skipped&) const = default;
};

}  // namespace oegate::ike::wire
