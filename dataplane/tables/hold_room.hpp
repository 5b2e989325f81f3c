// Datagrams in hold: *first* and *last* of each pair (OE draft §3.1.2), bounded per
// worker. Used by the hold and release stages. Holds pointers only; it never looks
// into a datagram.
#pragma once

#include <cstdint>
#include <vector>

struct rte_mbuf;

namespace oegate {

class HoldRoom {
  public:
    static constexpr std::uint32_t kNone = 0xffffffff;

    struct Seat {
        rte_mbuf* first = nullptr;
        rte_mbuf* last = nullptr;
        std::uint32_t flow = kNone;  // index in the flow cache; free seats: the next free one
    };

    /// max_held datagrams in all. Allocates; only at start.
    explicit HoldRoom(std::uint32_t max_held) : max_held_(max_held), seats_(max_held) {
        for (std::uint32_t i = 0; i < max_held; ++i) seats_[i].flow = i + 1 < max_held ? i + 1 : kNone;
        free_ = max_held != 0 ? 0 : kNone;
    }

    bool full() const { return num_held_ >= max_held_; }
    std::uint32_t num_held() const { return num_held_; }
    std::uint32_t num_seats() const { return num_seats_; }
    std::uint32_t max_held() const { return max_held_; }

    /// Keeps `packet` as *first* of a flow. kNone when the room is full.
    std::uint32_t take_seat(std::uint32_t flow, rte_mbuf* packet) {
        if (full() || free_ == kNone) return kNone;
        const std::uint32_t seat = free_;
        free_ = seats_[seat].flow;
        seats_[seat] = {packet, nullptr, flow};
        ++num_held_;
        ++num_seats_;
        return seat;
    }
    enum class Kept : std::uint8_t { kept, replaced, full };
    /// Keeps `packet` as *last*; replaced: `former` is the caller's again.
    Kept keep_last(std::uint32_t seat, rte_mbuf* packet, rte_mbuf*& former) {
        former = seats_[seat].last;
        if (former == nullptr) {
            if (full()) return Kept::full;
            ++num_held_;
        }
        seats_[seat].last = packet;
        return former == nullptr ? Kept::kept : Kept::replaced;
    }
    /// Gives the datagrams back, *first* always there, and frees the seat.
    Seat leave(std::uint32_t seat) {
        const Seat held = seats_[seat];
        num_held_ -= held.last != nullptr ? 2 : 1;
        --num_seats_;
        seats_[seat] = {nullptr, nullptr, free_};
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
    std::vector<Seat> seats_;
};

}  // namespace oegate
