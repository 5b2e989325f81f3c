// Ports and buffer pools whose every access is compiled here, for programs under
// ThreadSanitizer: DPDK's own libraries are not instrumented, so what they pass from one
// thread to another (net_ring's bursts, the pool's rings) would look like a race. The rings
// that workers and control share are inline in DPDK's headers: those are the real ones.
#pragma once

#include <thread>

#include "packet/gateway.hpp"

namespace oegate::packet_test {

/// From now on pools are made of a locked list. EAL must be up, the pool not made.
void use_plain_pools();

/// Replaces the receive and transmit functions of this data plane's ring ports; until they
/// are stopped.
void use_plain_ports(DataplaneParts&);

/// How a port gives frames away: `relaxed` is the fault that the sanitizer must see.
enum class Publish : bool { release, relaxed };
void publish_frames(Publish);

/// A worker as port/dataplane.cpp launches it, on a thread whose start and end the
/// sanitizer sees. `stopping` must outlive it.
std::thread start_worker(Worker&, const std::atomic<bool>& stopping);

}  // namespace oegate::packet_test
