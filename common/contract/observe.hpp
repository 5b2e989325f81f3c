// What operators see of the pipeline: its stages, what a traced datagram passes, and
// copies of packets. Worker → control over SPSC rings of fixed-size records; a full
// ring loses the record and counts it. Switched on and off by commands.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "contract/drop.hpp"
#include "contract/sa.hpp"

namespace oegate {

// X(name, help): as in `show workers` and `trace`.
#define OEGATE_STAGES(X)                                                   \
    X(idle, "between two turns of the loop")                               \
    X(loop, "of the loop itself")                                          \
    X(commands, "control's orders applied")                                \
    X(receive, "taken from a port")                                        \
    X(handed, "taken over from another worker")                            \
    X(parse, "link layer and IP header read")                              \
    X(recall, "way remembered by its flow")                                \
    X(screen, "addresses and kind: for us, for others, or not acceptable") \
    X(local, "for one of our own addresses")                               \
    X(reassemble, "fragments put together")                                \
    X(source_check, "way back to the source")                              \
    X(route, "route looked up")                                            \
    X(policy, "flow cache, else class")                                    \
    X(inbound_clear, "clear text from outside: does its pair allow it?")   \
    X(hold, "kept until keying has an answer")                             \
    X(release, "let out of hold")                                          \
    X(fit, "compared with the MTU, cut where it may be")                   \
    X(encrypt, "sealed by its SA")                                         \
    X(decrypt, "opened by its SA")                                         \
    X(resolve, "next hop's MAC address")                                   \
    X(wait, "waits for the next hop's MAC address")                        \
    X(hand_over, "given to the worker that owns its pair, SA or port")     \
    X(punt, "copied to control")                                           \
    X(transmit, "given to the port")                                       \
    X(tend, "ageing, limits, repeated requests, snapshots")                \
    X(drop, "died here")

enum class Stage : std::uint8_t {
#define OEGATE_STAGE_ENUM(name, help) name,
    OEGATE_STAGES(OEGATE_STAGE_ENUM)
#undef OEGATE_STAGE_ENUM
        kCount
};
inline constexpr std::size_t kNumStages = static_cast<std::size_t>(Stage::kCount);

std::string_view to_text(Stage);
std::string_view help(Stage);

/// Switches the stage clock of a worker. Starting sets its counters to zero; it stops
/// by itself after `ns`.
struct MeasureStages {
    bool on = false;
    std::uint64_t ns = 0;
};

/// Marks datagrams of a pair, in either direction, and reports what they pass.
struct StartTrace {
    Pair pair;
    std::uint8_t protocol = 0;  // behind the extension headers; 0: any
    std::uint32_t count = 1;    // datagrams that a worker marks
    std::uint32_t token = 0;    // stands in every record
};
struct StopTrace {
    std::uint32_t token = 0;
};

/// One stage that a marked datagram came to.
struct TraceRecord {
    std::uint64_t time_ns = 0;  // Observer::clock_ns
    std::uint32_t token = 0;
    std::uint32_t packet = 0;  // number of the marked datagram, from 1 (of worker 1: from 65537, and so on)
    std::uint8_t worker = 0;
    Stage stage = Stage::parse;
    Drop reason = Drop::kCount;  // Stage::drop
    std::uint8_t protocol = 0;
    Pair pair;  // of the header in front: of the ESP datagram, after encryption
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint16_t in_interface = 0;
    std::uint16_t out_interface = 0xffff;  // 0xffff: not known yet
    std::uint32_t len = 0;                 // of the datagram; from `transmit` on of the frame
    std::uint32_t spi = 0;                 // ESP in front; before `encrypt`: its SA's
    std::uint64_t sequence = 0;            // ESP in front: as on the wire
    std::uint32_t sa_slot = SaRef::kNone;
    std::uint32_t reserved = 0;
    Address next_hop;  // once it is known
};
static_assert(std::is_trivially_copyable_v<TraceRecord> && sizeof(TraceRecord) % 8 == 0);

/// Captures that a worker serves at once.
inline constexpr unsigned kMaxCaptures = 4;

struct StartCapture {
    enum class What : std::uint8_t { interface, drops, decrypted };
    What what = What::interface;
    std::uint8_t slot = 0;  // below kMaxCaptures; control gives them out
    std::uint16_t interface = 0;
    Drop reason = Drop::kCount;  // drops: only these; kCount: all
    bool one_pair = false;       // decrypted: only this pair, in either direction
    Pair pair;
    std::uint16_t snaplen = 0;  // at most kMaxCaptureBytes
    std::uint32_t packets = 0;  // that a worker copies at most
    std::uint32_t token = 0;    // stands in every record
};
struct StopCapture {
    std::uint8_t slot = 0;
    std::uint32_t token = 0;
};

inline constexpr std::size_t kMaxCaptureBytes = 2000;

/// A copy of the front of a packet.
struct CaptureRecord {
    enum class Direction : std::uint8_t { unknown, inbound, outbound };
    std::uint64_t time_ns = 0;  // Observer::clock_ns
    std::uint32_t token = 0;
    std::uint32_t len = 0;       // of the packet
    std::uint16_t captured = 0;  // bytes in `data`
    std::uint16_t interface = 0;
    std::uint8_t slot = 0;
    std::uint8_t worker = 0;
    Direction direction = Direction::unknown;
    Drop reason = Drop::kCount;  // of a drop
    bool ethernet = true;        // begins with the link layer; false: with the IP header
    std::array<std::uint8_t, kMaxCaptureBytes> data;
};
static_assert(std::is_trivially_copyable_v<CaptureRecord> && sizeof(CaptureRecord) <= 2048 &&
              sizeof(CaptureRecord) % 8 == 0);

}  // namespace oegate
