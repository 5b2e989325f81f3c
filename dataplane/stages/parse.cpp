#include "stages/parse.hpp"

#include <rte_prefetch.h>

#include <bit>
#include <cstring>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/extensions.hpp"
#include "stages/ip_options.hpp"
#include "stages/plain_ipv4.hpp"
#include "stages/punt.hpp"

namespace oegate {
namespace {

/// Frames whose first lines are asked for before they are looked at.
constexpr unsigned kAhead = 4;

/// RFC 1858 §2 and §3, RFC 7112 §5: what filters look at stands in the first fragment, and
/// no other reaches back into it.
bool is_tiny(const Meta& m, std::size_t offset, std::size_t len) {
    const auto protocol = static_cast<Protocol>(m.protocol);
    if (offset != 0) return protocol == Protocol::tcp && offset == 8;
    switch (protocol) {
        case Protocol::tcp:
            return len < 20;
        case Protocol::udp:
        case Protocol::icmp:
        case Protocol::icmpv6:
        case Protocol::esp:
            return len < 8;
        default:
            return false;
    }
}

/// RFC 1812 §5.2.2, in its order.
Drop parse_ipv4(rte_mbuf* packet, Meta& m) {
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (len < sizeof(Ipv4Header)) return Drop::ip_short;
    const auto* header = reinterpret_cast<const Ipv4Header*>(data(packet));
    const std::size_t header_len = header->header_len();
    if (header_len < sizeof(Ipv4Header) || header_len > len) return Drop::ip_header_length;
    const bool plain = header_len == sizeof(Ipv4Header);
    if (plain ? header_sum(data(packet)) != 0xffff : checksum({data(packet), header_len}) != 0)
        return Drop::ip_checksum;
    const std::size_t total = header->total_length.host();
    if (total < header_len || total > len) return Drop::ip_short;
    if (!plain) {
        if (const Drop reason = check_options({data(packet), header_len}); reason != Drop::kCount)
            return reason;
    }
    const unsigned fragment = header->fragment.host();
    const std::size_t offset = 8u * (fragment & Ipv4Header::kOffsetMask);
    if (offset + total - header_len > 65535) return Drop::ip_short;
    rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(len - total));  // Ethernet padding
    m.hash = 0;
    set_mapped(m.pair.source, header->source.data());
    set_mapped(m.pair.destination, header->destination.data());
    m.family = Family::ipv4;
    m.protocol = header->protocol;
    m.header_len = static_cast<std::uint16_t>(header_len);
    m.later_fragment = offset != 0;
    m.fragment = m.later_fragment || (fragment & Ipv4Header::kMoreFragments) != 0;
    m.dont_fragment = (fragment & Ipv4Header::kDontFragment) != 0;
    if (m.fragment && is_tiny(m, offset, total - header_len)) return Drop::ip_fragment_tiny;
    read_ports(m, data(packet) + header_len, total - header_len);
    return Drop::kCount;
}

Drop parse_ipv6(rte_mbuf* packet, Meta& m) {
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (len < sizeof(Ipv6Header)) return Drop::ip_short;
    const auto* header = reinterpret_cast<const Ipv6Header*>(data(packet));
    const std::size_t total = sizeof(Ipv6Header) + header->payload_length.host();
    if (total > len) return Drop::ip_short;
    const auto source = std::bit_cast<Address>(header->source);
    const auto destination = std::bit_cast<Address>(header->destination);
    // An IPv4-mapped address must not be seen on a wire, and Address would take it for IPv4.
    if (source.is_ipv4()) return Drop::ip_source_invalid;
    if (destination.is_ipv4()) return Drop::ip_destination_invalid;
    rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(len - total));
    m.hash = 0;
    m.pair = {source, destination};
    m.family = Family::ipv6;
    m.fragment = m.later_fragment = false;
    m.dont_fragment = true;  // routers never fragment (RFC 8200 §5)
    m.protocol = header->next_header;
    m.header_len = sizeof(Ipv6Header);
    if (is_extension(static_cast<Protocol>(header->next_header))) {
        if (const Drop reason = walk_extensions({data(packet), total}, m); reason != Drop::kCount)
            return reason;
    }
    // RFC 7112 §5: the whole chain, and what it leads to, stands in the first fragment.
    if (m.fragment && !m.later_fragment && is_tiny(m, 0, total - m.header_len)) return Drop::ip_fragment_tiny;
    read_ports(m, data(packet) + m.header_len, total - m.header_len);
    return Drop::kCount;
}

/// What a frame says of a datagram before its IP header is read.
void begin_meta(Meta& m, std::uint16_t interface, const std::uint8_t* frame) {
    m.next_hop = kNoNextHop;
    m.way = Way{};
    m.in_interface = m.out_interface = interface;
    m.origin = Origin::received;
    m.resume = Resume::none;
    std::memcpy(m.source_mac.bytes.data(), frame + 6, sizeof m.source_mac);
}

