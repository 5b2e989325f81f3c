// encrypt: tunnel-mode ESP outbound (RFC 4303 §3.3, RFC 4301 §5.1), every suite, also in
// UDP (RFC 3948). Called by the loop with datagrams whose Meta::sa names an SA of this
// worker and that fit. Four steps over the burst: fetch the SAs, build every packet,
// seal all, pass them on. The loop routes the result.
#include <utility>

#include "net/headers.hpp"
#include "stages/expire.hpp"
#include "stages/handoff.hpp"
#include "stages/hold.hpp"
#include "stages/ways.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// The SA of this datagram is over; its flow may be another worker's.
void no_more(Worker& worker, rte_mbuf* packet, OutboundSa& sa) {
    end_sa(worker, sa);
    if (owner(worker, meta(packet).pair) != worker.index) return hand_back(worker, packet);
    hold_again(worker, packet);
}

struct Inner {
    std::uint8_t traffic_class;
    std::uint8_t next_header;
};

Inner inspect(const std::uint8_t* at, Family family) {
    if (family == Family::ipv4)
        return {reinterpret_cast<const Ipv4Header*>(at)->tos, static_cast<std::uint8_t>(Protocol::ipip)};
    return {static_cast<std::uint8_t>(at[0] << 4 | at[1] >> 4), static_cast<std::uint8_t>(Protocol::ipv6)};
}

/// The way of the SA's datagrams, as inner_mtu found it in this loop.
Way way_of(const Worker& worker, const OutboundSa& sa) {
    if (sa.way.generation != worker.generation) [[unlikely]]
        return {};
    return {sa.way.adjacency, static_cast<std::uint16_t>(worker.way_generation)};
}

/// What the outer datagram is to the stages behind us: every field that is not so already.
void describe(const Worker& worker, Meta& m, const OutboundSa& sa, bool dont_fragment) {
    esp::set_outer_pair(sa.outer, m.pair);
    m.hash = 0;
    m.next_hop = kNoNextHop;
    m.way = way_of(worker, sa);
    m.link_broadcast = m.fragment = m.later_fragment = false;
    m.source_port = m.destination_port = 0;
    m.header_len = static_cast<std::uint16_t>(esp::outer_header_len(sa.outer.family));
    m.protocol = static_cast<std::uint8_t>(sa.outer.udp ? Protocol::udp : Protocol::esp);
    m.family = sa.outer.family;
    m.origin = Origin::encrypted;
    m.dont_fragment = dont_fragment || sa.outer.family == Family::ipv6;
}

/// Writes everything but the cipher text and ICV. The buffer has room for it.
void build(Worker& worker, rte_mbuf* packet, OutboundSa& sa, std::uint64_t sequence, esp::Job& job) {
    Meta& m = meta(packet);
    const std::size_t inner_len = rte_pktmbuf_data_len(packet);
    const Inner inner = inspect(data(packet), m.family);
    const std::size_t num_pad = esp::pad_len(inner_len, sa.alignment);
    const std::size_t trailer = num_pad + esp::kTrailerLen;
    auto* tail = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(packet, static_cast<std::uint16_t>(trailer + sa.icv_len)));
    esp::write_trailer(tail, num_pad, inner.next_header);
    auto* outer = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_prepend(packet, static_cast<std::uint16_t>(sa.outer.len + sa.front_len)));
    std::uint8_t* front = outer + sa.outer.len;
    esp::write_esp_header(front, sa.spi, sequence);

    Security& security = *worker.security;
    job.key = security.sad.outbound_key(security.sad.slot_of(sa));
    job.suite = sa.suite;
    job.front = front;
    job.data = front + sa.front_len;
    job.len = static_cast<std::uint32_t>(inner_len + trailer);
    job.esn = false;
    if (sa.esn) esp::use_esn(job, sequence);
    if (is_aead(sa.suite))
        esp::write_aead_iv(front + sizeof(EspHeader), sequence, job.nonce, sa.salt);
    else if (sa.front_len != sizeof(EspHeader))
        security.crypto.write_iv(front + sizeof(EspHeader), sa.front_len - sizeof(EspHeader));

    const bool dont_fragment = esp::outer_dont_fragment(sa.policy, m.dont_fragment);
    esp::write_outer(outer, sa.outer, sa.front_len + job.len + sa.icv_len,
                     esp::outer_traffic_class(sa.policy, inner.traffic_class), dont_fragment,
                     worker.identification++);
    describe(worker, m, sa, dont_fragment);
}

