#include "stages/recall.hpp"

#include <algorithm>
#include <array>

#include "stages/handoff.hpp"
#include "stages/hop.hpp"
#include "worker/foreign_sa.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// Whether everything that the long way looks at is as it was when the way was found.
/// A frame to a group address, a last hop and another interface are the datagram's own.
bool holds(const Worker& worker, const FlowEntry& entry, const Meta& m) {
    return entry.pair == m.pair && entry.way.generation == worker.way_generation &&
           entry.in_interface == m.in_interface && !m.link_broadcast;
}

/// Where an encrypted pair's datagram goes on.
void lead_to_sa(Worker& worker, rte_mbuf* packet, const FlowEntry& entry, Burst& encrypt) {
    Meta& m = meta(packet);
    m.out_interface = entry.way.adjacency;
    m.sa = entry.sa();
    if (is_elsewhere(m.sa)) [[unlikely]]
        hand_over_to_sa(worker, packet);
    else
        encrypt.push(packet);
}

/// Up to kReceiveBurst packets, in three passes; returns how many stay, as the first.
unsigned recall_some(Worker& worker, rte_mbuf** packets, unsigned num, Burst& pass, Burst& encrypt) {
    FlowCache& flows = worker.security->flows;
    const Tick now = to_tick(worker.now_ns);
    std::array<std::uint32_t, kReceiveBurst> found;
    for (unsigned i = 0; i < num; ++i) {
        Meta& m = meta(packets[i]);
        m.hash = flows.hash(m.pair);
        flows.prefetch_tags(m.hash);
    }
    for (unsigned i = 0; i < num; ++i) found[i] = flows.candidate(meta(packets[i]).hash);
    unsigned kept = 0;
    for (unsigned i = 0; i < num; ++i) {
        rte_mbuf* packet = packets[i];
        Meta& m = meta(packet);
        if (found[i] == FlowCache::kNone || !holds(worker, flows.entry(found[i]), m) || !hop(packet))
            [[unlikely]] {
            packets[kept++] = packet;
            continue;
        }
        flows.count(found[i], rte_pktmbuf_pkt_len(packet), now);
        const FlowEntry& entry = flows.entry(found[i]);
        if (entry.state == FlowState::pass) {
            m.way = entry.way;
            pass.push(packet);
        } else {  // nothing but pass and encrypt has a way
            lead_to_sa(worker, packet, entry, encrypt);
        }
    }
    return kept;
}

}  // namespace

void recall(Worker& worker, Burst& datagrams, Burst& pass, Burst& encrypt) {
    unsigned kept = 0;
    for (unsigned from = 0; from < datagrams.size(); from += kReceiveBurst) {
        rte_mbuf** packets = datagrams.data() + from;
        const unsigned stay =
            recall_some(worker, packets, std::min(datagrams.size() - from, kReceiveBurst), pass, encrypt);
        for (unsigned i = 0; i < stay; ++i) datagrams.set(kept++, packets[i]);
    }
    datagrams.truncate(kept);
}

}  // namespace oegate
