#include "recording/pcapng.hpp"

namespace oegate::observe::pcapng {
namespace {

enum class Block : std::uint32_t {
    interface_description = 1,
    interface_statistics = 5,
    enhanced_packet = 6,
    section_header = 0x0a0d0d0a,
};

// Option codes: 0 and 1 are everybody's, the others of their block.
constexpr std::uint16_t kEnd = 0, kComment = 1;
constexpr std::uint16_t kApplication = 4;
constexpr std::uint16_t kName = 2, kDescription = 3, kResolution = 9;
constexpr std::uint16_t kFlags = 2;
constexpr std::uint16_t kReceived = 4, kDropped = 5;

constexpr std::size_t kMaxText = 1000;  // of an option; its length has 16 bits

template <class T>
void number(Bytes& out, T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void padded(Bytes& out, ByteView bytes) {
    append(out, bytes);
    out.resize(out.size() + (4 - bytes.size() % 4) % 4);
}

void option(Bytes& out, std::uint16_t code, ByteView value) {
    number(out, code);
    number(out, static_cast<std::uint16_t>(value.size()));
    padded(out, value);
}

void text(Bytes& out, std::uint16_t code, std::string_view value) {
    if (!value.empty()) option(out, code, as_bytes(value.substr(0, kMaxText)));
}

template <class T>
void number_option(Bytes& out, std::uint16_t code, T value) {
    Bytes bytes;
    number(bytes, value);
    option(out, code, bytes);
}

/// Every time stamp is written as its upper half, then its lower half.
void time(Bytes& out, std::uint64_t ns) {
    number(out, static_cast<std::uint32_t>(ns >> 32));
    number(out, static_cast<std::uint32_t>(ns));
}

/// Type and length in front, the length again behind.
template <class Body>
void block(Bytes& out, Block type, Body body) {
    const std::size_t start = out.size();
    number(out, static_cast<std::uint32_t>(type));
    number(out, std::uint32_t{0});
    body();
    const auto len = static_cast<std::uint32_t>(out.size() - start + 4);
    number(out, len);
    for (std::size_t i = 0; i < 4; ++i) out[start + 4 + i] = static_cast<std::uint8_t>(len >> (8 * i));
}

void end_of_options(Bytes& out) {
    number(out, kEnd);
    number(out, std::uint16_t{0});
}

}  // namespace

void section(Bytes& out, std::string_view application, std::string_view comment) {
    block(out, Block::section_header, [&] {
        number(out, std::uint32_t{0x1a2b3c4d});  // byte order
        number(out, std::uint16_t{1});           // version 1.0
        number(out, std::uint16_t{0});
        number(out, ~std::uint64_t{0});  // length of the section: not given
        text(out, kComment, comment);
        text(out, kApplication, application);
        end_of_options(out);
    });
}

void interface(Bytes& out, LinkType type, std::uint32_t snaplen, std::string_view name,
               std::string_view description) {
    block(out, Block::interface_description, [&] {
        number(out, static_cast<std::uint16_t>(type));
        number(out, std::uint16_t{0});
        number(out, snaplen);
        text(out, kName, name);
        text(out, kDescription, description);
        number_option(out, kResolution, std::uint8_t{9});
        end_of_options(out);
    });
}

void packet(Bytes& out, const Packet& packet) {
    block(out, Block::enhanced_packet, [&] {
        number(out, packet.interface);
        time(out, packet.time_ns);
        number(out, static_cast<std::uint32_t>(packet.data.size()));
        number(out, packet.len);
        padded(out, packet.data);
        text(out, kComment, packet.comment);
        if (packet.direction != Direction::unknown)
            number_option(out, kFlags, static_cast<std::uint32_t>(packet.direction));
        if (!packet.comment.empty() || packet.direction != Direction::unknown) end_of_options(out);
    });
}

void statistics(Bytes& out, const Statistics& statistics) {
    block(out, Block::interface_statistics, [&] {
        number(out, statistics.interface);
        time(out, statistics.time_ns);
        number_option(out, kReceived, statistics.received);
        number_option(out, kDropped, statistics.dropped);
        end_of_options(out);
    });
}

}  // namespace oegate::observe::pcapng
