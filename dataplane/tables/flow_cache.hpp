// The SPD cache of one worker: source and destination → state of the OE draft's
// datagram machine (§3.1). Read by the policy and inbound-clear-text stages, changed
// by control's commands. Knows nothing of packets: what is held lies in HoldRoom.
//
// Open addressing in buckets of eight: a pair has two candidate buckets and goes
// into the emptier one, so that a search looks at sixteen 16-bit tags and nearly
// always at one entry. When both are full, one of their entries moves to its other
// bucket. The hash is seeded at random: a stranger cannot aim pairs at one bucket.
#pragma once

#include <array>
#include <cstdint>

#include "contract/sa.hpp"
#include "net/owner.hpp"
#include "tables/region.hpp"

namespace oegate {

/// Coarse time in entries, 2^24 ns (16.8 ms); differences are valid for two years.
using Tick = std::uint32_t;
constexpr Tick to_tick(std::uint64_t now_ns) {
    return static_cast<Tick>(now_ns >> 24);
}
constexpr std::uint64_t ticks_to_ns(Tick ticks) {
    return static_cast<std::uint64_t>(ticks) << 24;
}

/// One pair. One cache line; written for every datagram of the pair.
struct alignas(64) FlowEntry {
    Pair pair;
    std::uint64_t packets = 0;  // in all states
    std::uint64_t bytes = 0;
    std::uint32_t slot = SaRef::kNone;  // encrypt: of the outbound SA; hold: of the HoldRoom
    std::uint32_t generation = 0;       // encrypt: of the outbound SA
    Tick used = 0;                      // last datagram; valid when packets != 0
    std::uint16_t reason = 0;
    FlowState state = FlowState::none;
    ClassKind class_kind = ClassKind::none;

    SaRef sa() const { return {slot, generation}; }
};
static_assert(sizeof(FlowEntry) == 64);

/// What is seldom needed of a pair.
struct FlowCold {
    Tick created = 0;
    Tick asked = 0;        // hold: when the keying request was last sent
    Tick grace_until = 0;  // encrypt: clear text from the peer is accepted before
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;  // of the datagram that made the entry
};
static_assert(sizeof(FlowCold) == 20);

class FlowCache {
  public:
    static constexpr std::uint32_t kNone = 0xffffffff;
    static constexpr unsigned kBucket = 8;
    /// Unused so long, an entry may be evicted: what the draft calls in use (§3.2.7).
    static constexpr Tick kIdle = to_tick(30'000'000'000);

    /// Room for max_flows pairs (1..2^22). A quarter more slots than that keep both
    /// buckets of a pair from filling up.
    FlowCache(std::uint32_t max_flows, const OwnerSeed& seed);

    /// 108 bytes per configured flow: entry, cold part and tag, times 1.25.
    static constexpr std::size_t kBytesPerFlow =
        (sizeof(FlowEntry) + sizeof(FlowCold) + sizeof(std::uint16_t)) * 5 / 4 + 1;
    static std::size_t memory(std::uint32_t max_flows);

    // A search of a burst goes in three passes: hash and prefetch_tags for all,
    // prefetch_entry for all, find for all.
    std::uint64_t hash(const Pair& pair) const { return pair_hash(seed_, pair.source, pair.destination); }
    void prefetch_tags(std::uint64_t hash) const;
    void prefetch_entry(std::uint64_t hash) const;
    std::uint32_t find(std::uint64_t hash, const Pair&) const;
    std::uint32_t find(const Pair& pair) const { return find(hash(pair), pair); }

    struct Made {
        std::uint32_t index = kNone;
        std::uint32_t moved = kNone;  // where an entry went that had to move; its seat in hold must follow
    };
    /// Makes an entry in state none for a pair that has none; the caller sets its
    /// state. A full table evicts the longest idle *pass* it meets, else an idle
    /// *deny*, never *hold* or *encrypt*; index kNone when there is nothing to evict.
    Made make(std::uint64_t hash, const Pair&, Tick now);
    void set_state(std::uint32_t index, FlowState);
    void erase(std::uint32_t index);

    FlowEntry& entry(std::uint32_t index) { return entries_[index]; }
    const FlowEntry& entry(std::uint32_t index) const { return entries_[index]; }
    FlowCold& cold(std::uint32_t index) { return cold_[index]; }
    const FlowCold& cold(std::uint32_t index) const { return cold_[index]; }
    bool occupied(std::uint32_t index) const { return tags_[index] != 0; }

    std::uint32_t num_slots() const { return num_buckets_ * kBucket; }
    std::uint32_t size() const { return size_; }
    std::uint32_t max_flows() const { return max_flows_; }
    std::uint32_t count(FlowState state) const { return counts_[static_cast<unsigned>(state)]; }
    std::uint64_t evicted() const { return evicted_; }

  private:
    struct Place {
        std::uint32_t first;   // slot that a bucket begins with
        std::uint32_t second;  // of the other bucket; may be the same
        std::uint16_t tag;
        std::uint32_t other(std::uint32_t bucket) const { return bucket == first ? second : first; }
    };
    Place place(std::uint64_t hash) const;
    unsigned match(std::uint32_t bucket, std::uint16_t tag) const;
    std::uint32_t victim(std::uint32_t from, unsigned num, std::uint32_t best, Tick now) const;
    std::uint32_t free_slot(const Place&) const;
    Made displace(const Place&);
    bool evict(std::uint32_t index);

    OwnerSeed seed_;
    std::uint32_t max_flows_;
    std::uint32_t num_buckets_;
    std::uint32_t size_ = 0;
    std::uint32_t hand_ = 0;  // where the search for a victim goes on
    std::uint64_t evicted_ = 0;
    std::array<std::uint32_t, 5> counts_{};
    Region<std::uint16_t> tags_;  // 0: free
    Region<FlowEntry> entries_;
    Region<FlowCold> cold_;
};

}  // namespace oegate
