#include "stages/local.hpp"

#include "net/headers.hpp"
#include "stages/handoff.hpp"
#include "stages/icmp.hpp"
#include "stages/path_mtu.hpp"
#include "stages/punt.hpp"
#include "stages/reassemble.hpp"
#include "stages/transport_checksum.hpp"

namespace oegate {
namespace {

Protocol icmp_of(Family family) {
    return family == Family::ipv4 ? Protocol::icmp : Protocol::icmpv6;
}

ByteView payload(const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    return {data(packet) + m.header_len,
            static_cast<std::size_t>(rte_pktmbuf_data_len(packet) - m.header_len)};
}

/// Options are type, length in units of 8, and no length may be 0 (RFC 4861 §4.6).
/// has_link_address: option 1, source link-layer address.
bool options_ok(ByteView options, bool& has_link_address) {
    has_link_address = false;
    while (!options.empty()) {
        if (options.size() < 2 || options[1] == 0 || options.size() < 8u * options[1]) return false;
        has_link_address |= options[0] == 1;
        options = options.subspan(8u * options[1]);
    }
    return true;
}

/// RFC 4861 §7.1.1 and §7.1.2; the checksum was verified before.
bool discovery_ok(const rte_mbuf* packet, ByteView message) {
    const Meta& m = meta(packet);
    const auto* header = reinterpret_cast<const Ipv6Header*>(data(packet));
    if (header->hop_limit != 255 || message[1] != 0 || message.size() < 24) return false;
    if (Address::from_wire(message.subspan(8, 16))->is_multicast()) return false;
    bool has_link_address = false;
    if (!options_ok(message.subspan(24), has_link_address)) return false;
    const Address& destination = m.pair.destination;
    if (message[0] == 135 && m.pair.source.is_unspecified()) {
        // ff02::1:ffXX:XXXX, the solicited-node multicast address (RFC 4291 §2.7.1).
        const auto& d = destination.bytes();
        const bool solicited = d[0] == 0xff && d[1] == 2 && d[11] == 1 && d[12] == 0xff;
        return solicited && !has_link_address;
    }
    const bool solicited_flag = (message[4] & 0x40) != 0;
    return message[0] == 135 || !destination.is_multicast() || !solicited_flag;
}

void local_icmp(Worker& worker, rte_mbuf* packet) {
    const Meta& m = meta(packet);
    const bool v4 = m.family == Family::ipv4;
    const ByteView message = payload(packet);
    const std::uint8_t type = message.empty() ? 0 : message[0];
    const bool discovery = !v4 && (type == 135 || type == 136);
    const Drop malformed = discovery ? Drop::nd_malformed : Drop::icmp_malformed;
    if (message.size() < sizeof(IcmpHeader) ||
        (v4 ? checksum(message) : transport_checksum(m.pair, Protocol::icmpv6, message)) != 0) {
        drop(worker, packet, malformed);
    } else if (discovery) {
        if (discovery_ok(packet, message)) {
            punt(worker, packet, Punt::Kind::nd, 0, rte_pktmbuf_data_len(packet));
        } else {
            drop(worker, packet, malformed);
        }
    } else if (type == (v4 ? 8 : 128) && message[1] == 0) {
        answer_echo(worker, packet);
    } else if (v4 ? type == 3 && message[1] == 4 : type == 2) {
        hear_too_big(worker, packet);
    } else if (v4 ? type == 3 : type == 1 || (type == 4 && message[1] == 1)) {
        hear_unreachable(worker, packet);
    } else {
        drop(worker, packet, Drop::own_unserved);
    }
}

void local_esp(Worker& worker, rte_mbuf* packet, Burst& esp) {
    const ByteView bytes = payload(packet);
    if (bytes.size() < sizeof(EspHeader)) {
        drop(worker, packet, Drop::esp_short);
        return;
    }
    const std::uint32_t spi = reinterpret_cast<const EspHeader*>(bytes.data())->spi.host();
    const unsigned to = Spi::worker(spi);
    if (to != worker.index && to < worker.num_workers) {
        hand_over(worker, packet, to, Resume::decrypt);
    } else {
        esp.push(packet);  // an SPI that names nobody dies in decrypt
    }
}

/// Four bytes that no SPI can be (RFC 3948 §2.2).
bool has_non_esp_marker(ByteView body) {
    return body.size() >= 4 && (body[0] | body[1] | body[2] | body[3]) == 0;
}

/// As plain ESP from here on, the UDP header a part of the outer one, what lies behind the
/// UDP length cut off.
void local_esp_in_udp(Worker& worker, rte_mbuf* packet, std::size_t num_bytes, Burst& esp) {
    Meta& m = meta(packet);
    m.header_len = static_cast<std::uint16_t>(m.header_len + sizeof(UdpHeader));
    m.protocol = static_cast<std::uint8_t>(Protocol::esp);
    const std::size_t behind = rte_pktmbuf_data_len(packet) - m.header_len - num_bytes;
    if (behind != 0) rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(behind));
    local_esp(worker, packet, esp);
}

void local_udp(Worker& worker, rte_mbuf* packet, Burst& esp) {
    const Meta& m = meta(packet);
    const ByteView segment = payload(packet);
    if (segment.size() < sizeof(UdpHeader)) {
        drop(worker, packet, Drop::udp_malformed);
        return;
    }
    const auto* udp = reinterpret_cast<const UdpHeader*>(segment.data());
    const std::size_t len = udp->length.host();
    const bool unchecked = udp->checksum.host() == 0;  // allowed over IPv4 alone (RFC 8200 §8.1)
    if (len < sizeof(UdpHeader) || len > segment.size() ||
        (unchecked ? m.family == Family::ipv6
                   : transport_checksum(m.pair, Protocol::udp, segment.first(len)) != 0)) {
        const bool is_esp =
            m.destination_port == kIkeNatTPort && !has_non_esp_marker(segment.subspan(sizeof(UdpHeader)));
        drop(worker, packet, is_esp ? Drop::esp_udp_malformed : Drop::udp_malformed);
        return;
    }
    const std::size_t at = m.header_len + sizeof(UdpHeader);
    const std::size_t num_bytes = len - sizeof(UdpHeader);
    const ByteView body(data(packet) + at, num_bytes);
    if (m.destination_port == kIkePort) {
        punt(worker, packet, Punt::Kind::ike, at, num_bytes);
    } else if (m.destination_port == kIkeNatTPort && has_non_esp_marker(body)) {
        punt(worker, packet, Punt::Kind::ike_nat_t, at + 4, num_bytes - 4);
    } else if (m.destination_port == kIkeNatTPort && num_bytes == 1 && body[0] == 0xff) {
        worker.ledger.consumed.add();  // NAT keepalive (RFC 3948 §2.3): nothing is expected of us
        rte_pktmbuf_free(packet);
    } else if (m.destination_port == kIkeNatTPort && num_bytes < sizeof(EspHeader)) {
        drop(worker, packet, Drop::esp_udp_malformed);
    } else if (m.destination_port == kIkeNatTPort) {
        local_esp_in_udp(worker, packet, num_bytes, esp);
    } else {
        drop(worker, packet, Drop::own_unserved);
    }
}

}  // namespace

void local(Worker& worker, Burst& ours, Burst& esp) {
    for (rte_mbuf* packet : ours) {
        const Meta& m = meta(packet);
        const auto protocol = static_cast<Protocol>(m.protocol);
        // An answer to what came out of a tunnel would leave in the clear.
        const bool served = m.origin != Origin::decrypted;
        if (served && m.fragment) {
            const bool wanted =
                protocol == Protocol::esp || protocol == Protocol::udp || protocol == icmp_of(m.family);
            if (wanted && worker.reassembly != nullptr)
                reassemble(worker, packet);
            else
                drop(worker, packet, protocol == Protocol::esp ? Drop::esp_fragment : Drop::own_fragment);
        } else if (served && protocol == Protocol::esp) {
            local_esp(worker, packet, esp);
        } else if (served && protocol == icmp_of(m.family)) {
            local_icmp(worker, packet);
        } else if (served && protocol == Protocol::udp) {
            local_udp(worker, packet, esp);
        } else {
            drop(worker, packet, Drop::own_unserved);
        }
    }
}

}  // namespace oegate
