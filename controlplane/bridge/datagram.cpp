#include "bridge/datagram.hpp"

#include "base/cursor.hpp"
#include "net/checksum.hpp"

namespace oegate::bridge {
namespace {

constexpr std::uint8_t kTtl = 64;

Bytes udp_segment(const Address& source, std::uint16_t source_port, const Address& destination,
                  std::uint16_t destination_port, ByteView payload) {
    const bool marked = source_port == kIkeNatTPort;
    const auto len = static_cast<std::uint16_t>(sizeof(UdpHeader) + (marked ? 4 : 0) + payload.size());
    Writer udp;
    udp.u16(source_port).u16(destination_port).u16(len).u16(0);
    if (marked) udp.u32(kNonEspMarker);
    udp.put(payload);
    Writer pseudo;  // RFC 768, RFC 8200 §8.1: the same sum in both families
    pseudo.put(source.wire()).put(destination.wire()).u16(static_cast<std::uint16_t>(Protocol::udp)).u16(len);
    const std::uint16_t sum = checksum_finish(checksum_add(checksum_add(0, pseudo.view()), udp.view()));
    udp.set_u16(6, sum == 0 ? 0xffff : sum);
    return std::move(udp).take();
}

}  // namespace

Bytes ike_datagram(const Address& source, std::uint16_t source_port, const Address& destination,
                   std::uint16_t destination_port, ByteView payload) {
    const Bytes udp = udp_segment(source, source_port, destination, destination_port, payload);
    Writer out;
    if (source.is_ipv4()) {
        out.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(sizeof(Ipv4Header) + udp.size())).u16(0).u16(0);
        out.u8(kTtl).u8(static_cast<std::uint8_t>(Protocol::udp)).u16(0);
        out.put(source.wire()).put(destination.wire());
        out.set_u16(10, checksum(out.view()));
    } else {
        out.u32(6u << 28).u16(static_cast<std::uint16_t>(udp.size()));
        out.u8(static_cast<std::uint8_t>(Protocol::udp)).u8(kTtl);
        out.put(source.wire()).put(destination.wire());
    }
    out.put(udp);
    return std::move(out).take();
}

}  // namespace oegate::bridge
