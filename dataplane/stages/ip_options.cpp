#include "stages/ip_options.hpp"

#include "net/headers.hpp"
#include "tables/own_addresses.hpp"

namespace oegate {
namespace {

// RFC 791 §3.1; the copied flag belongs to the type.
constexpr std::uint8_t kEnd = 0, kNop = 1, kRecordRoute = 7, kTimestamp = 68, kLooseRoute = 131,
                       kStrictRoute = 137, kRouterAlert = 148;

/// Whether a type and its length go together (RFC 791 §3.1, RFC 2113 §2.1).
bool length_ok(std::uint8_t type, ByteView option) {
    switch (type) {
        case kRecordRoute:
        case kLooseRoute:
        case kStrictRoute:
            // Pointer from the type's place: addresses of four bytes, from 4 to one behind the end.
            return option.size() >= 3 && (option.size() - 3) % 4 == 0 && option[2] >= 4 && option[2] % 4 == 0;
        case kTimestamp:
            return option.size() >= 4 && option.size() % 4 == 0 && option[2] >= 5;
        case kRouterAlert:
            return option.size() == 4;
        default:
            return true;
    }
}

/// One option after the other; `visit` gets type and bytes and says whether to go on.
/// False: one runs past the header.
template <class Visit>
bool walk(ByteView header, Visit visit) {
    for (std::size_t at = sizeof(Ipv4Header); at < header.size() && header[at] != kEnd;) {
        if (header[at] == kNop) {
            ++at;
            continue;
        }
        if (at + 1 == header.size()) return false;
        const std::size_t len = header[at + 1];
        if (len < 2 || len > header.size() - at) return false;
        if (!visit(header[at], header.subspan(at, len))) return false;
        at += len;
    }
    return true;
}

bool is_source_route(std::uint8_t type) {
    return type == kLooseRoute || type == kStrictRoute;
}

}  // namespace

Drop check_options(ByteView header) {
    std::uint64_t seen[4] = {};
    bool routed = false;
    const bool good = walk(header, [&](std::uint8_t type, ByteView option) {
        if (!length_ok(type, option)) return false;
        // Each stands once (RFC 1122 §3.2.1.8), and there is one source route, of one kind.
        if ((seen[type / 64] >> type % 64 & 1) != 0 || (is_source_route(type) && routed)) return false;
        seen[type / 64] |= std::uint64_t{1} << type % 64;
        routed |= is_source_route(type);
        return true;
    });
    return good ? Drop::kCount : Drop::ip_options_malformed;
}

Drop judge_options(const Worker& worker, const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    const InterfaceInfo& in = worker.interfaces[m.in_interface];
    const bool ours = worker.own->find(m.pair.destination) == OwnAddresses::Kind::own;
    bool routed = false;
    walk({data(packet), m.header_len}, [&](std::uint8_t type, ByteView) {
        routed |= is_source_route(type);
        return true;
    });
    if (routed && (ours || !in.source_route)) return Drop::ip_source_route;
    return ours || in.ip_options || routed ? Drop::kCount : Drop::ip_options;
}

}  // namespace oegate
