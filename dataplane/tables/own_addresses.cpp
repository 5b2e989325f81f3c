#include "tables/own_addresses.hpp"

#include <algorithm>
#include <bit>

namespace oegate {

OwnAddresses::OwnAddresses(std::span<const OwnAddress> addresses)
    : slots_(std::bit_ceil(6 * addresses.size() + 2)), mask_(slots_.size() - 1) {
    for (const OwnAddress& own : addresses) {
        put(own.address, Kind::own, own.interface);
        // RFC 3021: a /31 has none; and the old all-zeros form (RFC 1812 §5.3.5.3).
        if (own.address.is_ipv4() && own.subnet.length() < 31) {
            put(own.subnet.address(), Kind::broadcast, kNoInterface);
            put(own.subnet.last(), Kind::broadcast, own.interface);
        }
        if (own.interface >= by_interface_.size()) by_interface_.resize(own.interface + 1u);
        auto& list = by_interface_[own.interface];
        const auto late = [](const Address& a) { return a.is_ipv6() && a.is_link_local(); };
        list.insert(late(own.address) ? list.end() : std::ranges::find_if(list, late), own.address);
    }
}

void OwnAddresses::put(const Address& address, Kind kind, std::uint16_t interface) {
    std::size_t i = slot_of(address);
    while (slots_[i].kind != Kind::foreign && slots_[i].address != address) i = (i + 1) & mask_;
    if (slots_[i].kind != Kind::own) slots_[i] = {address, kind, interface};
}

}  // namespace oegate
