// Numbers of the IKEv2 registries that this gateway speaks of (RFC 7296 §3 and its
// extensions), with names for log lines. An enum may hold a value that has no name.
#pragma once

#include <cstdint>
#include <string>

namespace oegate::ike::wire {

enum class PayloadType : std::uint8_t {  // RFC 7296 §3.2
    none = 0,
    sa = 33,
    ke = 34,
    id_i = 35,
    id_r = 36,
    cert = 37,
    certreq = 38,
    auth = 39,
    nonce = 40,
    notify = 41,
    delete_sa = 42,
    vendor_id = 43,
    ts_i = 44,
    ts_r = 45,
    sk = 46,
    cp = 47,
    eap = 48,
    skf = 53,  // RFC 7383
};

enum class ExchangeType : std::uint8_t {  // RFC 7296 §3.1
    ike_sa_init = 34,
    ike_auth = 35,
    create_child_sa = 36,
    informational = 37,
};

enum class ProtocolId : std::uint8_t { none = 0, ike = 1, ah = 2, esp = 3 };  // RFC 7296 §3.3.1

enum class TransformType : std::uint8_t { encr = 1, prf = 2, integ = 3, dh = 4, esn = 5 };  // §3.3.2

inline constexpr std::uint16_t kEncr3des = 3;               // RFC 2451
inline constexpr std::uint16_t kEncrNull = 11;              // RFC 2410
inline constexpr std::uint16_t kEncrAesCbc = 12;            // RFC 3602
inline constexpr std::uint16_t kEncrAesGcm16 = 20;          // RFC 5282 §7.2, RFC 4106
inline constexpr std::uint16_t kEncrChacha20Poly1305 = 28;  // RFC 7634 §4
inline constexpr std::uint16_t kIntegNone = 0;
inline constexpr std::uint16_t kIntegHmacMd596 = 1;       // RFC 2403
inline constexpr std::uint16_t kIntegHmacSha196 = 2;      // RFC 2404
inline constexpr std::uint16_t kIntegHmacSha256128 = 12;  // RFC 4868
inline constexpr std::uint16_t kIntegHmacSha384192 = 13;
inline constexpr std::uint16_t kIntegHmacSha512256 = 14;
inline constexpr std::uint16_t kDhNone = 0;
inline constexpr std::uint16_t kEsnNone = 0;              // 32-bit sequence numbers on the wire
inline constexpr std::uint16_t kEsnYes = 1;               // 64 bits, RFC 4303 §2.2.1
inline constexpr std::uint16_t kAttributeKeyLength = 14;  // RFC 7296 §3.3.5, in bits

enum class PrfId : std::uint16_t { hmac_sha2_256 = 5, hmac_sha2_384 = 6, hmac_sha2_512 = 7 };  // RFC 4868

enum class IdType : std::uint8_t {  // RFC 7296 §3.5
    ipv4_addr = 1,
    fqdn = 2,
    rfc822_addr = 3,
    ipv6_addr = 5,
    der_asn1_dn = 9,
    der_asn1_gn = 10,
    key_id = 11,
};

enum class AuthMethod : std::uint8_t {
    rsa_signature = 1,  // RFC 7296 §3.8
    shared_key = 2,
    dss = 3,
    null = 13,               // RFC 7619
    digital_signature = 14,  // RFC 7427
};

enum class HashId : std::uint16_t { sha1 = 1, sha2_256 = 2, sha2_384 = 3, sha2_512 = 4 };  // RFC 7427 §7

enum class NotifyType : std::uint16_t {  // RFC 7296 §3.10.1 and extensions
    none = 0,
    // errors
    unsupported_critical_payload = 1,
    invalid_ike_spi = 4,
    invalid_major_version = 5,
    invalid_syntax = 7,
    invalid_message_id = 9,
    invalid_spi = 11,
    no_proposal_chosen = 14,
    invalid_ke_payload = 17,
    authentication_failed = 24,
    single_pair_required = 34,
    no_additional_sas = 35,
    internal_address_failure = 36,
    failed_cp_required = 37,
    ts_unacceptable = 38,
    invalid_selectors = 39,
    temporary_failure = 43,
    child_sa_not_found = 44,
    // status
    initial_contact = 16384,
    set_window_size = 16385,
    additional_ts_possible = 16386,
    ipcomp_supported = 16387,
    nat_detection_source_ip = 16388,
    nat_detection_destination_ip = 16389,
    cookie = 16390,
    use_transport_mode = 16391,
    http_cert_lookup_supported = 16392,
    rekey_sa = 16393,
    esp_tfc_padding_not_supported = 16394,
    non_first_fragments_also = 16395,
    mobike_supported = 16396,                 // RFC 4555
    auth_lifetime = 16403,                    // RFC 4478
    multiple_auth_supported = 16404,          // RFC 4739
    redirect_supported = 16406,               // RFC 5685
    childless_ikev2_supported = 16418,        // RFC 6023
    ikev2_fragmentation_supported = 16430,    // RFC 7383
    signature_hash_algorithms = 16431,        // RFC 7427
    intermediate_exchange_supported = 16438,  // RFC 9242
};
/// RFC 7296 §3.10.1: below 16384 an error, from there on a status.
constexpr bool is_error(NotifyType type) {
    return type != NotifyType::none && static_cast<std::uint16_t>(type) < 16384;
}

inline constexpr std::size_t kHeaderLen = 28;        // RFC 7296 §3.1
inline constexpr std::size_t kGenericHeaderLen = 4;  // RFC 7296 §3.2
inline constexpr std::size_t kMinNonceLen = 16;      // RFC 7296 §3.9
inline constexpr std::size_t kMaxNonceLen = 256;
inline constexpr std::size_t kMaxCookieLen = 64;     // RFC 7296 §2.6
inline constexpr std::size_t kNatDetectionLen = 20;  // RFC 7296 §2.23: SHA-1

/// "IDi", "Nonce", …; a number for one without a name.
std::string to_text(PayloadType);
std::string to_text(ExchangeType);
/// As in RFC 7296: "TS_UNACCEPTABLE"; a number for one without a name.
std::string to_text(NotifyType);
std::string to_text(AuthMethod);

}  // namespace oegate::ike::wire
