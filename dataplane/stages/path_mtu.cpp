#include "stages/path_mtu.hpp"

#include "stages/icmp_quote.hpp"

namespace oegate {

void hear_too_big(Worker& worker, rte_mbuf* packet) {
    const Meta& m = meta(packet);
    const ByteView message{data(packet) + m.header_len,
                           static_cast<std::size_t>(rte_pktmbuf_data_len(packet) - m.header_len)};
    const auto told = read_too_big(message, m.family);
    if (!told) {
        const bool impossible = told.error() == QuoteError::implausible;
        return drop(worker, packet, impossible ? Drop::icmp_implausible : Drop::icmp_quote_unknown);
    }
    // The error goes to whoever sent the datagram, and SAs of ours live outside.
    if (told->local != m.pair.destination) return drop(worker, packet, Drop::icmp_implausible);
    if (worker.interfaces[m.in_interface].role != InterfaceRole::outside)
        return drop(worker, packet, Drop::icmp_quote_unknown);
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
