#include "esp/layout.hpp"

#include "net/checksum.hpp"

namespace oegate::esp {

OuterTemplate make_outer(const Address& local, const Address& remote) {
    OuterTemplate outer;
    if (local.is_ipv4()) {
        Ipv4Header header{};
        header.version_ihl = 0x45;
        header.ttl = kOuterTtl;
        header.protocol = static_cast<std::uint8_t>(Protocol::esp);
        std::memcpy(header.source.data(), local.wire().data(), 4);
        std::memcpy(header.destination.data(), remote.wire().data(), 4);
        std::memcpy(outer.bytes.data(), &header, sizeof header);
    } else {
        Ipv6Header header{};
        header.version_class_flow = Be32(6u << 28);
        header.next_header = static_cast<std::uint8_t>(Protocol::esp);
        header.hop_limit = kOuterTtl;
        std::memcpy(header.source.data(), local.wire().data(), 16);
        std::memcpy(header.destination.data(), remote.wire().data(), 16);
        std::memcpy(outer.bytes.data(), &header, sizeof header);
    }
    return outer;
}

void write_outer_ipv4(std::uint8_t* at, const OuterTemplate& outer, std::size_t esp_len,
                      std::uint8_t traffic_class, bool dont_fragment, std::uint16_t identification) {
    Ipv4Header header;
    std::memcpy(&header, outer.bytes.data(), sizeof header);
    header.tos = traffic_class;
    header.total_length = Be16(static_cast<std::uint16_t>(sizeof header + esp_len));
    header.identification = Be16(identification);
    header.fragment = Be16(dont_fragment ? Ipv4Header::kDontFragment : std::uint16_t{0});
    header.header_checksum = Be16(0);
    const auto* raw = reinterpret_cast<const std::uint8_t*>(&header);
    header.header_checksum = Be16(checksum({raw, sizeof header}));
    std::memcpy(at, &header, sizeof header);
}

void write_outer_ipv6(std::uint8_t* at, const OuterTemplate& outer, std::size_t esp_len,
                      std::uint8_t traffic_class) {
    Ipv6Header header;
    std::memcpy(&header, outer.bytes.data(), sizeof header);
    header.version_class_flow = Be32(6u << 28 | static_cast<std::uint32_t>(traffic_class) << 20);
    header.payload_length = Be16(static_cast<std::uint16_t>(esp_len));
    std::memcpy(at, &header, sizeof header);
}

}  // namespace oegate::esp
