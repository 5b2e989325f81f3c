// What both planes say of an SA. Control allocates slots and SPIs; a worker owns
// what is in its tables under them.
#pragma once

#include <array>

#include "contract/words.hpp"
#include "net/address.hpp"

namespace oegate {

/// An SA in a worker's table. The generation tells a new tenant of a slot from the
/// old one: a message with a stale generation is ignored.
struct SaRef {
    std::uint32_t slot = kNone;
    std::uint32_t generation = 0;
    static constexpr std::uint32_t kNone = 0xffffffff;
    bool valid() const { return slot != kNone; }
    bool operator==(const SaRef&) const = default;
};

enum class Direction : std::uint8_t { inbound, outbound };

/// SPIs that we hand out name the owning worker and its inbound slot, so that
/// decryption needs no lookup: salt (8 bits, 1..255) | worker (4) | slot (20).
/// The salt changes with every use of a slot, so that packets of a former tenant
/// are esp_unknown_spi.
struct Spi {
    static constexpr std::uint32_t kMaxWorkers = 16;
    static constexpr std::uint32_t kMaxSlots = 1u << 20;
    static constexpr std::uint32_t make(std::uint8_t salt, unsigned worker, std::uint32_t slot) {
        return static_cast<std::uint32_t>(salt) << 24 | worker << 20 | slot;
    }
    static constexpr unsigned worker(std::uint32_t spi) { return spi >> 20 & 15; }
    static constexpr std::uint32_t slot(std::uint32_t spi) { return spi & (kMaxSlots - 1); }
};

/// Key material of one SA as it crosses a ring. The receiver zeroises the slot.
struct SaKey {
    EspSuite suite = EspSuite::aes_gcm_16_128;
    std::array<std::uint8_t, kMaxEspKeyLen> key{};           // key_len(suite) bytes count
    std::array<std::uint8_t, kMaxEspAuthKeyLen> auth_key{};  // facts(suite).auth_key_len bytes count
    std::array<std::uint8_t, 4> salt{};                      // RFC 4106 §4, RFC 7634 §2; AEADs only
};

/// ESP in UDP (RFC 3948); ports of the outer UDP header, host order. Both 0: plain ESP.
/// An inbound SA takes its packets in either form (RFC 7296 §2.23).
struct UdpPorts {
    std::uint16_t local = 0;
    std::uint16_t remote = 0;
    bool used() const { return local != 0 || remote != 0; }
    bool operator==(const UdpPorts&) const = default;
};

/// What the outer header takes from the inner one (RFC 4301 §5.1.2.1, RFC 6040 §4.1).
struct OuterPolicy {
    static constexpr std::uint8_t kCopyDscp = 0xff;
    std::uint8_t dscp = kCopyDscp;  // or the value to set, 0..63
    bool copy_ecn = true;           // normal mode; false: compatibility mode, outer Not-ECT
    DfPolicy df = DfPolicy::copy;
};

/// 0 means no limit. Soft asks for a rekey (once), hard ends the SA.
struct SaLimits {
    std::uint64_t soft_packets = 0;
    std::uint64_t hard_packets = 0;
    std::uint64_t soft_bytes = 0;  // inner bytes
    std::uint64_t hard_bytes = 0;
    std::uint64_t soft_ns = 0;  // after installation
    std::uint64_t hard_ns = 0;
};

}  // namespace oegate
