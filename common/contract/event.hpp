// Worker → control, over one SPSC ring per worker. Events are idempotent and are
// repeated (below 1 per second and pair) while they matter: a full ring loses one
// without harm. Times are ages in nanoseconds, since the planes' clocks differ.
#pragma once

#include <type_traits>

#include "contract/sa.hpp"

namespace oegate {

inline constexpr std::uint64_t kNeverUsed = UINT64_MAX;

/// A datagram of an OE or configured class met no entry, or a hold is still
/// unanswered: the keying request (OE draft §3.1.1).
struct Miss {
    Pair pair;
    ClassKind class_kind = ClassKind::none;  // as the worker's class table said
    std::uint8_t protocol = 0;               // of the first datagram; for `explain` and logs
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    bool repeated = false;  // the hold was requested before
};

/// Soft: rekey now. Hard: the SA is dead, an outbound pair is in hold again (§3.1.5).
struct SaExpired {
    Pair pair;  // as in its Install command
    SaRef ref;
    Direction direction = Direction::outbound;
    bool hard = false;
};

/// First packet on this inbound SA that verified.
struct FirstEsp {
    Pair pair;
    SaRef ref;
};

/// A peer may have lost its SAs; whoever says so may lie.
struct UnknownSpi {
    Address remote;  // outer source, or the destination that ICMP says ESP did not reach
    Address local;
    std::uint32_t spi = 0;  // of ours, unknown; 0: ICMP about ESP that we sent
};

/// A decrypted datagram did not match its SA's selectors (RFC 4301 §5.2; audited).
struct SelectorMismatch {
    Pair inner;
    SaRef ref;
};

/// Clear text from the peer's host though the pair is encrypted (k.hint).
struct ClearText {
    Pair pair;  // outbound orientation: source is our host
};

struct UseReport {
    Pair pair;
    FlowState state = FlowState::none;
    std::uint64_t outbound_age_ns = kNeverUsed;
    std::uint64_t inbound_age_ns = kNeverUsed;
    std::uint64_t packets = 0;  // of the policy, all states
    std::uint64_t bytes = 0;
    bool removed = false;  // answer to RemovePolicy: final counts
};

/// An ICMP error from outside says that our outer datagrams do not fit (RFC 1191 §4,
/// RFC 8201). Not authenticated: its quote shows addresses and SPI only, so control
/// believes it only for an SA that it has, and within bounds (RFC 4301 §8.2.1).
struct PathMtu {
    Address local;          // source of the quoted datagram
    Address remote;         // its destination
    Address reporter;       // who sent the ICMP message
    std::uint32_t spi = 0;  // as the peer chose it
    std::uint16_t mtu = 0;  // as reported; 0: an old router that does not say
};

struct NeighbourWanted {
    Address address;
    std::uint16_t interface = 0;
};

struct Event {
    enum class Kind : std::uint8_t {
        miss,
        sa_expired,
        first_esp,
        unknown_spi,
        selector_mismatch,
        clear_text,
        use_report,
        neighbour_wanted,
        path_mtu,
    };
    Kind kind = Kind::miss;
    std::uint8_t worker = 0;
    union {
        Miss miss;
        SaExpired sa_expired;
        FirstEsp first_esp;
        UnknownSpi unknown_spi;
        SelectorMismatch selector_mismatch;
        ClearText clear_text;
        UseReport use_report;
        NeighbourWanted neighbour_wanted;
        PathMtu path_mtu;
    };

    Event() : miss{} {}
    explicit Event(const Miss& e) : kind(Kind::miss), miss(e) {}
    explicit Event(const SaExpired& e) : kind(Kind::sa_expired), sa_expired(e) {}
    explicit Event(const FirstEsp& e) : kind(Kind::first_esp), first_esp(e) {}
    explicit Event(const UnknownSpi& e) : kind(Kind::unknown_spi), unknown_spi(e) {}
    explicit Event(const SelectorMismatch& e) : kind(Kind::selector_mismatch), selector_mismatch(e) {}
    explicit Event(const ClearText& e) : kind(Kind::clear_text), clear_text(e) {}
    explicit Event(const UseReport& e) : kind(Kind::use_report), use_report(e) {}
    explicit Event(const NeighbourWanted& e) : kind(Kind::neighbour_wanted), neighbour_wanted(e) {}
    explicit Event(const PathMtu& e) : kind(Kind::path_mtu), path_mtu(e) {}
};
static_assert(std::is_trivially_copyable_v<Event> && sizeof(Event) % 4 == 0);

}  // namespace oegate
