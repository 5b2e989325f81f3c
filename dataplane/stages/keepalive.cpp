#include "stages/keepalive.hpp"

#include "worker/security_state.hpp"

namespace oegate {
namespace {

constexpr std::uint8_t kKeepalive = 0xff;  // RFC 3948 §2.3

rte_mbuf* make_keepalive(Worker& worker, const OutboundSa& sa) {
    rte_mbuf* packet = make_packet(worker);
    if (packet == nullptr) return nullptr;
    const std::size_t len = std::size_t{sa.outer.len} + 1;
    auto* at = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(len)));
    esp::write_outer(at, sa.outer, 1, 0, false, worker.identification++);
    at[sa.outer.len] = kKeepalive;
    Meta& m = meta(packet);
    m.pair = esp::outer_pair(sa.outer);
    m.family = sa.outer.family;
    m.header_len = static_cast<std::uint16_t>(esp::outer_header_len(sa.outer.family));
    m.protocol = static_cast<std::uint8_t>(Protocol::udp);
    m.origin = Origin::generated;
    if (m.family == Family::ipv6) esp::finish_udp(m.pair, at + m.header_len, len - m.header_len);
    return packet;
}

}  // namespace

void keep_alive(Worker& worker, const OutboundSa& sa, SaCold& cold) {
    const std::uint64_t interval = worker.security->nat_keepalive_ns;
    if (!sa.outer.udp || sa.state != SaState::live || interval == 0) return;
    const Tick now = to_tick(worker.now_ns);
    const Tick since_kept = now - cold.kept_alive;
    const Tick idle = sa.sequence.sent != 0 ? std::min(now - sa.used, since_kept) : since_kept;
    if (ticks_to_ns(idle) < interval || worker.generated.room() == 0) return;
    rte_mbuf* packet = make_keepalive(worker, sa);
    if (packet == nullptr) return;  // the next scan tries again
    worker.ledger.generated.add();
    worker.generated.push(packet);
    cold.kept_alive = now;
}

}  // namespace oegate
