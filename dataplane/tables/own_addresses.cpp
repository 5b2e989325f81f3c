#include "tables/own_addresses.hpp"

#include <bit>

namespace oegate {

OwnAddresses::OwnAddresses(std::span<const Entry> entries)
    : slots_(std::bit_ceil(2 * entries.size() + 2)), mask_(slots_.size() - 1) {
    for (const Entry& entry : entries) {
        std::size_t i = std::hash<Address>{}(entry.address) >> 32 & mask_;
        while (slots_[i].kind != Kind::foreign && slots_[i].address != entry.address) i = (i + 1) & mask_;
        if (slots_[i].kind != Kind::own) slots_[i] = entry;  // own wins over broadcast (a /32)
    }
}

}  // namespace oegate
