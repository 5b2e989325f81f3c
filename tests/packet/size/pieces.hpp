// A datagram cut by hand: fragments with the places and lengths that a test wants.
#pragma once

#include <algorithm>

#include "net/checksum.hpp"
#include "packet/gateway.hpp"

namespace oegate::packet_test {

/// Its IPv4 header's checksum right again.
inline Bytes summed(Bytes d) {
    d[10] = d[11] = 0;
    const std::uint16_t sum = checksum(ByteView(d).first(4u * (d[0] & 15)));
    d[10] = static_cast<std::uint8_t>(sum >> 8);
    d[11] = static_cast<std::uint8_t>(sum);
    return d;
}

/// One fragment of a datagram: `len` bytes of its payload from `offset`.
inline Bytes piece(const Bytes& whole, std::size_t offset, std::size_t len, bool more,
                   std::uint16_t id = 0x4242) {
    const bool v4 = whole[0] >> 4 == 4;
    const std::size_t header = v4 ? 20 : 40;
    Bytes d(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(header));
    const auto put16 = [&d](std::size_t at, std::size_t value) {
        d[at] = static_cast<std::uint8_t>(value >> 8);
        d[at + 1] = static_cast<std::uint8_t>(value);
    };
    if (v4) {
        put16(2, 20 + len);
        put16(4, id);
        put16(6, offset / 8 | (more ? 0x2000 : 0));
        d = summed(d);
    } else {
        put16(4, 8 + len);
        const std::uint8_t next = d[6];
        d[6] = 44;
        d.insert(d.end(), {next, 0, static_cast<std::uint8_t>(offset >> 8),
                           static_cast<std::uint8_t>((offset & 0xf8) | (more ? 1 : 0)), 0, 0,
                           static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)});
    }
    const auto from = whole.begin() + static_cast<std::ptrdiff_t>(header + offset);
    d.insert(d.end(), from, from + static_cast<std::ptrdiff_t>(len));
    return d;
}

inline std::vector<Bytes> pieces(const Bytes& whole, std::size_t step, std::uint16_t id = 0x4242) {
    const std::size_t payload = whole.size() - (whole[0] >> 4 == 4 ? 20 : 40);
    std::vector<Bytes> all;
    for (std::size_t at = 0; at < payload; at += step)
        all.push_back(piece(whole, at, std::min(step, payload - at), at + step < payload, id));
    return all;
}

}  // namespace oegate::packet_test
