#include "worker/waiting.hpp"

#include <algorithm>
#include <bit>

namespace oegate {

WaitingRoom::WaitingRoom(std::uint32_t per_neighbour, std::uint32_t total, std::size_t num_interfaces,
                         const OwnerSeed& seed)
    : seed_(seed),
      per_neighbour_(per_neighbour),
      per_interface_(num_interfaces > 1 ? (total + 1) / 2 : total),
      num_of_interface_(num_interfaces),
      shares_(total, std::max(kLeastShare, total / kShare), seed),
      longest_(per_neighbour),
      seats_(total),
      queues_(total),
      buckets_(std::bit_ceil(total + 1), kNil) {
    for (std::uint32_t i = 0; i + 1 < total; ++i) seats_[i].next = queues_[i].next = i + 1;
    if (total == 0) free_seat_ = free_queue_ = kNil;
}

std::uint32_t& WaitingRoom::bucket(const Neighbour& neighbour) {
    const std::uint64_t hash = pair_hash(seed_, neighbour.address, neighbour.address) + neighbour.interface;
    return buckets_[hash & (buckets_.size() - 1)];
}

std::uint32_t WaitingRoom::find(const Neighbour& neighbour) {
    std::uint32_t i = bucket(neighbour);
    while (i != kNil && queues_[i].neighbour != neighbour) i = queues_[i].next;
    return i;
}

WaitingRoom::Put WaitingRoom::put(const Neighbour& neighbour, const Address& source, rte_mbuf* packet,
                                  std::uint64_t now_ns) {
    std::uint32_t i = find(neighbour);
    std::uint32_t& num_of_interface = num_of_interface_[neighbour.interface];
    if (free_seat_ == kNil || num_of_interface >= per_interface_ ||
        (i != kNil && queues_[i].size >= per_neighbour_) || !shares_.may_take(source))
        return Put::full;
    shares_.take(source);
    bool ask = false;
    if (i == kNil) {
        i = free_queue_;  // there are as many queues as seats
        free_queue_ = queues_[i].next;
        queues_[i] = {};
        queues_[i].neighbour = neighbour;
        queues_[i].next = bucket(neighbour);
        bucket(neighbour) = i;
        ask = true;
    }
    Queue& queue = queues_[i];
    if (ask || now_ns - queue.asked_ns >= kAskAgainNs) {
        queue.asked_ns = now_ns;
        ask = true;
    }
    const std::uint32_t seat = free_seat_;
    free_seat_ = seats_[seat].next;
    seats_[seat] = {packet, kNil, source};
    (queue.size == 0 ? queue.first : seats_[queue.last].next) = seat;
    queue.last = seat;
    longest_.up(queue.size++);
    ++num_of_interface;
    ++num_waiting_;
    return ask ? Put::waits_and_ask : Put::waits;
}

bool WaitingRoom::take(const Neighbour& neighbour, Burst& out) {
    const std::uint32_t i = find(neighbour);
    if (i == kNil) return false;
    Queue& queue = queues_[i];
    while (queue.size > 0) {
        if (out.room() == 0) return true;
        const std::uint32_t seat = queue.first;
        out.push(seats_[seat].packet);
        queue.first = seats_[seat].next;
        shares_.give(seats_[seat].source);
        seats_[seat] = {nullptr, free_seat_, {}};
        free_seat_ = seat;
        longest_.down(queue.size--);
        --num_of_interface_[neighbour.interface];
        --num_waiting_;
    }
    remove(i);
    return false;
}

void WaitingRoom::remove(std::uint32_t queue) {
    std::uint32_t* link = &bucket(queues_[queue].neighbour);
    while (*link != queue) link = &queues_[*link].next;
    *link = queues_[queue].next;
    queues_[queue] = {};
    queues_[queue].next = free_queue_;
    free_queue_ = queue;
}

const WaitingRoom::Neighbour* WaitingRoom::next(std::uint64_t now_ns, bool& ask) {
    ask = false;
    if (num_waiting_ == 0) return nullptr;
    // A few places a call: bounded work, and every queue is met within some loops.
    for (unsigned step = 0; step < 16; ++step) {
        cursor_ = cursor_ + 1 < queues_.size() ? cursor_ + 1 : 0;
        Queue& queue = queues_[cursor_];
        if (queue.size == 0) continue;
        if (now_ns - queue.asked_ns >= kAskAgainNs) {
            queue.asked_ns = now_ns;
            ask = true;
        }
        return &queue.neighbour;
    }
    return nullptr;
}

}  // namespace oegate
