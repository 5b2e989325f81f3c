#include "stages/parse.hpp"

#include <rte_prefetch.h>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/punt.hpp"

namespace oegate {
namespace {

constexpr unsigned kMaxExtensionHeaders = 8;

/// TCP and UDP begin alike: two ports.
void read_ports(Meta& m, const std::uint8_t* transport, std::size_t len) {
    m.source_port = m.destination_port = 0;
    const auto protocol = static_cast<Protocol>(m.protocol);
    if (m.later_fragment || len < 4 || (protocol != Protocol::tcp && protocol != Protocol::udp)) return;
    m.source_port = static_cast<std::uint16_t>(transport[0] << 8 | transport[1]);
    m.destination_port = static_cast<std::uint16_t>(transport[2] << 8 | transport[3]);
}

/// RFC 1812 §5.2.2, in its order.
Drop parse_ipv4(rte_mbuf* packet, Meta& m) {
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (len < sizeof(Ipv4Header)) return Drop::ip_short;
    const auto* header = reinterpret_cast<const Ipv4Header*>(data(packet));
    const std::size_t header_len = header->header_len();
    if (header_len < sizeof(Ipv4Header) || header_len > len) return Drop::ip_header_length;
    if (checksum({data(packet), header_len}) != 0) return Drop::ip_checksum;
    const std::size_t total = header->total_length.host();
    if (total < header_len || total > len) return Drop::ip_short;
    if (header_len > sizeof(Ipv4Header)) return Drop::ip_options;
    const unsigned fragment = header->fragment.host();
    const std::size_t offset = 8u * (fragment & Ipv4Header::kOffsetMask);
    if (offset + total - header_len > 65535) return Drop::ip_short;
    rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(len - total));  // Ethernet padding
    m.pair = {*Address::from_wire(header->source), *Address::from_wire(header->destination)};
    m.family = Family::ipv4;
    m.protocol = header->protocol;
    m.header_len = static_cast<std::uint16_t>(header_len);
    m.later_fragment = offset != 0;
    m.fragment = m.later_fragment || (fragment & Ipv4Header::kMoreFragments) != 0;
    m.dont_fragment = (fragment & Ipv4Header::kDontFragment) != 0;
    read_ports(m, data(packet) + header_len, total - header_len);
    return Drop::kCount;
}

/// Walks the chain of extension headers (RFC 8200 §4), bounded; sets protocol,
/// header_len and the fragment fields.
Drop walk_extensions(const std::uint8_t* bytes, std::size_t len, Meta& m) {
    auto next = static_cast<Protocol>(reinterpret_cast<const Ipv6Header*>(bytes)->next_header);
    std::size_t at = sizeof(Ipv6Header);
    for (unsigned count = 0;; ++count) {
        const bool extension = next == Protocol::hop_by_hop || next == Protocol::routing ||
                               next == Protocol::destination_options || next == Protocol::fragment;
        if (!extension) break;
        if (count == kMaxExtensionHeaders) return Drop::ip_header_length;
        if (next == Protocol::hop_by_hop && count != 0) return Drop::ip_header_length;  // only first (§4.1)
        if (len - at < 8) return Drop::ip_short;
        const std::uint8_t* header = bytes + at;
        if (next == Protocol::routing && header[2] == 0) return Drop::ipv6_routing_header;
        if (next == Protocol::fragment) {
            m.fragment = true;
            m.later_fragment = ((header[2] << 8 | header[3]) & 0xfff8) != 0;
            at += 8;
            next = static_cast<Protocol>(header[0]);
            if (m.later_fragment) break;  // what follows is the middle of something
            continue;
        }
        const std::size_t header_len = 8u * (1u + header[1]);
        if (len - at < header_len) return Drop::ip_short;
        at += header_len;
        next = static_cast<Protocol>(header[0]);
    }
    m.protocol = static_cast<std::uint8_t>(next);
    m.header_len = static_cast<std::uint16_t>(at);
    return Drop::kCount;
}

Drop parse_ipv6(rte_mbuf* packet, Meta& m) {
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (len < sizeof(Ipv6Header)) return Drop::ip_short;
    const auto* header = reinterpret_cast<const Ipv6Header*>(data(packet));
    const std::size_t total = sizeof(Ipv6Header) + header->payload_length.host();
    if (total > len) return Drop::ip_short;
    const Address source = *Address::from_wire(header->source);
    const Address destination = *Address::from_wire(header->destination);
    // An IPv4-mapped address must not be seen on a wire, and Address would take it for IPv4.
    if (source.is_ipv4()) return Drop::ip_source_invalid;
    if (destination.is_ipv4()) return Drop::ip_destination_invalid;
    rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(len - total));
    m.pair = {source, destination};
    m.family = Family::ipv6;
    m.fragment = m.later_fragment = false;
    m.dont_fragment = true;  // routers never fragment (RFC 8200 §5)
    const Drop reason = walk_extensions(data(packet), total, m);
    if (reason != Drop::kCount) return reason;
    read_ports(m, data(packet) + m.header_len, total - m.header_len);
    return Drop::kCount;
}

