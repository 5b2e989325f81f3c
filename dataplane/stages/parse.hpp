// parse: from frames to datagrams. Ethernet, VLAN and IP headers are validated, Meta
// is filled, link layer and padding are cut off. Called by worker/loop.cpp; decrypt
// uses parse_datagram for inner datagrams.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// Validates the IP header that the packet's data begins with (RFC 1812 §5.2.2,
/// RFC 8200), trims the packet to the datagram's own length and fills pair, family,
/// protocol, ports, header_len and the fragment fields of its Meta; the other fields
/// stay. Returns Drop::kCount when it is well-formed, else the reason; drops nothing.
Drop parse_datagram(rte_mbuf* packet);

/// Frames of one port. Datagrams go to `datagrams`; ARP is punted to control here.
void parse(Worker&, const PortUse&, Burst& frames, Burst& datagrams);

}  // namespace oegate
