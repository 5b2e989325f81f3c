#include "discovery/records/rsa.hpp"

#include <fmt/format.h>

#include <bit>

#include "base/cursor.hpp"

namespace oegate::discovery {

Result<RsaParts, Refusal> parse_rsa(ByteView blob) {
    Reader in(blob);
    std::size_t exponent_len = in.u8();
    if (in.ok() && exponent_len == 0) {
        exponent_len = in.u16();
        if (in.ok() && exponent_len < 256) return malformed("RSA exponent length not in its short form");
    }
    RsaParts parts;
    parts.exponent = in.take(exponent_len);
    parts.modulus = in.rest();
    if (!in.ok()) return malformed("RSA key ends inside its exponent");
    if (parts.modulus.empty()) return malformed("RSA key without modulus");
    if (parts.exponent[0] == 0 || parts.modulus[0] == 0) return malformed("RSA key with leading zeros");
    parts.bits = static_cast<unsigned>((parts.modulus.size() - 1) * 8) +
                 static_cast<unsigned>(std::bit_width(parts.modulus[0]));
    if (parts.exponent.back() % 2 == 0 || (parts.exponent.size() == 1 && parts.exponent[0] == 1))
        return malformed("RSA exponent is even or 1");
    if (parts.modulus.back() % 2 == 0) return malformed("RSA modulus is even");
    if (parts.bits < kMinRsaBits || parts.bits > kMaxRsaBits)
        return unusable(
            fmt::format("RSA key of {} bits, {} to {} are accepted", parts.bits, kMinRsaBits, kMaxRsaBits));
    if (parts.exponent.size() > kMaxExponentLen)
        return unusable(fmt::format("RSA exponent of {} bytes, at most {} are accepted",
                                    parts.exponent.size(), kMaxExponentLen));
    return parts;
}

Result<PublicKey, Refusal> rsa_key(ByteView blob) {
    if (auto parts = parse_rsa(blob); !parts) return fail(parts.error());
    return PublicKey{PublicKey::Algorithm::rsa, Bytes(blob.begin(), blob.end())};
}

std::string short_text(const PublicKey& key) {
    if (key.algorithm == PublicKey::Algorithm::none) return "no key";
    const std::string start = to_base64(ByteView(key.data).first(std::min<std::size_t>(9, key.data.size())));
    if (const auto parts = parse_rsa(key.data); key.algorithm == PublicKey::Algorithm::rsa && parts)
        return fmt::format("RSA {} bits {}…", parts->bits, start);
    return fmt::format("algorithm {} {}…", static_cast<int>(key.algorithm), start);
}

}  // namespace oegate::discovery
