// One table of blocks, each with the section that says so.
#include "net/special_use.hpp"

#include <algorithm>
#include <array>

namespace oegate {
namespace {

struct Block {
    Prefix prefix;
    bool forwarded;
};

const auto& blocks() {
    const auto block = [](const char* text, bool forwarded = false) {
        return Block{*Prefix::parse(text), forwarded};
    };
    static const std::array all{
        block("0.0.0.0/8"),           // "this network": RFC 1122 §3.2.1.3
        block("127.0.0.0/8"),         // loopback: RFC 1122 §3.2.1.3
        block("169.254.0.0/16"),      // link-local: RFC 3927
        block("192.0.0.0/24", true),  // protocol assignments, between a host and its provider: RFC 6890 §2.1
        block("224.0.0.0/4"),         // multicast: RFC 1112 §4
        block("240.0.0.0/4"),         // reserved, and limited broadcast: RFC 1112 §4, RFC 919 §7
        block("::/128"),              // unspecified: RFC 4291 §2.5.2
        block("::1/128"),             // loopback: RFC 4291 §2.5.3
        block("::/80", true),         // IPv4-compatible and mapped: RFC 4291 §2.5.5; the rest is unassigned
        block("100::/64", true),      // discard-only: RFC 6666
        block("fe80::/10"),           // link-local: RFC 4291 §2.5.6
        block("ff00::/8"),            // multicast: RFC 4291 §2.7
    };
    return all;
}

}  // namespace

bool never_forwarded(const Address& address) {
    return std::ranges::any_of(blocks(),
                               [&](const Block& b) { return !b.forwarded && b.prefix.contains(address); });
}

bool special_use(const Address& address) {
    return std::ranges::any_of(blocks(), [&](const Block& b) { return b.prefix.contains(address); });
}

}  // namespace oegate
