// Destination prefix → class, longest prefix wins, both families; the rules are cut
// into disjoint intervals, so that a lookup is one binary search. Pure. Built on the
// control thread, read by workers.
#pragma once

#include <span>
#include <vector>

#include "contract/tables.hpp"

namespace oegate {

class ClassTable {
  public:
    ClassTable(std::span<const ClassRule> rules, ClassKind fallback);
    ClassKind lookup(const Address& destination) const;

  private:
    struct Key {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        auto operator<=>(const Key&) const = default;
    };
    struct Interval {
        Key start;
        ClassKind kind = ClassKind::none;
    };
    static Key key_of(const Address&);
    std::vector<Interval> intervals_;  // sorted by start; mapped IPv4 and IPv6 in one space
    ClassKind fallback_;
};

}  // namespace oegate
