// What the record parsers share: how a record can be no good. The parsers are pure
// functions over rdata bytes: no ldns, no socket.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

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

}  // namespace oegate::discovery