constexpr std::size_t kLink = sizeof(EthernetHeader);

/// Takes what nearly every frame is: one buffer, no tag, to our MAC address, a datagram
/// without options, extension headers or fragments. One test for each frame, since what is
/// wrong with the others is found out by parse_any. Of each Meta everything behind the pair
/// begins as `first_`.
class Plain {
  public:
    explicit Plain(const PortUse& port) : mac_(port.untagged_mac), mtu_(port.untagged_mtu) {
        first_.in_interface = first_.out_interface = port.interface_of_vlan[0];
    }

    /// False: it is another frame, and nothing was changed.
    bool take(rte_mbuf* packet) const { return take_ipv4(packet) || take_ipv6(packet); }

  private:
    bool take_ipv4(rte_mbuf* packet) const {
        constexpr std::size_t kLeast = kLink + sizeof(Ipv4Header);
        const std::uint8_t* frame = data(packet);
        const unsigned len = rte_pktmbuf_data_len(packet);
        if (packet->nb_segs != 1 || len < kLeast) return false;
        const std::uint8_t* ip = frame + kLink;
        const unsigned total = load<Be16>(ip + 2).host();
        const std::uint64_t wrong =
            (load<std::uint64_t>(frame) << 16 ^ mac_) |
            ((load<std::uint32_t>(frame + 12) & 0x00ffffff) ^ 0x00450008) |  // five words
            (load<std::uint16_t>(ip + 6) & kIsFragment) | (header_sum(ip) ^ 0xffff) |
            (packet->ol_flags & RTE_MBUF_F_RX_LRO);
        // One comparison for both ends: not below the header, not beyond the frame.
        if (wrong != 0 || total - sizeof(Ipv4Header) > len - kLeast || total > mtu_) return false;
        Meta& m = begin(packet, frame, total, sizeof(Ipv4Header), ip[9]);
        set_mapped(m.pair.source, ip + 12);
        set_mapped(m.pair.destination, ip + 16);
        m.dont_fragment = (ip[6] & 0x40) != 0;
        read_ports(m, ip + sizeof(Ipv4Header), total - sizeof(Ipv4Header));
        return true;
    }

    bool take_ipv6(rte_mbuf* packet) const {
        constexpr std::size_t kLeast = kLink + sizeof(Ipv6Header);
        const std::uint8_t* frame = data(packet);
        const unsigned len = rte_pktmbuf_data_len(packet);
        if (packet->nb_segs != 1 || len < kLeast) return false;
        const std::uint8_t* ip = frame + kLink;
        const unsigned payload = load<Be16>(ip + 4).host();
        const std::uint64_t wrong = (load<std::uint64_t>(frame) << 16 ^ mac_) |
                                    ((load<std::uint32_t>(frame + 12) & 0x00f0ffff) ^ 0x0060dd86) |
                                    (packet->ol_flags & RTE_MBUF_F_RX_LRO);
        const auto next = static_cast<Protocol>(ip[6]);
        const Pair pair = load<Pair>(ip + 8);
        if (wrong != 0 || payload > len - kLeast || sizeof(Ipv6Header) + payload > mtu_ ||
            is_extension(next) || pair.source.is_ipv4() || pair.destination.is_ipv4())
            return false;
        Meta& m = begin(packet, frame, sizeof(Ipv6Header) + payload, sizeof(Ipv6Header), ip[6]);
        m.pair = pair;
        m.family = Family::ipv6;
        m.dont_fragment = true;  // routers never fragment (RFC 8200 §5)
        read_ports(m, ip + sizeof(Ipv6Header), payload);
        return true;
    }

    /// The link layer and what Ethernet has padded go.
    Meta& begin(rte_mbuf* packet, const std::uint8_t* frame, std::size_t total, std::size_t header_len,
                std::uint8_t protocol) const {
        Meta& m = meta(packet);
        constexpr std::size_t kFrom = offsetof(Meta, hash),
                              kTo = offsetof(Meta, source_mac) + sizeof m.source_mac;
        std::memcpy(reinterpret_cast<std::uint8_t*>(&m) + kFrom,
                    reinterpret_cast<const std::uint8_t*>(&first_) + kFrom, kTo - kFrom);
        m.header_len = static_cast<std::uint16_t>(header_len);
        m.protocol = protocol;
        std::memcpy(m.source_mac.bytes.data(), frame + 6, sizeof m.source_mac);
        packet->data_off = static_cast<std::uint16_t>(packet->data_off + kLink);
        packet->data_len = static_cast<std::uint16_t>(total);
        packet->pkt_len = static_cast<std::uint32_t>(total);
        return m;
    }

