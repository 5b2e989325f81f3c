// Sequences of fragments through the reassembly table, eight bytes each: datagram, flags
// (bit 0: more follow, bit 1: time passes), offset, length. Whatever comes, the table
// keeps its bounds, and what it calls whole has no gap and no overlap.
#include <cstdlib>

#include "tables/reassembly.hpp"

using namespace oegate;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    constexpr std::uint32_t kMost = 8;
    static const Address us = *Address::parse("192.0.2.1");
    Reassembly table(kMost, 100, {3, 5});
    std::uint64_t now = 0;
    std::uint64_t kept = 0;  // packets that the table has
    for (; size >= 8; input += 8, size -= 8) {
        FragmentKey key;
        Address source = us;
        source.mutable_bytes()[15] = static_cast<std::uint8_t>(input[0] >> 4);
        key.pair = {source, us};
        key.identification = input[0] & 15u;
        key.protocol = 50;
        FragmentPiece piece;
        piece.more = (input[1] & 1) != 0;
        piece.header_len = 20 + 4 * (input[1] >> 4);
        piece.offset = 8u * ((input[2] << 8 | input[3]) & 0x1fff);
        piece.len = static_cast<std::uint32_t>(input[4] << 8 | input[5]);
        piece.packet = const_cast<std::uint8_t*>(input);
        if ((input[1] & 2) != 0) {
            now += input[7];
            while (table.expire(now)) kept -= table.taken().size();
        }
        const Reassembly::Put put = table.put(key, piece, now);
        kept -= table.evicted().size();
        if (put == Reassembly::Put::waits) ++kept;
        if (put == Reassembly::Put::complete) {
            kept -= table.taken().size() - 1;
            std::uint32_t end = 0;
            bool ended = false;
            for (const FragmentPiece& p : table.taken()) {
                require(!ended && p.offset == end && p.len != 0);
                end += p.len;
                ended = !p.more;
            }
            require(ended && table.taken()[0].header_len + end <= Reassembly::kMaxDatagram);
        }
        if (put == Reassembly::Put::overlap || put == Reassembly::Put::full) kept -= table.taken().size();
        require(table.num_pieces() == kept);
        require(table.num_datagrams() <= kMost);
        require(table.num_pieces() <= Reassembly::max_pieces(kMost));
    }
    return 0;
}
