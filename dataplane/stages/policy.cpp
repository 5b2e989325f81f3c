// policy: what happens to a datagram that leaves by an outside interface (OE draft
// §3.1): its pair's entry in the SPD cache decides, else its class. Called by the
// loop for Origin::received; does not route, encrypt or transmit.
#include <algorithm>
#include <array>

#include "stages/handoff.hpp"
#include "stages/hold.hpp"
#include "stages/icmp.hpp"
#include "stages/ways.hpp"
#include "tables/classes.hpp"
#include "worker/foreign_sa.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

void deny(Worker& worker, rte_mbuf* packet, Drop reason) {
    if (worker.icmp_on_deny)
        refuse(worker, packet, reason, IcmpError::administratively_prohibited);
    else
        drop(worker, packet, reason);
}

/// §3.1.1: no entry. The class says whether there must be one.
void miss(Worker& worker, std::uint64_t hash, rte_mbuf* packet, Burst& pass) {
    const Meta& m = meta(packet);
    const ClassKind kind = worker.classes->lookup(m.pair);
    switch (kind) {
        case ClassKind::deny:
            return deny(worker, packet, Drop::class_deny);
        case ClassKind::none:
            return deny(worker, packet, Drop::class_none);
        case ClassKind::always_clear_text:
            worker.security->flows.clear().add_by_class(rte_pktmbuf_pkt_len(packet));
            return pass.push(packet);
        case ClassKind::oe_permissive:
        case ClassKind::oe_paranoid:
        case ClassKind::configured:
        case ClassKind::oe_accept_only:
            break;
    }
    const std::uint32_t flow = make_flow(worker, hash, m.pair);
    if (flow == FlowCache::kNone) return drop(worker, packet, Drop::flow_table_full);
    FlowCache& flows = worker.security->flows;
    FlowCold& cold = flows.cold(flow);
    flows.set_state(flow, FlowState::hold);
    flows.count(flow, rte_pktmbuf_pkt_len(packet), to_tick(worker.now_ns));
    cold.class_kind = kind;
    cold.protocol = m.protocol;
    cold.source_port = m.source_port;
    cold.destination_port = m.destination_port;
    ask(worker, flow, false);
    hold(worker, flow, packet);
}

/// What the long way found holds for the next datagram of the pair: where it leaves, or
/// for one that will be encrypted, by which interface its own route leads. Not for what another
/// worker looked at: the tables may have changed since, and it receives the next one too.
void remember(const Worker& worker, const Meta& m, FlowEntry& entry) {
    if (worker.handed) return;
    if (entry.way.generation == worker.way_generation && entry.in_interface == m.in_interface) return;
    entry.in_interface = m.in_interface;
    if (entry.state == FlowState::pass)
        entry.way = way_by(worker, adjacency_of(worker, m.next_hop, m.pair.destination));
    else if (worker.way_generation != Way::kNothing)
        entry.way = {m.out_interface, static_cast<std::uint16_t>(worker.way_generation)};
}

void decide(Worker& worker, std::uint64_t hash, rte_mbuf* packet, Burst& pass, Burst& encrypt) {
    FlowCache& flows = worker.security->flows;
    Meta& m = meta(packet);
    const std::uint32_t flow = flows.find(hash, m.pair);
    if (flow == FlowCache::kNone) return miss(worker, hash, packet, pass);
    FlowEntry& entry = flows.entry(flow);
    flows.count(flow, rte_pktmbuf_pkt_len(packet), to_tick(worker.now_ns));
    switch (entry.state) {
        case FlowState::encrypt:
            remember(worker, m, entry);
            m.sa = entry.sa();
            if (is_elsewhere(m.sa)) [[unlikely]]
                return hand_over_to_sa(worker, packet);
            return encrypt.push(packet);
        case FlowState::pass:
            remember(worker, m, entry);
            return pass.push(packet);
        case FlowState::hold:
            return hold(worker, flow, packet);
        case FlowState::deny:
        case FlowState::none:
            return deny(worker, packet, Drop::policy_deny);
    }
}

}  // namespace

void policy(Worker& worker, Burst& in, Burst& pass, Burst& encrypt) {
    const FlowCache& flows = worker.security->flows;
    std::array<std::uint64_t, kReceiveBurst> hashes;
    for (unsigned from = 0; from < in.size(); from += kReceiveBurst) {
        const unsigned num = std::min(in.size() - from, kReceiveBurst);
        for (unsigned i = 0; i < num; ++i) {
            hashes[i] = hash_of(worker, meta(in[from + i]));
            flows.prefetch_tags(hashes[i]);
        }
        for (unsigned i = 0; i < num; ++i) flows.prefetch_entry(hashes[i]);
        for (unsigned i = 0; i < num; ++i) decide(worker, hashes[i], in[from + i], pass, encrypt);
    }
    in.clear();
}

}  // namespace oegate
