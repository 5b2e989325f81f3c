// What one worker keeps for security: SPD cache, held datagrams, SAs, cryptography,
// and where its bounded scans have got to. Made by make_security; used by policy,
// hold, release, encrypt, decrypt, expire, apply and tend on the worker's own core.
#pragma once

#include <array>
#include <optional>

#include "config/config.hpp"
#include "esp/crypto.hpp"
#include "tables/flow_cache.hpp"
#include "tables/hold_room.hpp"
#include "tables/sad.hpp"
#include "worker/worker.hpp"

namespace oegate {

/// A `show` that is being answered, a portion a loop.
struct SnapshotWork {
    Snapshot request;
    std::uint32_t at = 0;  // next slot of the table
    std::uint32_t num_sent = 0;
};

struct Security {
    Security(const config::Dataplane& plane, const OwnerSeed& seed)
        : flows(plane.flows_per_worker, seed),
          held(plane.held_per_worker, plane.held_per_source, seed),
          sad(plane.sas_per_worker, plane.replay_window, crypto) {}

    esp::Crypto crypto;
    FlowCache flows;
    HoldRoom held;
    Sad sad;
    std::array<esp::Job, kBurstRoom> jobs;
    std::uint64_t nat_keepalive_ns = 20'000'000'000;  // RFC 3948 §4; 0: none are sent

    // Events that a stranger can cause are bounded: 10 a second of each kind.
    TokenBucket unknown_spi_tokens{10, 10};
    TokenBucket mismatch_tokens{10, 10};
    TokenBucket clear_text_tokens{10, 10};

    std::uint32_t next_seat = 0;     // repeated keying requests: held datagrams
    std::uint32_t next_bucket = 0;   // and holds without one
    std::uint32_t next_inbound = 0;  // time limits
    std::uint32_t next_outbound = 0;
    std::uint64_t next_expire_ns = 0;
    std::uint32_t next_visited = 0;  // bucket of the flow cache
    std::uint64_t next_visit_ns = 0;

    std::optional<SnapshotWork> snapshot;
};

}  // namespace oegate
