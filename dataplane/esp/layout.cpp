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

Pair outer_pair(const OuterTemplate& outer) {
    // Asked for each packet: whole words, and an IPv4 address in its mapped form.
    if (outer.family == Family::ipv4) {
        std::uint32_t words[2];
        std::memcpy(words, outer.bytes.data() + offsetof(Ipv4Header, source), sizeof words);
        const auto mapped = [](std::uint32_t word) {
            return std::bit_cast<Address>(
                std::array<std::uint64_t, 2>{0, std::uint64_t{word} << 32 | 0xffff0000u});
        };
        return {mapped(words[0]), mapped(words[1])};
    }
    Pair pair;
    std::memcpy(&pair, outer.bytes.data() + offsetof(Ipv6Header, source), sizeof pair);
    return pair;
}

void write_outer(std::uint8_t* at, const OuterTemplate& outer, std::size_t esp_len,
                 std::uint8_t traffic_class, bool dont_fragment, std::uint16_t identification) {
    const auto udp_len = static_cast<std::uint16_t>((outer.udp ? sizeof(UdpHeader) : 0) + esp_len);
    if (outer.family == Family::ipv4) {
        std::memcpy(at, outer.bytes.data(), sizeof(Ipv4Header));
        auto* header = reinterpret_cast<Ipv4Header*>(at);
        const std::uint32_t total = static_cast<std::uint32_t>(sizeof(Ipv4Header)) + udp_len;
        const std::uint32_t fragment = dont_fragment ? Ipv4Header::kDontFragment : 0u;
        header->tos = traffic_class;
        header->total_length = Be16(static_cast<std::uint16_t>(total));
        header->identification = Be16(identification);
        header->fragment = Be16(static_cast<std::uint16_t>(fragment));
        header->header_checksum = Be16(
            checksum_finish(std::uint64_t{outer.sum} + traffic_class + total + identification + fragment));
        if (!outer.udp) return;
    } else {
        std::memcpy(at, outer.bytes.data(), sizeof(Ipv6Header));
        auto* header = reinterpret_cast<Ipv6Header*>(at);
        at[0] = static_cast<std::uint8_t>(0x60 | traffic_class >> 4);
        at[1] = static_cast<std::uint8_t>(traffic_class << 4 | (at[1] & 0x0f));
        header->payload_length = Be16(udp_len);
        if (!outer.udp) return;
    }
    std::uint8_t* udp = at + outer.len - sizeof(UdpHeader);
    std::memcpy(udp, outer.bytes.data() + outer.len - sizeof(UdpHeader), sizeof(UdpHeader));
    reinterpret_cast<UdpHeader*>(udp)->length = Be16(udp_len);
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
