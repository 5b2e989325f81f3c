// IP datagrams from the wire, and from inside ESP, through parse_datagram. The first
// byte of the input is an order (bit 0: repair the IPv4 checksum, else hardly anything
// gets past it); the rest is the datagram, in memory of exactly its size.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "stages/parse.hpp"

namespace {

using namespace oegate;

void require(bool holds) {
    if (!holds) std::abort();
}

/// One mbuf with its private area, without a pool and without EAL.
struct alignas(RTE_CACHE_LINE_SIZE) Packet {
    rte_mbuf mbuf{};
    std::uint8_t room[kMetaRoom]{};

    explicit Packet(std::vector<std::uint8_t>& bytes) {
        mbuf.buf_addr = bytes.data();
        mbuf.buf_len = static_cast<std::uint16_t>(bytes.size());
        mbuf.data_len = mbuf.buf_len;
        mbuf.pkt_len = mbuf.buf_len;
        mbuf.nb_segs = 1;
        mbuf.priv_size = kMetaRoom;
        meta(&mbuf) = Meta{};
    }
};
static_assert(sizeof(Packet) == sizeof(rte_mbuf) + kMetaRoom, "the private area follows the mbuf");

void repair_checksum(std::vector<std::uint8_t>& bytes) {
    if (bytes.size() < sizeof(Ipv4Header) || bytes[0] >> 4 != 4) return;
    const std::size_t header_len = 4u * (bytes[0] & 15u);
    if (header_len < sizeof(Ipv4Header) || header_len > bytes.size()) return;
    bytes[10] = bytes[11] = 0;
    const std::uint16_t sum = checksum({bytes.data(), header_len});
    bytes[10] = static_cast<std::uint8_t>(sum >> 8);
    bytes[11] = static_cast<std::uint8_t>(sum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1 || size > 65535) return 0;
    std::vector<std::uint8_t> bytes(data + 1, data + size);
    bytes.shrink_to_fit();
    if (data[0] & 1) repair_checksum(bytes);

    Packet packet(bytes);
    if (parse_datagram(&packet.mbuf) != Drop::kCount) return 0;
    const Meta first = meta(&packet.mbuf);
    const std::size_t len = rte_pktmbuf_data_len(&packet.mbuf);
    require(len <= bytes.size() && rte_pktmbuf_pkt_len(&packet.mbuf) == len);
    require(first.header_len >= 20 && first.header_len <= len);
    require(first.pair.source.family() == first.family && first.pair.destination.family() == first.family);
    require(first.fragment || !first.later_fragment);
    require(!first.later_fragment || (first.source_port == 0 && first.destination_port == 0));

    // What was accepted is its own length now, and is read the same way again.
    require(parse_datagram(&packet.mbuf) == Drop::kCount);
    const Meta& again = meta(&packet.mbuf);
    require(rte_pktmbuf_data_len(&packet.mbuf) == len && again.pair == first.pair);
    require(again.header_len == first.header_len && again.protocol == first.protocol);
    return 0;
}
