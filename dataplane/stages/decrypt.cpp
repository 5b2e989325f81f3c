// decrypt: tunnel-mode ESP inbound (RFC 4303 §3.4, RFC 4106, RFC 4301 §5.2). Called
// by the loop with ESP datagrams to us whose SPI names this worker. Three steps: find
// the SAs and build the jobs of the burst, open all, unwrap each in order. What comes
// out is treated as a datagram that arrived on the tunnel's logical interface.
#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/expire.hpp"
#include "stages/parse.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

const EspHeader& esp_header(rte_mbuf* packet) {
    return *reinterpret_cast<const EspHeader*>(data(packet) + meta(packet).header_len);
}

bool long_enough(rte_mbuf* packet) {
    return rte_pktmbuf_data_len(packet) >= meta(packet).header_len + esp::kMinEspLen;
}

/// Everything that can be said of a packet before its ICV is known. Drop::kCount: go on.
Drop examine(Worker& worker, rte_mbuf* packet, InboundSa*& found) {
    const Meta& m = meta(packet);
    if (m.fragment) return Drop::esp_fragment;
    if (!long_enough(packet)) return Drop::esp_short;
    Security& security = *worker.security;
    const std::uint32_t spi = esp_header(packet).spi.host();
    InboundSa* sa = found = security.sad.inbound(spi);
    if (sa == nullptr) {
        if (security.unknown_spi_tokens.take(worker.now_ns))
            post(worker, Event(UnknownSpi{m.pair.source, m.pair.destination, spi}));
        return Drop::esp_unknown_spi;
    }
    if (m.pair.source != sa->remote || m.pair.destination != sa->local) return Drop::esp_wrong_address;
    if (sa->state == SaState::dead) return Drop::sa_hard_limit;
    const std::uint64_t sequence = esp_header(packet).sequence.host();
    if (sa->replay.check(security.sad.bitmap(security.sad.slot_of(*sa)), sequence) != esp::Replay::fresh)
        return Drop::esp_replayed;
    return Drop::kCount;
}

void build(Worker& worker, rte_mbuf* packet, const InboundSa& sa, esp::GcmJob& job) {
    std::uint8_t* front = data(packet) + meta(packet).header_len;
    const std::size_t esp_len = rte_pktmbuf_data_len(packet) - std::size_t{meta(packet).header_len};
    job.key = worker.security->sad.inbound_key(worker.security->sad.slot_of(sa));
    job.suite = sa.suite;
    job.aad = front;
    job.data = front + esp::kFrontLen;
    job.len = static_cast<std::uint32_t>(esp_len - esp::kFrontLen - esp::kIcvLen);
    job.icv = job.data + job.len;
    esp::make_nonce(job.nonce, sa.salt, front + sizeof(EspHeader));
}

/// RFC 6040 §4.2. The checksum of an IPv4 header follows (RFC 1624).
bool set_ecn(std::uint8_t* inner, Family family, std::uint8_t outer_ecn) {
    if (family == Family::ipv4) {
        auto* header = reinterpret_cast<Ipv4Header*>(inner);
        const auto ecn = esp::decapsulated_ecn(header->tos & 3, outer_ecn);
        if (!ecn) return false;
        if (*ecn != (header->tos & 3)) {
            header->tos = static_cast<std::uint8_t>((header->tos & ~3u) | *ecn);
            header->header_checksum = Be16(0);
            header->header_checksum = Be16(checksum({inner, header->header_len()}));
        }
        return true;
    }
    auto* header = reinterpret_cast<Ipv6Header*>(inner);
    const std::uint32_t word = header->version_class_flow.host();
    const auto ecn = esp::decapsulated_ecn(word >> 20 & 3, outer_ecn);
    if (!ecn) return false;
    header->version_class_flow = Be32((word & ~(3u << 20)) | static_cast<std::uint32_t>(*ecn) << 20);
    return true;
}

std::uint8_t ecn_of_outer(rte_mbuf* packet) {
    if (meta(packet).family == Family::ipv4) return data(packet)[1] & 3;
    return data(packet)[1] >> 4 & 3;
}

