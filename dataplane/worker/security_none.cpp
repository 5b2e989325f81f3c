// The security part while there is none: everything is passed in the clear and no ESP
// is known. Goes when esp/ defines these functions.
#include "worker/security.hpp"

namespace oegate {

struct Security {};

void SecurityDeleter::operator()(Security* security) const {
    delete security;
}
Result<SecurityPointer, std::string> make_security(const config::Config&, unsigned) {
    return SecurityPointer(new Security);
}
std::size_t security_memory(const config::Config&) {
    return 0;
}

void policy(Worker&, Burst& in, Burst& pass, Burst&) {
    for (rte_mbuf* packet : in) pass.push(packet);
}
std::uint16_t inner_mtu(const Worker&, SaRef, std::uint16_t) {
    return 0;
}
void encrypt(Worker& worker, Burst& in, Burst&) {
    for (rte_mbuf* packet : in) drop(worker, packet, Drop::sa_missing);
}
void decrypt(Worker& worker, Burst& in, Burst&) {
    for (rte_mbuf* packet : in) drop(worker, packet, Drop::esp_unknown_spi);
}
void screen_inbound_clear(Worker&, Burst&) {}
void apply(Worker&, const Command&) {}
void tend(Worker&) {}

}  // namespace oegate
