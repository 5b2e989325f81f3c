// The SPD cache of one worker: source and destination → state of the OE draft's
// datagram machine (§3.1). Read by the policy and inbound-clear-text stages, changed
// by control's commands. Knows nothing of packets: what is held lies in HoldRoom.
//
// Open addressing in buckets of eight: a pair has two candidate buckets and goes into
// the first while that has places to spare, then into the emptier one, so that a search
// nearly always looks at the eight 16-bit tags of one bucket and at one entry. When both
// are full, one of their entries moves to its other bucket. The hash is seeded at random:
// a stranger cannot aim pairs at one bucket.
#pragma once

#include <emmintrin.h>

#include <array>
#include <cstdint>

#include "contract/sa.hpp"
#include "net/owner.hpp"
#include "tables/clear_ledger.hpp"
#include "tables/prefetch.hpp"
#include "tables/region.hpp"
#include "tables/way.hpp"

namespace oegate {

/// Coarse time in entries, 2^24 ns (16.8 ms); differences are valid for two years.
using Tick = std::uint32_t;
constexpr Tick to_tick(std::uint64_t now_ns) {
    return static_cast<Tick>(now_ns >> 24);
}
constexpr std::uint64_t ticks_to_ns(Tick ticks) {
    return static_cast<std::uint64_t>(ticks) << 24;
}

/// One pair. One cache line; written for every datagram of the pair, which needs nothing
/// else of the cache once its way is known.
struct alignas(64) FlowEntry {
    Pair pair;
    std::uint64_t bytes = 0;
    std::uint32_t packets = 0;          // in all states, low half: FlowCache::packets()
    std::uint32_t slot = SaRef::kNone;  // encrypt: of the outbound SA; hold: of the HoldRoom
    std::uint32_t generation = 0;       // encrypt: of the outbound SA
    Tick used = 0;                      // last datagram; valid when there was one
    Way way;                            // pass and encrypt: where its datagrams leave
    std::uint16_t in_interface = 0;     // that the way holds for
    FlowState state = FlowState::none;
    std::uint8_t sa_worker = 0;  // encrypt: whose SA it is

