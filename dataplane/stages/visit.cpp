#include "stages/visit.hpp"

#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// 80,000 slots a second, however fast the loop turns: once round a cache of four
/// million pairs in a minute, at less than a hundredth of the core.
constexpr std::uint64_t kVisitEveryNs = 100'000;

}  // namespace

void visit_flows(Worker& worker) {
    Security& security = *worker.security;
    if (worker.now_ns < security.next_visit_ns) return;
    security.next_visit_ns = worker.now_ns + kVisitEveryNs;
    FlowCache& flows = security.flows;
    const std::uint32_t size = flows.size(), room = flows.max_flows();
    // Passes first: a deny that is forgotten costs another negotiation.
    if (size > room - room / 8)
        flows.age(security.next_visited, to_tick(worker.now_ns), size > room - room / 16);
    flows.settle_bucket(security.next_visited);
    security.next_visited += FlowCache::kBucket;
    if (security.next_visited >= flows.num_slots()) security.next_visited = 0;
}

}  // namespace oegate
