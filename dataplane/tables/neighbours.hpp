// (interface, address) → MAC. Written by the control thread, read by all workers
// without a lock (rte_hash, lock-free, key slots recycled under rte_rcu_qsbr).
#pragma once

#include <memory>
#include <optional>

#include "contract/tables.hpp"

struct rte_hash;
struct rte_rcu_qsbr;

namespace oegate {

class NeighbourTable {
  public:
    /// Null when there is no memory.
    static std::unique_ptr<NeighbourTable> make(std::uint32_t max_neighbours, rte_rcu_qsbr* qsbr);
    ~NeighbourTable();
    NeighbourTable(const NeighbourTable&) = delete;
    NeighbourTable& operator=(const NeighbourTable&) = delete;

    // Control thread only.
    Result<void, TablesError> set(std::uint16_t interface, const Address&, const MacAddress&);
    void remove(std::uint16_t interface, const Address&);

    // Workers.
    std::optional<MacAddress> find(std::uint16_t interface, const Address&) const;

  private:
    struct Key {
        Address address;
        std::uint32_t interface = 0;
    };
    static_assert(sizeof(Key) == 20);
    explicit NeighbourTable(rte_hash* hash) : hash_(hash) {}
    rte_hash* hash_;
};

}  // namespace oegate
