#include "stages/reassemble.hpp"

#include <cstring>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/handoff.hpp"
#include "stages/icmp.hpp"
#include "stages/parse.hpp"
#include "tables/reassembly.hpp"

namespace oegate {
namespace {

constexpr unsigned kForgottenPerLoop = 4;
constexpr std::size_t kFragmentHeader = 8;  // RFC 8200 §4.5

/// Where the Fragment header lies, and the byte that says that it comes. parse has
/// walked the chain before: it is well-formed, and there is one.
struct Place {
    std::size_t header = 0;
    std::size_t named_at = 0;
};

Place fragment_header(const std::uint8_t* bytes, std::size_t len) {
    Place place{sizeof(Ipv6Header), offsetof(Ipv6Header, next_header)};
    while (static_cast<Protocol>(bytes[place.named_at]) != Protocol::fragment) {
        if (place.header + kFragmentHeader > len) return {};
        place.named_at = place.header;
        place.header += 8u * (1u + bytes[place.header + 1]);
    }
    if (place.header + kFragmentHeader > len) return {};
    return place;
}

bool describe(rte_mbuf* packet, FragmentKey& key, FragmentPiece& piece) {
    const Meta& m = meta(packet);
    const std::uint8_t* bytes = data(packet);
    const std::size_t len = rte_pktmbuf_data_len(packet);
    key.pair = m.pair;
    piece.packet = packet;
    if (m.family == Family::ipv4) {
        const auto* header = reinterpret_cast<const Ipv4Header*>(bytes);
        const unsigned fragment = header->fragment.host();
        key.identification = header->identification.host();
        key.protocol = header->protocol;
        piece.offset = 8u * (fragment & Ipv4Header::kOffsetMask);
        piece.more = (fragment & Ipv4Header::kMoreFragments) != 0;
        piece.header_len = header->header_len();
        piece.len = static_cast<std::uint32_t>(len - piece.header_len);
        return true;
    }
    const std::size_t at = fragment_header(bytes, len).header;
    if (at == 0) return false;
    Be32 identification;
    std::memcpy(&identification, bytes + at + 4, sizeof identification);
    key.identification = identification.host();
    const unsigned fragment = bytes[at + 2] << 8 | bytes[at + 3];
    piece.offset = fragment & 0xfff8;
    piece.more = (fragment & 1) != 0;
    piece.header_len = static_cast<std::uint32_t>(at);
    piece.len = static_cast<std::uint32_t>(len - at - kFragmentHeader);
    return true;
}

const std::uint8_t* payload(const FragmentPiece& piece) {
    auto* packet = static_cast<rte_mbuf*>(piece.packet);
    return data(packet) + rte_pktmbuf_data_len(packet) - piece.len;
}

void drop_all(Worker& worker, std::span<const FragmentPiece> pieces, Drop reason) {
    for (const FragmentPiece& p : pieces) drop(worker, static_cast<rte_mbuf*>(p.packet), reason);
}

std::uint8_t ecn(const rte_mbuf* packet) {
    return meta(packet).family == Family::ipv4 ? data(packet)[1] & 3 : data(packet)[1] >> 4 & 3;
}

/// RFC 3168 §5.3: congestion that one fragment met, the datagram met; some that can say so
/// and some that cannot are nobody's honest datagram. False: refuse.
bool merge_ecn(std::span<const FragmentPiece> pieces, bool& congested) {
    bool not_ect = false;
    congested = false;
    for (const FragmentPiece& p : pieces) {
        const std::uint8_t e = ecn(static_cast<rte_mbuf*>(p.packet));
        congested |= e == 3;
        not_ect |= e == 0;
    }
    return !(congested && not_ect);
}

/// Header of the datagram that begins at `packet`'s data and is whole.
void write_header(rte_mbuf* packet, std::size_t named_at, std::uint8_t protocol, bool congested) {
    std::uint8_t* bytes = data(packet);
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (meta(packet).family == Family::ipv4) {
        auto* header = reinterpret_cast<Ipv4Header*>(bytes);
        header->total_length = Be16(static_cast<std::uint16_t>(len));
        header->fragment = Be16(header->fragment.host() & Ipv4Header::kDontFragment);
        if (congested) header->tos |= 3;
        header->header_checksum = {};
        header->header_checksum = Be16(checksum({bytes, header->header_len()}));
        return;
    }
    auto* header = reinterpret_cast<Ipv6Header*>(bytes);
    header->payload_length = Be16(static_cast<std::uint16_t>(len - sizeof(Ipv6Header)));
    if (congested) header->version_class_flow = Be32(header->version_class_flow.host() | 3u << 20);
    bytes[named_at] = protocol;
}

/// A buffer that begins with the first fragment's header and has room for all, or null.
/// The first fragment's own when it is large enough.
rte_mbuf* room_for(Worker& worker, rte_mbuf* first, std::size_t header_len, std::size_t len) {
    const std::size_t removed = meta(first).family == Family::ipv6 ? kFragmentHeader : 0;
    const std::size_t now = rte_pktmbuf_data_len(first);
    if (len <= now - removed + rte_pktmbuf_tailroom(first)) {
        if (removed != 0) {
            std::memmove(data(first) + removed, data(first), header_len);
            rte_pktmbuf_adj(first, kFragmentHeader);
        }
        rte_pktmbuf_append(first, static_cast<std::uint16_t>(len - (now - removed)));
        return first;
    }
    rte_mbuf* large = rte_pktmbuf_alloc(worker.large_pool);
    if (large == nullptr) return nullptr;
    large->data_off = static_cast<std::uint16_t>(std::min<std::size_t>(
        RTE_PKTMBUF_HEADROOM, large->buf_len - std::min<std::size_t>(len, large->buf_len)));
    if (len > rte_pktmbuf_tailroom(large)) {
        rte_pktmbuf_free(large);
        return nullptr;
    }
    meta(large) = meta(first);
    std::memcpy(rte_pktmbuf_append(large, static_cast<std::uint16_t>(len)), data(first), header_len);
    return large;
}

/// RFC 6980 §5: neighbour discovery is never fragmented by anybody honest.
bool is_discovery(const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    if (m.family != Family::ipv6 || static_cast<Protocol>(m.protocol) != Protocol::icmpv6) return false;
    if (rte_pktmbuf_data_len(packet) <= m.header_len) return false;
    const std::uint8_t type = data(packet)[m.header_len];
    return type >= 133 && type <= 137;
}

/// All fragments of one datagram, in order and without gaps, become it.
void merge(Worker& worker, std::span<const FragmentPiece> pieces) {
    auto* first = static_cast<rte_mbuf*>(pieces[0].packet);
    const std::size_t header_len = pieces[0].header_len;
    const std::size_t len = header_len + pieces.back().offset + pieces.back().len;
    bool congested = false;
    if (!merge_ecn(pieces, congested)) return drop_all(worker, pieces, Drop::reassembly_malformed);
    std::size_t named_at = 0;
    std::uint8_t protocol = 0;
    if (meta(first).family == Family::ipv6) {
        const Place place = fragment_header(data(first), rte_pktmbuf_data_len(first));
        named_at = place.named_at;
        protocol = data(first)[place.header];
    }
    if (worker.lanes.whole.room() == 0) return drop_all(worker, pieces, Drop::reassembly_full);
    rte_mbuf* whole = room_for(worker, first, header_len, len);
    if (whole == nullptr) return drop_all(worker, pieces, Drop::no_buffer);
    // The first fragment's payload lies in place already when it is its own buffer.
    if (whole != first) std::memcpy(data(whole) + header_len, payload(pieces[0]), pieces[0].len);
    for (const FragmentPiece& p : pieces.subspan(1))
        std::memcpy(data(whole) + header_len + p.offset, payload(p), p.len);
    for (const FragmentPiece& p : pieces)
        if (p.packet != whole) rte_pktmbuf_free(static_cast<rte_mbuf*>(p.packet));
    worker.ledger.merged.add(pieces.size() - 1);
    write_header(whole, named_at, protocol, congested);
    const Drop reason = parse_datagram(whole);
    if (reason != Drop::kCount) return drop(worker, whole, reason);
    // A second Fragment header behind the first: nobody sends such (RFC 8200 §4.5).
    if (meta(whole).fragment) return drop(worker, whole, Drop::reassembly_malformed);
    if (is_discovery(whole)) return drop(worker, whole, Drop::nd_malformed);
    worker.lanes.whole.push(whole);
}

}  // namespace

void reassemble(Worker& worker, rte_mbuf* fragment) {
    FragmentKey key;
    FragmentPiece piece;
    if (!describe(fragment, key, piece)) return drop(worker, fragment, Drop::reassembly_malformed);
    if (piece.offset == 0 && !piece.more) return merge(worker, {&piece, 1});  // RFC 6946: alone
    Reassembly& table = *worker.reassembly;
    if (worker.num_workers > 1) {
        const auto to = static_cast<unsigned>((table.hash(key) >> 32) * worker.num_workers >> 32);
        if (to != worker.index) return hand_over(worker, fragment, to, Resume::reassemble);
    }
    const Reassembly::Put put = table.put(key, piece, worker.now_ns);
    drop_all(worker, table.evicted(), Drop::reassembly_full);
    switch (put) {
        case Reassembly::Put::waits:
            break;
        case Reassembly::Put::complete:
            merge(worker, table.taken());
            break;
        case Reassembly::Put::duplicate:
            // RFC 8200 §4.5 tolerates an exact duplicate: the datagram has its bytes already.
            if (std::memcmp(payload(table.taken()[0]), payload(piece), piece.len) == 0) {
                worker.ledger.merged.add();
                rte_pktmbuf_free(fragment);
                break;
            }
            table.refuse(key);
            [[fallthrough]];
        case Reassembly::Put::overlap:
            drop_all(worker, table.taken(), Drop::reassembly_overlap);
            drop(worker, fragment, Drop::reassembly_overlap);
            break;
        case Reassembly::Put::malformed:
            drop(worker, fragment, Drop::reassembly_malformed);
            break;
        case Reassembly::Put::full:
        case Reassembly::Put::no_room:
            drop_all(worker, table.taken(), Drop::reassembly_full);
            drop(worker, fragment, Drop::reassembly_full);
            break;
    }
    worker.ledger.reassembling.set(table.num_pieces());
}

void settle(Worker& worker, Burst& burst) {
    unsigned kept = 0;
    for (rte_mbuf* packet : burst) {
        const std::uint16_t len = rte_pktmbuf_data_len(packet);
        if (packet->pool != worker.pool && len <= worker.buffer_len) {
            rte_mbuf* ordinary = make_packet(worker);
            if (ordinary == nullptr) {
                drop(worker, packet, Drop::no_buffer);
                continue;
            }
            meta(ordinary) = meta(packet);
            std::memcpy(rte_pktmbuf_append(ordinary, len), data(packet), len);
            rte_pktmbuf_free(packet);
            packet = ordinary;
        }
        burst.set(kept++, packet);
    }
    burst.truncate(kept);
}

void forget_fragments(Worker& worker) {
    Reassembly* table = worker.reassembly.get();
    if (table == nullptr || table->num_datagrams() == 0) return;
    for (unsigned i = 0; i < kForgottenPerLoop && table->expire(worker.now_ns); ++i) {
        auto pieces = table->taken();
        // The sender is told when its first fragment is here (RFC 792, RFC 8200 §4.5).
        if (!pieces.empty() && pieces[0].offset == 0) {
            refuse(worker, static_cast<rte_mbuf*>(pieces[0].packet), Drop::reassembly_timeout,
                   IcmpError::reassembly_timeout);
            pieces = pieces.subspan(1);
        }
        drop_all(worker, pieces, Drop::reassembly_timeout);
    }
    worker.ledger.reassembling.set(table->num_pieces());
}

}  // namespace oegate
