#include "stages/age.hpp"

#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// 80,000 slots a second, however fast the loop turns: once round a cache of four
/// million pairs in a minute, at less than a hundredth of the core.
constexpr std::uint64_t kAgeEveryNs = 100'000;

}  // namespace

void age_flows(Worker& worker) {
    Security& security = *worker.security;
    FlowCache& flows = security.flows;
    const std::uint32_t size = flows.size(), room = flows.max_flows();
    if (size <= room - room / 8 || worker.now_ns < security.next_age_ns) return;
    security.next_age_ns = worker.now_ns + kAgeEveryNs;
    // Passes first: a deny that is forgotten costs another negotiation.
    flows.age(security.next_aged, to_tick(worker.now_ns), size > room - room / 16);
    security.next_aged += FlowCache::kBucket;
    if (security.next_aged >= flows.num_slots()) security.next_aged = 0;
}

}  // namespace oegate
