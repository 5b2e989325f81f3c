// What the record parsers share: how a record can be no good, and where gateways
// may not be. The parsers are pure functions over rdata bytes: no ldns, no socket.
#pragma once

#include <string>

#include "base/result.hpp"
#include "net/identity.hpp"

namespace oegate::discovery {

/// Why a record cannot be used.
struct Refusal {
    enum class Kind : std::uint8_t {
        malformed,  // breaks its own format: counts towards Outcome::malformed
        unusable,   // well formed, but not for us: ignored
        foreign,    // somebody else's record (TXT, KEY for another protocol)
    };
    Kind kind = Kind::malformed;
    std::string why;
};

inline tl::unexpected<Refusal> malformed(std::string why) {
    return fail(Refusal{Refusal::Kind::malformed, std::move(why)});
}
inline tl::unexpected<Refusal> unusable(std::string why) {
    return fail(Refusal{Refusal::Kind::unusable, std::move(why)});
}
inline tl::unexpected<Refusal> foreign(std::string why) {
    return fail(Refusal{Refusal::Kind::foreign, std::move(why)});
}

/// Unspecified, "this network", loopback, link-local, multicast, reserved and
/// mapped addresses are nobody's gateway (RFC 6890). Our own and inside addresses
/// are keying's to refuse.
inline bool special_use(const Address& a) {
    if (a.is_unspecified() || a.is_loopback() || a.is_multicast() || a.is_link_local() ||
        a.is_limited_broadcast())
        return true;
    return a.is_ipv4() && (a.wire()[0] == 0 || a.wire()[0] >= 240);
}

}  // namespace oegate::discovery
