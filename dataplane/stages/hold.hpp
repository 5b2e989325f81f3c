// hold: *first* and *last* of a pair wait for keying (OE draft §3.1.1, §3.1.2), and
// keying is asked. Called by policy, by encrypt when an SA dies, and by tend.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Between two keying requests for a pair: more than a second, so that they stay
/// below one a second (§3.1.2).
inline constexpr std::uint64_t kAskEveryNs = 1'090'000'000;

/// Makes an entry in state none, evicting if need be, and keeps seats of moved
/// entries right. FlowCache::kNone when the table is full.
std::uint32_t make_flow(Worker&, std::uint64_t hash, const Pair&);

/// Sends the keying request of an entry in hold.
void ask(Worker&, std::uint32_t flow, bool repeated);

/// Keeps the packet as *first* or *last* of an entry in hold, or drops it; asks
/// again when the last request is old enough.
void hold(Worker&, std::uint32_t flow, rte_mbuf* packet);

/// An entry returns to hold because its SA has died (§3.1.5).
void return_to_hold(Worker&, std::uint32_t flow);

/// A datagram whose SA (Meta::sa, as its flow names it) is over: its pair returns to hold, if
/// it still goes by that SA, and it waits for the next one, if its pair does.
void hold_again(Worker&, rte_mbuf* packet);

/// Bounded: repeats requests that no datagram repeats.
void repeat_requests(Worker&);

}  // namespace oegate
