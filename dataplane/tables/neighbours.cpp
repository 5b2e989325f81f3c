#include "tables/neighbours.hpp"

#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_memory.h>
#include <rte_rcu_qsbr.h>

#include <cstring>
#include <string>

namespace oegate {

Adjacency::Adjacency(std::uint16_t interface, const MacAddress& mac)
    : word_(kResolved | std::uint64_t{interface} << 48) {
    std::memcpy(&word_, mac.bytes.data(), mac.bytes.size());
}

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
    // Places are 0 to entries (rte_hash.h: an offset into an array of user data).
    std::unique_ptr<NeighbourTable> table(new NeighbourTable(hash, max_neighbours, parameters.entries + 2));
    rte_hash_rcu_config rcu{};
    rcu.v = qsbr;
    rcu.mode = RTE_HASH_QSBR_MODE_DQ;
    if (rte_hash_rcu_qsbr_add(hash, &rcu) != 0) return nullptr;
    return table;
}

NeighbourTable::~NeighbourTable() {
    rte_hash_free(hash_);
}

Result<std::uint32_t, TablesError> NeighbourTable::set(std::uint16_t interface, const Address& address,
                                                       const MacAddress& mac) {
    const Key key{address, interface};
    int place = rte_hash_lookup(hash_, &key);
    const bool revived = place >= 0 && removal_[static_cast<std::uint32_t>(place) + 1] != 0;
    if (place < 0 || revived) {
        if (num_ >= max_) return fail(TablesError::too_many_neighbours);
        if (place < 0) {
            place = rte_hash_add_key(hash_, &key);
            if (place < 0) return fail(TablesError::too_many_neighbours);
            addresses_[static_cast<std::uint32_t>(place) + 1] = address;
        }
        ++num_;
    }
    const auto id = static_cast<std::uint32_t>(place) + 1;
    removal_[id] = 0;
    words_[id].store(Adjacency(interface, mac).word(), std::memory_order_release);
    return id;
}

std::uint32_t NeighbourTable::remove(std::uint16_t interface, const Address& address) {
    const std::uint32_t id = find(interface, address);
    if (id == kNoAdjacency) return kNoAdjacency;
    // The key goes only after the grace: until then rte_hash must not give its place, our id,
    // to another neighbour, since flows may still name it in this loop.
    words_[id].store(0, std::memory_order_release);
    removal_[id] = ++serial_;
    removed_.push_back({{address, interface}, id, serial_, 0});
    --num_;
    return id;
}

void NeighbourTable::stamp(std::uint64_t token) {
    for (auto it = removed_.rbegin(); it != removed_.rend() && it->token == 0; ++it) it->token = token;
}

void NeighbourTable::forget_front() {
    const Removed& removed = removed_.front();
    if (removal_[removed.id] == removed.serial) {
        rte_hash_del_key(hash_, &removed.key);
        removal_[removed.id] = 0;
    }
    removed_.pop_front();
}

std::uint32_t NeighbourTable::find(std::uint16_t interface, const Address& address) const {
    const Key key{address, interface};
    const int place = rte_hash_lookup(hash_, &key);
    if (place < 0) return kNoAdjacency;
    const auto id = static_cast<std::uint32_t>(place) + 1;
    return at(id).resolved() ? id : kNoAdjacency;
}

}  // namespace oegate