/// Ethernet and 802.1Q: finds the interface, cuts the link layer off, returns the
/// EtherType; kCount in `reason` when the frame is for us.
std::uint16_t strip_link_layer(const Worker& worker, const PortUse& port, rte_mbuf* packet, Drop& reason) {
    Meta& m = meta(packet);
    m = Meta{};
    m.in_interface = port.first_interface;
    reason = Drop::frame_multi_segment;
    if (packet->nb_segs != 1) return 0;
    reason = Drop::frame_short;
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (len < sizeof(EthernetHeader)) return 0;
    const EthernetHeader ethernet = *reinterpret_cast<const EthernetHeader*>(data(packet));
    std::size_t link_len = sizeof(EthernetHeader);
    std::uint16_t ether_type = ethernet.ether_type.host();
    unsigned vlan = 0;
    if (static_cast<EtherType>(ether_type) == EtherType::vlan) {
        if (len < link_len + sizeof(VlanTag)) return 0;
        const auto* tag = reinterpret_cast<const VlanTag*>(data(packet) + link_len);
        vlan = tag->tci.host() & 0xfff;  // 0 is a priority tag: as if untagged (IEEE 802.1Q §6.9)
        ether_type = tag->ether_type.host();
        link_len += sizeof(VlanTag);
    }
    reason = Drop::vlan_unknown;
    if (port.interface_of_vlan[vlan] == kNoInterface) return 0;
    m.in_interface = port.interface_of_vlan[vlan];
    reason = Drop::frame_not_for_us;
    m.link_broadcast = (ethernet.destination.bytes[0] & 1) != 0;
    if (!m.link_broadcast && ethernet.destination != worker.interfaces[m.in_interface].mac) return 0;
    m.source_mac = ethernet.source;
    rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(link_len));
    reason = Drop::kCount;
    return ether_type;
}

void punt_arp(Worker& worker, rte_mbuf* packet) {
    const auto* arp = reinterpret_cast<const ArpPacket*>(data(packet));
    if (rte_pktmbuf_data_len(packet) < sizeof(ArpPacket) || arp->hardware_type.host() != 1 ||
        arp->protocol_type.host() != static_cast<std::uint16_t>(EtherType::ipv4) || arp->hardware_len != 6 ||
        arp->protocol_len != 4 || arp->operation.host() < 1 || arp->operation.host() > 2) {
        drop(worker, packet, Drop::arp_malformed);
        return;
    }
    punt(worker, packet, Punt::Kind::arp, 0, sizeof(ArpPacket));
}

}  // namespace

Drop parse_datagram(rte_mbuf* packet) {
    if (rte_pktmbuf_data_len(packet) == 0) return Drop::ip_short;
    Meta& m = meta(packet);
    switch (data(packet)[0] >> 4) {
        case 4:
            return parse_ipv4(packet, m);
        case 6:
            return parse_ipv6(packet, m);
        default:
            return Drop::ip_version;
    }
}

void parse(Worker& worker, const PortUse& port, Burst& frames, Burst& datagrams) {
    for (rte_mbuf* packet : frames) {
        rte_prefetch0(data(packet));
        rte_prefetch0(rte_mbuf_to_priv(packet));
    }
    for (rte_mbuf* packet : frames) {
        const std::uint32_t frame_len = rte_pktmbuf_pkt_len(packet);
        Drop reason = Drop::kCount;
        const auto ether_type = static_cast<EtherType>(strip_link_layer(worker, port, packet, reason));
        InterfaceTally& tally = worker.tallies[meta(packet).in_interface];
        tally.received_packets.add();
        tally.received_bytes.add(frame_len);
        worker.ledger.received.add();
        if (reason == Drop::kCount) {
            if (ether_type == EtherType::arp) {
                punt_arp(worker, packet);
                continue;
            }
            if (ether_type != EtherType::ipv4 && ether_type != EtherType::ipv6) {
                reason = Drop::ether_type_unknown;
            } else if (rte_pktmbuf_data_len(packet) > 0 &&
                       data(packet)[0] >> 4 != (ether_type == EtherType::ipv4 ? 4 : 6)) {
                reason = Drop::ip_version;
            } else {
                reason = parse_datagram(packet);
            }
        }
        if (reason != Drop::kCount) {
            drop(worker, packet, reason);
            continue;
        }
        datagrams.push(packet);
    }
}

}  // namespace oegate
