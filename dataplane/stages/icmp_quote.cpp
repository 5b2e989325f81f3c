#include "stages/icmp_quote.hpp"

#include <cstring>

#include "net/headers.hpp"

namespace oegate {
namespace {

constexpr std::uint16_t kLeastIpv4 = 68;      // RFC 791 §3.2
constexpr std::uint32_t kLeastIpv6 = 1280;    // RFC 8201 §4
constexpr std::uint32_t kReservedSpis = 256;  // RFC 4303 §2.1
constexpr std::size_t kFragmentHeader = 8;

template <class T>
T at(ByteView bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

/// The SPI behind the quoted IP header, plain or behind UDP (RFC 3948 §2.1).
Result<std::uint32_t, QuoteError> read_spi(Protocol protocol, ByteView payload) {
    if (protocol == Protocol::udp) {
        if (payload.size() < sizeof(UdpHeader)) return fail(QuoteError::not_esp);
        const auto udp = at<UdpHeader>(payload, 0);
        if (udp.source_port.host() != kIkeNatTPort && udp.destination_port.host() != kIkeNatTPort)
            return fail(QuoteError::not_esp);
        payload = payload.subspan(sizeof udp);
    } else if (protocol != Protocol::esp) {
        return fail(QuoteError::not_esp);
    }
    if (payload.size() < 4) return fail(QuoteError::not_esp);
    const std::uint32_t spi = at<Be32>(payload, 0).host();
    // 0 behind UDP is IKE's marker: IKE fits everywhere, or is cut.
    if (spi < kReservedSpis) return fail(QuoteError::not_esp);
    return spi;
}

/// An error that says nothing of sizes has no MTU; told is then 0.
enum class About : std::uint8_t { size, way };

Result<TooBig, QuoteError> read_ipv4(ByteView message, About about) {
    const ByteView quote = message.subspan(sizeof(IcmpHeader));
    if (quote.size() < sizeof(Ipv4Header)) return fail(QuoteError::implausible);
    const auto header = at<Ipv4Header>(quote, 0);
    const std::size_t header_len = header.header_len();
    const std::uint16_t total = header.total_length.host();
    if (header.version() != 4 || header_len < sizeof(Ipv4Header) || total < header_len)
        return fail(QuoteError::implausible);
    const auto mtu = about == About::size ? static_cast<std::uint16_t>(at<IcmpHeader>(message, 0).rest.host())
                                          : std::uint16_t{0};
    // It did not fit, and nobody may carry less than 68.
    if (mtu != 0 && (mtu < kLeastIpv4 || mtu >= total)) return fail(QuoteError::implausible);
    if (quote.size() < header_len || (header.fragment.host() & Ipv4Header::kOffsetMask) != 0)
        return fail(QuoteError::not_esp);
    const auto spi = read_spi(static_cast<Protocol>(header.protocol), quote.subspan(header_len));
    if (!spi) return fail(spi.error());
    return TooBig{*Address::from_wire(header.source), *Address::from_wire(header.destination), *spi, mtu};
}

Result<TooBig, QuoteError> read_ipv6(ByteView message, About about) {
    const ByteView quote = message.subspan(sizeof(IcmpHeader));
    if (quote.size() < sizeof(Ipv6Header)) return fail(QuoteError::implausible);
    const auto header = at<Ipv6Header>(quote, 0);
    const std::uint32_t mtu = about == About::size ? at<IcmpHeader>(message, 0).rest.host() : 0;
    const std::size_t total = sizeof(Ipv6Header) + header.payload_length.host();
    const Address source = *Address::from_wire(header.source);
    const Address destination = *Address::from_wire(header.destination);
    if (header.version() != 6 || source.is_ipv4() || destination.is_ipv4())
        return fail(QuoteError::implausible);
    if (about == About::size && (mtu < kLeastIpv6 || mtu >= total)) return fail(QuoteError::implausible);
    ByteView payload = quote.subspan(sizeof header);
    auto next = static_cast<Protocol>(header.next_header);
    if (next == Protocol::fragment) {  // the only extension header that we send outside
        if (payload.size() < kFragmentHeader || (at<Be16>(payload, 2).host() & 0xfff8) != 0)
            return fail(QuoteError::not_esp);
        next = static_cast<Protocol>(payload[0]);
        payload = payload.subspan(kFragmentHeader);
    }
    const auto spi = read_spi(next, payload);
    if (!spi) return fail(spi.error());
    return TooBig{source, destination, *spi, static_cast<std::uint16_t>(mtu)};
}

/// Destination unreachable, time exceeded, parameter problem, and too big.
bool is_error(std::uint8_t type, Family family) {
    if (family == Family::ipv4) return type == 3 || type == 11 || type == 12;
    return type >= 1 && type <= 4;
}

}  // namespace

std::optional<Pair> quoted_pair(ByteView message, Family family) {
    const bool v4 = family == Family::ipv4;
    if (message.size() < sizeof(IcmpHeader) + (v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) ||
        !is_error(message[0], family))
        return std::nullopt;
    const ByteView quote = message.subspan(sizeof(IcmpHeader));
    if (quote[0] >> 4 != (v4 ? 4 : 6)) return std::nullopt;
    const Pair pair = v4 ? Pair{*Address::from_wire(at<Ipv4Header>(quote, 0).source),
                                *Address::from_wire(at<Ipv4Header>(quote, 0).destination)}
                         : Pair{*Address::from_wire(at<Ipv6Header>(quote, 0).source),
                                *Address::from_wire(at<Ipv6Header>(quote, 0).destination)};
    // An IPv4 address mapped into IPv6 is on no wire.
    if (pair.source.family() != family || pair.destination.family() != family) return std::nullopt;
    return pair;
}

Result<TooBig, QuoteError> read_too_big(ByteView message, Family family) {
    if (message.size() < sizeof(IcmpHeader)) return fail(QuoteError::implausible);
    return family == Family::ipv4 ? read_ipv4(message, About::size) : read_ipv6(message, About::size);
}

Result<TooBig, QuoteError> read_unreachable(ByteView message, Family family) {
    if (message.size() < sizeof(IcmpHeader)) return fail(QuoteError::implausible);
    return family == Family::ipv4 ? read_ipv4(message, About::way) : read_ipv6(message, About::way);
}

}  // namespace oegate
