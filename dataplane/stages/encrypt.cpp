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
    if (family == Family::ipv4) [[likely]]
        return {at[1], static_cast<std::uint8_t>(Protocol::ipip)};
    return {static_cast<std::uint8_t>(at[0] << 4 | at[1] >> 4), static_cast<std::uint8_t>(Protocol::ipv6)};
}

/// What the outer datagram is to the stages behind us: every field that is not so already.
template <Family family>
void describe(const Worker& worker, Meta& m, const OutboundSa& sa, bool dont_fragment) {
    esp::set_outer_pair<family>(sa.outer, m.pair);
    m.hash = 0;
    m.next_hop = kNoNextHop;
    m.way = kept_way(worker, sa.way);  // inner_mtu found it in this loop
    m.family = family;
    m.origin = Origin::encrypted;
    m.dont_fragment = dont_fragment || family == Family::ipv6;
    m.link_broadcast = false;
    m.header_len = static_cast<std::uint16_t>(esp::outer_header_len(family));
    m.source_port = m.destination_port = 0;
    m.protocol = esp::outer_protocol<family>(sa.outer);
    m.fragment = m.later_fragment = false;
}

/// Makes room around the inner datagram; the buffer has it. Returns where the outer one begins.
std::uint8_t* grow(rte_mbuf* packet, unsigned before, unsigned behind) {
    packet->data_off = static_cast<std::uint16_t>(packet->data_off - before);
    packet->data_len = static_cast<std::uint16_t>(packet->data_len + before + behind);
    packet->pkt_len += before + behind;
    return data(packet);
}

/// The outer header, and Meta about it. True when its UDP checksum, which IPv6 demands, is
/// to come: it is over what is sealed only later.
template <Family family>
bool wrap(Worker& worker, rte_mbuf* packet, OutboundSa& sa, std::uint8_t* at, std::uint8_t inner_class) {
    Meta& m = meta(packet);
    const bool dont_fragment = esp::outer_dont_fragment(sa.policy, m.dont_fragment);
    esp::write_outer<family>(at, sa.outer, rte_pktmbuf_data_len(packet),
                             esp::outer_traffic_class(sa.policy, inner_class), dont_fragment,
                             worker.identification++);
    describe<family>(worker, m, sa, dont_fragment);
    return family == Family::ipv6 && sa.outer.udp;
}

/// Writes everything but the cipher text and ICV, for which the buffer has room, and what
/// wrap() says is to come.
bool build(Worker& worker, rte_mbuf* packet, OutboundSa& sa, esp::Job& job) {
    Security& security = *worker.security;
    const unsigned inner_len = rte_pktmbuf_data_len(packet);
    const unsigned front_len = sa.front_len;
    const EspSuite suite = sa.suite;
    const bool esn = sa.esn;
    const std::uint64_t sequence = sa.sequence.sent;
    std::uint8_t* const at = data(packet);
    std::uint8_t* const front = at - front_len;
    const Inner inner = inspect(at, meta(packet).family);
    const auto num_pad = static_cast<unsigned>(esp::pad_len(inner_len, sa.alignment));
    const auto trailer_len = static_cast<unsigned>(num_pad + esp::kTrailerLen);
    std::uint8_t* const outer = grow(packet, sa.head_len, trailer_len + sa.icv_len);

    job.key = security.sad.outbound_key(meta(packet).sa.slot);
    job.front = front;
    job.data = at;
    job.len = inner_len + trailer_len;
    job.suite = suite;
    job.esn = esn;
    esp::write_trailer(at + inner_len, num_pad, inner.next_header);
    esp::write_esp_header(front, sa.spi, sequence);
    if (esn) esp::use_esn(job, sequence);
    if (esp::has_counter_iv(suite)) [[likely]]
        esp::write_aead_iv(front + sizeof(EspHeader), sequence, job.nonce, sa.salt);
    else if (front_len != sizeof(EspHeader))
        security.crypto.write_iv(front + sizeof(EspHeader), front_len - sizeof(EspHeader));
    return sa.outer.family == Family::ipv4
               ? wrap<Family::ipv4>(worker, packet, sa, outer, inner.traffic_class)
               : wrap<Family::ipv6>(worker, packet, sa, outer, inner.traffic_class);
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

/// The SA that takes this packet under its next number; null: the packet is gone.
OutboundSa* admit(Worker& worker, rte_mbuf* packet, Tick now) {
    OutboundSa* sa = worker.security->sad.outbound(meta(packet).sa);
    if (sa == nullptr) [[unlikely]]
        return drop(worker, packet, Drop::sa_missing), nullptr;
    if (static_cast<std::int32_t>(now - sa->check_at) >= 0) [[unlikely]]
        check_limits(worker, *sa);
    if (sa->state == SaState::dead) [[unlikely]]
        return no_more(worker, packet, *sa), nullptr;
    if (const Drop reason = refusal(packet, *sa); reason != Drop::kCount) [[unlikely]] {
        if (reason == Drop::sa_sequence_exhausted) end_sa(worker, *sa);
        return drop(worker, packet, reason), nullptr;
    }
    sa->sequence.next(sa->esn);
    sa->bytes += rte_pktmbuf_data_len(packet);
    sa->used = now;
    return sa;
}

void finish_udp(rte_mbuf* packet) {
    const Meta& m = meta(packet);
    if (m.family == Family::ipv4 || m.protocol != static_cast<std::uint8_t>(Protocol::udp)) return;
    esp::finish_udp(m.pair, data(packet) + m.header_len,
                    rte_pktmbuf_data_len(packet) - std::size_t{m.header_len});
}

/// What is left to do for sealed packets: those from `first` on, in the order of their jobs.
void finish(Worker& worker, Burst& out, unsigned first) {
    const esp::Job* job = worker.security->jobs.data();
    unsigned kept = first;
    for (unsigned i = first; i < out.size(); ++i) {
        if (!job++->ok) {
            drop(worker, out[i], Drop::crypto_failed);
            continue;
        }
        finish_udp(out[i]);
        out.set(kept++, out[i]);
    }
    out.truncate(kept);
}

}  // namespace

std::uint16_t inner_mtu(Worker& worker, SaRef ref) {
    OutboundSa* sa = worker.security->sad.outbound(ref);
    if (sa == nullptr) return 0;
    if (sa->way.generation != worker.generation) [[unlikely]] {
        const Address remote = esp::outer_pair(sa->outer).destination;
        keep_way(worker, sa->way, find_way(worker, remote), mtu_towards(worker, remote));
    }
    return sa->inner_mtu(sa->way.mtu);
}

void encrypt(Worker& worker, Burst& in, Burst& out) {
    Security& security = *worker.security;
    const Tick now = to_tick(worker.now_ns);
    const unsigned first = out.size();
    esp::Job* job = security.jobs.data();
    bool checksums = false;
    for (rte_mbuf* packet : in) {
        if (out.room() == 0) [[unlikely]] {
            drop(worker, packet, Drop::no_buffer);
            continue;
        }
        OutboundSa* sa = admit(worker, packet, now);
        if (sa == nullptr) [[unlikely]]
            continue;
        checksums |= build(worker, packet, *sa, *job++);
        out.push(packet);
        if (sa->sequence.sent >= sa->next_packets || sa->bytes >= sa->next_bytes) [[unlikely]]
            check_limits(worker, *sa);
    }
    in.clear();
    const bool sealed = security.crypto.seal({security.jobs.data(), out.size() - first});
    if (!sealed || checksums) finish(worker, out, first);
}

}  // namespace oegate
