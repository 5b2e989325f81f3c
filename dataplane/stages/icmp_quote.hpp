// What ICMP errors quote: in a "too big" about one of our outer datagrams its MTU and the
// outer header (RFC 792, RFC 1191 §4, RFC 4443 §3.2), in errors inside a tunnel the pair
// that they are about (RFC 4301 §6.2). Pure; called by path_mtu, answer and decrypt.
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

/// The same of an error that says that the datagram got nowhere (RFC 792, RFC 4443 §3.1,
/// §3.4): what it quotes, and no MTU.
Result<TooBig, QuoteError> read_unreachable(ByteView message, Family family);

/// Source and destination of the datagram that an ICMP or ICMPv6 error is about. Nothing
/// for any other message (a redirect is none), and for one that quotes less than a header.
std::optional<Pair> quoted_pair(ByteView message, Family family);

}  // namespace oegate
