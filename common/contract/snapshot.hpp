// What `show` reads. Workers copy a bounded number of entries a loop into the
// snapshot ring, control collects; counters are read in place (single-writer
// relaxed atomics) through Observer.
#pragma once

#include <type_traits>

#include <string>
#include <vector>

#include <array>

#include "contract/crypto_status.hpp"
#include "contract/drop.hpp"
#include "contract/observe.hpp"
#include "contract/sa.hpp"

namespace oegate {

struct FlowRecord {
    Pair pair;
    FlowState state = FlowState::none;
    ClassKind class_kind = ClassKind::none;
    std::uint16_t reason = 0;
    std::uint8_t num_held = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t age_ns = 0;        // since created
    std::uint64_t last_used_ns = 0;  // ago; kNeverUsed
};

struct SaRecord {
    Pair pair;  // as in its Install command
    SaRef ref;
    Direction direction = Direction::inbound;
    std::uint32_t spi = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  // inner
    std::uint64_t age_ns = 0;
    std::uint64_t last_used_ns = 0;  // ago; kNeverUsed
    std::uint64_t sequence = 0;      // last sent, or highest received
    EspSuite suite = EspSuite::aes_gcm_16_128;
    bool esn = false;
    std::uint16_t mtu = 0;  // outbound: of the path; 0: the interface's
    UdpPorts udp;
};

struct SnapshotRecord {
    enum class Kind : std::uint8_t { flow, sa, end };
    Kind kind = Kind::end;
    bool truncated = false;  // end: max_records was reached
    std::uint32_t token = 0;
    union {
        FlowRecord flow;
        SaRecord sa;
    };
    SnapshotRecord() : flow{} {}
};
static_assert(std::is_trivially_copyable_v<SnapshotRecord> && sizeof(SnapshotRecord) % 4 == 0);

struct InterfaceCounters {
    std::uint64_t received_packets = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t transmitted_packets = 0;
    std::uint64_t transmitted_bytes = 0;
    std::array<std::uint64_t, kNumDrops> drops{};  // by the interface a packet came in on
};

struct InterfaceStatus {
    std::string name;
    bool link_up = false;
    MacAddress mac;
    unsigned mtu = 0;
    InterfaceCounters counters;
    std::string device;  // its name, driver, queues, what of the hardware is used
};

/// One stage as the stage clock measured it.
struct StageStatus {
    Stage stage = Stage::idle;
    std::uint64_t calls = 0;  // with at least one packet, or that are not about packets
    std::uint64_t packets = 0;
    std::uint64_t cycles = 0;  // TSC, without the stages that it called
    std::uint64_t max_burst = 0;
};

struct RingStatus {
    std::string name;
    std::uint64_t used = 0;
    std::uint64_t size = 0;
};

/// Something that has a bound: buffers, flows, SAs, waiting datagrams.
struct MemoryStatus {
    std::string what;
    int worker = -1;  // -1: of all
    std::uint64_t used = 0;
    std::uint64_t bound = 0;
};

/// Reasons (keying's rows) that fit into SetPolicy::reason and the clear-text ledger.
inline constexpr std::uint16_t kMaxReasons = 256;

/// What went out in the clear for one reason, since the start. Datagrams and bytes of
/// flows that are still open are a minute old at most.
struct ClearTotals {
    /// Datagrams of an always-clear-text class, which the worker passes without a flow.
    static constexpr std::uint16_t kByClass = 0xffff;
    std::uint16_t reason = 0;
    std::uint64_t flows = 0;
    std::uint64_t datagrams = 0;
    std::uint64_t bytes = 0;  // of IP datagrams
};

/// Receive bursts by size: 0, 1, 2–3, 4–7, 8–15, 16–31, 32 and more packets.
inline constexpr std::size_t kBurstSizes = 7;

struct WorkerStatus {
    unsigned lcore = 0;
    std::uint64_t loops = 0;
    std::uint64_t busy_loops = 0;
    std::uint64_t cycles_busy = 0;  // TSC cycles in loops that found work
    std::uint64_t cycles_total = 0;
    std::uint64_t flows = 0;
    std::uint64_t flows_by_state[5] = {};  // by FlowState
    std::uint64_t held = 0;
    std::uint64_t waiting_neighbour = 0;
    std::uint64_t reassembling = 0;  // fragments of datagrams to ourselves that wait for the rest
    std::uint64_t inbound_sas = 0;
    std::uint64_t outbound_sas = 0;
    std::uint64_t events_lost = 0;  // event ring full; they repeat
    /// The ledger (architecture.md): received + generated + fragments made =
    /// transmitted + dropped + consumed + merged + held + waiting + reassembling + in rings.
    std::uint64_t received = 0;
    std::uint64_t generated = 0;
    std::uint64_t fragments_made = 0;
    std::uint64_t transmitted = 0;
    std::uint64_t dropped = 0;
    std::uint64_t consumed = 0;  // punted, or an ICMP echo request answered
    std::uint64_t merged = 0;
    std::uint64_t handed_over = 0;   // into other workers' rings
    std::uint64_t taken_over = 0;    // out of them; in rings = the sum of the differences
    std::uint64_t stalled_ns = 0;    // since it last turned, when that is too long
    std::uint64_t sleeps = 0;        // because there was nothing to do (dataplane.idle)
    std::vector<ClearTotals> clear;  // that are not zero
    CryptoStatus crypto;
    bool measuring = false;                                   // the stage clock runs
    std::vector<StageStatus> stages;                          // that were entered since it was started
    std::array<std::uint64_t, kBurstSizes> receive_bursts{};  // likewise
    std::vector<RingStatus> rings;
};

/// Implemented by the data plane, called on the control thread, never waits.
class Observer {
  public:
    virtual ~Observer() = default;
    virtual std::vector<InterfaceStatus> interfaces() const = 0;  // in configuration order
    virtual std::vector<WorkerStatus> workers() const = 0;
    virtual std::vector<MemoryStatus> memory() const { return {}; }
    /// The clock of TraceRecord and CaptureRecord, monotonic.
    virtual std::uint64_t clock_ns() const { return 0; }
};

}  // namespace oegate
