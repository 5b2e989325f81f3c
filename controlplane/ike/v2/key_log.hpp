// Lines for tshark's tables, only when the operator asked for an insecure key log:
// `esp_sa` (a line opens with a quote) and `ikev2_decryption_table` (with the SPI).
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

void log_ike_keys(Core& core, const IkeSa& sa);
/// source, destination: the gateways, in the direction of the SA.
void log_esp_key(Core& core, const Address& source, const Address& destination, std::uint32_t spi,
                 const SaKey& key);
/// Keys into their places: sealer and opener by who we are.
void install_ike_keys(IkeSa& sa, IkeKeys keys);

}  // namespace oegate::ike::v2
