// The pipeline of one worker on one screen.
//
//   receive → parse → screen ─ ours → local → (ESP) decrypt → screen → route → resolve → transmit
//                        └ transit → route ─ outside ← Origin::received → policy → pass
//                                      │                              └→ fit to SA → encrypt → route
//                                      └ from outside to inside → screen_inbound_clear
//   control's datagrams and our own ICMP: route → resolve → transmit
#pragma once

#include <atomic>

#include "worker/worker.hpp"

namespace oegate {

/// One turn: commands, control's datagrams, hand-overs, every port once, transmit.
/// True when there was something to do. now_ns: monotonic.
bool poll_once(Worker&, std::uint64_t now_ns);

/// What commands let out of hold, sent by the routes of now. Part of a turn; the
/// mailbox calls it before a command that ends an SA.
void send_released(Worker&);

/// Turns until `stopping`, on the calling thread: the main function of a worker core.
void run(Worker&, const std::atomic<bool>& stopping);

/// TSC cycles in nanoseconds, without overflow.
inline std::uint64_t cycles_to_ns(std::uint64_t cycles, std::uint64_t hz) {
    return cycles / hz * 1'000'000'000 + cycles % hz * 1'000'000'000 / hz;
}

}  // namespace oegate
