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

void log_esp_key(Core& core, const Address& source, const Address& destination, std::uint32_t spi,
                 const SaKey& key) {
    if (!core.settings.key_log) return;
    core.emit(KeyLog{fmt::format(
        "\"{}\",\"{}\",\"{}\",\"0x{:08x}\",\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x{}{}\",\"NULL\",\"\"",
        source.is_ipv4() ? "IPv4" : "IPv6", source.text(), destination.text(), spi,
        to_hex(ByteView(key.key).first(key_len(key.suite))), to_hex(key.salt))});
}

}  // namespace oegate::ike::v2