    SaRef sa() const { return {slot, generation}; }
};
static_assert(sizeof(FlowEntry) == 64);

/// What is seldom needed of a pair.
struct FlowCold {
    Tick created = 0;
    Tick asked = 0;                  // hold: when the keying request was last sent
                                     // pass: when clear text last came from the peer; 0: never
    Tick grace_until = 0;            // encrypt: clear text from the peer is accepted before
    std::uint32_t packets_high = 0;  // carry out of FlowEntry::packets
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint16_t reason = 0;
    std::uint8_t protocol = 0;  // of the datagram that made the entry
    ClassKind class_kind = ClassKind::none;
    std::uint64_t clear_packets = 0;  // pass: FlowCache::packets() that the ledger knows,
    std::uint64_t clear_bytes = 0;    // or that were before
};
static_assert(sizeof(FlowCold) == 40);

/// The hash that also chooses a pair's owner, computed once a datagram (Meta::hash).
inline std::uint64_t flow_hash(const OwnerSeed& seed, const Pair& pair) {
    return pair_hash(seed, pair.source, pair.destination);
}

class FlowCache {
  public:
    static constexpr std::uint32_t kNone = 0xffffffff;
    static constexpr unsigned kBucket = 8;
    /// Unused so long, an entry may be evicted: what the draft calls in use (§3.2.7).
    static constexpr Tick kIdle = to_tick(30'000'000'000);

    /// Room for max_flows pairs (1..2^22). A quarter more slots than that keep both
    /// buckets of a pair from filling up.
    FlowCache(std::uint32_t max_flows, const OwnerSeed& seed);

    /// 133 bytes per configured flow: entry, cold part and tag, times 1.25.
    static constexpr std::size_t kBytesPerFlow =
        (sizeof(FlowEntry) + sizeof(FlowCold) + sizeof(std::uint16_t)) * 5 / 4 + 1;
    static std::size_t memory(std::uint32_t max_flows);

    // A search of a burst goes in three passes: hash and prefetch_tags for all,
    // candidate or prefetch_entry for all, find for all.
    std::uint64_t hash(const Pair& pair) const { return flow_hash(seed_, pair); }
    void prefetch_tags(std::uint64_t hash) const { prefetch_line(tags_.data() + first_bucket(hash)); }
    /// The entry that is nearly always the pair's own if it has one, prefetched; kNone
    /// when no slot has its tag. The caller compares the pair, and asks find() when it
    /// is another's.
    std::uint32_t candidate(std::uint64_t hash) const {
        std::uint32_t bucket = first_bucket(hash);
        unsigned hits = match(bucket, tag(hash));
        if (hits == 0) [[unlikely]] {
            bucket = second_bucket(hash);
            hits = match(bucket, tag(hash));
            if (hits == 0) return kNone;
        }
        const std::uint32_t index = bucket + static_cast<unsigned>(__builtin_ctz(hits));
        prefetch_line(&entries_[index]);
        return index;
    }
    void prefetch_entry(std::uint64_t hash) const { static_cast<void>(candidate(hash)); }
    std::uint32_t find(std::uint64_t hash, const Pair&) const;
    std::uint32_t find(const Pair& pair) const { return find(hash(pair), pair); }

    /// One more datagram of the pair.
    void count(std::uint32_t index, std::uint32_t len, Tick now) {
        FlowEntry& entry = entries_[index];
        entry.bytes += len;
        entry.used = now;
        if (++entry.packets == 0) [[unlikely]]
            ++cold_[index].packets_high;
    }
    std::uint64_t packets(std::uint32_t index) const {
        return std::uint64_t{cold_[index].packets_high} << 32 | entries_[index].packets;
    }

    /// Ways name a generation by its low 16 bits, so those of a former round must be gone
    /// before it comes again. Called once a loop with the full generation: looks at
    /// kSweepSlots entries when one pass is due, at none otherwise. False: the table holds
    /// ways that are too old to tell, and none may be trusted until it returns true.
    bool sweep_ways(std::uint32_t generation);
    static constexpr std::uint32_t kSweepAfter = 1u << 14;  // changes since the last pass began
    static constexpr std::uint32_t kSweepBefore = 65000;    // changes until it must have ended
    static constexpr unsigned kSweepSlots = 64;             // looked at in one loop

    struct Made {
        std::uint32_t index = kNone;
        std::uint32_t moved = kNone;  // where an entry went that had to move; its seat in hold must follow
    };
    /// Makes an entry in state none for a pair that has none; the caller sets its
    /// state. A full table evicts the longest idle *pass* it meets, else an idle
    /// *deny*, never *hold* or *encrypt*; index kNone when there is nothing to evict.
    Made make(std::uint64_t hash, const Pair&, Tick now);
    void set_state(std::uint32_t index, FlowState state) { set_state(index, state, cold_[index].reason); }
    /// A flow that passes on for another reason is another line of the ledger.
    void set_state(std::uint32_t index, FlowState, std::uint16_t reason);
    void erase(std::uint32_t index);
    /// Evicts what is idle in one bucket, `bucket` being its first slot: passes, and
    /// denies when they are wanted too.
    void age(std::uint32_t bucket, Tick now, bool denies);
    /// Carries what the flows of one bucket sent in the clear over to the ledger.
    void settle_bucket(std::uint32_t bucket);
    ClearLedger& clear() { return clear_; }
    const ClearLedger& clear() const { return clear_; }

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
    void settle(std::uint32_t index);
    void open_clear(std::uint32_t index);
    struct Place {
        std::uint32_t first;   // slot that a bucket begins with
        std::uint32_t second;  // of the other bucket; may be the same
        std::uint16_t tag;
        std::uint32_t other(std::uint32_t bucket) const { return bucket == first ? second : first; }
    };
    // The owner is chosen by the highest bits (net/owner.hpp), so the first bucket by the
    // low half and the tag by bits that neither says.
    std::uint32_t bucket(std::uint64_t low) const {
        return static_cast<std::uint32_t>(low * num_buckets_ >> 32) * kBucket;
    }
    std::uint32_t first_bucket(std::uint64_t hash) const { return bucket(hash & 0xffffffff); }
    std::uint32_t second_bucket(std::uint64_t hash) const {
        return bucket((hash ^ hash >> 29) * 0x9e3779b97f4a7c15 >> 32);
    }
    static std::uint16_t tag(std::uint64_t hash) {
        const auto bits = static_cast<std::uint16_t>(hash >> 32);
        return static_cast<std::uint16_t>(bits + (bits == 0));
    }
    Place place(std::uint64_t hash) const { return {first_bucket(hash), second_bucket(hash), tag(hash)}; }
    /// Bit i is set when slot i of the bucket has this tag.
    unsigned match(std::uint32_t bucket, std::uint16_t tag) const {
        static_assert(kBucket * sizeof(std::uint16_t) == sizeof(__m128i));
        const __m128i tags = _mm_load_si128(reinterpret_cast<const __m128i*>(tags_.data() + bucket));
        const __m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(tag)));
        return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
    }
    Tick idle(std::uint32_t index, Tick now) const;
    std::uint32_t victim(std::uint32_t from, unsigned num, std::uint32_t best, Tick now) const;
    std::uint32_t free_slot(const Place&) const;
    Made displace(const Place&);
    bool evict(std::uint32_t index);

    OwnerSeed seed_;
    std::uint32_t max_flows_;
    std::uint32_t num_buckets_;
    std::uint32_t size_ = 0;
    std::uint32_t hand_ = 0;      // where the search for a victim goes on
    std::uint32_t sweep_at_ = 0;  // next slot of the pass that goes on
    bool sweeping_ = false;
    std::uint32_t sweep_began_ = 0;  // generation in which it began
    std::uint32_t oldest_way_ = 0;   // no way is older than this generation
    ClearLedger clear_;
    std::uint64_t evicted_ = 0;
    std::array<std::uint32_t, 5> counts_{};
    Region<std::uint16_t> tags_;  // 0: free
    Region<FlowEntry> entries_;
    Region<FlowCold> cold_;
};

}  // namespace oegate
