// The SAs of one worker (RFC 4301 §4.4.2), both directions, in slots that control
// allocates. An inbound SA is found by the slot that its SPI names, without a search
// (contract/sa.hpp). What a packet touches lies apart from what is seldom needed.
// Called by encrypt, decrypt, expire and apply; needs no EAL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "contract/command.hpp"
#include "esp/crypto.hpp"
#include "esp/layout.hpp"
#include "esp/replay.hpp"
#include "esp/sequence.hpp"
#include "tables/flow_cache.hpp"
#include "tables/prefetch.hpp"
#include "tables/region.hpp"

namespace oegate {

/// dead: the hard limit was reached; kept until control removes it.
enum class SaState : std::uint8_t { free, live, dead };

/// A way out of the gateway that was found before: the neighbour that it leads to, valid
/// as long as the published tables have this generation. 0: none is known.
struct CachedWay {
    std::uint16_t adjacency = 0;
    std::uint16_t mtu = 0;  // outbound: of the interface, whether or not the neighbour is known
    std::uint32_t generation = 0;
};

/// What decrypt touches of an SA for each packet: two cache lines.
struct alignas(64) InboundSa {
    std::uint32_t spi = 0;  // 0: never handed out
    Tick used = 0;          // valid when packets != 0
    Tick check_at = 0;      // look at the time limits from here on
    std::array<std::uint8_t, 4> salt{};
    EspSuite suite = EspSuite::aes_gcm_16_128;
    SaState state = SaState::free;
    bool report_first = false;
    bool esn = false;
    std::uint8_t front_len = 0;  // ESP header and IV
    std::uint8_t icv_len = 0;
    std::uint8_t alignment = 4;
    bool selectors_exact = true;  // pair is the only one inside
    std::uint64_t outer = 0;      // outer_mark() of its outer addresses
    esp::ReplayWindow replay;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  // inner

    Pair pair;                       // inner selectors
    std::uint64_t next_packets = 0;  // look at the limits from here on
    std::uint64_t next_bytes = 0;
    CachedWay way;                 // of a host pair's inner datagrams
    std::uint8_t source_bits = 0;  // of the mapped form; see InstallInbound
    std::uint8_t destination_bits = 0;
};
static_assert(sizeof(InboundSa) == 128 && offsetof(InboundSa, pair) == 64);

/// Outer source and destination of an inbound SA in 64 bits: exact for IPv4, mixed for
/// IPv6. Two IPv6 pairs may share a mark; what comes from the wrong one still needs the
/// SA's ICV.
inline std::uint64_t outer_mark(const Pair& outer) {
    const auto word = [&outer](std::size_t i) {
        std::uint64_t value;
        std::memcpy(&value, reinterpret_cast<const std::uint8_t*>(&outer) + 8 * i, sizeof value);
        return value;
    };
    if (outer.source.is_ipv4()) [[likely]]
        return (word(1) >> 32) << 32 | word(3) >> 32;
    return (word(0) * 3 + word(1)) * 0x9e3779b97f4a7c15 + (word(2) * 3 + word(3)) * 0xbf58476d1ce4e5b9;
}

/// What encrypt touches of an SA for each packet: two cache lines. Packets sent are
/// sequence.sent: each number is one packet.
struct alignas(64) OutboundSa {
    esp::SendSequence sequence;
    std::uint64_t bytes = 0;         // inner
    std::uint64_t next_packets = 0;  // look at the limits from here on
    std::uint64_t next_bytes = 0;
    std::uint32_t spi = 0;
    std::uint32_t generation = 0;
    Tick used = 0;
    Tick check_at = 0;
    std::array<std::uint8_t, 4> salt{};
    std::uint16_t mtu = 0;  // of the path; 0: the interface's
    EspSuite suite = EspSuite::aes_gcm_16_128;
    SaState state = SaState::free;
    std::uint8_t front_len = 0;  // ESP header and IV
    std::uint8_t icv_len = 0;
    std::uint8_t alignment = 4;
    bool esn = false;
    OuterPolicy policy;
    std::uint8_t head_len = 0;  // all that stands before the inner datagram

    esp::OuterTemplate outer;
    CachedWay way;  // of the outer datagrams

    /// The longest inner datagram, where outer ones leave by an interface with this MTU; 0:
    /// none fits. As esp::inner_mtu says; alignments are powers of two.
    std::uint16_t inner_mtu(std::uint16_t out_mtu) const {
        const std::uint16_t least = mtu != 0 && mtu < out_mtu ? mtu : out_mtu;
        const unsigned fixed = unsigned{outer.len} + front_len + icv_len;
        if (least < fixed + alignment) return 0;
        return static_cast<std::uint16_t>(((least - fixed) & ~(alignment - 1u)) - esp::kTrailerLen);
    }
};
static_assert(sizeof(OutboundSa) == 128 && offsetof(OutboundSa, outer) == 64);

/// What is seldom needed of an SA, either direction.
struct SaCold {
    SaLimits limits;
    std::uint64_t installed_ns = 0;
    Pair pair;  // inner, as in its Install command
    UdpPorts udp;
    std::uint32_t generation = 0;
    bool soft_told = false;
    bool hard_told = false;
    Tick kept_alive = 0;  // when a NAT keepalive was last sent; at first, installation
};
static_assert(sizeof(SaCold) == 104);

enum class Limit : std::uint8_t { none, soft, hard };

/// The first tick in which a time limit may be reached.
Tick next_check(const SaCold&, std::uint64_t now_ns);

/// The limit that these counts have reached and that was not told yet; 0 is no limit.
Limit reached(const SaCold&, std::uint64_t packets, std::uint64_t bytes, std::uint64_t now_ns);

class Sad {
  public:
    /// num_slots per direction. replay_window is the largest that an SA may ask for.
    /// Allocates; only at start. crypto must outlive it.
    Sad(std::uint32_t num_slots, std::uint32_t replay_window, const esp::Crypto& crypto);

