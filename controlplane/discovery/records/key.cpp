#include "discovery/records/key.hpp"

#include <fmt/format.h>

#include "base/cursor.hpp"

namespace oegate::discovery {

Result<PublicKey, Refusal> parse_key(ByteView rdata) {
    constexpr unsigned kProtocolIpsec = 4;
    constexpr unsigned kAlgorithmRsa = 1;
    Reader in(rdata);
    in.u16();  // flags: most were never used, and zones differ (RFC 3445 §4)
    const unsigned protocol = in.u8();
    const unsigned algorithm = in.u8();
    if (!in.ok()) return malformed("shorter than its fixed fields");
    if (protocol != kProtocolIpsec) return foreign(fmt::format("key for protocol {}, not IPsec", protocol));
    if (algorithm != kAlgorithmRsa) return foreign(fmt::format("key algorithm {} is not RSA", algorithm));
    const ByteView key = in.rest();
    if (key.empty()) return malformed("no key");
    return rsa_key(key);
}

}  // namespace oegate::discovery
