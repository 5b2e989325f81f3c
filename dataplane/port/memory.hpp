// How much memory the configuration needs, in mbufs and bytes, before EAL is asked for
// it. Pure arithmetic over the configuration.
#pragma once

#include <string>

#include "base/result.hpp"
#include "config/config.hpp"

namespace oegate {

struct MemoryPlan {
    std::uint32_t num_mbufs = 0;
    std::uint16_t data_room = 0;  // of an mbuf, headroom included
    std::uint32_t num_large = 0;  // buffers of 64 KiB, for datagrams put together
    std::size_t bytes = 0;        // of DPDK memory, everything
    std::size_t pages_2m() const { return (bytes + (std::size_t{2} << 20) - 1) >> 21; }
};

inline constexpr unsigned kMbufCache = 256;
inline constexpr unsigned kHandoffRing = 1024;
inline constexpr unsigned kCommandRing = 1024;
inline constexpr unsigned kTransmitRing = 256;
inline constexpr unsigned kEventRing = 4096;
inline constexpr unsigned kPuntRing = 512;
inline constexpr unsigned kSnapshotRing = 1024;
inline constexpr unsigned kTraceRing = 1024;
inline constexpr unsigned kCaptureRing = 512;

/// mbufs: descriptors + caches + rings + hold + neighbour bounds (architecture.md,
/// Ownership), so that no bounded queue starves the ports.
MemoryPlan plan_memory(const config::Config&);

/// free_bytes: of huge pages, all sizes. The message names the pages and the sysctl.
Result<void, std::string> check_huge_pages(const MemoryPlan&, std::size_t free_bytes,
                                           std::size_t total_pages_2m);

}  // namespace oegate
