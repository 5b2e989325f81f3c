#include "stages/extensions.hpp"

namespace oegate {
namespace {

/// Nobody needs more: each kind may stand once, destination options twice (RFC 8200 §4.1).
constexpr unsigned kMaxExtensionHeaders = 8;

}  // namespace

Drop walk_extensions(ByteView bytes, Meta& m) {
    auto next = static_cast<Protocol>(reinterpret_cast<const Ipv6Header*>(bytes.data())->next_header);
    std::size_t at = sizeof(Ipv6Header);
    m.fragment = m.later_fragment = false;
    for (unsigned count = 0; is_extension(next); ++count) {
        if (count == kMaxExtensionHeaders) return Drop::ipv6_extension_chain;
        if (next == Protocol::hop_by_hop && count != 0) return Drop::ipv6_extension_chain;  // only first
        if (bytes.size() - at < 8) return Drop::ip_short;
        const std::uint8_t* header = bytes.data() + at;
        if (next == Protocol::routing && header[2] == 0) return Drop::ipv6_routing_header;
        if (next == Protocol::fragment) {
            m.fragment = true;
            m.later_fragment = ((header[2] << 8 | header[3]) & 0xfff8) != 0;
            at += 8;
            next = static_cast<Protocol>(header[0]);
            if (m.later_fragment) break;  // what follows is the middle of something
            continue;
        }
        const std::size_t header_len = 8u * (1u + header[1]);
        if (bytes.size() - at < header_len) return Drop::ip_short;
        at += header_len;
        next = static_cast<Protocol>(header[0]);
    }
    m.protocol = static_cast<std::uint8_t>(next);
    m.header_len = static_cast<std::uint16_t>(at);
    return Drop::kCount;
}

}  // namespace oegate
