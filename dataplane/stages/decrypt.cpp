// decrypt: tunnel-mode ESP inbound (RFC 4303 §3.4, RFC 4301 §5.2), every suite. Called by
// the loop with ESP datagrams to us whose SPI names this worker; those that came in UDP
// have its header counted in Meta::header_len. Three steps: find the SAs and build the
// jobs of the burst, open all, unwrap each in order. What comes out is treated as a
// datagram that arrived on the tunnel's logical interface.
#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/expire.hpp"
#include "stages/icmp_quote.hpp"
#include "stages/ip_options.hpp"
#include "stages/parse.hpp"
#include "stages/plain_ipv4.hpp"
#include "stages/ways.hpp"
#include "tables/fib.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

const EspHeader& esp_header(const rte_mbuf* packet) {
    return *reinterpret_cast<const EspHeader*>(data(packet) + meta(packet).header_len);
}

/// Bytes behind the outer header.
std::size_t esp_len(const rte_mbuf* packet) {
    const std::size_t len = rte_pktmbuf_data_len(packet), front = meta(packet).header_len;
    return len > front ? len - front : 0;
}

Drop reason_of(esp::Replay verdict) {
    return verdict == esp::Replay::seen ? Drop::esp_replayed : Drop::esp_too_old;
}

Drop unknown(Worker& worker, const Pair& outer, std::uint32_t spi) {
    if (worker.security->unknown_spi_tokens.take(worker.now_ns))
        post(worker, Event(UnknownSpi{outer.source, outer.destination, spi}));
    return Drop::esp_unknown_spi;
}

/// A packet between the two steps.
struct Opening {
    InboundSa* sa;
    std::uint64_t sequence;  // whole
};

/// Everything that can be said of a packet before its ICV is known, its whole sequence
/// number included. Drop::kCount: go on.
Drop examine(Worker& worker, rte_mbuf* packet, Tick now, Opening& found) {
    const Meta& m = meta(packet);
    if (m.fragment) [[unlikely]]
        return Drop::esp_fragment;
    const std::size_t len = esp_len(packet);
    if (len < esp::kMinEspLen) [[unlikely]]
        return Drop::esp_short;
    Sad& sad = worker.security->sad;
    const std::uint32_t spi = esp_header(packet).spi.host(), low = esp_header(packet).sequence.host();
    InboundSa* sa = found.sa = sad.inbound(spi);
    if (sa == nullptr) [[unlikely]]
        return unknown(worker, m.pair, spi);
    if (outer_mark(m.pair) != sa->outer) [[unlikely]]
        return Drop::esp_wrong_address;
    if (static_cast<std::int32_t>(now - sa->check_at) >= 0) [[unlikely]]
        check_limits(worker, *sa);
    if (sa->state == SaState::dead) [[unlikely]]
        return Drop::sa_hard_limit;
    const std::size_t around = std::size_t{sa->front_len} + sa->icv_len;
    if (len < around + sa->alignment) [[unlikely]]
        return Drop::esp_short;
    if (((len - around) & (sa->alignment - 1u)) != 0) [[unlikely]]
        return Drop::esp_length;
    found.sequence = sa->esn ? esp::guess_sequence(sa->replay, low) : low;
    const esp::Replay verdict = sa->replay.check(sad.bitmap(Spi::slot(spi)), found.sequence);
    return verdict == esp::Replay::fresh ? Drop::kCount : reason_of(verdict);
}

void build(Worker& worker, rte_mbuf* packet, const Opening& opening, esp::Job& job) {
    const InboundSa& sa = *opening.sa;
    std::uint8_t* const front = data(packet) + meta(packet).header_len;
    const unsigned front_len = sa.front_len;
    const EspSuite suite = sa.suite;
    const bool esn = sa.esn;
    job.key = worker.security->sad.inbound_key(Spi::slot(sa.spi));
    job.suite = suite;
    job.front = front;
    job.data = front + front_len;
    job.len = static_cast<std::uint32_t>(esp_len(packet) - front_len - sa.icv_len);
    job.esn = esn;
    if (esn) esp::use_esn(job, opening.sequence);
    if (esp::has_counter_iv(suite)) esp::make_nonce(job.nonce, sa.salt, front + sizeof(EspHeader));
}

