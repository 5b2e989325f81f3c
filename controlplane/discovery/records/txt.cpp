#include "discovery/records/txt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/cursor.hpp"

namespace oegate::discovery {
namespace {

constexpr std::string_view kTag = "x-ipsec-server";
constexpr std::string_view kSpace = " \t\r\n";

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view skip_space(std::string_view text) {
    const std::size_t at = text.find_first_not_of(kSpace);
    return at == std::string_view::npos ? std::string_view{} : text.substr(at);
}

/// RFC 1464 §2: attribute names are compared without regard to case. A name that
/// only begins with ours is another attribute.
bool take_tag(std::string_view& text) {
    if (text.size() < kTag.size()) return false;
    if (!std::equal(kTag.begin(), kTag.end(), text.begin(), [](char a, char b) { return a == lower(b); }))
        return false;
    const std::string_view rest = text.substr(kTag.size());
    if (!rest.empty() && rest[0] != '(' && rest[0] != '=' && kSpace.find(rest[0]) == std::string_view::npos)
        return false;
    text = rest;
    return true;
}

/// "(P)=": P is 16 bits, decimal.
std::optional<unsigned> take_precedence(std::string_view& text) {
    if (text.empty() || text[0] != '(') return std::nullopt;
    const std::size_t close = text.find(')');
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view digits = text.substr(1, close - 1);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || value > 0xffff) return std::nullopt;
    text = skip_space(text.substr(close + 1));
    if (text.empty() || text[0] != '=') return std::nullopt;
    text = skip_space(text.substr(1));
    return value;
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63 (RFC 1123 §2.1).
std::optional<std::string> host_name(std::string_view text) {
    if (!text.empty() && text.back() == '.') text.remove_suffix(1);
    if (text.empty() || text.size() > 253) return std::nullopt;
    std::string name;
    std::size_t label_len = 0;
    for (char c : text) {
        c = lower(c);
        if (c == '.') {
            if (label_len == 0) return std::nullopt;
            label_len = 0;
        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
            if (++label_len > 63) return std::nullopt;
        } else {
            return std::nullopt;
        }
        name += c;
    }
    if (label_len == 0) return std::nullopt;
    return name;
}

}  // namespace

Result<TxtDelegation, Refusal> parse_txt(ByteView rdata) {
    Reader in(rdata);
    std::string joined;
    bool cut_off = false;
    while (in.remaining() > 0) {
        const std::size_t len = in.u8();
        cut_off = len > in.remaining();
        const ByteView part = in.take(std::min(len, in.remaining()));
        joined.append(part.begin(), part.end());
    }
    // Whether a broken TXT is ours shows in what can still be read of it.
    std::string_view text = skip_space(joined);
    const bool ours = take_tag(text);
    if (!ours) return foreign("another application's TXT");
    if (cut_off) return malformed("character-string cut off");

    TxtDelegation record;
    text = skip_space(text);
    const auto precedence = take_precedence(text);
    if (!precedence) return malformed("no (precedence)= of 0 to 65535 behind X-IPsec-Server");
    record.precedence = *precedence;

    const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
    const std::string_view gateway = text.substr(0, end);
    if (gateway.empty()) return malformed("no gateway");
    if (gateway[0] == '@') {
        auto name = host_name(gateway.substr(1));
        if (!name) return malformed("gateway is no domain name");
        record.name = std::move(*name);
    } else {
        record.gateway = Address::parse(gateway);
        if (!record.gateway) return malformed("gateway is neither an address nor @ and a domain name");
    }

    const std::string_view key_text = skip_space(text.substr(end));
    if (key_text.empty()) return record;
    const auto key = from_base64(key_text);
    if (!key || key->empty()) return malformed("key is no base64");
    const auto rsa = rsa_key(*key);
    if (!rsa && rsa.error().kind == Refusal::Kind::malformed) return fail(rsa.error());
    record.key = PublicKey{PublicKey::Algorithm::rsa, *key};
    if (!rsa) record.unusable_key = rsa.error();
    return record;
}

std::string text_of(const TxtDelegation& record) {
    return fmt::format("X-IPsec-Server({})={} {}", record.precedence,
                       record.gateway ? record.gateway->text() : "@" + record.name,
                       record.key ? short_text(*record.key) : "no key");
}

}  // namespace oegate::discovery
