// What one worker keeps for security: SPD cache, held datagrams, SAs, cryptography,
// and where its bounded scans have got to. Made by make_security; used by policy,
// hold, release, encrypt, decrypt, expire, apply and tend on the worker's own core.
#pragma once

#include <array>

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
    Security(std::uint32_t max_flows, std::uint32_t max_held, std::uint32_t num_sas,
             std::uint32_t replay_window, const OwnerSeed& flow_seed)
        : flows(max_flows, flow_seed), held(max_held), sad(num_sas, replay_window, crypto) {}

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

    static constexpr unsigned kMaxSnapshots = 8;
    std::array<SnapshotWork, kMaxSnapshots> snapshots;
    unsigned num_snapshots = 0;
};

/// Room for one more event. What must not be lost is left undone until there is.
bool can_post(const Worker&);

}  // namespace oegate