/// RFC 6040 §4.2. The checksum of an IPv4 header follows (RFC 1624).
bool set_ecn(std::uint8_t* inner, Family family, std::uint8_t outer_ecn) {
    if (!esp::may_change_ecn(outer_ecn)) [[likely]]
        return true;
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

bool same_bits(const Address& a, const Address& b, unsigned num_bits) {
    const unsigned whole = num_bits / 8, rest = num_bits % 8;
    if (std::memcmp(a.bytes().data(), b.bytes().data(), whole) != 0) return false;
    return rest == 0 || (a.bytes()[whole] ^ b.bytes()[whole]) >> (8 - rest) == 0;
}

/// RFC 4301 §5.2: what the peer may put into this SA.
bool selected(const Pair& inner, const InboundSa& sa) {
    if (sa.selectors_exact) return inner == sa.pair;
    return same_bits(inner.source, sa.pair.source, sa.source_bits) &&
           same_bits(inner.destination, sa.pair.destination, sa.destination_bits);
}

/// RFC 4301 §6.2: an ICMP error from a router behind the peer, about a datagram that went
/// out to this SA's peer, for whoever sent that. The SA does not vouch for its source: it
/// must not be of a network inside (RFC 2827).
[[gnu::cold]] bool is_error_for(const Worker& worker, const InboundSa& sa, rte_mbuf* packet) {
    const Meta& m = meta(packet);
    const auto icmp = m.family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6;
    if (static_cast<Protocol>(m.protocol) != icmp || m.later_fragment) return false;
    const auto about = quoted_pair(
        {data(packet) + m.header_len, static_cast<std::size_t>(rte_pktmbuf_data_len(packet) - m.header_len)},
        m.family);
    if (!about || about->source != m.pair.destination || !selected(about->reversed(), sa)) return false;
    const std::uint32_t back = worker.routes->lookup(m.pair.source);
    return back == kNoNextHop ||
           worker.interfaces[worker.routes->next_hop(back).interface].role != InterfaceRole::inside;
}

Drop mismatch(Worker& worker, const Pair& inner, const InboundSa& sa) {
    if (worker.security->mismatch_tokens.take(worker.now_ns)) {
        Sad& sad = worker.security->sad;
        const std::uint32_t slot = sad.slot_of(sa);
        post(worker, Event(SelectorMismatch{inner, {slot, sad.inbound_cold(slot).generation}}));
    }
    return Drop::esp_selector_mismatch;
}

/// The way of a host pair's inner datagrams, asked for again whenever the tables have changed.
Way way_inside(const Worker& worker, InboundSa& sa) {
    if (sa.way.generation != worker.generation) [[unlikely]]
        keep_way(worker, sa.way, find_way_inside(worker, sa.pair), 0);
    return kept_way(worker, sa.way);
}

/// Leaves of the packet what lies in it from `at` on.
void cut_out(rte_mbuf* packet, const std::uint8_t* at, std::size_t len) {
    packet->data_off = static_cast<std::uint16_t>(at - static_cast<std::uint8_t*>(packet->buf_addr));
    packet->data_len = static_cast<std::uint16_t>(len);
    packet->pkt_len = static_cast<std::uint32_t>(len);
}

/// Cuts everything but the inner datagram off and checks it; TFC padding behind it goes
/// with the rest, since its own length decides (RFC 4303 §2.7). Drop::kCount: it is good.
Drop unwrap(Worker& worker, rte_mbuf* packet, InboundSa& sa, const esp::Job& job) {
    const auto trailer = esp::read_trailer({job.data, job.len});
    if (!trailer) return Drop::esp_bad_padding;
    const auto next = static_cast<Protocol>(trailer->next_header);
    if (next == Protocol::no_next_header) return Drop::esp_dummy;
    if (next != Protocol::ipip && next != Protocol::ipv6) return Drop::esp_next_header;
    const Family family = next == Protocol::ipip ? Family::ipv4 : Family::ipv6;
    if (trailer->payload_len == 0 || job.data[0] >> 4 != static_cast<unsigned>(family))
        return Drop::esp_inner_invalid;
    const std::uint8_t outer_ecn = ecn_of_outer(packet);
    cut_out(packet, job.data, trailer->payload_len);
    Meta& m = meta(packet);
    m.origin = Origin::decrypted;
    m.next_hop = kNoNextHop;
    m.family = family;
    if (!read_plain_ipv4(packet) && parse_datagram(packet) != Drop::kCount) return Drop::esp_inner_invalid;
    const bool of_pair = selected(m.pair, sa);
    if (!of_pair && !is_error_for(worker, sa, packet)) return mismatch(worker, m.pair, sa);
    m.way = of_pair && sa.selectors_exact ? way_inside(worker, sa) : Way{};
    return set_ecn(data(packet), family, outer_ecn) ? Drop::kCount : Drop::esp_congestion;
}

/// The ICV is known: the window moves, the SA counts, the inner datagram comes out.
Drop finish(Worker& worker, rte_mbuf* packet, Tick now, const Opening& opening, const esp::Job& job) {
    if (job.failed) return Drop::crypto_failed;
    if (!job.ok) return Drop::esp_bad_icv;
    InboundSa& sa = *opening.sa;
    Sad& sad = worker.security->sad;
    const std::uint32_t slot = Spi::slot(sa.spi);
    // Checked again: the same number may stand twice in one burst.
    const esp::Replay verdict = sa.replay.check(sad.bitmap(slot), opening.sequence);
    if (verdict != esp::Replay::fresh) return reason_of(verdict);
    if (sa.state == SaState::dead) return Drop::sa_hard_limit;
    sa.replay.update(sad.bitmap(slot), opening.sequence);
    const Drop reason = unwrap(worker, packet, sa, job);
    const std::uint64_t packets = ++sa.packets;
    const std::uint64_t bytes = sa.bytes += reason == Drop::kCount ? rte_pktmbuf_data_len(packet) : 0;
    sa.used = now;
    if (sa.report_first && can_post(worker)) [[unlikely]] {
        sa.report_first = false;
        post(worker, Event(FirstEsp{sa.pair, {slot, sad.inbound_cold(slot).generation}}));
    }
    if (packets >= sa.next_packets || bytes >= sa.next_bytes) [[unlikely]]
        check_limits(worker, sa);
    return reason;
}

/// Whether this is ESP of an SA of which a packet has come in by the long way since the
/// tables last changed.
bool is_known(const Worker& worker, const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    if (static_cast<Protocol>(m.protocol) != Protocol::esp || m.fragment || m.link_broadcast ||
        esp_len(packet) < esp::kMinEspLen || has_options(packet))
        return false;
    const std::uint32_t spi = esp_header(packet).spi.host();
    const InboundSa* sa = worker.security->sad.inbound(spi);
    if (sa == nullptr || sa->way.generation != worker.generation || outer_mark(m.pair) != sa->outer)
        return false;
    worker.security->sad.prefetch_opening(spi, esp_header(packet).sequence.host());
    return true;
}

}  // namespace

