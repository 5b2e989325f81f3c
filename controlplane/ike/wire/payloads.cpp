#include "ike/wire/payloads.hpp"

#include <algorithm>
#include <cctype>

namespace oegate::ike::wire {
namespace {

constexpr std::size_t kMaxNameLen = 253;  // RFC 1035 §2.3.4, in text without the final dot
constexpr std::size_t kMaxLabelLen = 63;

auto wrong(PayloadType payload, Field field) {
    return fail(ParseError{field, payload});
}

Bytes copy(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/// A host name as we compare and look it up; nullopt for anything that is none.
std::optional<std::string> host_name(ByteView data) {
    std::string name(data.begin(), data.end());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : char(c); });
    if (name.ends_with('.')) name.pop_back();
    if (name.empty() || name.size() > kMaxNameLen) return std::nullopt;
    std::size_t label_len = 0;
    for (char c : name) {
        if (c == '.') {
            if (label_len == 0) return std::nullopt;
            label_len = 0;
        } else if (!is_name_char(c) || ++label_len > kMaxLabelLen) {
            return std::nullopt;
        }
    }
    if (label_len == 0) return std::nullopt;
    return name;
}

bool good_id_len(IdType type, std::size_t len) {
    switch (type) {
        case IdType::ipv4_addr:
            return len == 4;
        case IdType::ipv6_addr:
            return len == 16;
        default:
            return len >= 1 && len <= Identification::kMaxLen;
    }
}

}  // namespace

Parsed<KeyExchange> KeyExchange::parse(ByteView body) {
    Reader in(body);
    KeyExchange ke;
    ke.group = in.u16();
    in.skip(2);
    if (!in.ok() || in.remaining() == 0 || in.remaining() > kMaxLen)
        return wrong(PayloadType::ke, Field::ke_length);
    ke.data = copy(in.rest());
    return ke;
}

void KeyExchange::serialise(Writer& out) const {
    out.u16(group).u16(0).put(data);
}

Identification Identification::of(PayloadType type, const Identity& identity) {
    Identification id;
    id.type = type;
    if (identity.kind == Identity::Kind::name) {
        id.id_type = IdType::fqdn;
        id.data = copy(as_bytes(identity.name));
    } else {
        id.id_type = identity.address.is_ipv4() ? IdType::ipv4_addr : IdType::ipv6_addr;
        id.data = copy(identity.address.wire());
    }
    return id;
}

std::optional<Identity> Identification::identity() const {
    if (id_type == IdType::fqdn) {
        auto name = host_name(data);
        if (!name) return std::nullopt;
        return Identity::of_name(*std::move(name));
    }
    if (id_type != IdType::ipv4_addr && id_type != IdType::ipv6_addr) return std::nullopt;
    const auto address = Address::from_wire(data);
    // An IPv4-mapped address in ID_IPV6_ADDR would pass for an IPv4 identity.
    if (!address || address->is_ipv4() != (id_type == IdType::ipv4_addr)) return std::nullopt;
    return Identity::of(*address);
}

Bytes Identification::body() const {
    Writer out;
    serialise(out);
    return std::move(out).take();
}

Parsed<Identification> Identification::parse(PayloadType type, ByteView body) {
    Reader in(body);
    Identification id;
    id.type = type;
    id.id_type = static_cast<IdType>(in.u8());
    for (std::uint8_t& byte : id.reserved) byte = in.u8();
    if (!in.ok() || !good_id_len(id.id_type, in.remaining())) return wrong(type, Field::id_length);
    id.data = copy(in.rest());
    return id;
}

void Identification::serialise(Writer& out) const {
    out.u8(static_cast<std::uint8_t>(id_type)).put(reserved).put(data);
}

Parsed<Authentication> Authentication::parse(ByteView body) {
    Reader in(body);
    Authentication auth;
    auth.method = static_cast<AuthMethod>(in.u8());
    in.skip(3);
    if (!in.ok() || in.remaining() == 0 || in.remaining() > kMaxLen)
        return wrong(PayloadType::auth, Field::auth_data);
    auth.data = copy(in.rest());
    return auth;
}

void Authentication::serialise(Writer& out) const {
    out.u8(static_cast<std::uint8_t>(method)).zeros(3).put(data);
}

Parsed<Nonce> Nonce::parse(ByteView body) {
    if (body.size() < kMinNonceLen || body.size() > kMaxNonceLen)
        return wrong(PayloadType::nonce, Field::nonce_length);
    return Nonce{copy(body)};
}

Parsed<Delete> Delete::parse(ByteView body) {
    Reader in(body);
    Delete result;
    result.protocol = static_cast<ProtocolId>(in.u8());
    const std::size_t spi_size = in.u8();
    const std::size_t num_spis = in.u16();
    if (!in.ok()) return wrong(PayloadType::delete_sa, Field::num_spis);
    switch (result.protocol) {
        case ProtocolId::ike:
            if (spi_size != 0) return wrong(PayloadType::delete_sa, Field::spi_size);
            if (num_spis != 0 || !in.done()) return wrong(PayloadType::delete_sa, Field::num_spis);
            return result;
        case ProtocolId::ah:
        case ProtocolId::esp:
            break;
        default:
            return wrong(PayloadType::delete_sa, Field::protocol);
    }
    if (spi_size != 4) return wrong(PayloadType::delete_sa, Field::spi_size);
    if (num_spis > kMaxSpis || in.remaining() != num_spis * 4)
        return wrong(PayloadType::delete_sa, Field::num_spis);
    for (std::size_t i = 0; i < num_spis; ++i) result.spis.push_back(in.u32());
    return result;
}

void Delete::serialise(Writer& out) const {
    out.u8(static_cast<std::uint8_t>(protocol)).u8(protocol == ProtocolId::ike ? 0 : 4);
    out.u16(static_cast<std::uint16_t>(spis.size()));
    for (std::uint32_t spi : spis) out.u32(spi);
}

Parsed<VendorId> VendorId::parse(ByteView body) {
    return VendorId{copy(body)};
}

}  // namespace oegate::ike::wire
