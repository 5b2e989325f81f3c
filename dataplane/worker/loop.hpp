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
/// True when there was something to do.
bool poll_once(Worker&, std::uint64_t now_ns);

/// Takes frames as if a port had received them through the whole pipeline; for tests.
void process_frames(Worker&, PortUse&, Burst& frames);

}  // namespace oegate