    /// MF and the offset, as they stand in the header.
    static constexpr std::uint16_t kIsFragment = 0xff3f;
    const std::uint64_t mac_;
    const unsigned mtu_;
    Meta first_;
};

/// Ethernet and 802.1Q of any frame: finds the interface, cuts the link layer off,
/// returns the EtherType; kCount in `reason` when the frame is for us.
std::uint16_t strip_link_layer(const Worker& worker, const PortUse& port, rte_mbuf* packet, Drop& reason) {
    Meta& m = meta(packet);
    m = Meta{};
    m.in_interface = port.first_interface;
    // No such datagram was sent: as one of its length it would be refused or cut, and its
    // TCP checksum nobody has computed. We never ask for LRO; a driver may do it unasked.
    reason = Drop::frame_merged;
    if ((packet->ol_flags & RTE_MBUF_F_RX_LRO) != 0) return 0;
    reason = Drop::frame_multi_segment;
    // One buffer from here on; small descriptors may leave more that fit one.
    if (packet->nb_segs != 1 && rte_pktmbuf_linearize(packet) != 0) return 0;
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
    begin_meta(m, port.interface_of_vlan[vlan], data(packet));
    reason = Drop::frame_not_for_us;
    m.link_broadcast = (ethernet.destination.bytes[0] & 1) != 0;
    if (!m.link_broadcast && ethernet.destination != worker.interfaces[m.in_interface].mac) return 0;
    rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(link_len));
    // A NIC drops such by itself; a device in memory hands over what a kernel was to cut.
    reason = Drop::frame_too_long;
    if (rte_pktmbuf_data_len(packet) > worker.interfaces[m.in_interface].mtu) return 0;
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

/// Received frames of one interface, added up until the next one of another.
class Tally {
  public:
    explicit Tally(Worker& worker) : worker_(worker) {}
    ~Tally() { flush(); }
    Tally(const Tally&) = delete;
    Tally& operator=(const Tally&) = delete;
    void count(std::uint16_t interface, std::uint64_t num, std::uint64_t len) {
        if (interface != interface_) [[unlikely]] {
            flush();
            interface_ = interface;
        }
        packets_ += num;
        bytes_ += len;
    }

  private:
    void flush() {
        if (packets_ == 0) return;
        worker_.tallies[interface_].received_packets.add(packets_);
        worker_.tallies[interface_].received_bytes.add(bytes_);
        packets_ = bytes_ = 0;
    }
    Worker& worker_;
    std::uint16_t interface_ = 0;
    std::uint64_t packets_ = 0;
    std::uint64_t bytes_ = 0;
};

/// Everything that Plain leaves.
[[gnu::noinline]] void parse_any(Worker& worker, const PortUse& port, rte_mbuf* packet, Tally& tally,
                                 Burst& datagrams) {
    const std::uint32_t frame_len = rte_pktmbuf_pkt_len(packet);
    Drop reason = Drop::kCount;
    const auto ether_type = static_cast<EtherType>(strip_link_layer(worker, port, packet, reason));
    tally.count(meta(packet).in_interface, 1, frame_len);
    if (reason == Drop::kCount) {
        if (ether_type == EtherType::arp) return punt_arp(worker, packet);
        if (ether_type != EtherType::ipv4 && ether_type != EtherType::ipv6) {
            reason = Drop::ether_type_unknown;
        } else if (rte_pktmbuf_data_len(packet) > 0 &&
                   data(packet)[0] >> 4 != (ether_type == EtherType::ipv4 ? 4 : 6)) {
            reason = Drop::ip_version;
        } else {
            reason = parse_datagram(packet);
            if (reason == Drop::kCount && has_options(packet)) reason = judge_options(worker, packet);
        }
    }
    if (reason != Drop::kCount) return drop(worker, packet, reason);
    datagrams.push(packet);
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
    const unsigned count = frames.size();
    worker.ledger.received.add(count);
    const Plain plain(port);
    Tally tally(worker);
    std::uint64_t num_plain = 0, plain_bytes = 0;
    const auto prefetch = [&frames](unsigned i) {
        rte_prefetch0(data(frames[i]));
        rte_prefetch0(rte_mbuf_to_priv(frames[i]));
    };
    for (unsigned i = 0; i < std::min(count, kAhead); ++i) prefetch(i);
    for (unsigned i = 0; i < count; ++i) {
        if (i + kAhead < count) prefetch(i + kAhead);
        rte_mbuf* packet = frames[i];
        const std::uint32_t frame_len = rte_pktmbuf_pkt_len(packet);
        if (plain.take(packet)) [[likely]] {
            ++num_plain;
            plain_bytes += frame_len;
            datagrams.push(packet);
        } else {
            parse_any(worker, port, packet, tally, datagrams);
        }
    }
    if (num_plain != 0) tally.count(port.interface_of_vlan[0], num_plain, plain_bytes);
}

}  // namespace oegate
