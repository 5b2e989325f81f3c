// Datagrams that wait for a neighbour's MAC address: one bounded queue per unresolved
// next hop, bounded in total, per interface and per source, in order. Used by the resolve stage; allocates
// only at start. Knows nothing of ARP: control resolves.
#pragma once

#include <rte_mbuf.h>

#include <vector>

#include "tables/source_shares.hpp"
#include "worker/burst.hpp"

namespace oegate {

class WaitingRoom {
  public:
    struct Neighbour {
        Address address;
        std::uint16_t interface = 0;
        bool operator==(const Neighbour&) const = default;
    };
    enum class Put : std::uint8_t { waits, waits_and_ask, full };

    /// One interface takes half of the room at most, so that a scan of its subnet leaves
    /// the others theirs. seed: secret, so that the scan does not meet one bucket only.
    WaitingRoom(std::uint32_t per_neighbour, std::uint32_t total, std::size_t num_interfaces,
                const OwnerSeed& seed);

    /// waits_and_ask: the neighbour is to be asked for now (first, or a second passed).
    /// full: for all, for this neighbour, or for this source, which gets a quarter at most.
    Put put(const Neighbour& neighbour, const Address& source, rte_mbuf* packet, std::uint64_t now_ns);
    /// Somebody waits for it.
    bool waited_for(const Neighbour& neighbour) { return find(neighbour) != kNil; }
    /// Moves what waits, oldest first, while `out` has room. True when more is left.
    bool take(const Neighbour& neighbour, Burst& out);
    /// One waiting neighbour after the other, one a call; null when nobody waits. `ask`
    /// is set when it is time to ask for it again.
    const Neighbour* next(std::uint64_t now_ns, bool& ask);
    std::uint32_t size() const { return num_waiting_; }
    std::uint32_t bound() const { return static_cast<std::uint32_t>(seats_.size()); }
    /// What the neighbour, and the source, with most has, and may have.
    const LargestCount& for_one_neighbour() const { return longest_; }
    const LargestCount& of_one_source() const { return shares_.most(); }

  private:
    static constexpr std::uint32_t kNil = 0xffffffff;
    static constexpr std::uint64_t kAskAgainNs = 1'000'000'000;
    /// A host that scans a connected subnet leaves room for the others; most of what
    /// waits comes through one of a few routers, so a quarter is plenty.
    static constexpr std::uint32_t kShare = 4;
    static constexpr std::uint32_t kLeastShare = 16;
    struct Seat {
        rte_mbuf* packet = nullptr;
        std::uint32_t next = kNil;
        Address source;
    };
    struct Queue {
        Neighbour neighbour;
        std::uint32_t first = kNil, last = kNil, size = 0;
        std::uint32_t next = kNil;  // in the bucket, or in the free list
        std::uint64_t asked_ns = 0;
    };
    std::uint32_t& bucket(const Neighbour& neighbour);
    std::uint32_t find(const Neighbour& neighbour);
    void remove(std::uint32_t queue);

    OwnerSeed seed_;
    std::uint32_t per_neighbour_;
    std::uint32_t per_interface_;
    std::vector<std::uint32_t> num_of_interface_;  // by index
    std::uint32_t num_waiting_ = 0;
    std::uint32_t free_seat_ = 0, free_queue_ = 0, cursor_ = 0;
    SourceShares shares_;
    LargestCount longest_;
    std::vector<Seat> seats_;
    std::vector<Queue> queues_;
    std::vector<std::uint32_t> buckets_;
};

}  // namespace oegate
