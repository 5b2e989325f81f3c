#include "tables/reassembly.hpp"

#include <bit>

namespace oegate {

Reassembly::Reassembly(std::uint32_t max_datagrams, std::uint64_t timeout_ns, const OwnerSeed& seed)
    : seed_(seed),
      timeout_ns_(timeout_ns),
      share_(share(max_datagrams)),
      nodes_(max_pieces(max_datagrams)),
      datagrams_(max_datagrams),
      buckets_(std::bit_ceil(2 * max_datagrams), kNil),
      sources_(std::bit_ceil(2 * max_datagrams)) {
    for (std::uint32_t i = 0; i + 1 < nodes_.size(); ++i) nodes_[i].next = i + 1;
    for (std::uint32_t i = 0; i + 1 < datagrams_.size(); ++i) datagrams_[i].next = i + 1;
}

std::uint64_t Reassembly::hash(const FragmentKey& key) const {
    const std::uint64_t mixed = pair_hash(seed_, key.pair.source, key.pair.destination) ^
                                (std::uint64_t{key.identification} << 8 | key.protocol) * (seed_.k1 | 1);
    return (mixed ^ mixed >> 32) * 0x9e3779b97f4a7c15;
}

std::uint32_t& Reassembly::bucket(const FragmentKey& key) {
    return buckets_[hash(key) >> 32 & (buckets_.size() - 1)];
}

std::uint32_t Reassembly::find(const FragmentKey& key) {
    std::uint32_t at = bucket(key);
    while (at != kNil && !(datagrams_[at].key == key)) at = datagrams_[at].next;
    return at;
}

void Reassembly::append(List& list, Link Datagram::*link, std::uint32_t at) {
    datagrams_[at].*link = {list.newest, kNil};
    (list.newest == kNil ? list.oldest : (datagrams_[list.newest].*link).after) = at;
    list.newest = at;
    ++list.size;
}

void Reassembly::unlink(List& list, Link Datagram::*link, std::uint32_t at) {
    const Link l = datagrams_[at].*link;
    (l.before == kNil ? list.oldest : (datagrams_[l.before].*link).after) = l.after;
    (l.after == kNil ? list.newest : (datagrams_[l.after].*link).before) = l.before;
    --list.size;
}

void Reassembly::empty(Datagram& datagram, Into& into, std::size_t& num) {
    while (datagram.first != kNil) {
        const std::uint32_t node = datagram.first;
        into[num++] = nodes_[node].piece;
        datagram.first = nodes_[node].next;
        nodes_[node].next = free_node_;
        free_node_ = node;
        --num_pieces_;
    }
    datagram.last = kNil;
    datagram.num_pieces = 0;
}

void Reassembly::remove(std::uint32_t at) {
    Datagram& datagram = datagrams_[at];
    std::uint32_t* link = &bucket(datagram.key);
    while (*link != at) link = &datagrams_[*link].next;
    *link = datagram.next;
    unlink(ages_, &Datagram::age, at);
    unlink(sources_[datagram.source], &Datagram::of_source, at);
    datagram.next = free_datagram_;
    free_datagram_ = at;
    --num_datagrams_;
}

void Reassembly::evict(std::uint32_t at) {
    empty(datagrams_[at], evicted_, num_evicted_);
    remove(at);
}

std::uint32_t Reassembly::make(const FragmentKey& key, std::uint64_t now_ns) {
    Address source = key.pair.source;
    if (source.is_ipv6()) std::fill(source.mutable_bytes().begin() + 8, source.mutable_bytes().end(), 0);
    const auto at_source =
        static_cast<std::uint32_t>(pair_hash(seed_, source, Address{}) >> 32 & (sources_.size() - 1));
    if (sources_[at_source].size >= share_)
        evict(sources_[at_source].oldest);
    else if (num_datagrams_ == datagrams_.size())
        evict(ages_.oldest);
    const std::uint32_t at = free_datagram_;
    Datagram& datagram = datagrams_[at];
    free_datagram_ = datagram.next;
    datagram = Datagram{};
    datagram.key = key;
    datagram.expires_ns = now_ns + timeout_ns_;
    datagram.source = at_source;
    std::uint32_t& head = bucket(key);
    datagram.next = head;
    head = at;
    append(ages_, &Datagram::age, at);
    append(sources_[at_source], &Datagram::of_source, at);
    ++num_datagrams_;
    return at;
}

/// One datagram at most gives way: any that still has pieces has one to give. A piece that
/// only its own datagram could make room for finds none.
bool Reassembly::make_room_for_piece(std::uint32_t but) {
    while (num_pieces_ == nodes_.size()) {
        const std::uint32_t oldest = ages_.oldest;
        if (oldest == but) return false;
        evict(oldest);
    }
    return true;
}

Reassembly::Put Reassembly::refuse(std::uint32_t at, Put why) {
    empty(datagrams_[at], taken_, num_taken_);
    datagrams_[at].refused = true;
    return why;
}

void Reassembly::refuse(const FragmentKey& key) {
    num_taken_ = num_evicted_ = 0;
    if (const std::uint32_t at = find(key); at != kNil) refuse(at, Put::overlap);
}

Reassembly::Put Reassembly::insert(std::uint32_t at, const FragmentPiece& piece) {
    Datagram& datagram = datagrams_[at];
    const std::uint32_t end = piece.offset + piece.len;
    // The pieces that this one comes behind of and before; mostly it is the last.
    std::uint32_t before = kNil, after = datagram.first;
    if (datagram.last != kNil && nodes_[datagram.last].piece.offset < piece.offset) {
        before = datagram.last;
        after = kNil;
    }
    while (after != kNil && nodes_[after].piece.offset < piece.offset) {
        before = after;
        after = nodes_[after].next;
    }
    if (after != kNil) {
        const FragmentPiece& there = nodes_[after].piece;
        if (there.offset == piece.offset && there.len == piece.len && there.more == piece.more) {
            taken_[num_taken_++] = there;
            return Put::duplicate;
        }
        if (end > there.offset) return refuse(at, Put::overlap);
        if (!piece.more) return refuse(at, Put::overlap);  // something lies behind the end
    }
    if (before != kNil) {
        const FragmentPiece& there = nodes_[before].piece;
        if (there.offset + there.len > piece.offset) return refuse(at, Put::overlap);
    }
    if (datagram.end != 0 && (!piece.more || end > datagram.end)) return refuse(at, Put::overlap);
    if (datagram.num_pieces == kMaxPieces) return refuse(at, Put::full);
    if (!make_room_for_piece(at)) return Put::no_room;

    const std::uint32_t node = free_node_;
    free_node_ = nodes_[node].next;
    nodes_[node] = {piece, after};
    (before == kNil ? datagram.first : nodes_[before].next) = node;
    if (after == kNil) datagram.last = node;
    ++datagram.num_pieces;
    ++num_pieces_;
    datagram.num_bytes += piece.len;
    if (!piece.more) datagram.end = end;
    // No two overlap: as many bytes as the end says means all of them.
    if (datagram.end == 0 || datagram.num_bytes != datagram.end) return Put::waits;
    if (nodes_[datagram.first].piece.header_len + datagram.end > kMaxDatagram)
        return refuse(at, Put::overlap);
    empty(datagram, taken_, num_taken_);
    remove(at);
    return Put::complete;
}

Reassembly::Put Reassembly::put(const FragmentKey& key, const FragmentPiece& piece, std::uint64_t now_ns) {
    num_taken_ = num_evicted_ = 0;
    if (piece.len == 0 || (piece.more && piece.len % 8 != 0) ||
        piece.header_len + piece.offset + piece.len > kMaxDatagram)
        return Put::malformed;
    std::uint32_t at = find(key);
    if (at == kNil) at = make(key, now_ns);
    if (datagrams_[at].refused) return Put::overlap;
    return insert(at, piece);
}

bool Reassembly::expire(std::uint64_t now_ns) {
    num_taken_ = num_evicted_ = 0;
    const std::uint32_t oldest = ages_.oldest;
    if (oldest == kNil || datagrams_[oldest].expires_ns > now_ns) return false;
    empty(datagrams_[oldest], taken_, num_taken_);
    remove(oldest);
    return true;
}

}  // namespace oegate
