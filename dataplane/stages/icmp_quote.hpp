// What an ICMP "too big" about one of our outer datagrams says: its MTU, and the outer
// header that it quotes (RFC 792, RFC 1191 §4, RFC 4443 §3.2). Pure; called by path_mtu.
// Anybody can send such a message: nothing of it is believed here.
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/address.hpp"

namespace oegate {

struct TooBig {
    Address local;   // source of the quoted datagram
    Address remote;  // its destination
    std::uint32_t spi = 0;
    std::uint16_t mtu = 0;  // 0: IPv4 router that does not say
};

enum class QuoteError : std::uint8_t {
    implausible,  // its MTU or the quoted header cannot be
    not_esp,      // a datagram that no SA of ours sends, or too little of it
};

/// message: a whole ICMP or ICMPv6 message whose type and checksum are right. family:
/// of the header that carried it.
Result<TooBig, QuoteError> read_too_big(ByteView message, Family family);

}  // namespace oegate
