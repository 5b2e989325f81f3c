#include "discovery/records/ipseckey.hpp"

#include <fmt/format.h>

#include "base/cursor.hpp"

namespace oegate::discovery {
namespace {

constexpr std::size_t kMaxNameLen = 255;  // RFC 1035 §3.1

/// An uncompressed name (RFC 4025 §2.5: compression is forbidden here).
Result<std::string, Refusal> read_name(Reader& in) {
    std::string text;
    std::size_t wire_len = 1;
    while (const std::size_t label_len = in.u8()) {
        if (label_len > 63) return malformed("gateway name with a compressed or overlong label");
        wire_len += 1 + label_len;
        const ByteView label = in.take(label_len);
        if (!in.ok()) break;
        if (wire_len > kMaxNameLen) return malformed("gateway name longer than 255 bytes");
        for (std::uint8_t c : label) {
            if (c == '.' || c == '\\')
                text += {'\\', static_cast<char>(c)};
            else if (c <= ' ' || c >= 127)
                text += fmt::format("\\{:03}", c);
            else
                text += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        text += '.';
    }
    if (!in.ok()) return malformed("gateway name cut off");
    return text.empty() ? std::string(".") : text;
}

Result<void, Refusal> read_gateway(Reader& in, unsigned type, Ipseckey& record) {
    if (type > 3) return unusable(fmt::format("gateway type {} is unknown", type));
    record.gateway_type = static_cast<Ipseckey::Gateway>(type);
    switch (record.gateway_type) {
        case Ipseckey::Gateway::none:
            return {};
        case Ipseckey::Gateway::ipv4:
        case Ipseckey::Gateway::ipv6: {
            const auto address = Address::from_wire(in.take(type == 1 ? 4 : 16));
            if (!address) return malformed("gateway address cut off");
            if (type == 2 && address->is_ipv4()) return unusable("gateway is an IPv4-mapped address");
            record.gateway = *address;
            return {};
        }
        case Ipseckey::Gateway::name: {
            auto name = read_name(in);
            if (!name) return fail(name.error());
            record.name = std::move(*name);
            return {};
        }
    }
    return {};
}

}  // namespace

Result<Ipseckey, Refusal> parse_ipseckey(ByteView rdata) {
    Reader in(rdata);
    Ipseckey record;
    record.precedence = in.u8();
    const unsigned gateway_type = in.u8();
    const unsigned algorithm = in.u8();
    if (!in.ok()) return malformed("shorter than its fixed fields");
    if (const auto gateway = read_gateway(in, gateway_type, record); !gateway) return fail(gateway.error());
    const ByteView key = in.rest();
    if (algorithm == 0) {
        if (!key.empty()) return malformed("algorithm 0 (no key) with a key");
        return record;
    }
    if (key.empty()) return malformed(fmt::format("algorithm {} without a key", algorithm));
    if (algorithm != static_cast<unsigned>(PublicKey::Algorithm::rsa)) {
        record.key = PublicKey{static_cast<PublicKey::Algorithm>(algorithm), Bytes(key.begin(), key.end())};
        record.unusable_key =
            Refusal{Refusal::Kind::unusable, fmt::format("key algorithm {} is not supported", algorithm)};
        return record;
    }
    auto rsa = rsa_key(key);
    if (!rsa && rsa.error().kind == Refusal::Kind::malformed) return fail(rsa.error());
    record.key = PublicKey{PublicKey::Algorithm::rsa, Bytes(key.begin(), key.end())};
    if (!rsa) record.unusable_key = rsa.error();
    return record;
}

std::string text_of(const Ipseckey& record) {
    const std::string gateway = record.gateway_type == Ipseckey::Gateway::none   ? "."
                                : record.gateway_type == Ipseckey::Gateway::name ? record.name
                                                                                 : record.gateway.text();
    return fmt::format("{} {} {} {} {}", record.precedence, static_cast<int>(record.gateway_type),
                       record.key ? static_cast<int>(record.key->algorithm) : 0, gateway,
                       record.key ? short_text(*record.key) : "no key");
}

}  // namespace oegate::discovery