    /// A slot's former tenant goes. False when the slot does not exist, the addresses
    /// are not of one family, or the SPI does not name the slot (inbound).
    bool install(const InstallInbound&, std::uint64_t now_ns);
    bool install(const InstallOutbound&, std::uint64_t now_ns);
    /// Overwrites the keys. False, and nothing happens, for a stale generation.
    bool remove(Direction, const SaRef&);

    /// By the SPI of a packet; null when no SA of ours has exactly this SPI. May be dead.
    InboundSa* inbound(std::uint32_t spi) {
        const std::uint32_t slot = Spi::slot(spi);
        if (slot >= num_slots_ || inbound_[slot].state == SaState::free || inbound_[slot].spi != spi)
            return nullptr;
        return &inbound_[slot];
    }
    /// What opening a packet needs beyond the SA: the key's first lines, which are the
    /// schedule of AES-128, and the word of the window that the number lies in.
    void prefetch_opening(std::uint32_t spi, std::uint32_t sequence) const {
        const std::uint32_t slot = Spi::slot(spi);
        if (slot >= num_slots_) return;
        prefetch_lines(inbound_key(slot), 3);
        prefetch_line(bitmaps_.data() + std::size_t{slot} * words_ + (sequence / 64 & (words_ - 1)));
    }
    /// The SA's lines, and the key's first ones.
    void prefetch_outbound(std::uint32_t slot) const {
        if (slot >= num_slots_) return;
        prefetch_lines(&outbound_[slot], 2);
        prefetch_lines(outbound_key(slot), 3);
    }
    /// Null for an empty slot or a stale generation. May be dead.
    OutboundSa* outbound(const SaRef& ref) {
        if (ref.slot >= num_slots_ || outbound_[ref.slot].state == SaState::free ||
            outbound_[ref.slot].generation != ref.generation)
            return nullptr;
        return &outbound_[ref.slot];
    }
    const OutboundSa* outbound(const SaRef& ref) const { return const_cast<Sad*>(this)->outbound(ref); }
    /// An inbound SA by reference; null as above.
    InboundSa* inbound(const SaRef& ref) {
        if (ref.slot >= num_slots_ || inbound_[ref.slot].state == SaState::free ||
            inbound_cold_[ref.slot].generation != ref.generation)
            return nullptr;
        return &inbound_[ref.slot];
    }

    std::uint32_t slot_of(const InboundSa& sa) const {
        return static_cast<std::uint32_t>(&sa - inbound_.data());
    }
    std::uint32_t slot_of(const OutboundSa& sa) const {
        return static_cast<std::uint32_t>(&sa - outbound_.data());
    }
    InboundSa& inbound_at(std::uint32_t slot) { return inbound_[slot]; }
    OutboundSa& outbound_at(std::uint32_t slot) { return outbound_[slot]; }
    SaCold& inbound_cold(std::uint32_t slot) { return inbound_cold_[slot]; }
    SaCold& outbound_cold(std::uint32_t slot) { return outbound_cold_[slot]; }
    /// Expanded.
    const void* inbound_key(std::uint32_t slot) const { return inbound_keys_.data() + slot * key_len_; }
    const void* outbound_key(std::uint32_t slot) const { return outbound_keys_.data() + slot * key_len_; }
    std::span<std::uint64_t> bitmap(std::uint32_t slot) {
        return {bitmaps_.data() + std::size_t{slot} * words_, words_};
    }

    /// After a soft limit was told: look again at the hard one.
    void rearm(InboundSa&, std::uint64_t now_ns);
    void rearm(OutboundSa&, std::uint64_t now_ns);

    std::uint32_t num_slots() const { return num_slots_; }
    std::uint32_t count(Direction d) const { return d == Direction::inbound ? num_inbound_ : num_outbound_; }
    /// One behind the highest slot ever used.
    std::uint32_t high_water(Direction d) const {
        return d == Direction::inbound ? inbound_high_ : outbound_high_;
    }

    static std::size_t memory(std::uint32_t num_slots, std::uint32_t replay_window);

  private:
    static void prefetch_lines(const void* at, unsigned num) {
        for (unsigned i = 0; i < num; ++i) prefetch_line(static_cast<const char*>(at) + 64 * i);
    }

    std::uint32_t num_slots_;
    std::uint32_t replay_window_;
    std::uint32_t words_;
    std::size_t key_len_;
    const esp::Crypto& crypto_;
    std::uint32_t num_inbound_ = 0;
    std::uint32_t num_outbound_ = 0;
    std::uint32_t inbound_high_ = 0;
    std::uint32_t outbound_high_ = 0;
    Region<InboundSa> inbound_;
    Region<OutboundSa> outbound_;
    Region<std::uint8_t> inbound_keys_;
    Region<std::uint8_t> outbound_keys_;
    Region<std::uint64_t> bitmaps_;
    Region<SaCold> inbound_cold_;
    Region<SaCold> outbound_cold_;
};

}  // namespace oegate
