#include "stages/fragment.hpp"

#include <cstring>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/icmp.hpp"

namespace oegate {
namespace {

constexpr std::size_t kMaxIpv4Header = 60;
constexpr std::size_t kFragmentHeader = 8;  // RFC 8200 §4.5

/// What every fragment repeats: for IPv4 the header of the first and that of the others,
/// which have fewer options; for IPv6 the header that names the Fragment header.
struct Heads {
    std::size_t original_len = 0;  // header of the datagram that is cut
    std::size_t first_len = 0, later_len = 0;
    std::uint8_t first[kMaxIpv4Header];
    std::uint8_t later[kMaxIpv4Header];
};
static_assert(kMaxIpv4Header >= sizeof(Ipv6Header) + kFragmentHeader);

/// RFC 791 §3.1: only options with the copied flag stand in every fragment. parse has
/// checked their lengths. Returns the new length of the header.
std::size_t copy_options(const std::uint8_t* from, std::size_t header_len, std::uint8_t* to) {
    constexpr std::uint8_t kEnd = 0, kNop = 1, kCopied = 0x80;
    std::memcpy(to, from, sizeof(Ipv4Header));
    std::size_t len = sizeof(Ipv4Header);
    for (std::size_t at = sizeof(Ipv4Header); at < header_len && from[at] != kEnd;) {
        const std::size_t option = from[at] == kNop || at + 1 == header_len ? 1u : from[at + 1];
        if (option == 0 || at + option > header_len) break;
        if ((from[at] & kCopied) != 0) {
            std::memcpy(to + len, from + at, option);
            len += option;
        }
        at += option;
    }
    while (len % 4 != 0) to[len++] = kEnd;
    reinterpret_cast<Ipv4Header*>(to)->version_ihl = static_cast<std::uint8_t>(0x40 | len / 4);
    return len;
}

/// Multiplication by odd numbers and folds lose nothing: no number comes twice, and none
/// tells the next (RFC 7739 §5.3).
std::uint32_t fresh_identification(Worker& worker) {
    std::uint32_t x = worker.fragment_count++ << 4 | worker.index;
    x ^= static_cast<std::uint32_t>(worker.seed.k0);
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * (static_cast<std::uint32_t>(worker.seed.k1) | 1u);
    return x ^ x >> 16;
}

void make_heads(Worker& worker, const rte_mbuf* packet, Heads& heads) {
    const std::uint8_t* bytes = data(packet);
    if (meta(packet).family == Family::ipv4) {
        heads.original_len = heads.first_len = reinterpret_cast<const Ipv4Header*>(bytes)->header_len();
        std::memcpy(heads.first, bytes, heads.first_len);
        heads.later_len = copy_options(bytes, heads.first_len, heads.later);
        return;
    }
    heads.original_len = sizeof(Ipv6Header);
    heads.first_len = heads.later_len = sizeof(Ipv6Header) + kFragmentHeader;
    std::memcpy(heads.first, bytes, sizeof(Ipv6Header));
    auto* header = reinterpret_cast<Ipv6Header*>(heads.first);
    std::uint8_t* fragment = heads.first + sizeof(Ipv6Header);
    std::memset(fragment, 0, kFragmentHeader);
    fragment[0] = header->next_header;
    header->next_header = static_cast<std::uint8_t>(Protocol::fragment);
    const Be32 identification(fresh_identification(worker));
    std::memcpy(fragment + 4, &identification, sizeof identification);
    std::memcpy(heads.later, heads.first, heads.first_len);
}

/// Finishes the fragment that lies in `packet` behind its copied header; `offset` counts
/// payload bytes of the datagram that is cut, which may be an IPv4 fragment itself.
void finish(rte_mbuf* packet, std::size_t header_len, std::size_t offset, bool more) {
    std::uint8_t* bytes = data(packet);
    const std::size_t len = rte_pktmbuf_data_len(packet);
    Meta& m = meta(packet);
    m.fragment = true;
    m.header_len = static_cast<std::uint16_t>(header_len);
    if (m.family == Family::ipv4) {
        auto* header = reinterpret_cast<Ipv4Header*>(bytes);
        const unsigned before = header->fragment.host();
        const unsigned flags = before & ~static_cast<unsigned>(Ipv4Header::kOffsetMask);
        const unsigned units = (before & Ipv4Header::kOffsetMask) + static_cast<unsigned>(offset / 8);
        header->fragment = Be16(
            static_cast<std::uint16_t>(flags | units | (more ? unsigned{Ipv4Header::kMoreFragments} : 0u)));
        header->total_length = Be16(static_cast<std::uint16_t>(len));
        header->header_checksum = {};
        header->header_checksum = Be16(checksum({bytes, header_len}));
        m.later_fragment = units != 0;
        return;
    }
    reinterpret_cast<Ipv6Header*>(bytes)->payload_length =
        Be16(static_cast<std::uint16_t>(len - sizeof(Ipv6Header)));
    const Be16 place(static_cast<std::uint16_t>(offset | (more ? 1u : 0u)));
    std::memcpy(bytes + sizeof(Ipv6Header) + 2, &place, sizeof place);
    m.later_fragment = offset != 0;
}

/// RFC 791 §3.2, RFC 8200 §4.5. The first fragment stays in its buffer, unless that is a
/// large one or has no room for a Fragment header.
void cut(Worker& worker, rte_mbuf* packet, std::uint16_t mtu, Burst& out) {
    Heads heads;
    make_heads(worker, packet, heads);
    const std::size_t payload = rte_pktmbuf_data_len(packet) - heads.original_len;
    const std::size_t most = std::max(heads.first_len, heads.later_len);
    const std::size_t step = mtu > most ? (mtu - most) & ~std::size_t{7} : 0;
    const std::size_t count = step == 0 ? kMaxFragments + 1 : (payload + step - 1) / step;
    if (count > kMaxFragments || count > out.room()) return drop(worker, packet, Drop::fragment_failed);
    const std::size_t grows = heads.first_len - heads.original_len;
    const bool in_place = packet->pool == worker.pool && rte_pktmbuf_headroom(packet) >= grows;
    rte_mbuf* made[kMaxFragments];
    for (std::size_t i = in_place ? 1 : 0; i < count; ++i) {
        made[i] = make_packet(worker);
        if (made[i] == nullptr) {
            for (std::size_t k = in_place ? 1 : 0; k < i; ++k) rte_pktmbuf_free(made[k]);
            return drop(worker, packet, Drop::no_buffer);
        }
        const std::size_t len = std::min(step, payload - i * step);
        const std::size_t head = i == 0 ? heads.first_len : heads.later_len;
        auto* bytes = reinterpret_cast<std::uint8_t*>(
            rte_pktmbuf_append(made[i], static_cast<std::uint16_t>(head + len)));
        std::memcpy(bytes, i == 0 ? heads.first : heads.later, head);
        std::memcpy(bytes + head, data(packet) + heads.original_len + i * step, len);
        meta(made[i]) = meta(packet);
        finish(made[i], head, i * step, i + 1 < count);
    }
    if (in_place) {
        rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(payload - step));
        rte_pktmbuf_prepend(packet, static_cast<std::uint16_t>(grows));
        std::memcpy(data(packet), heads.first, heads.first_len);
        finish(packet, heads.first_len, 0, true);
        made[0] = packet;
    } else {
        rte_pktmbuf_free(packet);
    }
    worker.ledger.fragments_made.add(count - 1);  // one of them is the datagram itself
    for (std::size_t i = 0; i < count; ++i) out.push(made[i]);
}

}  // namespace

void allow_cut(rte_mbuf* outer) {
    Meta& m = meta(outer);
    m.dont_fragment = false;
    if (m.family != Family::ipv4) return;
    auto* header = reinterpret_cast<Ipv4Header*>(data(outer));
    header->fragment =
        Be16(static_cast<std::uint16_t>(header->fragment.host() & ~unsigned{Ipv4Header::kDontFragment}));
    header->header_checksum = {};
    header->header_checksum = Be16(checksum({data(outer), header->header_len()}));
}

void fit(Worker& worker, rte_mbuf* packet, std::uint16_t mtu, Burst& out) {
    if (rte_pktmbuf_data_len(packet) <= mtu) [[likely]] {
        out.push(packet);
    } else if (meta(packet).dont_fragment) {
        refuse(worker, packet, Drop::too_big, IcmpError::too_big, mtu);
    } else {
        cut(worker, packet, mtu, out);
    }
}

}  // namespace oegate
