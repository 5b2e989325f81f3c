#include "stages/fragment.hpp"

#include <cstring>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/icmp.hpp"

namespace oegate {
namespace {

/// Sets length, offset and more-fragments of a fragment's header; `offset` counts
/// bytes of the datagram that is being cut, which may be a fragment itself.
void write_header(rte_mbuf* packet, const Ipv4Header& original, std::size_t offset, bool more) {
    Ipv4Header header = original;
    const unsigned before = original.fragment.host();
    const unsigned flags = before & ~static_cast<unsigned>(Ipv4Header::kOffsetMask);
    const unsigned units = (before & Ipv4Header::kOffsetMask) + static_cast<unsigned>(offset / 8);
    header.fragment =
        Be16(static_cast<std::uint16_t>(flags | units | (more ? unsigned{Ipv4Header::kMoreFragments} : 0u)));
    header.total_length = Be16(static_cast<std::uint16_t>(rte_pktmbuf_data_len(packet)));
    header.header_checksum = {};
    std::memcpy(data(packet), &header, sizeof header);
    header.header_checksum = Be16(checksum({data(packet), sizeof header}));
    std::memcpy(data(packet), &header, sizeof header);
    Meta& m = meta(packet);
    m.fragment = true;
    m.later_fragment = units != 0;
}

/// RFC 791 §3.2. Headers without options only: parse lets no others through.
void cut(Worker& worker, rte_mbuf* packet, std::uint16_t mtu, Burst& out) {
    constexpr std::size_t kHeader = sizeof(Ipv4Header);
    Ipv4Header original;
    std::memcpy(&original, data(packet), kHeader);
    const std::size_t payload = rte_pktmbuf_data_len(packet) - kHeader;
    const std::size_t step = mtu > kHeader ? (mtu - kHeader) & ~std::size_t{7} : 0;
    const std::size_t count = step == 0 ? kMaxFragments + 1 : (payload + step - 1) / step;
    if (count > kMaxFragments || count > out.room()) {
        drop(worker, packet, Drop::fragment_failed);
        return;
    }
    rte_mbuf* made[kMaxFragments];
    for (std::size_t i = 1; i < count; ++i) {
        made[i] = make_packet(worker);
        if (made[i] == nullptr) {
            for (std::size_t k = 1; k < i; ++k) rte_pktmbuf_free(made[k]);
            drop(worker, packet, Drop::no_buffer);
            return;
        }
        const std::size_t len = std::min(step, payload - i * step);
        std::uint8_t* bytes = reinterpret_cast<std::uint8_t*>(
            rte_pktmbuf_append(made[i], static_cast<std::uint16_t>(kHeader + len)));
        std::memcpy(bytes + kHeader, data(packet) + kHeader + i * step, len);
        meta(made[i]) = meta(packet);
        write_header(made[i], original, i * step, i + 1 < count);
    }
    rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(payload - step));
    write_header(packet, original, 0, true);
    worker.ledger.fragments_made.add(count - 1);  // the first is the datagram itself
    out.push(packet);
    for (std::size_t i = 1; i < count; ++i) out.push(made[i]);
}

}  // namespace

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
