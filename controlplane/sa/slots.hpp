// The slots of one worker's SA table in one direction, as control keeps book of
// them. A slot comes back into use only after the worker has acknowledged the
// removal of its former tenant, last freed last used, under another salt and
// generation: stragglers of the former tenant find nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "contract/sa.hpp"
#include "ike/engine.hpp"

namespace oegate::sa {

class Slots {
  public:
    explicit Slots(std::uint32_t num_slots)
        : limit_(num_slots < Spi::kMaxSlots ? num_slots : Spi::kMaxSlots) {}

    enum class State : std::uint8_t { free, reserved, installed, leaving };
    struct Slot {
        State state = State::free;
        std::uint8_t salt = 0;  // 1..255 once used
        std::uint32_t generation = 0;
        ike::ChildId child = 0;
    };

    std::optional<std::uint32_t> take(Random& random) {
        std::uint32_t slot;
        if (slots_.size() < limit_) {
            slot = static_cast<std::uint32_t>(slots_.size());
            slots_.emplace_back();
            slots_.back().salt = static_cast<std::uint8_t>(random.below(255));  // another one after a restart
        } else if (!free_.empty()) {
            slot = free_.front();
            free_.pop_front();
        } else {
            return std::nullopt;
        }
        Slot& s = slots_[slot];
        s.state = State::reserved;
        s.salt = static_cast<std::uint8_t>(s.salt % 255 + 1);
        ++s.generation;
        s.child = 0;
        ++used_;
        return slot;
    }
    void give_back(std::uint32_t slot) {
        Slot& s = slots_[slot];
        if (s.state == State::free) return;
        s.state = State::free;
        s.child = 0;
        free_.push_back(slot);
        --used_;
    }
    /// Only for a slot that take() gave.
    Slot& at(std::uint32_t slot) { return slots_.at(slot); }
    Slot* find(std::uint32_t slot) { return slot < slots_.size() ? &slots_[slot] : nullptr; }
    const Slot* find(std::uint32_t slot) const { return slot < slots_.size() ? &slots_[slot] : nullptr; }
    SaRef ref(std::uint32_t slot) const { return {slot, slots_[slot].generation}; }
    std::uint32_t used() const { return used_; }

  private:
    std::uint32_t limit_;
    std::uint32_t used_ = 0;
    std::vector<Slot> slots_;
    std::deque<std::uint32_t> free_;
};

}  // namespace oegate::sa
