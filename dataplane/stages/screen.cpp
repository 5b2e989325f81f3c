#include "stages/screen.hpp"

#include "net/headers.hpp"
#include "tables/own_addresses.hpp"

namespace oegate {
namespace {

bool is_discovery(const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    if (m.family != Family::ipv6 || static_cast<Protocol>(m.protocol) != Protocol::icmpv6 || m.fragment)
        return false;
    if (rte_pktmbuf_data_len(packet) <= m.header_len) return false;
    const std::uint8_t type = data(packet)[m.header_len];
    return type == 135 || type == 136;  // neighbour solicitation and advertisement
}

/// 0/8 and 240/4 are neither sources nor destinations (RFC 1122 §3.2.1.3, RFC 1112 §4).
bool is_reserved_ipv4(const Address& a) {
    return a.is_ipv4() && (a.bytes()[12] == 0 || (a.bytes()[12] >= 240 && !a.is_limited_broadcast()));
}

/// A loopback address counts whole-net in IPv4; ::1 in IPv6.
bool bad_source(const Address& a) {
    return a.is_multicast() || a.is_loopback() || a.is_unspecified() || a.is_limited_broadcast() ||
           is_reserved_ipv4(a);
}

/// RFC 2644: a directed broadcast is forwarded only where its interface allows it; from
/// another interface, and never one that was broadcast already.
bool may_broadcast(const Worker& worker, const Meta& m) {
    const std::uint16_t to = worker.own->broadcast_of(m.pair.destination);
    return to != OwnAddresses::kNoInterface && worker.interfaces[to].directed_broadcast &&
           to != m.in_interface && !m.link_broadcast;
}

enum class Fate : std::uint8_t { drop, ours, transit };

/// discovery: an IPv6 neighbour discovery message.
Fate judge(const Worker& worker, const Meta& m, bool discovery, Drop& reason) {
    const Address& source = m.pair.source;
    const Address& destination = m.pair.destination;
    const auto die = [&reason](Drop why) {
        reason = why;
        return Fate::drop;
    };
    // Duplicate address detection comes from the unspecified address (RFC 4862 §5.4.2), and so
    // do the reports of listeners that have none yet (RFC 3590 §4, RFC 3376 §4.2.13).
    const OwnAddresses::Kind source_kind = worker.own->find(source);
    if (source_kind == OwnAddresses::Kind::broadcast ||
        (bad_source(source) && !(source.is_unspecified() && (discovery || destination.is_multicast()))))
        return die(Drop::ip_source_invalid);
    if (destination.is_loopback() || destination.is_unspecified() || is_reserved_ipv4(destination))
        return die(Drop::ip_destination_invalid);
    if (source_kind == OwnAddresses::Kind::own) return die(Drop::ip_spoofed_own);
    if (discovery && destination.is_multicast()) return Fate::ours;
    if (destination.is_multicast()) return die(Drop::ip_multicast);
    const OwnAddresses::Kind kind = worker.own->find(destination);
    if (kind == OwnAddresses::Kind::broadcast && may_broadcast(worker, m)) return Fate::transit;
    if (kind == OwnAddresses::Kind::broadcast || destination.is_limited_broadcast() || m.link_broadcast)
        return die(Drop::ip_broadcast);
    if (kind == OwnAddresses::Kind::own) return Fate::ours;
    if (source.is_link_local() || destination.is_link_local() || source.is_unspecified())
        return die(Drop::ip_link_local);
    return Fate::transit;
}

}  // namespace

bool is_transit(const Worker& worker, const Pair& pair) {
    if (worker.own->find(pair.destination) == OwnAddresses::Kind::broadcast) return false;
    Meta m{};
    m.pair = pair;
    Drop reason = Drop::kCount;
    return judge(worker, m, false, reason) == Fate::transit;
}

void screen(Worker& worker, Burst& datagrams, Burst& ours, Burst& transit) {
    for (rte_mbuf* packet : datagrams) {
        Drop reason = Drop::kCount;
        const Meta& m = meta(packet);
        switch (judge(worker, m, is_discovery(packet), reason)) {
            case Fate::drop:
                drop(worker, packet, reason);
                break;
            case Fate::ours:
                ours.push(packet);
                break;
            case Fate::transit:
                transit.push(packet);
                break;
        }
    }
}

}  // namespace oegate
