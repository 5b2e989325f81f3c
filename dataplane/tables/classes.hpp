// Pair → class: the longest destination prefix wins, then the longest source prefix, both
// families. Destinations are cut into disjoint intervals, so that a lookup is one binary
// search, and where classes go by source a walk over the sources named there. Pure. Built
// on the control thread, read by workers.
#pragma once

#include <span>
#include <vector>

#include "contract/tables.hpp"

namespace oegate {

class ClassTable {
  public:
    ClassTable(std::span<const ClassRule> rules, ClassKind fallback);
    ClassKind lookup(const Pair& pair) const;

  private:
    struct Key {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        auto operator<=>(const Key&) const = default;
    };
    struct BySource {
        Prefix source;
        ClassKind kind = ClassKind::none;
    };
    struct Interval {
        Key start;
        ClassKind kind = ClassKind::none;  // of sources that are not named
        std::uint32_t first = 0;           // in by_source_, in the order to ask
        std::uint32_t num = 0;
    };
    struct Destination;
    static Key key_of(const Address&);
    static std::vector<Destination> group(std::span<const ClassRule> rules);
    void emit(Key start, std::span<const Destination* const> open);
    std::vector<BySource> by_source_;
    std::vector<Interval> intervals_;  // sorted by start; mapped IPv4 and IPv6 in one space
    ClassKind fallback_;
};

}  // namespace oegate
