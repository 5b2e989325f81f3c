#include "tables/classes.hpp"

#include <algorithm>

namespace oegate {

ClassTable::Key ClassTable::key_of(const Address& address) {
    Key key;
    for (unsigned i = 0; i < 8; ++i) key.high = key.high << 8 | address.bytes()[i];
    for (unsigned i = 8; i < 16; ++i) key.low = key.low << 8 | address.bytes()[i];
    return key;
}

ClassTable::ClassTable(std::span<const ClassRule> rules, ClassKind fallback) : fallback_(fallback) {
    // Outer prefixes first, so that a sweep with a stack sees each nested in its parent.
    std::vector<ClassRule> sorted(rules.begin(), rules.end());
    const auto bits = [](const Prefix& p) { return p.length() + (p.family() == Family::ipv4 ? 96 : 0); };
    std::sort(sorted.begin(), sorted.end(), [&](const ClassRule& a, const ClassRule& b) {
        const Key ka = key_of(a.destination.address()), kb = key_of(b.destination.address());
        return ka != kb ? ka < kb : bits(a.destination) < bits(b.destination);
    });
    struct Open {
        Key last;
        ClassKind kind;
    };
    std::vector<Open> stack;
    const auto emit = [this](Key start, ClassKind kind) {
        if (!intervals_.empty() && intervals_.back().start == start) {
            intervals_.back().kind = kind;
        } else {
            intervals_.push_back({start, kind});
        }
    };
    const auto close_before = [&](const Key* next) {
        while (!stack.empty() && (next == nullptr || stack.back().last < *next)) {
            Key after = stack.back().last;
            stack.pop_back();
            if (++after.low == 0 && ++after.high == 0) continue;  // ended at the very last address
            emit(after, stack.empty() ? fallback_ : stack.back().kind);
        }
    };
    emit({}, fallback_);
    // ::/0 and the mapped block ::ffff:0:0/96 share one space: what is said of IPv6
    // must not leak into IPv4, so the block opens with the fallback of its own.
    const Key mapped_first{0, 0x0000ffff00000000}, mapped_last{0, 0x0000ffffffffffff};
    bool mapped_opened = false;
    const auto open = [&](Key first, Key last, ClassKind kind) {
        close_before(&first);
        emit(first, kind);
        stack.push_back({last, kind});
    };
    for (const ClassRule& rule : sorted) {
        const Key first = key_of(rule.destination.address());
        if (!mapped_opened && first >= mapped_first &&
            (rule.destination.family() == Family::ipv4 || first > mapped_first)) {
            open(mapped_first, mapped_last, fallback_);
            mapped_opened = true;
        }
        open(first, key_of(rule.destination.last()), rule.kind);
    }
    if (!mapped_opened) open(mapped_first, mapped_last, fallback_);
    close_before(nullptr);
}

ClassKind ClassTable::lookup(const Address& destination) const {
    const auto after = std::upper_bound(intervals_.begin(), intervals_.end(), key_of(destination),
                                        [](const Key& key, const Interval& i) { return key < i.start; });
    return std::prev(after)->kind;
}

}  // namespace oegate
