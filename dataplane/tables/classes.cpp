#include "tables/classes.hpp"

#include <algorithm>

namespace oegate {

/// All rules of one destination prefix.
struct ClassTable::Destination {
    Key first, last;
    std::vector<BySource> by_source;  // longest first
    std::optional<ClassKind> any;
};

ClassTable::Key ClassTable::key_of(const Address& address) {
    Key key;
    for (unsigned i = 0; i < 8; ++i) key.high = key.high << 8 | address.bytes()[i];
    for (unsigned i = 8; i < 16; ++i) key.low = key.low << 8 | address.bytes()[i];
    return key;
}

/// Outer prefixes first, so that a sweep with a stack sees each nested in its parent.
std::vector<ClassTable::Destination> ClassTable::group(std::span<const ClassRule> rules) {
    const auto outer_first = [](const Destination& a, const Destination& b) {
        return a.first != b.first ? a.first < b.first : a.last > b.last;
    };
    std::vector<Destination> all;
    for (const ClassRule& rule : rules) {
        Destination d{key_of(rule.destination.address()), key_of(rule.destination.last()), {}, {}};
        if (rule.source)
            d.by_source.push_back({*rule.source, rule.kind});
        else
            d.any = rule.kind;
        all.push_back(std::move(d));
    }
    std::ranges::stable_sort(all, outer_first);
    std::vector<Destination> grouped;
    for (Destination& d : all) {
        if (grouped.empty() || outer_first(grouped.back(), d)) {
            grouped.push_back(std::move(d));
            continue;
        }
        Destination& same = grouped.back();
        same.by_source.insert(same.by_source.end(), d.by_source.begin(), d.by_source.end());
        if (d.any) same.any = d.any;
    }
    for (Destination& d : grouped)
        std::ranges::stable_sort(d.by_source, [](const BySource& a, const BySource& b) {
            return a.source.length() > b.source.length();
        });
    return grouped;
}

/// From start on, the innermost of the open prefixes that knows the source decides.
void ClassTable::emit(Key start, std::span<const Destination* const> open) {
    Interval interval{start, fallback_, static_cast<std::uint32_t>(by_source_.size()), 0};
    for (auto at = open.rbegin(); at != open.rend(); ++at) {
        by_source_.insert(by_source_.end(), (*at)->by_source.begin(), (*at)->by_source.end());
        if ((*at)->any) {
            interval.kind = *(*at)->any;
            break;
        }
    }
    interval.num = static_cast<std::uint32_t>(by_source_.size()) - interval.first;
    if (!intervals_.empty() && intervals_.back().start == start)
        intervals_.back() = interval;
    else
        intervals_.push_back(interval);
}

ClassTable::ClassTable(std::span<const ClassRule> rules, ClassKind fallback) : fallback_(fallback) {
    std::vector<Destination> destinations = group(rules);
    // ::/0 and the mapped block ::ffff:0:0/96 share one space: what is said of IPv6
    // must not leak into IPv4, so the block opens with the fallback of its own.
    const Destination mapped{{0, 0x0000ffff00000000}, {0, 0x0000ffffffffffff}, {}, fallback};
    const auto before = std::ranges::find_if(destinations, [&](const Destination& d) {
        return d.first > mapped.first || (d.first == mapped.first && d.last <= mapped.last);
    });
    destinations.insert(before, mapped);

    std::vector<const Destination*> open;
    const auto close_before = [&](const Key* next) {
        while (!open.empty() && (next == nullptr || open.back()->last < *next)) {
            Key after = open.back()->last;
            open.pop_back();
            if (++after.low == 0 && ++after.high == 0) continue;  // ended at the very last address
            emit(after, open);
        }
    };
    emit({}, open);
    for (const Destination& destination : destinations) {
        close_before(&destination.first);
        open.push_back(&destination);
        emit(destination.first, open);
    }
    close_before(nullptr);
}

ClassKind ClassTable::lookup(const Pair& pair) const {
    const auto after = std::upper_bound(intervals_.begin(), intervals_.end(), key_of(pair.destination),
                                        [](const Key& key, const Interval& i) { return key < i.start; });
    const Interval& interval = *std::prev(after);
    for (std::uint32_t i = interval.first; i < interval.first + interval.num; ++i)
        if (by_source_[i].source.contains(pair.source)) return by_source_[i].kind;
    return interval.kind;
}

}  // namespace oegate
