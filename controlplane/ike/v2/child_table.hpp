// The children of one IKE SA, in the orders in which they are looked for: by handle,
// by the peer's SPI, by host pair and by deadline. Handles only; Core owns the
// children and keeps this true. Goes over to a successor as a whole.
#pragma once

#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "ike/engine.hpp"

namespace oegate::ike::v2 {

class ChildTable {
  public:
    auto begin() const { return ids_.begin(); }
    auto end() const { return ids_.end(); }
    std::size_t size() const { return ids_.size(); }
    bool empty() const { return ids_.empty(); }
    /// For a loop that changes the table.
    std::vector<ChildId> copy() const { return {ids_.begin(), ids_.end()}; }

    void add(ChildId id, const Pair& pair) {
        ids_.insert(id);
        by_pair_.insert({pair, id});
    }
    void remove(ChildId id, const Pair& pair, std::uint32_t spi_out, Time deadline) {
        ids_.erase(id);
        by_pair_.erase({pair, id});
        deadlines_.erase({deadline, id});
        const auto found = by_spi_out_.find(spi_out);
        if (found != by_spi_out_.end() && found->second == id) by_spi_out_.erase(found);
    }

    /// A peer that gives one SPI to two of its children is understood to mean the first.
    void set_spi_out(ChildId id, std::uint32_t spi_out) { by_spi_out_.emplace(spi_out, id); }
    ChildId by_spi_out(std::uint32_t spi_out) const {
        const auto found = by_spi_out_.find(spi_out);
        return found == by_spi_out_.end() ? 0 : found->second;
    }
    std::vector<ChildId> of_pair(const Pair& pair) const {
        std::vector<ChildId> found;
        for (auto at = by_pair_.lower_bound({pair, 0}); at != by_pair_.end() && at->first == pair; ++at)
            found.push_back(at->second);
        return found;
    }

    void set_deadline(ChildId id, Time from, Time to) {
        deadlines_.erase({from, id});
        if (to != kNever) deadlines_.insert({to, id});
    }
    Time first_deadline() const { return deadlines_.empty() ? kNever : deadlines_.begin()->first; }
    std::vector<ChildId> due(Time now) const {
        std::vector<ChildId> found;
        for (const auto& [time, id] : deadlines_) {
            if (time > now) break;
            found.push_back(id);
        }
        return found;
    }

    unsigned num_changing = 0;  // of them being made or installed

  private:
    std::set<ChildId> ids_;
    std::unordered_map<std::uint32_t, ChildId> by_spi_out_;
    std::set<std::pair<Pair, ChildId>> by_pair_;
    std::set<std::pair<Time, ChildId>> deadlines_;
};

}  // namespace oegate::ike::v2
