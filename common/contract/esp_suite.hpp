// The ESP transforms that oegate knows, as one table: what a key exchange must
// derive, what a packet looks like. Used by both planes; the algorithms themselves
// are in dataplane/esp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace oegate {

/// Encryption with its integrity algorithm; AEADs stand alone. The order is the order
/// of the table below. From triple_des_md5_96 on: the legacy profile only.
enum class EspSuite : std::uint8_t {
    aes_gcm_16_128,
    aes_gcm_16_256,
    chacha20_poly1305,
    aes_cbc_128_sha1_96,
    aes_cbc_256_sha1_96,
    aes_cbc_128_sha256_128,
    aes_cbc_256_sha256_128,
    aes_cbc_128_sha384_192,
    aes_cbc_256_sha384_192,
    aes_cbc_128_sha512_256,
    aes_cbc_256_sha512_256,
    null_sha1_96,
    null_sha256_128,
    null_sha384_192,
    null_sha512_256,
    triple_des_md5_96,
    triple_des_sha1_96,
};
inline constexpr std::size_t kNumEspSuites = 17;

struct EspSuiteFacts {
    EspSuite suite;
    std::string_view name;      // in configuration and output
    std::uint8_t key_len;       // of the cipher, bytes, without the salt
    std::uint8_t auth_key_len;  // of the integrity algorithm; 0: an AEAD
    std::uint8_t salt_len;      // RFC 4106 §8.1, RFC 7634 §2
    std::uint8_t iv_len;        // in the packet
    std::uint8_t icv_len;
    std::uint8_t block_len;  // cipher text is a multiple of it, and of 4 (RFC 4303 §2.4)
    bool legacy;             // weak: only where an administrator turned the legacy profile on
};

// AES-GCM: RFC 4106. ChaCha20-Poly1305: RFC 7634. AES-CBC: RFC 3602. HMAC-SHA-1-96: RFC
// 2404. HMAC-SHA-2: RFC 4868, keys as long as the hash. NULL: RFC 2410. 3DES-CBC: RFC
// 2451. HMAC-MD5-96: RFC 2403.
inline constexpr std::array<EspSuiteFacts, kNumEspSuites> kEspSuites{{
    {EspSuite::aes_gcm_16_128, "aes128-gcm16", 16, 0, 4, 8, 16, 1, false},
    {EspSuite::aes_gcm_16_256, "aes256-gcm16", 32, 0, 4, 8, 16, 1, false},
    {EspSuite::chacha20_poly1305, "chacha20-poly1305", 32, 0, 4, 8, 16, 1, false},
    {EspSuite::aes_cbc_128_sha1_96, "aes128-sha1", 16, 20, 0, 16, 12, 16, false},
    {EspSuite::aes_cbc_256_sha1_96, "aes256-sha1", 32, 20, 0, 16, 12, 16, false},
    {EspSuite::aes_cbc_128_sha256_128, "aes128-sha256", 16, 32, 0, 16, 16, 16, false},
    {EspSuite::aes_cbc_256_sha256_128, "aes256-sha256", 32, 32, 0, 16, 16, 16, false},
    {EspSuite::aes_cbc_128_sha384_192, "aes128-sha384", 16, 48, 0, 16, 24, 16, false},
    {EspSuite::aes_cbc_256_sha384_192, "aes256-sha384", 32, 48, 0, 16, 24, 16, false},
    {EspSuite::aes_cbc_128_sha512_256, "aes128-sha512", 16, 64, 0, 16, 32, 16, false},
    {EspSuite::aes_cbc_256_sha512_256, "aes256-sha512", 32, 64, 0, 16, 32, 16, false},
    {EspSuite::null_sha1_96, "null-sha1", 0, 20, 0, 0, 12, 1, false},
    {EspSuite::null_sha256_128, "null-sha256", 0, 32, 0, 0, 16, 1, false},
    {EspSuite::null_sha384_192, "null-sha384", 0, 48, 0, 0, 24, 1, false},
    {EspSuite::null_sha512_256, "null-sha512", 0, 64, 0, 0, 32, 1, false},
    {EspSuite::triple_des_md5_96, "3des-md5", 24, 16, 0, 8, 12, 8, true},
    {EspSuite::triple_des_sha1_96, "3des-sha1", 24, 20, 0, 8, 12, 8, true},
}};

constexpr const EspSuiteFacts& facts(EspSuite suite) {
    return kEspSuites[static_cast<std::size_t>(suite)];
}
static_assert([] {
    for (std::size_t i = 0; i < kNumEspSuites; ++i)
        if (static_cast<std::size_t>(kEspSuites[i].suite) != i) return false;
    return true;
}());

/// Cipher key bytes without the salt.
constexpr std::size_t key_len(EspSuite suite) {
    return facts(suite).key_len;
}
constexpr bool is_aead(EspSuite suite) {
    return facts(suite).auth_key_len == 0;
}

inline constexpr std::size_t kMaxEspKeyLen = 32;
inline constexpr std::size_t kMaxEspAuthKeyLen = 64;

constexpr std::string_view to_text(EspSuite suite) {
    return facts(suite).name;
}
constexpr std::optional<EspSuite> esp_suite_from_text(std::string_view text) {
    for (const EspSuiteFacts& f : kEspSuites)
        if (f.name == text) return f.suite;
    return std::nullopt;
}

}  // namespace oegate
