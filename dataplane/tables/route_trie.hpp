// Longest prefix match of one family, changed in place: a table of the first 16 bits,
// then nodes of 8 bits each. Every word is either a node or the longest route that
// covers it, with its length, so that adding and removing rewrite only the words that
// this one route owns. One writer (control); any number of readers without a lock:
// each word changes in one store, a new node is filled before it is hung in, and one
// that was unhung is retired, not freed. Route 0/0 is not kept here (tables/fib.cpp).
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "net/address.hpp"
#include "tables/node_pool.hpp"

namespace oegate {

class RouteTrie {
  public:
    /// first_byte: of the family's key in Address::bytes(), 12 for IPv4, 0 for IPv6.
    RouteTrie(NodePool& pool, unsigned first_byte);

    // Control thread only. Lengths are 1 to 32 or 128.
    /// Adds, or changes the value of one that is there. False: no node is left and
    /// nothing was changed. value: not 0, below 65536.
    bool set(const Prefix& prefix, std::uint16_t value, bool is_new);
    /// What it owned falls to `covering` of length covering_length; 0 and 0: to nothing.
    /// Nodes that became useless are unhung and appended to `retired`.
    void clear(const Prefix& prefix, std::uint16_t covering, unsigned covering_length,
               std::vector<std::uint32_t>& retired);

    // Workers. 0: none.
    std::uint16_t find(const Address& address) const;
    static constexpr unsigned kFindBurst = 64;
    /// At most kFindBurst; the walks go in step, so that their cache misses overlap.
    void find_ipv4(const std::uint32_t* hosts, unsigned count, std::uint32_t* out) const;
    void find_ipv6(const Address* addresses, unsigned count, std::uint32_t* out) const;

  private:
    using Word = std::atomic<std::uint32_t>;
    static constexpr std::uint32_t kNode = 1u << 31;  // else: length << 16 | value
    static constexpr unsigned kRootBits = 16;
    static constexpr unsigned kNodeBits = 8;
    static constexpr unsigned kMaxLevels = 14;
    static std::uint32_t leaf(std::uint16_t value, unsigned length) {
        return static_cast<std::uint32_t>(length) << 16 | value;
    }
    static std::uint32_t length_of(std::uint32_t word) { return word >> 16; }

    /// How a prefix lies in the trie: `levels` nodes below the root, then a run of words.
    struct Place {
        const std::uint8_t* key = nullptr;  // behind the root's two bytes
        std::uint32_t root = 0;
        unsigned levels = 0;
        unsigned first = 0, count = 0;
    };
    Place place(const Prefix& prefix) const;
    unsigned num_missing(const Place& place) const;
    /// Words in the run, and in all nodes below it, whose length is in [low, high].
    void paint(Word* words, unsigned first, unsigned count, unsigned low, unsigned high, std::uint32_t to);
    const Word& below(std::uint32_t node, unsigned i) const { return pool_[node & ~kNode][i]; }

    NodePool& pool_;
    unsigned first_byte_;
    std::unique_ptr<Word[]> root_;
};

}  // namespace oegate
