// Datagrams in hold: *first* and *last* of each pair (OE draft §3.1.2), bounded per
// worker and per source address. Used by the hold and release stages. Holds pointers
// only; it never looks into a datagram.
#pragma once

#include <cstdint>
#include <vector>

#include "tables/source_shares.hpp"

struct rte_mbuf;

namespace oegate {

class HoldRoom {
  public:
    static constexpr std::uint32_t kNone = 0xffffffff;

    struct Seat {
        rte_mbuf* first = nullptr;
        rte_mbuf* last = nullptr;
        std::uint32_t flow = kNone;  // index in the flow cache; free seats: the next free one
        Address source;
    };

    /// max_held datagrams in all, per_source of them from one address. Allocates; only
    /// at start.
    HoldRoom(std::uint32_t max_held, std::uint32_t per_source, const OwnerSeed& seed)
        : max_held_(max_held), shares_(max_held, per_source, seed), seats_(max_held) {
        for (std::uint32_t i = 0; i < max_held; ++i) seats_[i].flow = i + 1 < max_held ? i + 1 : kNone;
        free_ = max_held != 0 ? 0 : kNone;
    }

    bool full() const { return num_held_ >= max_held_; }
    /// This source holds as many as one may.
    bool full(const Address& source) const { return !shares_.may_take(source); }
    std::uint32_t num_held() const { return num_held_; }
    std::uint32_t num_seats() const { return num_seats_; }
    std::uint32_t max_held() const { return max_held_; }
    /// What the source with most has, and may have.
    const LargestCount& of_one_source() const { return shares_.most(); }

    /// Keeps `packet` as *first* of a flow. kNone when the room is full, or for this source.
    std::uint32_t take_seat(std::uint32_t flow, const Address& source, rte_mbuf* packet) {
        if (full() || full(source) || free_ == kNone) return kNone;
        const std::uint32_t seat = free_;
        free_ = seats_[seat].flow;
        seats_[seat] = {packet, nullptr, flow, source};
        shares_.take(source);
        ++num_held_;
        ++num_seats_;
        return seat;
    }
    enum class Kept : std::uint8_t { kept, replaced, full, source_full };
    /// Keeps `packet` as *last*; replaced: `former` is the caller's again.
    Kept keep_last(std::uint32_t seat, rte_mbuf* packet, rte_mbuf*& former) {
        Seat& held = seats_[seat];
        former = held.last;
        if (former == nullptr) {
            if (full(held.source)) return Kept::source_full;
            if (full()) return Kept::full;
            shares_.take(held.source);
            ++num_held_;
        }
        held.last = packet;
        return former == nullptr ? Kept::kept : Kept::replaced;
    }
    /// Gives the datagrams back, *first* always there, and frees the seat.
    Seat leave(std::uint32_t seat) {
        const Seat held = seats_[seat];
        shares_.give(held.source);
        if (held.last != nullptr) shares_.give(held.source);
        num_held_ -= held.last != nullptr ? 2 : 1;
        --num_seats_;
        seats_[seat] = {nullptr, nullptr, free_, {}};
        free_ = seat;
        return held;
    }
    /// The flow's entry has moved in the flow cache.
    void follow(std::uint32_t seat, std::uint32_t flow) { seats_[seat].flow = flow; }
    /// Seats from 0 to max_held() - 1 may be looked at; a free one has no first.
    const Seat& seat(std::uint32_t i) const { return seats_[i]; }

  private:
    std::uint32_t max_held_;
    std::uint32_t num_held_ = 0;
    std::uint32_t num_seats_ = 0;
    std::uint32_t free_ = kNone;
    SourceShares shares_;
    std::vector<Seat> seats_;
};

}  // namespace oegate
