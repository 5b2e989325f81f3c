// What both sides of IKE_SA_INIT put into it and read from it beside the key exchange: the
// search for address translators (RFC 7296 §2.23) and the signature hashes (RFC 7427 §4).
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

inline constexpr std::size_t kInitNonceLen = 32;

void add_nat_detection(wire::Payloads& payloads, const IkeSa& sa, std::uint64_t spi_r);
/// RFC 7296 §2.23: is there an address translator between us? A peer that sends no
/// such notifies does not do NAT traversal, which is no sign of one.
bool nat_between(const wire::Payloads& payloads, std::uint64_t spi_i, std::uint64_t spi_r,
                 const Endpoint& local, const Endpoint& remote);
/// nullopt: the peer does not say.
std::optional<std::vector<HashId>> hashes_of(const wire::Payloads& payloads);
/// Our RSA signatures.
wire::Notify our_hashes();

}  // namespace oegate::ike::v2
