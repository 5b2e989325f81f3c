// Builds the UDP datagrams that IKE sends through the data plane: IPv4 or IPv6
// header, UDP header, checksums, and the non-ESP marker on port 4500. Pure.
#pragma once

#include "net/headers.hpp"

namespace oegate::bridge {

/// A whole IP datagram. Both addresses must be of one family; payload at most
/// 65,000 bytes. From or to port 4500 the payload gets the non-ESP marker (RFC 3948 §2.2).
Bytes ike_datagram(const Address& source, std::uint16_t source_port, const Address& destination,
                   std::uint16_t destination_port, ByteView payload);

}  // namespace oegate::bridge
