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
#include "tables/prefetch.hpp"
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
    const Family family = sa.outer.family;
    const bool udp = sa.outer.udp;
    esp::set_outer_pair(sa.outer, m.pair);
    m.hash = 0;
    m.next_hop = kNoNextHop;
    m.way = way_of(worker, sa);
    m.family = family;
    m.origin = Origin::encrypted;
    m.dont_fragment = dont_fragment || family == Family::ipv6;
    m.link_broadcast = false;
    m.header_len = static_cast<std::uint16_t>(esp::outer_header_len(family));
    m.source_port = m.destination_port = 0;
    m.protocol = static_cast<std::uint8_t>(udp ? Protocol::udp : Protocol::esp);
    m.fragment = m.later_fragment = false;
}

/// Makes room around the inner datagram; the buffer has it. Returns where the outer one begins.
std::uint8_t* grow(rte_mbuf* packet, unsigned before, unsigned behind) {
    packet->data_off = static_cast<std::uint16_t>(packet->data_off - before);
    packet->data_len = static_cast<std::uint16_t>(packet->data_len + before + behind);
    packet->pkt_len += before + behind;
    return data(packet);
}

/// Writes everything but the cipher text and ICV. The buffer has room for it. What is
/// read of SA and packet is read first: a store of bytes may change any of it, for all
/// that the compiler knows.
void build(Worker& worker, rte_mbuf* packet, OutboundSa& sa, std::uint64_t sequence, esp::Job& job) {
    Meta& m = meta(packet);
    Security& security = *worker.security;
    const unsigned inner_len = rte_pktmbuf_data_len(packet);
    const unsigned front_len = sa.front_len, head_len = sa.head_len, icv_len = sa.icv_len;
    const EspSuite suite = sa.suite;
    const Inner inner = inspect(data(packet), m.family);
    const bool dont_fragment = esp::outer_dont_fragment(sa.policy, m.dont_fragment);
    const std::uint8_t traffic_class = esp::outer_traffic_class(sa.policy, inner.traffic_class);
    const auto num_pad = static_cast<unsigned>(esp::pad_len(inner_len, sa.alignment));
    const unsigned len = inner_len + num_pad + esp::kTrailerLen;

    job.key = security.sad.outbound_key(m.sa.slot);
    std::uint8_t* const outer = grow(packet, head_len, len - inner_len + icv_len);
    std::uint8_t* const front = outer + head_len - front_len;
    job.suite = suite;
    job.front = front;
    job.data = front + front_len;
    job.len = len;
    esp::write_trailer(front + front_len + inner_len, num_pad, inner.next_header);
    esp::write_esp_header(front, sa.spi, sequence);
    job.esn = sa.esn;
    if (sa.esn) esp::use_esn(job, sequence);
    if (is_aead(suite))
        esp::write_aead_iv(front + sizeof(EspHeader), sequence, job.nonce, sa.salt);
    else if (front_len != sizeof(EspHeader))
        security.crypto.write_iv(front + sizeof(EspHeader), front_len - sizeof(EspHeader));
    esp::write_outer(outer, sa.outer, front_len + len + icv_len, traffic_class, dont_fragment,
                     worker.identification++);
    describe(worker, m, sa, dont_fragment);
}

/// Whether the SA can take one more packet and the packet what is put around it.
/// Drop::kCount: both; another reason: the caller drops the packet.
Drop refusal(const rte_mbuf* packet, const OutboundSa& sa) {
    const unsigned len = rte_pktmbuf_data_len(packet);
    const auto behind = static_cast<unsigned>(esp::trailer_len(len, sa.alignment)) + sa.icv_len;
    if (packet->data_off < sa.head_len || packet->data_off + len + behind > packet->buf_len)
        return Drop::no_buffer;
    return sa.sequence.exhausted(sa.esn) ? Drop::sa_sequence_exhausted : Drop::kCount;
}

/// True when the packet is built and waits for its job.
bool prepare(Worker& worker, rte_mbuf* packet, Tick now, esp::Job& job) {
    OutboundSa* sa = worker.security->sad.outbound(meta(packet).sa);
    if (sa == nullptr) [[unlikely]]
        return drop(worker, packet, Drop::sa_missing), false;
    if (static_cast<std::int32_t>(now - sa->check_at) >= 0) [[unlikely]]
        check_limits(worker, *sa);
    if (sa->state == SaState::dead) [[unlikely]]
        return no_more(worker, packet, *sa), false;
    if (const Drop reason = refusal(packet, *sa); reason != Drop::kCount) [[unlikely]] {
        if (reason == Drop::sa_sequence_exhausted) end_sa(worker, *sa);
        return drop(worker, packet, reason), false;
    }
    const std::uint64_t sequence = sa->sequence.next(sa->esn);
    const std::uint64_t bytes = sa->bytes += rte_pktmbuf_data_len(packet);
    const bool reached = sequence >= sa->next_packets || bytes >= sa->next_bytes;
    sa->used = now;
    build(worker, packet, *sa, sequence, job);
    if (reached) [[unlikely]]
        check_limits(worker, *sa);
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
    const Tick now = to_tick(worker.now_ns);
    const unsigned first = out.size();
    for (rte_mbuf* packet : in)
        prefetch_line(data(packet) + rte_pktmbuf_data_len(packet));  // where the trailer goes
    esp::Job* job = security.jobs.data();
    for (rte_mbuf* packet : in) {
        if (out.room() == 0) [[unlikely]] {
            drop(worker, packet, Drop::no_buffer);
        } else if (prepare(worker, packet, now, *job)) {
            out.push(packet);
            ++job;
        }
    }
    in.clear();
    const auto num_jobs = static_cast<unsigned>(job - security.jobs.data());
    security.crypto.seal({security.jobs.data(), num_jobs});
    unsigned kept = first;
    for (unsigned i = 0; i < num_jobs; ++i) {
        rte_mbuf* packet = out[first + i];
        if (!security.jobs[i].ok) [[unlikely]] {
            drop(worker, packet, Drop::crypto_failed);
            continue;
        }
        finish(packet);
        out.set(kept++, packet);
    }
    out.truncate(kept);
}

}  // namespace oegate
