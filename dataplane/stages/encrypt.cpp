// encrypt: tunnel-mode ESP outbound (RFC 4303 §3.3, RFC 4106, RFC 4301 §5.1). Called
// by the loop with datagrams whose Meta::sa is set and that fit. Three steps: build
// every packet of the burst, seal all, pass them on. The loop routes the result.
//
// Outer header: DF as the inner IPv4 header has it, set for inner IPv6; DSCP and ECN
// copied (RFC 4301 §5.1.2.1, RFC 6040 §4.1), so DSCP is visible outside.
#include <utility>

#include "net/headers.hpp"
#include "stages/expire.hpp"
#include "stages/hold.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// The SA of this datagram is over: it waits for the next one, if its pair does.
void no_more(Worker& worker, rte_mbuf* packet, OutboundSa& sa) {
    Security& security = *worker.security;
    end_sa(worker, sa);
    const Meta& m = meta(packet);
    const std::uint32_t flow = security.flows.find(m.pair);
    if (flow == FlowCache::kNone) return drop(worker, packet, Drop::sa_hard_limit);
    const FlowEntry& entry = security.flows.entry(flow);
    if (entry.state == FlowState::encrypt && entry.sa() == m.sa) return_to_hold(worker, flow);
    if (entry.state != FlowState::hold) return drop(worker, packet, Drop::sa_hard_limit);
    hold(worker, flow, packet);
}

struct Inner {
    std::uint8_t traffic_class;
    std::uint8_t next_header;
};

Inner inspect(const std::uint8_t* at, Family family) {
    if (family == Family::ipv4) {
        const auto* header = reinterpret_cast<const Ipv4Header*>(at);
        return {header->tos, static_cast<std::uint8_t>(Protocol::ipip)};
    }
    const auto* header = reinterpret_cast<const Ipv6Header*>(at);
    return {static_cast<std::uint8_t>(header->version_class_flow.host() >> 20),
            static_cast<std::uint8_t>(Protocol::ipv6)};
}

/// Writes everything but the cipher text and ICV. The buffer has room for it.
void build(Worker& worker, rte_mbuf* packet, OutboundSa& sa, std::uint64_t sequence, esp::GcmJob& job) {
    Meta& m = meta(packet);
    const std::size_t inner_len = rte_pktmbuf_data_len(packet);
    const Inner inner = inspect(data(packet), m.family);
    const std::size_t trailer = esp::trailer_len(inner_len);
    const std::size_t outer_len = esp::outer_header_len(sa.family);
    auto* tail = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(packet, static_cast<std::uint16_t>(trailer + esp::kIcvLen)));
    esp::write_trailer(tail, inner_len, inner.next_header);
    auto* outer = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_prepend(packet, static_cast<std::uint16_t>(outer_len + esp::kFrontLen)));
    std::uint8_t* front = outer + outer_len;
    esp::write_front(front, sa.spi, sequence);
    const std::size_t esp_len = esp::kFrontLen + inner_len + trailer + esp::kIcvLen;
    if (sa.family == Family::ipv4)
        esp::write_outer_ipv4(outer, sa.outer, esp_len, inner.traffic_class, m.dont_fragment,
                              worker.identification++);
    else
        esp::write_outer_ipv6(outer, sa.outer, esp_len, inner.traffic_class);

    job.key = worker.security->sad.outbound_key(worker.security->sad.slot_of(sa));
    job.suite = sa.suite;
    job.aad = front;
    job.data = front + esp::kFrontLen;
    job.len = static_cast<std::uint32_t>(inner_len + trailer);
    job.icv = tail + trailer;
    esp::make_nonce(job.nonce, sa.salt, front + sizeof(EspHeader));

    const std::uint16_t in_interface = m.in_interface;
    const bool dont_fragment = m.dont_fragment || sa.family == Family::ipv6;
    m = Meta{};
    m.pair = sa.outer_pair;
    m.in_interface = in_interface;
    m.header_len = static_cast<std::uint16_t>(outer_len);
    m.protocol = static_cast<std::uint8_t>(Protocol::esp);
    m.family = sa.family;
    m.origin = Origin::encrypted;
    m.dont_fragment = dont_fragment;
}

/// True when the packet is built and waits for its job.
bool prepare(Worker& worker, rte_mbuf* packet, esp::GcmJob& job) {
    OutboundSa* sa = worker.security->sad.outbound(meta(packet).sa);
    if (sa == nullptr) return drop(worker, packet, Drop::sa_missing), false;
    if (sa->state == SaState::dead) return no_more(worker, packet, *sa), false;
    const std::size_t inner_len = rte_pktmbuf_data_len(packet);
    if (rte_pktmbuf_headroom(packet) < esp::outer_header_len(sa->family) + esp::kFrontLen ||
        rte_pktmbuf_tailroom(packet) < esp::trailer_len(inner_len) + esp::kIcvLen)
        return drop(worker, packet, Drop::no_buffer), false;
    const std::uint64_t sequence = sa->sequence.next();
    if (sequence == 0) {
        end_sa(worker, *sa);
        return drop(worker, packet, Drop::sa_sequence_exhausted), false;
    }
    sa->bytes += inner_len;
    sa->used = to_tick(worker.now_ns);
    build(worker, packet, *sa, sequence, job);
    if (sequence >= sa->next_packets || sa->bytes >= sa->next_bytes) check_limits(worker, *sa);
    return true;
}

}  // namespace

std::uint16_t inner_mtu(const Worker& worker, SaRef ref, std::uint16_t out_mtu) {
    const OutboundSa* sa = std::as_const(worker.security->sad).outbound(ref);
    if (sa == nullptr) return 0;
    const std::uint16_t mtu = sa->mtu != 0 && sa->mtu < out_mtu ? sa->mtu : out_mtu;
    return static_cast<std::uint16_t>(esp::inner_mtu(sa->family, mtu));
}

void encrypt(Worker& worker, Burst& in, Burst& out) {
    auto& jobs = worker.security->jobs;
    const unsigned first = out.size();
    for (rte_mbuf* packet : in) {
        if (out.room() == 0)
            drop(worker, packet, Drop::no_buffer);
        else if (prepare(worker, packet, jobs[out.size() - first]))
            out.push(packet);
    }
    in.clear();
    const unsigned num_jobs = out.size() - first;
    worker.security->crypto.seal({jobs.data(), num_jobs});
    unsigned kept = first;
    for (unsigned i = 0; i < num_jobs; ++i) {
        rte_mbuf* packet = out[first + i];
        if (jobs[i].ok)
            out.set(kept++, packet);
        else
            drop(worker, packet, Drop::crypto_failed);
    }
    out.truncate(kept);
}

}  // namespace oegate
