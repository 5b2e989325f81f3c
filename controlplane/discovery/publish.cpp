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

bool publishable(const Publication& p) {
    return p.key.algorithm == PublicKey::Algorithm::rsa && !p.key.data.empty() && p.precedence <= 255;
}

std::string line(const Publication& p, std::string_view owner, std::string_view type,
                 const std::string& rdata) {
    return fmt::format("{} {} IN {} {}\n", owner, p.ttl, type, rdata);
}

}  // namespace

std::string delegation_records(const Publication& p, const Address& host) {
    if (!publishable(p)) return {};
    const std::string key = to_base64(p.key.data);
    const std::string owner = host.reverse_name();
    std::string out =
        line(p, owner, "IPSECKEY",
             fmt::format("{} {} 2 {} {}", p.precedence, p.gateway.is_ipv4() ? 1 : 2, p.gateway.text(), key));
    out += line(p, owner, "TXT",
                quoted(fmt::format("X-IPsec-Server({})={} {}", p.precedence, p.gateway.text(), key)));
    if (!p.name.empty())
        out += line(p, owner, "TXT",
                    quoted(fmt::format("X-IPsec-Server({})=@{} {}", p.precedence, p.name, key)));
    return out;
}

std::string own_key_records(const Publication& p, std::string_view owner) {
    if (!publishable(p)) return {};
    const std::string key = to_base64(p.key.data);
    std::string out = line(p, owner, "IPSECKEY", fmt::format("{} 0 2 . {}", p.precedence, key));
    // 0x4200: authenticates a host, not for confidentiality (OE draft §5.1).
    if (p.key_records) out += line(p, owner, "KEY", fmt::format("{} 4 1 {}", 0x4200, key));
    return out;
}

std::string zone_records(const Publication& p) {
    std::string out;
    for (const Address& host : p.hosts) out += delegation_records(p, host);
    return out + own_key_records(p, p.gateway.reverse_name());
}

}  // namespace oegate::discovery
