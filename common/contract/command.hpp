// Control → worker, over one SPSC ring per worker, applied in order, at most 32 a
// loop. Never lost: when the ring is full control keeps the rest in its outbox.
// A fixed-size record, copied; key material in it is zeroised by the receiver.
#pragma once

#include <type_traits>

#include "base/clock.hpp"
#include "contract/observe.hpp"
#include "contract/sa.hpp"

namespace oegate {

/// Creates or changes the entry of a pair (OE draft §3.1); entering pass, deny or
/// encrypt releases or drops *first*, then *last*.
struct SetPolicy {
    static constexpr std::uint8_t kPairOwner = 0xff;  // the worker that gets this command
    Pair pair;
    FlowState state = FlowState::none;
    ClassKind class_kind = ClassKind::none;
    std::uint16_t reason = 0;             // keying's row, opaque to the worker, shown by `show flows`
    SaRef outbound;                       // encrypt: the SA to send through
    std::uint32_t grace_ms = 0;           // encrypt: clear text from the peer is accepted so long
    std::uint8_t sa_worker = kPairOwner;  // who has that SA; a tunnel of many flows lives on one worker
};

/// Forgets a pair; held datagrams die as hold_expired. Answered by a UseReport.
struct RemovePolicy {
    Pair pair;
};

/// Tunnel header and keys of an outbound host-pair SA.
struct InstallOutbound {
    SaRef ref;
    Pair pair;              // inner: reported back in events
    Address local;          // outer source
    Address remote;         // outer destination
    std::uint32_t spi = 0;  // chosen by the peer
    SaKey key;
    SaLimits limits;
    std::uint16_t mtu = 0;  // of the path to the peer; 0 = the outgoing interface's
    bool esn = false;       // 64-bit sequence numbers (RFC 4303 §2.2.1)
    UdpPorts udp;
    OuterPolicy outer;
};

struct InstallInbound {
    SaRef ref;
    Pair pair;  // inner, as received: source is the peer's host
    Address local;
    Address remote;
    std::uint32_t spi = 0;  // Spi::make
    SaKey key;
    SaLimits limits;
    std::uint32_t replay_window = 0;  // packets, a multiple of 32; 0 switches the check off
    bool report_first = false;        // send FirstEsp when the first packet verifies
    bool esn = false;
    UdpPorts udp;  // as negotiated
    /// Leading bits of the inner addresses that must match (an IPv4 prefix counts 96
    /// more); 128 each: the very pair. A tunnel of many flows has shorter ones.
    std::uint8_t source_bits = 128;
    std::uint8_t destination_bits = 128;
};

struct RemoveSa {
    Direction direction = Direction::inbound;
    SaRef ref;
};

/// What is known of the path to a peer (RFC 4301 §8.2): longest outer datagram; 0
/// forgets. Answer to Event::path_mtu, or its ageing (RFC 1191 §6.3).
struct SetPathMtu {
    SaRef ref;  // outbound
    std::uint16_t mtu = 0;
};

/// Asks for a UseReport of a pair (OE draft §3.2.7): both the outbound policy and
/// the inbound SA, whichever exist.
struct QueryUse {
    Pair pair;
    SaRef inbound;
};

/// Releases what waits for this neighbour (resolved) or drops it (failed).
struct NeighbourChanged {
    Address address;
    std::uint16_t interface = 0;
    bool resolved = false;
};

/// Asks for a copy of flow or SA entries over the snapshot ring, answered in
/// bounded portions per loop and ended by SnapshotEnd.
struct Snapshot {
    enum class Table : std::uint8_t { flows, inbound_sas, outbound_sas };
    Table table = Table::flows;
    std::uint32_t token = 0;
    std::uint32_t max_records = 0;
};

struct Command {
    enum class Kind : std::uint8_t {
        set_policy,
        remove_policy,
        install_outbound,
        install_inbound,
        remove_sa,
        set_path_mtu,
        query_use,
        neighbour_changed,
        snapshot,
        measure_stages,
        start_trace,
        stop_trace,
        start_capture,
        stop_capture,
    };
    Kind kind = Kind::query_use;
    std::uint64_t sequence = 0;  // counts up per worker; acknowledged by WorkerShared::applied
    union {
        SetPolicy set_policy;
        RemovePolicy remove_policy;
        InstallOutbound install_outbound;
        InstallInbound install_inbound;
        RemoveSa remove_sa;
        SetPathMtu set_path_mtu;
        QueryUse query_use;
        NeighbourChanged neighbour_changed;
        Snapshot snapshot;
        MeasureStages measure_stages;
        StartTrace start_trace;
        StopTrace stop_trace;
        StartCapture start_capture;
        StopCapture stop_capture;
    };

    Command() : query_use{} {}
    explicit Command(const SetPolicy& c) : kind(Kind::set_policy), set_policy(c) {}
    explicit Command(const RemovePolicy& c) : kind(Kind::remove_policy), remove_policy(c) {}
    explicit Command(const InstallOutbound& c) : kind(Kind::install_outbound), install_outbound(c) {}
    explicit Command(const InstallInbound& c) : kind(Kind::install_inbound), install_inbound(c) {}
    explicit Command(const RemoveSa& c) : kind(Kind::remove_sa), remove_sa(c) {}
    explicit Command(const SetPathMtu& c) : kind(Kind::set_path_mtu), set_path_mtu(c) {}
    explicit Command(const QueryUse& c) : kind(Kind::query_use), query_use(c) {}
    explicit Command(const NeighbourChanged& c) : kind(Kind::neighbour_changed), neighbour_changed(c) {}
    explicit Command(const Snapshot& c) : kind(Kind::snapshot), snapshot(c) {}
    explicit Command(const MeasureStages& c) : kind(Kind::measure_stages), measure_stages(c) {}
    explicit Command(const StartTrace& c) : kind(Kind::start_trace), start_trace(c) {}
    explicit Command(const StopTrace& c) : kind(Kind::stop_trace), stop_trace(c) {}
    explicit Command(const StartCapture& c) : kind(Kind::start_capture), start_capture(c) {}
    explicit Command(const StopCapture& c) : kind(Kind::stop_capture), stop_capture(c) {}
};
static_assert(std::is_trivially_copyable_v<Command> && sizeof(Command) % 4 == 0);

}  // namespace oegate
