#include "ike/wire/notify.hpp"

namespace oegate::ike::wire {
namespace {

/// RFC 7296 §3.10: 4 for ESP and AH, 0 for the IKE SA itself; some peers name the
/// IKE SA with its 8 bytes.
bool good_spi_size(std::size_t size) {
    return size == 0 || size == 4 || size == 8;
}

bool good_data_len(NotifyType type, std::size_t len) {
    switch (type) {
        case NotifyType::cookie:
            return len >= 1 && len <= kMaxCookieLen;
        case NotifyType::invalid_ke_payload:
            return len == 2;
        case NotifyType::nat_detection_source_ip:
        case NotifyType::nat_detection_destination_ip:
            return len == kNatDetectionLen;
        case NotifyType::signature_hash_algorithms:
            return len % 2 == 0;
        default:
            return true;
    }
}

}  // namespace

Notify Notify::of_esp(NotifyType type, std::uint32_t spi) {
    Writer out;
    out.u32(spi);
    return {ProtocolId::esp, std::move(out).take(), type, {}};
}

Notify Notify::of_u16(NotifyType type, std::uint16_t value) {
    Writer out;
    out.u16(value);
    return of(type, std::move(out).take());
}

Notify Notify::of_u32(NotifyType type, std::uint32_t value) {
    Writer out;
    out.u32(value);
    return of(type, std::move(out).take());
}

Notify Notify::of_hashes(const std::vector<HashId>& hashes) {
    Writer out;
    for (HashId hash : hashes) out.u16(static_cast<std::uint16_t>(hash));
    return of(NotifyType::signature_hash_algorithms, std::move(out).take());
}

std::optional<std::uint32_t> Notify::esp_spi() const {
    if (protocol != ProtocolId::esp || spi.size() != 4) return std::nullopt;
    return Reader(spi).u32();
}

std::optional<std::uint16_t> Notify::u16() const {
    if (data.size() != 2) return std::nullopt;
    return Reader(data).u16();
}

std::optional<std::uint32_t> Notify::u32() const {
    if (data.size() != 4) return std::nullopt;
    return Reader(data).u32();
}

std::vector<HashId> Notify::hashes() const {
    std::vector<HashId> hashes;
    for (Reader in(data); in.remaining() >= 2;) hashes.push_back(static_cast<HashId>(in.u16()));
    return hashes;
}

Parsed<Notify> Notify::parse(ByteView body) {
    const auto wrong = [](Field field) { return fail(ParseError{field, PayloadType::notify}); };
    Notify notify;
    Reader in(body);
    notify.protocol = static_cast<ProtocolId>(in.u8());
    const std::size_t spi_size = in.u8();
    notify.type = static_cast<NotifyType>(in.u16());
    if (!in.ok()) return wrong(Field::notify_header);
    const ByteView spi = in.take(spi_size);
    if (!in.ok() || !good_spi_size(spi_size)) return wrong(Field::spi_size);
    const ByteView data = in.rest();
    if (!good_data_len(notify.type, data.size())) return wrong(Field::notify_data);
    notify.spi.assign(spi.begin(), spi.end());
    notify.data.assign(data.begin(), data.end());
    return notify;
}

void Notify::serialise(Writer& out) const {
    out.u8(static_cast<std::uint8_t>(protocol)).u8(static_cast<std::uint8_t>(spi.size()));
    out.u16(static_cast<std::uint16_t>(type)).put(spi).put(data);
}

}  // namespace oegate::ike::wire
