#include "tables/flow_cache.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace oegate {
namespace {

/// Slots that are looked at for a victim when the table has max_flows entries.
constexpr unsigned kVictimSearch = 64;
/// Places of a pair's first bucket that it leaves free when the second is emptier. At 80 %
/// of the slots 14 % of the pairs are in their second bucket and 0.2 % must move another
/// (32 % and 0.02 % when each goes into the emptier one), at 50 % of the slots 5 %.
constexpr int kSpare = 2;

std::uint32_t buckets_for(std::uint32_t max_flows) {
    const std::uint64_t slots = static_cast<std::uint64_t>(max_flows) * 5 / 4;
    return static_cast<std::uint32_t>((slots + FlowCache::kBucket - 1) / FlowCache::kBucket);
}

}  // namespace

FlowCache::FlowCache(std::uint32_t max_flows, const OwnerSeed& seed)
    : seed_(seed),
      max_flows_(max_flows),
      num_buckets_(buckets_for(max_flows)),
      tags_(num_slots()),
      entries_(num_slots()),
      cold_(num_slots()) {}

std::size_t FlowCache::memory(std::uint32_t max_flows) {
    return std::size_t{buckets_for(max_flows)} * kBucket *
           (sizeof(FlowEntry) + sizeof(FlowCold) + sizeof(std::uint16_t));
}

std::uint32_t FlowCache::find(std::uint64_t hash, const Pair& pair) const {
    const Place at = place(hash);
    for (const std::uint32_t bucket : {at.first, at.second}) {
        for (unsigned hits = match(bucket, at.tag); hits != 0; hits &= hits - 1) {
            const std::uint32_t index = bucket + static_cast<unsigned>(std::countr_zero(hits));
            if (entries_[index].pair == pair) return index;
        }
    }
    return kNone;
}

std::uint32_t FlowCache::free_slot(const Place& at) const {
    const unsigned first = match(at.first, 0);
    const unsigned second = match(at.second, 0);
    if (first == 0 && second == 0) return kNone;
    const int room = std::popcount(first);
    if (room > kSpare || room >= std::popcount(second))
        return at.first + static_cast<unsigned>(std::countr_zero(first));
    return at.second + static_cast<unsigned>(std::countr_zero(second));
}

/// Since it was last used in either direction, or made.
Tick FlowCache::idle(std::uint32_t index, Tick now) const {
    const FlowEntry& entry = entries_[index];
    const FlowCold& cold = cold_[index];
    const Tick outbound = now - (packets(index) != 0 ? entry.used : cold.created);
    if (entry.state != FlowState::pass || cold.asked == 0) return outbound;
    return std::min(outbound, now - cold.asked);
}

/// The better of `best` and the slots from `from` on: an idle pass before an idle
/// deny, the longest idle of each.
std::uint32_t FlowCache::victim(std::uint32_t from, unsigned num, std::uint32_t best, Tick now) const {
    for (std::uint32_t i = from; i < from + num; ++i) {
        const FlowState state = entries_[i].state;
        if (tags_[i] == 0 || (state != FlowState::pass && state != FlowState::deny) || idle(i, now) < kIdle)
            continue;
        if (best != kNone && entries_[best].state == FlowState::pass && state == FlowState::deny) continue;
        if (best == kNone || entries_[best].state != state || idle(i, now) > idle(best, now)) best = i;
    }
    return best;
}

/// Both buckets are full: frees a slot by moving one entry to its other bucket.
FlowCache::Made FlowCache::displace(const Place& at) {
    for (const std::uint32_t bucket : {at.first, at.second}) {
        for (std::uint32_t from = bucket; from < bucket + kBucket; ++from) {
            const std::uint32_t other = place(hash(entries_[from].pair)).other(bucket);
            const unsigned room = match(other, 0);
            if (room == 0) continue;
            const std::uint32_t to = other + static_cast<unsigned>(std::countr_zero(room));
            tags_[to] = std::exchange(tags_[from], std::uint16_t{0});
            entries_[to] = entries_[from];
            entries_[to].way = Way{};  // sweep_ways may be past `to` and not yet at `from`
            cold_[to] = cold_[from];
            return {from, to};
        }
    }
    return {};
}

