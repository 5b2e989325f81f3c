// A burst of datagrams between two stages, and what the stages know of each
// datagram (Meta, in the mbuf's private area). Used by every stage; owns nothing.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "contract/sa.hpp"
#include "net/address.hpp"
#include "tables/way.hpp"

namespace oegate {

/// Packets taken from a queue at once.
inline constexpr unsigned kReceiveBurst = 32;
/// Room in a burst: some stages make more packets than they take (fragment,
/// release), none more than this of one receive burst.
inline constexpr unsigned kBurstRoom = 256;

class Burst {
  public:
    unsigned size() const { return size_; }
    bool empty() const { return size_ == 0; }
    unsigned room() const { return kBurstRoom - size_; }
    rte_mbuf* operator[](unsigned i) const { return packets_[i]; }
    /// There must be room(); stages that make packets check it first.
    void push(rte_mbuf* packet) { packets_[size_++] = packet; }
    void clear() { size_ = 0; }
    /// Shortens to the first `size` packets; for stages that filter in place.
    void truncate(unsigned size) { size_ = size; }
    void set(unsigned i, rte_mbuf* packet) { packets_[i] = packet; }
    rte_mbuf** data() { return packets_.data(); }
    rte_mbuf** begin() { return packets_.data(); }
    rte_mbuf** end() { return packets_.data() + size_; }

  private:
    unsigned size_ = 0;
    std::array<rte_mbuf*, kBurstRoom> packets_;
};

/// Where a datagram comes from; decides which stages it is spared.
enum class Origin : std::uint8_t {
    received,   // from a port, in the clear
    decrypted,  // out of an inbound SA: no flow lookup, no inbound clear-text check
    generated,  // made by a worker (ICMP)
    control,    // from the control plane
    encrypted,  // outer ESP datagram
};

/// Where a worker takes up a datagram that another worker handed over.
enum class Resume : std::uint8_t { none, forward, encrypt, decrypt, reassemble, transmit, answer, hold };

inline constexpr std::uint32_t kNoNextHop = 0;

/// Valid from `parse` to `transmit`. In that stretch the mbuf's data begins at the
/// IP header and its length is exactly the datagram's: link-layer header and
/// padding are gone, `resolve` puts a new one in front.
///
/// The first cache line is what every datagram needs, the second what few do. Whoever
/// makes a Meta writes all of it but `sa`.
struct alignas(64) Meta {
    Pair pair;                        // of the IP header that the data begins with
    std::uint64_t hash = 0;           // of pair, by flow_hash(); 0: not computed yet
    SaRef sa;                         // policy → encrypt: the outbound SA
    std::uint32_t next_hop = 0;       // of RouteTable, for this loop; kNoNextHop before `route`
    Way way;                          // Way::kUnknown: `route` and `resolve` find it
    std::uint16_t in_interface = 0;   // index in configuration order; generated: the offender's
    std::uint16_t out_interface = 0;  // set by `route`
    Family family = Family::ipv4;
    Origin origin = Origin::received;
    bool dont_fragment = false;   // IPv4 DF, or IPv6
    bool link_broadcast = false;  // frame was sent to a group or broadcast MAC

    alignas(64) std::uint16_t header_len = 0;  // IP header with all extension headers
    std::uint16_t source_port = 0;             // TCP and UDP, host order; 0 where there is none
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;    // behind the extension headers
    bool fragment = false;        // any fragment, the first included
    bool later_fragment = false;  // offset not 0: no transport header
    Resume resume = Resume::none;
    MacAddress source_mac;  // of the frame
};
static_assert(std::is_trivially_copyable_v<Meta> && sizeof(Meta) == 128);
static_assert(offsetof(Meta, header_len) == 64);

/// Private area of every mbuf of ours.
inline constexpr std::uint16_t kMetaRoom = 128;

inline Meta& meta(rte_mbuf* packet) {
    return *static_cast<Meta*>(rte_mbuf_to_priv(packet));
}
inline const Meta& meta(const rte_mbuf* packet) {
    return *static_cast<const Meta*>(rte_mbuf_to_priv(const_cast<rte_mbuf*>(packet)));
}

/// The datagram's bytes; one segment always.
inline std::uint8_t* data(rte_mbuf* packet) {
    return rte_pktmbuf_mtod(packet, std::uint8_t*);
}
inline const std::uint8_t* data(const rte_mbuf* packet) {
    return rte_pktmbuf_mtod(packet, const std::uint8_t*);
}

}  // namespace oegate
