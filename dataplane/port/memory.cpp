#include "port/memory.hpp"

#include <fmt/format.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <set>

#include "contract/command.hpp"
#include "contract/datagram.hpp"
#include "contract/event.hpp"
#include "contract/snapshot.hpp"
#include "stages/reassemble.hpp"
#include "tables/reassembly.hpp"
#include "worker/burst.hpp"
#include "worker/security.hpp"

namespace oegate {

MemoryPlan plan_memory(const config::Config& config) {
    const config::Dataplane& d = config.dataplane;
    const std::size_t workers = d.lcores.size();
    std::set<std::string> devices;
    std::uint16_t mtu = 1500;
    for (const config::Interface& i : config.interfaces) {
        devices.insert(i.device);
        mtu = std::max(mtu, i.mtu);
    }
    MemoryPlan plan;
    const std::size_t queues = devices.size() * workers * 2;  // receive and transmit
    const std::size_t rings = workers * (workers - 1) * kHandoffRing;
    const std::size_t own = kMbufCache * 3 / 2 + std::size_t{d.held_per_worker} + d.waiting_total +
                            Reassembly::max_pieces(d.reassemblies) + 4 * kBurstRoom +
                            devices.size() * kBurstRoom;
    plan.num_mbufs = static_cast<std::uint32_t>(queues * d.descriptors + rings + workers * own + 1024);
    constexpr std::size_t kLinkHeaders = 18;
    constexpr std::size_t kEspTail = 64;  // padding and ICV behind the longest datagram
    plan.data_room = static_cast<std::uint16_t>(
        std::max<std::size_t>(RTE_MBUF_DEFAULT_DATAROOM, mtu + kLinkHeaders + kEspTail) +
        RTE_PKTMBUF_HEADROOM);
    constexpr std::size_t kObjectOverhead = 64 + 64;  // header, padding between objects
    const std::size_t pool =
        plan.num_mbufs * (sizeof(rte_mbuf) + kMetaRoom + plan.data_room + kObjectOverhead);
    plan.num_large = d.reassemblies == 0 ? 0 : static_cast<std::uint32_t>(workers * kLargeBuffers);
    const std::size_t large =
        plan.num_large * (sizeof(rte_mbuf) + kMetaRoom + std::size_t{kLargeRoom} + kObjectOverhead);
    const std::size_t link = kCommandRing * sizeof(Command) + kTransmitRing * sizeof(Transmit) +
                             kEventRing * sizeof(Event) + kPuntRing * sizeof(Punt) +
                             kSnapshotRing * sizeof(SnapshotRecord) + kTraceRing * sizeof(TraceRecord) +
                             kCaptureRing * sizeof(CaptureRecord);
    const std::size_t neighbours = std::size_t{d.neighbours} * 256;
    constexpr std::size_t kSlack = std::size_t{32} << 20;  // ports, EAL itself, fragmentation
    plan.bytes =
        pool + large + rings * 8 + workers * (2 * link + security_memory(config)) + neighbours + kSlack;
    return plan;
}

Result<void, std::string> check_huge_pages(const MemoryPlan& plan, std::size_t free_bytes,
                                           std::size_t total_pages_2m) {
    if (free_bytes >= plan.bytes) return {};
    const std::size_t missing = plan.pages_2m() - (free_bytes >> 21);
    return fail(
        fmt::format("huge pages: {} pages of 2 MiB are needed ({} MiB), {} MiB are free; "
                    "run `sysctl -w vm.nr_hugepages={}`, or set `huge-pages: none` under `dataplane:`",
                    plan.pages_2m(), plan.pages_2m() * 2, free_bytes >> 20, total_pages_2m + missing));
}

}  // namespace oegate
