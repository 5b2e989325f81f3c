// Key log lines, in the form of Wireshark's preference tables.
#include "ike/v2/key_log.hpp"

#include <fmt/format.h>

namespace oegate::ike::v2 {

void install_ike_keys(IkeSa& sa, IkeKeys keys) {
    sa.keys = std::move(keys);
    sa.sealer = std::make_unique<SkSealer>(sa.initiator ? sa.keys.ei.clone() : sa.keys.er.clone());
    sa.opener = std::make_unique<SkOpener>(sa.initiator ? sa.keys.er.clone() : sa.keys.ei.clone());
}

void log_ike_keys(Core& core, const IkeSa& sa) {
    if (!core.settings.key_log) return;
    core.emit(KeyLog{fmt::format(
        "{:016x},{:016x},{},{},\"AES-GCM-{} with 16 octet ICV [RFC5282]\",,,\"NONE [RFC4306]\"", sa.spi_i,
        sa.spi_r, to_hex(sa.keys.ei.view()), to_hex(sa.keys.er.view()), sa.suite.key_bits)});
}

namespace {

/// Wireshark's names of the algorithms.
std::string_view cipher_name(EspSuite suite) {
    if (suite == EspSuite::chacha20_poly1305) return "ChaCha20 with Poly1305 [RFC7634]";
    if (is_aead(suite)) return "AES-GCM with 16 octet ICV [RFC4106]";
    if (key_len(suite) == 0) return "NULL";
    return facts(suite).block_len == 8 ? "TripleDES-CBC [RFC2451]" : "AES-CBC [RFC3602]";
}
std::string_view hash_name(EspSuite suite) {
    switch (facts(suite).auth_key_len) {
        case 0:
            return "NULL";
        case 16:
            return "HMAC-MD5-96 [RFC2403]";
        case 20:
            return "HMAC-SHA-1-96 [RFC2404]";
        case 32:
            return "HMAC-SHA-256-128 [RFC4868]";
        case 48:
            return "HMAC-SHA-384-192 [RFC4868]";
        default:
            return "HMAC-SHA-512-256 [RFC4868]";
    }
}

}  // namespace

void log_esp_key(Core& core, const Address& source, const Address& destination, std::uint32_t spi,
                 const SaKey& key) {
    if (!core.settings.key_log) return;
    const auto hex = [](ByteView bytes) { return bytes.empty() ? std::string() : "0x" + to_hex(bytes); };
    Bytes cipher_key(key.key.begin(), key.key.begin() + static_cast<std::ptrdiff_t>(key_len(key.suite)));
    cipher_key.insert(cipher_key.end(), key.salt.begin(), key.salt.begin() + facts(key.suite).salt_len);
    core.emit(KeyLog{fmt::format("\"{}\",\"{}\",\"{}\",\"0x{:08x}\",\"{}\",\"{}\",\"{}\",\"{}\"",
                                 source.is_ipv4() ? "IPv4" : "IPv6", source.text(), destination.text(), spi,
                                 cipher_name(key.suite), hex(cipher_key), hash_name(key.suite),
                                 hex(ByteView(key.auth_key).first(facts(key.suite).auth_key_len)))});
    oegate::zeroise(cipher_key);
}

}  // namespace oegate::ike::v2
