// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, as bytes: section
// header, interfaces, packets, statistics. Called by Captures; knows no file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace oegate::observe::pcapng {

/// https://www.tcpdump.org/linktypes.html
enum class LinkType : std::uint16_t { ethernet = 1, raw_ip = 101 };

/// epb_flags, bits 0 and 1.
enum class Direction : std::uint8_t { unknown = 0, inbound = 1, outbound = 2 };

struct Packet {
    std::uint32_t interface = 0;  // counts the section's interfaces from 0
    std::uint64_t time_ns = 0;    // since the epoch
    std::uint32_t len = 0;        // before it was cut
    Direction direction = Direction::unknown;
    std::string_view comment;  // empty: none
    ByteView data;
};

struct Statistics {
    std::uint32_t interface = 0;
    std::uint64_t time_ns = 0;
    std::uint64_t received = 0;
    std::uint64_t dropped = 0;  // by the capture, not by the gateway
};

/// The first block of a file.
void section(Bytes& out, std::string_view application, std::string_view comment);
/// Time stamps are nanoseconds (if_tsresol 9).
void interface(Bytes& out, LinkType type, std::uint32_t snaplen, std::string_view name,
               std::string_view description);
void packet(Bytes& out, const Packet& packet);
void statistics(Bytes& out, const Statistics& statistics);

}  // namespace oegate::observe::pcapng
