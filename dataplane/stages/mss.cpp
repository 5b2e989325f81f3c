#include "stages/mss.hpp"

#include "net/headers.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

constexpr std::size_t kChecksum = 16;
/// Outer header, UDP, ESP header, the longest IV, padding and ICV, rounded up: for a pair
/// whose outbound SA is not there yet.
constexpr std::uint16_t kMostOverhead = 120;

std::uint16_t load(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
void store(std::uint8_t* at, std::uint16_t value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

/// RFC 1624 §3, equation 3: ~(~HC + ~m + m').
std::uint16_t repaired(std::uint16_t sum, std::uint16_t before, std::uint16_t now) {
    std::uint32_t x = static_cast<std::uint16_t>(~sum);
    x += static_cast<std::uint16_t>(~before);
    x += now;
    x = (x & 0xffff) + (x >> 16);
    x = (x & 0xffff) + (x >> 16);
    return static_cast<std::uint16_t>(~x);
}

std::uint16_t swapped(std::uint16_t x) {
    return static_cast<std::uint16_t>(x << 8 | x >> 8);
}

/// Empty when there is nothing to clamp.
std::span<std::uint8_t> tcp_of(rte_mbuf* packet) {
    if (!is_syn(packet)) return {};
    const std::size_t from = meta(packet).header_len;
    return {data(packet) + from, rte_pktmbuf_data_len(packet) - from};
}

}  // namespace

bool lower_mss(std::span<std::uint8_t> tcp, std::uint16_t mss) {
    constexpr std::uint8_t kEnd = 0, kNop = 1, kMss = 2;
    if (tcp.size() < kTcpHeader) return false;
    const std::size_t header_len = 4u * (tcp[12] >> 4);
    if (header_len < kTcpHeader || header_len > tcp.size()) return false;
    bool changed = false;
    for (std::size_t at = kTcpHeader; at < header_len && tcp[at] != kEnd;) {
        if (tcp[at] == kNop) {
            ++at;
            continue;
        }
        if (at + 1 == header_len || tcp[at + 1] < 2 || at + tcp[at + 1] > header_len) break;
        if (tcp[at] == kMss && tcp[at + 1] == 4) {
            const std::uint16_t before = load(&tcp[at + 2]);
            if (before > mss) {
                store(&tcp[at + 2], mss);
                // Options need no alignment: at an odd place the two bytes count the other way.
                const bool odd = at % 2 != 0;
                store(&tcp[kChecksum], repaired(load(&tcp[kChecksum]), odd ? swapped(before) : before,
                                                odd ? swapped(mss) : mss));
                changed = true;
            }
        }
        at += tcp[at + 1];
    }
    return changed;
}

void clamp_mss(rte_mbuf* packet, std::uint16_t inner_mtu) {
    const std::span<std::uint8_t> tcp = tcp_of(packet);
    const std::size_t headers =
        kTcpHeader + (meta(packet).family == Family::ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
    if (tcp.empty() || inner_mtu <= headers) return;
    lower_mss(tcp, static_cast<std::uint16_t>(inner_mtu - headers));
}

void clamp_mss_inbound(Worker& worker, rte_mbuf* packet) {
    if (tcp_of(packet).empty()) return;
    const Meta& m = meta(packet);
    // Without an SA of ours yet: the outer datagram came in where ours will go out.
    std::uint16_t room = static_cast<std::uint16_t>(worker.interfaces[m.in_interface].mtu - kMostOverhead);
    const FlowCache& flows = worker.security->flows;
    const std::uint32_t flow = flows.find(m.pair.reversed());
    if (flow != FlowCache::kNone && flows.entry(flow).state == FlowState::encrypt)
        if (const std::uint16_t known = inner_mtu(worker, flows.entry(flow).sa()); known != 0) room = known;
    clamp_mss(packet, room);
}

}  // namespace oegate
