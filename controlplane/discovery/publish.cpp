#include "discovery/publish.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace oegate::discovery {
namespace {

constexpr std::size_t kMaxString = 255;  // of one character-string, RFC 1035 §3.3

std::string quoted(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (!out.empty()) out += ' ';
        out += fmt::format("\"{}\"", text.substr(0, kMaxString));
        text.remove_prefix(std::min(kMaxString, text.size()));
    }
    return out;
}

}  // namespace

std::string zone_records(const Publication& p) {
    if (p.key.algorithm != PublicKey::Algorithm::rsa || p.key.data.empty() || p.precedence > 255) return {};
    const std::string key = to_base64(p.key.data);
    std::string out;
    const auto line = [&](const Address& owner, std::string_view type, const std::string& rdata) {
        fmt::format_to(std::back_inserter(out), "{} {} IN {} {}\n", owner.reverse_name(), p.ttl, type, rdata);
    };
    for (const Address& host : p.hosts) {
        line(host, "IPSECKEY",
             fmt::format("{} {} 2 {} {}", p.precedence, p.gateway.is_ipv4() ? 1 : 2, p.gateway.text(), key));
        line(host, "TXT",
             quoted(fmt::format("X-IPsec-Server({})={} {}", p.precedence, p.gateway.text(), key)));
    }
    line(p.gateway, "IPSECKEY", fmt::format("{} 0 2 . {}", p.precedence, key));
    // 0x4200: authenticates a host, not for confidentiality (OE draft §5.1).
    if (p.key_records) line(p.gateway, "KEY", fmt::format("{} 4 1 {}", 0x4200, key));
    return out;
}

}  // namespace oegate::discovery
