// How many places of a bounded room each source address has taken, so that one host
// that scans spends its own share and not everybody's. Used by HoldRoom and
// WaitingRoom. Allocates only when made; a source without a place takes no memory.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "net/owner.hpp"
#include "tables/largest_count.hpp"

namespace oegate {

class SourceShares {
  public:
    /// max_total: places in the room, so at most as many sources. seed: secret, so
    /// that nobody aims sources at one stretch of the table.
    SourceShares(std::uint32_t max_total, std::uint32_t per_source, const OwnerSeed& seed)
        : seed_(seed),
          per_source_(per_source),
          most_(per_source),
          slots_(std::bit_ceil(std::size_t{2} * max_total + 2)) {}

    bool may_take(const Address& source) const { return slots_[find(source)].count < per_source_; }
    /// The room must have had a place.
    void take(const Address& source) {
        Slot& slot = slots_[find(source)];
        slot.source = source;
        most_.up(slot.count++);
    }
    /// As often as it was taken.
    void give(const Address& source) {
        const std::size_t at = find(source);
        if (slots_[at].count == 0) return;
        most_.down(slots_[at].count);
        if (--slots_[at].count == 0) close_gap(at);
    }
    std::uint32_t count(const Address& source) const { return slots_[find(source)].count; }
    /// What the greediest source has, and may have.
    const LargestCount& most() const { return most_; }

  private:
    struct Slot {
        Address source;
        std::uint32_t count = 0;  // 0: free
    };
    std::size_t home(const Address& source) const {
        return pair_hash(seed_, source, source) & (slots_.size() - 1);
    }
    std::size_t after(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
    /// Its slot, or the free one where it would be: half of the table is always free.
    std::size_t find(const Address& source) const {
        std::size_t at = home(source);
        while (slots_[at].count != 0 && slots_[at].source != source) at = after(at);
        return at;
    }
    /// Moves back what had to go past the freed slot, so that searches need no marks.
    void close_gap(std::size_t gap) {
        for (std::size_t at = after(gap); slots_[at].count != 0; at = after(at)) {
            const std::size_t mask = slots_.size() - 1;
            const std::size_t wanted = home(slots_[at].source);
            if (((at - wanted) & mask) < ((at - gap) & mask)) continue;
            slots_[gap] = slots_[at];
            slots_[at] = {};
            gap = at;
        }
    }

    OwnerSeed seed_;
    std::uint32_t per_source_;
    LargestCount most_;
    std::vector<Slot> slots_;
};

}  // namespace oegate
