#include "port/receive.hpp"

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <cstring>

#include "base/endian.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace oegate {
namespace {

std::uint16_t word_at(const std::uint8_t* at) {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

/// TCP or UDP of a datagram in one piece; len 0: nothing of the kind.
struct Transport {
    std::uint8_t* bytes = nullptr;
    std::size_t len = 0;
    std::uint8_t protocol = 0;
    ByteView addresses;  // both, of the pseudo-header
};

Transport transport_of(std::uint8_t* ip, std::size_t len) {
    if (len < sizeof(Ipv4Header)) return {};
    if (ip[0] >> 4 == 4) {
        const std::size_t header_len = 4u * (ip[0] & 15u), total = word_at(ip + 2);
        const bool fragment = (word_at(ip + 6) & 0x3fff) != 0;
        if (header_len < sizeof(Ipv4Header) || total < header_len || total > len || fragment) return {};
        return {ip + header_len, total - header_len, ip[9], {ip + 12, 8}};
    }
    const std::size_t payload = word_at(ip + 4);
    if (ip[0] >> 4 != 6 || len < sizeof(Ipv6Header) || payload > len - sizeof(Ipv6Header)) return {};
    return {ip + sizeof(Ipv6Header), payload, ip[6], {ip + 8, 32}};
}

std::uint16_t finish_burst(std::uint16_t, std::uint16_t, rte_mbuf** packets, std::uint16_t count,
                           std::uint16_t, void*) {
    // Of the buffer itself, and what parse refuses; the rest are orders of who had it before.
    constexpr std::uint64_t kKept = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_RX_LRO;
    for (std::uint16_t i = 0; i < count; ++i) {
        rte_mbuf* packet = packets[i];
        packet->ol_flags &= kKept;
        if (packet->nb_segs == 1)
            complete_checksum(rte_pktmbuf_mtod(packet, std::uint8_t*), rte_pktmbuf_data_len(packet));
    }
    return count;
}

}  // namespace

bool complete_checksum(std::uint8_t* frame, std::size_t len) {
    std::size_t at = sizeof(EthernetHeader);
    if (len < at) return false;
    std::uint16_t type = word_at(frame + 12);
    if (static_cast<EtherType>(type) == EtherType::vlan) {
        if (len < at + sizeof(VlanTag)) return false;
        type = word_at(frame + 16);
        at += sizeof(VlanTag);
    }
    if (static_cast<EtherType>(type) != EtherType::ipv4 && static_cast<EtherType>(type) != EtherType::ipv6)
        return false;
    const Transport t = transport_of(frame + at, len - at);
    const bool tcp = t.protocol == static_cast<std::uint8_t>(Protocol::tcp);
    if (!tcp && t.protocol != static_cast<std::uint8_t>(Protocol::udp)) return false;
    if (t.len < (tcp ? 20u : 8u)) return false;
    std::uint8_t* field = t.bytes + (tcp ? 16 : 6);
    const std::uint64_t pseudo = checksum_add(t.len + t.protocol, t.addresses);
    if (word_at(field) != static_cast<std::uint16_t>(~checksum_finish(pseudo))) return false;
    std::uint16_t sum = checksum_finish(checksum_add(0, {t.bytes, t.len}));  // the pseudo-header's is in it
    if (sum == 0 && !tcp) sum = 0xffff;                                      // RFC 768: 0 says "none"
    field[0] = static_cast<std::uint8_t>(sum >> 8);
    field[1] = static_cast<std::uint8_t>(sum);
    return true;
}

bool leaves_frames_unfinished(const char* driver) {
    // Over kernel interfaces; and ring, whose mbufs another program has filled.
    for (const char* one : {"net_af_packet", "net_af_xdp", "net_ring"})
        if (driver != nullptr && std::strcmp(driver, one) == 0) return true;
    return false;
}

const void* finish_received(std::uint16_t port_id, std::uint16_t queue) {
    return rte_eth_add_rx_callback(port_id, queue, finish_burst, nullptr);
}

void forget_received(std::uint16_t port_id, std::uint16_t queue, const void* callback) {
    const auto* ours = static_cast<const rte_eth_rxtx_callback*>(callback);
    if (rte_eth_remove_rx_callback(port_id, queue, ours) == 0)
        rte_free(const_cast<rte_eth_rxtx_callback*>(ours));
}

}  // namespace oegate
