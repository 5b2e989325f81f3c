// (interface, address) → adjacency id → MAC. Written by the control thread, read by all
// workers without a lock (rte_hash, lock-free, key slots recycled under rte_rcu_qsbr).
// An id means the same neighbour until it is removed and all workers have moved on; a
// changed MAC is one store behind the same id.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

#include "contract/tables.hpp"
#include "tables/prefetch.hpp"

struct rte_hash;
struct rte_rcu_qsbr;

namespace oegate {

/// One word, so that a reader never sees half of a changed one.
class Adjacency {
  public:
    Adjacency() = default;
    explicit Adjacency(std::uint64_t word) : word_(word) {}
    Adjacency(std::uint16_t interface, const MacAddress& mac);
    /// False: removed, or never set; nothing else of it counts.
    bool resolved() const { return (word_ & kResolved) != 0; }
    std::uint16_t interface() const { return static_cast<std::uint16_t>(word_ >> 48 & 0x7fff); }
    MacAddress mac() const {
        MacAddress mac;
        std::memcpy(mac.bytes.data(), &word_, sizeof mac.bytes);
        return mac;
    }
    std::uint64_t word() const { return word_; }

  private:
    static constexpr std::uint64_t kResolved = std::uint64_t{1} << 63;
    std::uint64_t word_ = 0;  // little endian: MAC, 15 bits of interface, the flag
};

inline constexpr std::uint32_t kNoAdjacency = 0;

class NeighbourTable {
  public:
    /// Null when there is no memory.
    static std::unique_ptr<NeighbourTable> make(std::uint32_t max_neighbours, rte_rcu_qsbr* qsbr);
    ~NeighbourTable();
    NeighbourTable(const NeighbourTable&) = delete;
    NeighbourTable& operator=(const NeighbourTable&) = delete;

    // Control thread only.
    Result<std::uint32_t, TablesError> set(std::uint16_t interface, const Address&, const MacAddress&);
    /// The id that it had; kNoAdjacency when there was none. It is unresolved from now
    /// on; the id lives until `token` of the next stamp() has passed.
    std::uint32_t remove(std::uint16_t interface, const Address&);
    void stamp(std::uint64_t token);
    /// passed(token): every worker has moved on.
    template <class Passed>
    void reclaim(const Passed& passed) {
        while (!removed_.empty() && removed_.front().token != 0 && passed(removed_.front().token))
            forget_front();
    }
    std::uint32_t size() const { return num_; }
    std::size_t num_retired() const { return removed_.size(); }

    // Workers.
    /// The id; kNoAdjacency when it is not resolved.
    std::uint32_t find(std::uint16_t interface, const Address&) const;
    /// kNoAdjacency and ids of removed neighbours give one that is not resolved.
    Adjacency at(std::uint32_t id) const { return Adjacency(words_[id].load(std::memory_order_acquire)); }
    void prefetch(std::uint32_t id) const { prefetch_line(&words_[id]); }
    /// Of an id that is resolved.
    const Address& address(std::uint32_t id) const { return addresses_[id]; }
    /// Both in one.
    Adjacency resolve(std::uint16_t interface, const Address& address) const {
        return at(find(interface, address));
    }

  private:
    struct Key {
        Address address;
        std::uint32_t interface = 0;
    };
    static_assert(sizeof(Key) == 20);
    NeighbourTable(rte_hash* hash, std::uint32_t max, std::uint32_t num_slots)
        : hash_(hash),
          max_(max),
          removal_(num_slots),
          addresses_(num_slots),
          words_(std::make_unique<std::atomic<std::uint64_t>[]>(num_slots)) {}
    struct Removed {
        Key key;
        std::uint32_t id = 0;
        std::uint64_t serial = 0;
        std::uint64_t token = 0;  // 0: not stamped yet
    };
    void forget_front();

    rte_hash* hash_;
    std::uint32_t max_, num_ = 0;
    std::uint64_t serial_ = 0;
    std::deque<Removed> removed_;
    std::vector<std::uint64_t> removal_;  // by id: serial of the removal that counts; 0: it lives
    std::vector<Address> addresses_;      // by id: written before the word, and not while it may be read
    std::unique_ptr<std::atomic<std::uint64_t>[]> words_;  // by id: 1 + the key's place in the hash
};

}  // namespace oegate
