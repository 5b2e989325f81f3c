// Fragments of datagrams to ourselves until they are whole (RFC 791 §3.2, RFC 8200
// §4.5): which fragments there are, never their bytes. Bounded in datagrams, in
// fragments and in time; when full, the oldest datagram gives way, so that fragments
// that never become whole cannot keep others out. Called by the reassemble stage; pure,
// allocates only at start.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "net/owner.hpp"

namespace oegate {

/// What tells datagrams apart: RFC 791 §3.2; IPv6 has no protocol there (RFC 8200 §4.5).
struct FragmentKey {
    Pair pair;
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;  // 0 for IPv6
    bool operator==(const FragmentKey&) const = default;
};

/// One fragment. Its payload is what lies behind the part that every fragment repeats.
struct FragmentPiece {
    void* packet = nullptr;        // the owner's; never looked at
    std::uint32_t offset = 0;      // of the payload in the datagram's
    std::uint32_t len = 0;         // of the payload
    std::uint32_t header_len = 0;  // of the repeated part, without a fragment header
    bool more = false;
};

class Reassembly {
  public:
    /// Fragments of one datagram: 65,535 bytes over a path of 576.
    static constexpr unsigned kMaxPieces = 128;
    static constexpr std::uint32_t kMaxDatagram = 65535;

    enum class Put : std::uint8_t {
        waits,      // the fragment is kept
        complete,   // taken(): all of them in order, this one among them
        duplicate,  // taken(): the one that is kept with the same place and length
        malformed,  // impossible place or length; this one only is refused
        overlap,    // overlaps or contradicts others: the datagram is refused, taken() is what it had
        full,       // more pieces than a datagram may have: refused likewise
        no_room,    // bound of all fragments; this one only is refused
    };

    /// max_datagrams is at least 1. seed: secret, so that nobody aims at one bucket.
    Reassembly(std::uint32_t max_datagrams, std::uint64_t timeout_ns, const OwnerSeed& seed);

    /// What is not kept stays the caller's. Datagrams that gave way are in evicted().
    Put put(const FragmentKey& key, const FragmentPiece& piece, std::uint64_t now_ns);
    /// The caller found a duplicate to differ: as overlap.
    void refuse(const FragmentKey& key);
    /// Forgets one datagram whose time is over; taken() is what it had. False: there is none.
    bool expire(std::uint64_t now_ns);

    /// Valid until the next call of put, refuse or expire.
    std::span<const FragmentPiece> taken() const { return {taken_.data(), num_taken_}; }
    std::span<const FragmentPiece> evicted() const { return {evicted_.data(), num_evicted_}; }

    std::uint32_t num_pieces() const { return num_pieces_; }
    std::uint32_t num_datagrams() const { return num_datagrams_; }
    /// Of num_pieces.
    std::uint32_t bound() const { return static_cast<std::uint32_t>(nodes_.size()); }
    std::uint64_t hash(const FragmentKey& key) const;

    /// Bound of fragments, hence of packets, that are kept.
    static constexpr std::uint32_t max_pieces(std::uint32_t max_datagrams) {
        return max_datagrams == 0 ? 0 : max_datagrams * 8 < kMaxPieces ? kMaxPieces : max_datagrams * 8;
    }
    /// Datagrams of one source (/64 for IPv6); its own oldest gives way.
    static constexpr std::uint32_t share(std::uint32_t max_datagrams) {
        return max_datagrams / 4 < 4 ? 4 : max_datagrams / 4;
    }

  private:
    static constexpr std::uint32_t kNil = 0xffffffff;
    struct Node {
        FragmentPiece piece;
        std::uint32_t next = kNil;
    };
    struct Link {
        std::uint32_t before = kNil, after = kNil;
    };
    struct List {
        std::uint32_t oldest = kNil, newest = kNil, size = 0;
    };
    struct Datagram {
        FragmentKey key;
        std::uint64_t expires_ns = 0;
        std::uint32_t first = kNil, last = kNil, num_pieces = 0;
        std::uint32_t num_bytes = 0;
        std::uint32_t end = 0;      // of the payload; 0: the last fragment has not come
        std::uint32_t next = kNil;  // in the bucket, or in the free list
        std::uint32_t source = 0;   // index into sources_
        Link age, of_source;
        bool refused = false;  // what else comes of it is refused too (RFC 5722 §4)
    };
    using Into = std::array<FragmentPiece, 2 * kMaxPieces>;

    std::uint32_t& bucket(const FragmentKey& key);
    std::uint32_t find(const FragmentKey& key);
    std::uint32_t make(const FragmentKey& key, std::uint64_t now_ns);
    void append(List& list, Link Datagram::*link, std::uint32_t at);
    void unlink(List& list, Link Datagram::*link, std::uint32_t at);
    void empty(Datagram& datagram, Into& into, std::size_t& num);
    void remove(std::uint32_t at);
    void evict(std::uint32_t at);
    bool make_room_for_piece(std::uint32_t but);
    Put insert(std::uint32_t at, const FragmentPiece& piece);
    Put refuse(std::uint32_t at, Put why);

    OwnerSeed seed_;
    std::uint64_t timeout_ns_;
    std::uint32_t share_;
    std::uint32_t num_pieces_ = 0, num_datagrams_ = 0;
    std::uint32_t free_node_ = 0, free_datagram_ = 0;
    std::vector<Node> nodes_;
    std::vector<Datagram> datagrams_;
    std::vector<std::uint32_t> buckets_;
    std::vector<List> sources_;
    List ages_;
    Into taken_, evicted_;
    std::size_t num_taken_ = 0, num_evicted_ = 0;
};

}  // namespace oegate
