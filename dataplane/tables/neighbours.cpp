#include "tables/neighbours.hpp"

#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_memory.h>
#include <rte_rcu_qsbr.h>

#include <atomic>
#include <cstring>
#include <string>

namespace oegate {
namespace {

// The MAC itself travels in the pointer that rte_hash stores: one atomic word, so
// that a reader never sees half of a changed one.
void* packed(const MacAddress& mac) {
    std::uintptr_t word = 0;
    std::memcpy(&word, mac.bytes.data(), mac.bytes.size());
    return reinterpret_cast<void*>(word);  // NOLINT: not a pointer, a 48-bit value
}

MacAddress unpacked(const void* value) {
    const auto word = reinterpret_cast<std::uintptr_t>(value);
    MacAddress mac;
    std::memcpy(mac.bytes.data(), &word, mac.bytes.size());
    return mac;
}

}  // namespace

std::unique_ptr<NeighbourTable> NeighbourTable::make(std::uint32_t max_neighbours, rte_rcu_qsbr* qsbr) {
    static std::atomic<unsigned> count{0};
    const std::string name = "neighbours" + std::to_string(count.fetch_add(1));
    rte_hash_parameters parameters{};
    parameters.name = name.c_str();
    parameters.entries = max_neighbours + max_neighbours / 4 + 64;  // it refuses at 98 %
    parameters.key_len = sizeof(Key);
    parameters.hash_func = rte_jhash;
    parameters.socket_id = SOCKET_ID_ANY;
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
    rte_hash* hash = rte_hash_create(&parameters);
    if (hash == nullptr) return nullptr;
    std::unique_ptr<NeighbourTable> table(new NeighbourTable(hash));
    rte_hash_rcu_config rcu{};
    rcu.v = qsbr;
    rcu.mode = RTE_HASH_QSBR_MODE_DQ;
    if (rte_hash_rcu_qsbr_add(hash, &rcu) != 0) return nullptr;
    return table;
}

NeighbourTable::~NeighbourTable() {
    rte_hash_free(hash_);
}

Result<void, TablesError> NeighbourTable::set(std::uint16_t interface, const Address& address,
                                              const MacAddress& mac) {
    const Key key{address, interface};
    if (rte_hash_add_key_data(hash_, &key, packed(mac)) != 0) return fail(TablesError::too_many_neighbours);
    return {};
}

void NeighbourTable::remove(std::uint16_t interface, const Address& address) {
    const Key key{address, interface};
    rte_hash_del_key(hash_, &key);
}

std::optional<MacAddress> NeighbourTable::find(std::uint16_t interface, const Address& address) const {
    const Key key{address, interface};
    void* value = nullptr;
    if (rte_hash_lookup_data(hash_, &key, &value) < 0) return std::nullopt;
    return unpacked(value);
}

}  // namespace oegate
