// Start and upkeep of a worker's security part: everything is allocated here, before
// the first packet, and tended once a loop.
#include "worker/security.hpp"

#include <rte_mbuf.h>

#include <chrono>
#include <new>

#include "stages/expire.hpp"
#include "stages/hold.hpp"
#include "stages/visit.hpp"
#include "worker/security_state.hpp"
#include "worker/snapshot.hpp"

namespace oegate {

void SecurityDeleter::operator()(Security* security) const {
    if (security == nullptr) return;
    for (std::uint32_t i = 0; i < security->held.max_held(); ++i) {
        const HoldRoom::Seat& seat = security->held.seat(i);
        if (seat.first == nullptr) continue;
        rte_pktmbuf_free(seat.first);
        rte_pktmbuf_free(seat.last);
    }
    delete security;
}

Result<SecurityPointer, std::string> make_security(const config::Config& config, unsigned worker,
                                                   OwnerSeed seed) {
    const config::Dataplane& plane = config.dataplane;
    if (worker >= Spi::kMaxWorkers) return fail(std::string("more than 16 workers: an SPI cannot name them"));
    SecurityPointer security;
    try {
        security.reset(new Security(plane, seed));
    } catch (const std::bad_alloc&) {
        return fail(
            std::string("no memory for the flow cache and the SAs: lower flows_per_worker or "
                        "sas_per_worker"));
    }
    if (!security->crypto.ok())
        return fail(std::string("intel-ipsec-mb cannot be used on this processor, or its self-test failed"));
    security->crypto.choose_paths();
    security->nat_keepalive_ns =
        static_cast<std::uint64_t>(std::chrono::nanoseconds(config.ike.nat_keepalive).count());
    return security;
}

/// The tables are ordinary memory (tables/region.hpp): nothing comes from rte_malloc.
std::size_t security_memory(const config::Config&) {
    return 0;
}

bool trust_ways(Worker& worker) {
    return worker.security->flows.sweep_ways(worker.generation);
}

bool tend(Worker& worker) {
    repeat_requests(worker);
    expire_by_time(worker);
    answer_snapshots(worker);
    visit_flows(worker);
    const Security& security = *worker.security;
    Ledger& ledger = worker.ledger;
    ledger.held.set(security.held.num_held());
    ledger.held_one_source.set(security.held.of_one_source().get());
    ledger.flows.set(security.flows.size());
    for (unsigned i = 0; i < ledger.flows_by_state.size(); ++i)
        ledger.flows_by_state[i].set(security.flows.count(static_cast<FlowState>(i)));
    ledger.inbound_sas.set(security.sad.count(Direction::inbound));
    ledger.outbound_sas.set(security.sad.count(Direction::outbound));
    return security.snapshot.has_value();
}

}  // namespace oegate
