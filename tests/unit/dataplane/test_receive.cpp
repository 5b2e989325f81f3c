// Checksums that a sender left to hardware that is not there: completed, and nothing else
// is touched.
#include <cstring>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "port/receive.hpp"

namespace oegate {
namespace {

enum class Sum { partial, right, wrong, none };

struct Shape {
    bool ipv6 = false;
    bool tcp = false;
    bool vlan = false;
    std::uint16_t fragment = 0;
    std::size_t payload = 100;
    std::size_t ethernet_padding = 0;
};

struct Frame {
    Bytes bytes;
    std::size_t field = 0;  // offset of the checksum
    std::uint16_t right = 0;
};

Frame make(const Shape& shape, Sum sum) {
    const std::size_t header = shape.tcp ? 20 : 8, len = header + shape.payload;
    const std::uint8_t protocol = shape.tcp ? 6 : 17;
    Bytes transport(len);
    for (std::size_t i = 0; i < len; ++i) transport[i] = static_cast<std::uint8_t>(7 * i + 1);
    const std::size_t at = shape.tcp ? 16 : 6;
    transport[at] = transport[at + 1] = 0;
    Bytes addresses;
    for (std::size_t i = 0; i < (shape.ipv6 ? 32u : 8u); ++i)
        addresses.push_back(static_cast<std::uint8_t>(i + 1));
    const std::uint64_t pseudo = checksum_add(len + protocol, addresses);
    Frame frame;
    frame.right = checksum_finish(checksum_add(pseudo, transport));
    const auto partial = static_cast<std::uint16_t>(~checksum_finish(pseudo));
    const std::uint16_t value = sum == Sum::partial ? partial
                                : sum == Sum::right ? frame.right
                                : sum == Sum::wrong ? static_cast<std::uint16_t>(frame.right + 1)
                                                    : std::uint16_t{0};
    transport[at] = static_cast<std::uint8_t>(value >> 8);
    transport[at + 1] = static_cast<std::uint8_t>(value);
    Writer w;
    w.zeros(12);
    if (shape.vlan) w.u16(0x8100).u16(7);
    w.u16(shape.ipv6 ? 0x86dd : 0x0800);
    if (shape.ipv6) {
        w.u32(6u << 28).u16(static_cast<std::uint16_t>(len)).u8(protocol).u8(64);
    } else {
        w.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(20 + len)).u16(0).u16(shape.fragment);
        w.u8(64).u8(protocol).u16(0);
    }
    w.put(addresses);
    frame.field = w.view().size() + at;
    w.put(transport).zeros(shape.ethernet_padding);
    frame.bytes = std::move(w).take();
    return frame;
}

std::uint16_t field_of(const Frame& frame) {
    return static_cast<std::uint16_t>(frame.bytes[frame.field] << 8 | frame.bytes[frame.field + 1]);
}

}  // namespace

TEST_CASE("a checksum that was left to hardware is completed") {
    for (const Shape& shape :
         {Shape{}, Shape{.tcp = true}, Shape{.ipv6 = true}, Shape{.ipv6 = true, .tcp = true},
          Shape{.vlan = true}, Shape{.ipv6 = true, .tcp = true, .vlan = true}, Shape{.payload = 0},
          Shape{.payload = 1, .ethernet_padding = 17}, Shape{.tcp = true, .payload = 1401},
          Shape{.fragment = 0x4000}}) {
        CAPTURE(shape.ipv6, shape.tcp, shape.vlan, shape.payload);
        Frame frame = make(shape, Sum::partial);
        const Bytes before = frame.bytes;
        CHECK(complete_checksum(frame.bytes.data(), frame.bytes.size()));
        CHECK(field_of(frame) == frame.right);
        frame.bytes[frame.field] = before[frame.field];
        frame.bytes[frame.field + 1] = before[frame.field + 1];
        CHECK(frame.bytes == before);  // nothing else
    }
}

TEST_CASE("what is right, wrong, absent, in pieces or short stays as it is") {
    struct Row {
        const char* what;
        Frame frame;
    };
    Frame cut = make({}, Sum::partial), long_header = make({}, Sum::partial), other = make({}, Sum::partial);
    cut.bytes.resize(14 + 20 + 50);  // total length says more
    long_header.bytes[14] = 0x4f;
    other.bytes[12] = 0x08, other.bytes[13] = 0x06;
    for (Row& row : std::vector<Row>{{"right", make({}, Sum::right)},
                                     {"wrong: broken before it came here", make({}, Sum::wrong)},
                                     {"none (UDP)", make({}, Sum::none)},
                                     {"TCP, wrong", make({.tcp = true}, Sum::wrong)},
                                     {"first fragment", make({.fragment = 0x2000}, Sum::partial)},
                                     {"later fragment", make({.fragment = 0x0010}, Sum::partial)},
                                     {"cut", cut},
                                     {"header longer than the field is far", long_header},
                                     {"no IP", other}}) {
        CAPTURE(row.what);
        const Bytes before = row.frame.bytes;
        CHECK_FALSE(complete_checksum(row.frame.bytes.data(), row.frame.bytes.size()));
        CHECK(row.frame.bytes == before);
    }
}

TEST_CASE("no cut of a frame is read beyond its end") {
    for (const Shape& shape : {Shape{}, Shape{.ipv6 = true, .tcp = true, .vlan = true}}) {
        const Frame frame = make(shape, Sum::partial);
        for (std::size_t len = 0; len < frame.bytes.size(); ++len) {
            std::vector<std::uint8_t> exact(frame.bytes.begin(),
                                            frame.bytes.begin() + static_cast<long>(len));
            CHECK_FALSE(complete_checksum(exact.data(), exact.size()));  // AddressSanitizer watches
        }
    }
}

TEST_CASE("only drivers over kernel interfaces and ring are mended") {
    CHECK(leaves_frames_unfinished("net_af_packet"));
    CHECK(leaves_frames_unfinished("net_af_xdp"));
    CHECK_FALSE(leaves_frames_unfinished("net_ixgbe"));
    CHECK_FALSE(leaves_frames_unfinished("net_memif"));
    CHECK_FALSE(leaves_frames_unfinished(nullptr));
}

}  // namespace oegate
