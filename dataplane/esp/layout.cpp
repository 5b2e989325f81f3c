#include "esp/layout.hpp"

#include <bit>
#include <cstddef>

#include "net/checksum.hpp"

namespace oegate::esp {
namespace {

/// 20 bits that differ from SA to SA.
std::uint32_t flow_label(std::uint32_t spi) {
    return spi * 0x9e3779b1u >> 12;
}

}  // namespace

OuterTemplate make_outer(const Address& local, const Address& remote, UdpPorts udp, std::uint32_t spi) {
    OuterTemplate outer;
    outer.family = local.family();
    outer.udp = udp.used();
    outer.len = static_cast<std::uint8_t>(outer_header_len(outer.family, outer.udp));
    const auto protocol = static_cast<std::uint8_t>(outer.udp ? Protocol::udp : Protocol::esp);
    if (outer.family == Family::ipv4) {
        Ipv4Header header{};
        header.version_ihl = 0x45;
        header.ttl = kOuterTtl;
        header.protocol = protocol;
        std::memcpy(header.source.data(), local.wire().data(), 4);
        std::memcpy(header.destination.data(), remote.wire().data(), 4);
        std::memcpy(outer.bytes.data(), &header, sizeof header);
        outer.sum = static_cast<std::uint16_t>(~checksum(ByteView(outer.bytes).first(sizeof header)));
    } else {
        Ipv6Header header{};
        header.version_class_flow = Be32(6u << 28 | flow_label(spi));
        header.next_header = protocol;
        header.hop_limit = kOuterTtl;
        std::memcpy(header.source.data(), local.wire().data(), 16);
        std::memcpy(header.destination.data(), remote.wire().data(), 16);
        std::memcpy(outer.bytes.data(), &header, sizeof header);
    }
    if (outer.udp) {
        const UdpHeader header{Be16(udp.local), Be16(udp.remote), Be16(0), Be16(0)};
        std::memcpy(outer.bytes.data() + outer.len - sizeof header, &header, sizeof header);
    }
    return outer;
}

void finish_udp(const Pair& pair, std::uint8_t* at, std::size_t num_bytes) {
    std::uint64_t sum = num_bytes + static_cast<std::uint64_t>(Protocol::udp);
    sum = checksum_add(sum, pair.source.wire());
    sum = checksum_add(sum, pair.destination.wire());
    const std::uint16_t value = checksum_finish(checksum_add(sum, {at, num_bytes}));
    // 0 says that there is none (RFC 768).
    reinterpret_cast<UdpHeader*>(at)->checksum = Be16(value == 0 ? std::uint16_t{0xffff} : value);
}

}  // namespace oegate::esp