bool FlowCache::evict(std::uint32_t index) {
    if (index == kNone) return false;
    erase(index);
    ++evicted_;
    return true;
}

FlowCache::Made FlowCache::make(std::uint64_t hash, const Pair& pair, Tick now) {
    const Place at = place(hash);
    if (size_ >= max_flows_) {
        std::uint32_t best = kNone;
        for (unsigned seen = 0; seen < kVictimSearch; seen += kBucket) {
            best = victim(hand_, kBucket, best, now);
            hand_ = hand_ + kBucket == num_slots() ? 0 : hand_ + kBucket;
        }
        if (!evict(best)) return {};
    }
    Made made{free_slot(at), kNone};
    if (made.index == kNone) made = displace(at);
    if (made.index == kNone) {
        if (!evict(victim(at.second, kBucket, victim(at.first, kBucket, kNone, now), now))) return {};
        made.index = free_slot(at);
    }
    tags_[made.index] = at.tag;
    entries_[made.index] = FlowEntry{};
    entries_[made.index].pair = pair;
    cold_[made.index] = FlowCold{};
    cold_[made.index].created = now;
    ++size_;
    ++counts_[static_cast<unsigned>(FlowState::none)];
    return made;
}

/// From now on its datagrams go out in the clear.
void FlowCache::open_clear(std::uint32_t index) {
    cold_[index].clear_packets = packets(index);
    cold_[index].clear_bytes = entries_[index].bytes;
    clear_.of(cold_[index].reason).flows.add();
}

void FlowCache::settle(std::uint32_t index) {
    if (entries_[index].state != FlowState::pass) return;
    FlowCold& cold = cold_[index];
    const std::uint64_t now_packets = packets(index), now_bytes = entries_[index].bytes;
    if (now_packets == cold.clear_packets) return;
    clear_.add(cold.reason, now_packets - cold.clear_packets, now_bytes - cold.clear_bytes);
    cold.clear_packets = now_packets;
    cold.clear_bytes = now_bytes;
}

void FlowCache::settle_bucket(std::uint32_t bucket) {
    for (std::uint32_t i = bucket; i < bucket + kBucket; ++i)
        if (tags_[i] != 0) settle(i);
}

void FlowCache::set_state(std::uint32_t index, FlowState state, std::uint16_t reason) {
    settle(index);
    const bool another = entries_[index].state != FlowState::pass || cold_[index].reason != reason;
    cold_[index].reason = reason;
    if (state == FlowState::pass && another) open_clear(index);
    --counts_[static_cast<unsigned>(entries_[index].state)];
    entries_[index].state = state;
    entries_[index].way = Way{};
    ++counts_[static_cast<unsigned>(state)];
}

void FlowCache::erase(std::uint32_t index) {
    settle(index);
    --counts_[static_cast<unsigned>(entries_[index].state)];
    tags_[index] = 0;
    --size_;
}

bool FlowCache::sweep_ways(std::uint32_t generation) {
    if (!sweeping_) {
        if (generation - oldest_way_ < kSweepAfter) [[likely]]
            return true;
        sweeping_ = true;
        sweep_began_ = generation;
        sweep_at_ = 0;
    }
    const auto now = static_cast<std::uint16_t>(generation);
    const std::uint32_t end = std::min(num_slots(), sweep_at_ + kSweepSlots);
    for (; sweep_at_ < end; ++sweep_at_)
        if (entries_[sweep_at_].way.generation != now) entries_[sweep_at_].way = Way{};
    if (sweep_at_ == num_slots()) {
        sweeping_ = false;
        oldest_way_ = sweep_began_;
    }
    return generation - oldest_way_ < kSweepBefore;
}

void FlowCache::age(std::uint32_t bucket, Tick now, bool denies) {
    for (std::uint32_t i = bucket; i < bucket + kBucket; ++i) {
        if (tags_[i] == 0) continue;
        const FlowState state = entries_[i].state;
        if ((state == FlowState::pass || (denies && state == FlowState::deny)) && idle(i, now) >= kIdle)
            evict(i);
    }
}

}  // namespace oegate
