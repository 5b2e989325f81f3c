#include "stages/path_mtu.hpp"

#include "stages/icmp_quote.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

ByteView message_of(const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    return {data(packet) + m.header_len,
            static_cast<std::size_t>(rte_pktmbuf_data_len(packet) - m.header_len)};
}

/// kCount: what it quotes may be a datagram of ours.
Drop why_not(const Worker& worker, const Meta& m, const Result<TooBig, QuoteError>& told) {
    if (!told)
        return told.error() == QuoteError::implausible ? Drop::icmp_implausible : Drop::icmp_quote_unknown;
    // The error goes to whoever sent the datagram, and SAs of ours live outside.
    if (told->local != m.pair.destination) return Drop::icmp_implausible;
    if (worker.interfaces[m.in_interface].role != InterfaceRole::outside) return Drop::icmp_quote_unknown;
    return Drop::kCount;
}

}  // namespace

void hear_unreachable(Worker& worker, rte_mbuf* packet) {
    const Meta& m = meta(packet);
    const auto told = read_unreachable(message_of(packet), m.family);
    if (const Drop reason = why_not(worker, m, told); reason != Drop::kCount)
        return drop(worker, packet, reason);
    if (!worker.security || !worker.security->unknown_spi_tokens.take(worker.now_ns))
        return drop(worker, packet, Drop::icmp_rate_limited);
    // SPI 0: nobody has told us one, and there is nothing that the peer should be told.
    UnknownSpi event;
    event.local = told->local;
    event.remote = told->remote;
    event.spi = 0;
    post(worker, Event(event));
    worker.ledger.consumed.add();
    rte_pktmbuf_free(packet);
}

void hear_too_big(Worker& worker, rte_mbuf* packet) {
    const Meta& m = meta(packet);
    const auto told = read_too_big(message_of(packet), m.family);
    if (const Drop reason = why_not(worker, m, told); reason != Drop::kCount)
        return drop(worker, packet, reason);
    if (!worker.path_mtu_tokens.take(worker.now_ns)) return drop(worker, packet, Drop::icmp_rate_limited);
    PathMtu event;
    event.local = told->local;
    event.remote = told->remote;
    event.reporter = m.pair.source;
    event.spi = told->spi;
    event.mtu = told->mtu;
    post(worker, Event(event));
    worker.ledger.consumed.add();
    rte_pktmbuf_free(packet);
}

}  // namespace oegate
