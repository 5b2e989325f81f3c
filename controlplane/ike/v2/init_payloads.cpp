#include "ike/v2/init_payloads.hpp"

namespace oegate::ike::v2 {

void add_nat_detection(wire::Payloads& payloads, const IkeSa& sa, std::uint64_t spi_r) {
    payloads.add(wire::Notify::of(wire::NotifyType::nat_detection_source_ip,
                                  nat_detection_hash(sa.spi_i, spi_r, sa.local)));
    payloads.add(wire::Notify::of(wire::NotifyType::nat_detection_destination_ip,
                                  nat_detection_hash(sa.spi_i, spi_r, sa.remote)));
}

bool nat_between(const wire::Payloads& payloads, std::uint64_t spi_i, std::uint64_t spi_r,
                 const Endpoint& local, const Endpoint& remote) {
    bool has_source = false, source_ok = false, has_destination = false, destination_ok = false;
    const Bytes from = nat_detection_hash(spi_i, spi_r, remote);
    const Bytes to = nat_detection_hash(spi_i, spi_r, local);
    for (const wire::Notify* notify : payloads.notifies()) {
        if (notify->type == wire::NotifyType::nat_detection_source_ip) {
            has_source = true;
            source_ok |= notify->data == from;
        } else if (notify->type == wire::NotifyType::nat_detection_destination_ip) {
            has_destination = true;
            destination_ok |= notify->data == to;
        }
    }
    return (has_source && !source_ok) || (has_destination && !destination_ok);
}

std::optional<std::vector<HashId>> hashes_of(const wire::Payloads& payloads) {
    const wire::Notify* notify = payloads.notify(wire::NotifyType::signature_hash_algorithms);
    if (notify == nullptr) return std::nullopt;
    return notify->hashes();
}

wire::Notify our_hashes() {
    return wire::Notify::of_hashes(supported_hashes());
}

}  // namespace oegate::ike::v2
