// Peers that may hold SAs which we have not any more, until they are keyed with again:
// the next exchange carries INITIAL_CONTACT (RFC 7296 §2.4). Bounded: who dies leaves a
// record here and in the store, and keys in DNS are cheap.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "net/identity.hpp"

namespace oegate::ike::v2 {

class LostPeers {
  public:
    using Names = std::pair<Identity, Identity>;  // own, peer
    static constexpr std::size_t kMost = 16384;

    bool has(const Names& names) const { return places_.contains(names); }
    /// The one that had been here longest, if it must go.
    std::optional<Names> add(const Names& names) {
        if (has(names)) return std::nullopt;
        places_[names] = ++last_;
        in_order_[last_] = names;
        if (places_.size() <= kMost) return std::nullopt;
        Names oldest = in_order_.begin()->second;
        remove(oldest);
        return oldest;
    }
    void remove(const Names& names) {
        const auto found = places_.find(names);
        if (found == places_.end()) return;
        in_order_.erase(found->second);
        places_.erase(found);
    }

  private:
    std::map<Names, std::uint64_t> places_;
    std::map<std::uint64_t, Names> in_order_;
    std::uint64_t last_ = 0;
};

}  // namespace oegate::ike::v2
