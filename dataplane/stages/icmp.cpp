#include "stages/icmp.hpp"

#include <algorithm>
#include <cstring>

#include "net/headers.hpp"
#include "stages/transport_checksum.hpp"
#include "tables/own_addresses.hpp"

namespace oegate {
namespace {

constexpr std::uint8_t kHopLimit = 64;
constexpr std::uint64_t kLeastIcmpShare = 20;  // errors to one asker in a second
constexpr std::size_t kMaxErrorIpv4 = 576;     // RFC 1812 §4.3.2.3
constexpr std::size_t kMaxErrorIpv6 = 1280;    // RFC 4443 §2.4 (c)

struct TypeCode {
    std::uint8_t type, code;
};

TypeCode type_code(Family family, IcmpError error) {
    const bool v4 = family == Family::ipv4;
    switch (error) {
        case IcmpError::network_unreachable:
            return v4 ? TypeCode{3, 0} : TypeCode{1, 0};
        case IcmpError::host_unreachable:
            return v4 ? TypeCode{3, 1} : TypeCode{1, 3};
        case IcmpError::administratively_prohibited:
            return v4 ? TypeCode{3, 13} : TypeCode{1, 1};
        case IcmpError::time_exceeded:
            return v4 ? TypeCode{11, 0} : TypeCode{3, 0};
        case IcmpError::reassembly_timeout:
            return v4 ? TypeCode{11, 1} : TypeCode{3, 1};
        case IcmpError::too_big:
            return v4 ? TypeCode{3, 4} : TypeCode{2, 0};
    }
    return {};
}

/// The offender is itself an error, or could be one that we cannot see.
bool is_icmp_error(const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    const auto protocol = static_cast<Protocol>(m.protocol);
    if (protocol != Protocol::icmp && protocol != Protocol::icmpv6) return false;
    if (rte_pktmbuf_data_len(packet) <= m.header_len) return true;
    const std::uint8_t type = data(packet)[m.header_len];
    if (protocol == Protocol::icmpv6) return type < 128 || type == 137;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/// RFC 1812 §4.3.2.7, RFC 4443 §2.4 (e).
bool may_answer(const rte_mbuf* packet, IcmpError error) {
    const Meta& m = meta(packet);
    if (m.origin != Origin::received && m.origin != Origin::decrypted) return false;
    if (m.later_fragment || is_icmp_error(packet)) return false;
    const Address& source = m.pair.source;
    if (source.is_unspecified() || source.is_multicast() || source.is_loopback()) return false;
    const bool too_big_ipv6 = error == IcmpError::too_big && m.family == Family::ipv6;
    return too_big_ipv6 || (!m.link_broadcast && !m.pair.destination.is_multicast());
}

/// Own address to answer from: of the interface it came in on, else any of that
/// family; a link-local one only for link-local askers. A tunnel ends inside: to what came
/// out of it we are the interface that it was to leave by, else any inside.
const Address* source_for(const Worker& worker, const Meta& m) {
    const bool tunnel = m.origin == Origin::decrypted;
    const auto address_of = [&](std::uint16_t interface) -> const Address* {
        for (const Address& a : worker.own->of(interface))
            if (a.family() == m.family && (a.is_ipv4() || a.is_link_local() == m.pair.source.is_link_local()))
                return &a;
        return nullptr;
    };
    const auto inside = [&](std::uint16_t i) { return worker.interfaces[i].role == InterfaceRole::inside; };
    const std::uint16_t best = tunnel ? m.out_interface : m.in_interface;
    if (!tunnel || inside(best))
        if (const Address* a = address_of(best)) return a;
    if (tunnel)
        for (const InterfaceInfo& interface : worker.interfaces)
            if (inside(interface.index))
                if (const Address* a = address_of(interface.index)) return a;
    for (const InterfaceInfo& interface : worker.interfaces)
        if (const Address* a = address_of(interface.index)) return a;
    return nullptr;
}

/// Writes the IP header of a datagram that we make, and its Meta.
void finish_header(Worker& worker, rte_mbuf* packet, const Pair& pair, Protocol protocol) {
    std::uint8_t* bytes = data(packet);
    const std::size_t len = rte_pktmbuf_data_len(packet);
    Meta& m = meta(packet);
    m.pair = pair;
    m.family = pair.source.family();
    m.protocol = static_cast<std::uint8_t>(protocol);
    if (m.family == Family::ipv4) {
        Ipv4Header header{};
        header.version_ihl = 0x45;
        header.total_length = Be16(static_cast<std::uint16_t>(len));
        header.identification = Be16(worker.identification++);
        header.ttl = kHopLimit;
        header.protocol = m.protocol;
        std::memcpy(header.source.data(), pair.source.wire().data(), 4);
        std::memcpy(header.destination.data(), pair.destination.wire().data(), 4);
        std::memcpy(bytes, &header, sizeof header);
        header.header_checksum = Be16(checksum({bytes, sizeof header}));
        std::memcpy(bytes, &header, sizeof header);
        m.header_len = sizeof header;
    } else {
        Ipv6Header header{};
        header.version_class_flow = Be32(6u << 28);
        header.payload_length = Be16(static_cast<std::uint16_t>(len - sizeof header));
        header.next_header = m.protocol;
        header.hop_limit = kHopLimit;
        std::memcpy(header.source.data(), pair.source.wire().data(), 16);
        std::memcpy(header.destination.data(), pair.destination.wire().data(), 16);
        std::memcpy(bytes, &header, sizeof header);
        m.header_len = sizeof header;
    }
}

/// ICMP sums its message alone, ICMPv6 its pseudo-header too.
std::uint16_t icmp_checksum(const Pair& pair, ByteView message) {
    return pair.source.is_ipv4() ? checksum(message) : transport_checksum(pair, Protocol::icmpv6, message);
}

rte_mbuf* make_error(Worker& worker, const rte_mbuf* offender, IcmpError error, std::uint16_t mtu) {
    const Meta& about = meta(offender);
    const Address* source = source_for(worker, about);
    if (source == nullptr) return nullptr;
    const bool v4 = about.family == Family::ipv4;
    const std::size_t ip_len = v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
    const std::size_t quoted = std::min<std::size_t>(
        rte_pktmbuf_data_len(offender), (v4 ? kMaxErrorIpv4 : kMaxErrorIpv6) - ip_len - sizeof(IcmpHeader));
    rte_mbuf* answer = make_packet(worker);
    if (answer == nullptr) return nullptr;
    const std::size_t len = ip_len + sizeof(IcmpHeader) + quoted;
    rte_pktmbuf_append(answer, static_cast<std::uint16_t>(len));
    const auto [type, code] = type_code(about.family, error);
    IcmpHeader icmp{};
    icmp.type = type;
    icmp.code = code;
    if (error == IcmpError::too_big) icmp.rest = Be32(mtu);  // RFC 1191 §4: low 16 bits; RFC 4443 §3.2: all
    std::uint8_t* message = data(answer) + ip_len;
    std::memcpy(message, &icmp, sizeof icmp);
    std::memcpy(message + sizeof icmp, data(offender), quoted);
    const Pair pair{*source, about.pair.source};
    icmp.checksum = Be16(icmp_checksum(pair, {message, sizeof icmp + quoted}));
    std::memcpy(message, &icmp, sizeof icmp);
    Meta& m = meta(answer);
    m.origin = Origin::generated;
    m.in_interface = about.in_interface;
    m.dont_fragment = !v4;
    finish_header(worker, answer, pair, v4 ? Protocol::icmp : Protocol::icmpv6);
    return answer;
}

/// RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f): a bucket for all, and no asker gets more than
/// its share of a second. Askers that meet in one place share it.
bool may_send(Worker& worker, const Address& asker) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    if (worker.now_ns - worker.icmp_shares_since_ns >= kSecond) {
        worker.icmp_shares_since_ns = worker.now_ns;
        worker.icmp_shares.fill(0);
    }
    const std::uint64_t most =
        std::max<std::uint64_t>(kLeastIcmpShare, worker.icmp_tokens.rate_per_second / 2);
    std::uint16_t& used =
        worker.icmp_shares[pair_hash(worker.seed, asker, Address{}) >> 32 & (worker.icmp_shares.size() - 1)];
    if (used >= most || !worker.icmp_tokens.take(worker.now_ns)) return false;
    ++used;
    return true;
}

}  // namespace

void refuse(Worker& worker, rte_mbuf* packet, Drop reason, IcmpError error, std::uint16_t mtu) {
    if (may_answer(packet, error)) {
        worker.ledger.generated.add();
        const std::uint16_t interface = meta(packet).in_interface;
        Burst& out = meta(packet).origin == Origin::decrypted ? worker.answers : worker.generated;
        if (out.room() == 0 || !may_send(worker, meta(packet).pair.source)) {
            count_drop(worker, interface, Drop::icmp_rate_limited);
        } else if (rte_mbuf* answer = make_error(worker, packet, error, mtu); answer != nullptr) {
            out.push(answer);
        } else {
            count_drop(worker, interface, Drop::no_buffer);
        }
    }
    drop(worker, packet, reason);
}

void answer_echo(Worker& worker, rte_mbuf* packet) {
    Meta& m = meta(packet);
    const bool v4 = m.family == Family::ipv4;
    std::uint8_t* message = data(packet) + m.header_len;
    const std::size_t len = rte_pktmbuf_data_len(packet) - m.header_len;
    // Extension headers of the question do not belong to the answer.
    const std::size_t ip_len = v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
    if (m.header_len > ip_len) {
        message = reinterpret_cast<std::uint8_t*>(
            rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(m.header_len - ip_len)));
        message += ip_len;
    }
    const Pair pair = m.pair.reversed();
    IcmpHeader icmp;
    std::memcpy(&icmp, message, sizeof icmp);
    icmp.type = v4 ? 0 : 129;
    icmp.checksum = {};
    std::memcpy(message, &icmp, sizeof icmp);
    icmp.checksum = Be16(icmp_checksum(pair, {message, len}));
    std::memcpy(message, &icmp, sizeof icmp);
    m.origin = Origin::generated;
    m.dont_fragment = false;  // the question may have come in fragments
    m.source_port = m.destination_port = 0;
    finish_header(worker, packet, pair, v4 ? Protocol::icmp : Protocol::icmpv6);
    if (worker.generated.room() == 0) {
        drop(worker, packet, Drop::icmp_rate_limited);
        return;
    }
    worker.ledger.consumed.add();
    worker.ledger.generated.add();
    worker.generated.push(packet);
}

}  // namespace oegate