/// True when the packet is built and waits for its job.
bool prepare(Worker& worker, rte_mbuf* packet, esp::Job& job) {
    OutboundSa* sa = worker.security->sad.outbound(meta(packet).sa);
    if (sa == nullptr) return drop(worker, packet, Drop::sa_missing), false;
    const Tick now = to_tick(worker.now_ns);
    if (static_cast<std::int32_t>(now - sa->check_at) >= 0) check_limits(worker, *sa);
    if (sa->state == SaState::dead) return no_more(worker, packet, *sa), false;
    const std::size_t inner_len = rte_pktmbuf_data_len(packet);
    if (rte_pktmbuf_headroom(packet) < std::size_t{sa->outer.len} + sa->front_len ||
        rte_pktmbuf_tailroom(packet) < esp::trailer_len(inner_len, sa->alignment) + sa->icv_len)
        return drop(worker, packet, Drop::no_buffer), false;
    const std::uint64_t sequence = sa->sequence.next(sa->esn);
    if (sequence == 0) {
        end_sa(worker, *sa);
        return drop(worker, packet, Drop::sa_sequence_exhausted), false;
    }
    sa->bytes += inner_len;
    sa->used = now;
    build(worker, packet, *sa, sequence, job);
    if (sequence >= sa->next_packets || sa->bytes >= sa->next_bytes) check_limits(worker, *sa);
    return true;
}

/// UDP over IPv6 has a checksum, over what is sealed only now.
void finish(rte_mbuf* packet) {
    const Meta& m = meta(packet);
    if (m.family == Family::ipv4 || m.protocol != static_cast<std::uint8_t>(Protocol::udp)) return;
    esp::finish_udp(m.pair, data(packet) + m.header_len,
                    rte_pktmbuf_data_len(packet) - std::size_t{m.header_len});
}

}  // namespace

std::uint16_t inner_mtu(Worker& worker, SaRef ref) {
    OutboundSa* sa = worker.security->sad.outbound(ref);
    if (sa == nullptr) return 0;
    if (sa->way.generation != worker.generation) [[unlikely]] {
        const Address remote = esp::outer_pair(sa->outer).destination;
        const Way found = find_way(worker, remote);
        sa->way = {found.adjacency, mtu_towards(worker, remote),
                   found.generation == Way::kUnknown ? 0 : worker.generation};
    }
    return sa->inner_mtu(sa->way.mtu);
}

void encrypt(Worker& worker, Burst& in, Burst& out) {
    Security& security = *worker.security;
    auto& jobs = security.jobs;
    const unsigned first = out.size();
    for (rte_mbuf* packet : in) {
        security.sad.prefetch_outbound(meta(packet).sa.slot);
        __builtin_prefetch(data(packet) + rte_pktmbuf_data_len(packet), 1);  // where the trailer goes
    }
    for (rte_mbuf* packet : in) {
        if (out.room() == 0)
            drop(worker, packet, Drop::no_buffer);
        else if (prepare(worker, packet, jobs[out.size() - first]))
            out.push(packet);
    }
    in.clear();
    const unsigned num_jobs = out.size() - first;
    security.crypto.seal({jobs.data(), num_jobs});
    unsigned kept = first;
    for (unsigned i = 0; i < num_jobs; ++i) {
        rte_mbuf* packet = out[first + i];
        if (!jobs[i].ok) {
            drop(worker, packet, Drop::crypto_failed);
            continue;
        }
        finish(packet);
        out.set(kept++, packet);
    }
    out.truncate(kept);
}

}  // namespace oegate