void claim(Worker& worker, Burst& datagrams, Burst& esp) {
    unsigned kept = 0;
    for (rte_mbuf* packet : datagrams) {
        if (is_known(worker, packet))
            esp.push(packet);
        else
            datagrams.set(kept++, packet);
    }
    datagrams.truncate(kept);
}

void decrypt(Worker& worker, Burst& in, Burst& out) {
    Security& security = *worker.security;
    const Tick now = to_tick(worker.now_ns);
    Opening opened[kBurstRoom];
    unsigned num_jobs = 0;
    for (rte_mbuf* packet : in) {
        const Drop reason = examine(worker, packet, now, opened[num_jobs]);
        if (reason != Drop::kCount) [[unlikely]] {
            drop(worker, packet, reason);
            continue;
        }
        build(worker, packet, opened[num_jobs], security.jobs[num_jobs]);
        in.set(num_jobs++, packet);
    }
    security.crypto.open({security.jobs.data(), num_jobs});
    for (unsigned i = 0; i < num_jobs; ++i) {
        Drop reason = finish(worker, in[i], now, opened[i], security.jobs[i]);
        if (reason == Drop::kCount && out.room() == 0) reason = Drop::no_buffer;
        if (reason == Drop::kCount) [[likely]]
            out.push(in[i]);
        else
            drop(worker, in[i], reason);
    }
    in.clear();
}

}  // namespace oegate