/// Cuts everything but the inner datagram off and checks it. Drop::kCount: it is good.
Drop unwrap(Worker& worker, rte_mbuf* packet, const InboundSa& sa, const esp::GcmJob& job) {
    if (job.len % esp::kAlignment != 0) return Drop::esp_bad_padding;
    const auto trailer = esp::read_trailer({job.data, job.len});
    if (!trailer) return Drop::esp_bad_padding;
    const auto next = static_cast<Protocol>(trailer->next_header);
    if (next == Protocol::no_next_header) return Drop::esp_dummy;
    if (next != Protocol::ipip && next != Protocol::ipv6) return Drop::esp_next_header;
    const Family family = next == Protocol::ipip ? Family::ipv4 : Family::ipv6;
    if (trailer->payload_len == 0 || job.data[0] >> 4 != static_cast<unsigned>(family))
        return Drop::esp_inner_invalid;
    const std::uint8_t outer_ecn = ecn_of_outer(packet);
    Meta& m = meta(packet);
    rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(m.header_len + esp::kFrontLen));
    rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(rte_pktmbuf_data_len(packet) - trailer->payload_len));
    m.origin = Origin::decrypted;
    m.next_hop = kNoNextHop;
    m.family = family;
    if (parse_datagram(packet) != Drop::kCount) return Drop::esp_inner_invalid;
    if (m.pair != sa.pair) {
        if (worker.security->mismatch_tokens.take(worker.now_ns)) {
            Sad& sad = worker.security->sad;
            const std::uint32_t slot = sad.slot_of(sa);
            post(worker, Event(SelectorMismatch{m.pair, {slot, sad.inbound_cold(slot).generation}}));
        }
        return Drop::esp_selector_mismatch;
    }
    return set_ecn(data(packet), family, outer_ecn) ? Drop::kCount : Drop::esp_congestion;
}

/// The ICV is known: the window moves, the SA counts, the inner datagram comes out.
Drop finish(Worker& worker, rte_mbuf* packet, InboundSa& sa, const esp::GcmJob& job) {
    if (job.failed) return Drop::crypto_failed;
    if (!job.ok) return Drop::esp_bad_icv;
    Sad& sad = worker.security->sad;
    const std::uint32_t slot = sad.slot_of(sa);
    const std::uint64_t sequence = esp_header(packet).sequence.host();
    // Checked again: the same number may stand twice in one burst.
    if (sa.replay.check(sad.bitmap(slot), sequence) != esp::Replay::fresh) return Drop::esp_replayed;
    if (sa.state == SaState::dead) return Drop::sa_hard_limit;
    sa.replay.update(sad.bitmap(slot), sequence);
    const Drop reason = unwrap(worker, packet, sa, job);
    ++sa.packets;
    sa.used = to_tick(worker.now_ns);
    if (reason == Drop::kCount) sa.bytes += rte_pktmbuf_data_len(packet);
    if (sa.report_first && can_post(worker)) {
        sa.report_first = false;
        post(worker, Event(FirstEsp{sa.pair, {slot, sad.inbound_cold(slot).generation}}));
    }
    if (sa.packets >= sa.next_packets || sa.bytes >= sa.next_bytes) check_limits(worker, sa);
    return reason;
}

}  // namespace

void decrypt(Worker& worker, Burst& in, Burst& out) {
    Security& security = *worker.security;
    std::array<InboundSa*, kBurstRoom> sas;
    for (rte_mbuf* packet : in)
        if (long_enough(packet)) security.sad.prefetch_inbound(esp_header(packet).spi.host());
    unsigned num_jobs = 0;
    for (rte_mbuf* packet : in) {
        const Drop reason = examine(worker, packet, sas[num_jobs]);
        if (reason != Drop::kCount) {
            drop(worker, packet, reason);
            continue;
        }
        build(worker, packet, *sas[num_jobs], security.jobs[num_jobs]);
        in.set(num_jobs++, packet);
    }
    in.truncate(num_jobs);
    security.crypto.open({security.jobs.data(), num_jobs});
    for (unsigned i = 0; i < num_jobs; ++i) {
        Drop reason = finish(worker, in[i], *sas[i], security.jobs[i]);
        if (reason == Drop::kCount && out.room() == 0) reason = Drop::no_buffer;
        if (reason == Drop::kCount)
            out.push(in[i]);
        else
            drop(worker, in[i], reason);
    }
    in.clear();
}

}  // namespace oegate
