// A scripted DNS in virtual time around one Discovery: it answers each query as the
// test says, byte by byte, without ldns or our own encoder.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "discovery/discovery.hpp"
#include "discovery/wire.hpp"

namespace oegate::discovery::test {

inline constexpr std::uint16_t kIpseckey = 45, kTxt = 16, kKey = 25;

/// A well-formed RFC 3110 key: exponent 3, odd modulus of num_bits filled from seed.
inline PublicKey rsa_of(std::uint64_t seed, unsigned num_bits = 2048) {
    Bytes data{1, 3};
    Bytes modulus = SeededRandom(seed).bytes(num_bits / 8);
    modulus.front() |= 0x80;
    modulus.back() |= 1;
    append(data, modulus);
    return {PublicKey::Algorithm::rsa, data};
}

inline Bytes ipseckey(unsigned precedence, unsigned type, unsigned algorithm, ByteView gateway,
                      ByteView key) {
    Writer out;
    out.u8(static_cast<std::uint8_t>(precedence)).u8(static_cast<std::uint8_t>(type));
    out.u8(static_cast<std::uint8_t>(algorithm)).put(gateway).put(key);
    return std::move(out).take();
}
inline Bytes ipseckey(unsigned precedence, const Address& gateway, const PublicKey& key) {
    return ipseckey(precedence, gateway.is_ipv4() ? 1 : 2, 2, gateway.wire(), key.data);
}
/// In character-strings of at most string_len bytes.
inline Bytes txt(std::string_view text, std::size_t string_len = 255) {
    Writer out;
    do {
        const std::string_view part = text.substr(0, string_len);
        out.u8(static_cast<std::uint8_t>(part.size())).put(as_bytes(part));
        text.remove_prefix(part.size());
    } while (!text.empty());
    return std::move(out).take();
}
inline Bytes txt_to(unsigned precedence, const std::string& gateway, const PublicKey& key) {
    return txt("X-IPsec-Server(" + std::to_string(precedence) + ")=" + gateway + " " + to_base64(key.data));
}
inline Bytes key_record(const PublicKey& key, unsigned protocol = 4, unsigned algorithm = 1) {
    Writer out;
    out.u16(0x4200)
        .u8(static_cast<std::uint8_t>(protocol))
        .u8(static_cast<std::uint8_t>(algorithm))
        .put(key.data);
    return std::move(out).take();
}

/// What the DNS says to one question.
struct Script {
    unsigned rcode = 0;
    bool ad = true;
    bool truncated = false;
    std::vector<Bytes> rdata;  // of the asked type; empty: absence, with SOA
    std::uint32_t ttl = 600;
    std::vector<std::string> aliases;                         // CNAMEs from the asked name on
    std::vector<std::pair<std::string, std::string>> dnames;  // owner, target; in front of the aliases
    std::string owner;                                        // of the records; empty: where the aliases lead
    std::uint32_t soa_ttl = 300, soa_minimum = 60;
    bool with_soa = true;
    std::optional<std::uint32_t> rrsig_expiration;
    // Forgeries:
    std::uint16_t id_xor = 0;
    bool other_question = false;
    bool is_query = false;
    bool header_only = false;  // as servers without EDNS may answer (RFC 6891 §7)
};

inline void put_name(Writer& out, std::string_view name) {
    while (!name.empty() && name != ".") {
        const std::size_t dot = name.find('.');
        out.u8(static_cast<std::uint8_t>(dot)).put(as_bytes(name.substr(0, dot)));
        name.remove_prefix(dot + 1);
    }
    out.u8(0);
}

struct SeenQuestion {
    std::uint16_t id = 0;
    Question question;
    bool cd = false;
    bool rd = false;
    bool edns = false;
};

inline SeenQuestion read_question(ByteView message) {
    Reader in(message);
    SeenQuestion seen;
    seen.id = in.u16();
    const std::uint16_t flags = in.u16();
    seen.cd = flags >> 4 & 1;
    seen.rd = flags >> 8 & 1;
    in.skip(6);
    seen.edns = in.u16() == 1;
    while (const std::size_t len = in.u8()) {
        const ByteView label = in.take(len);
        seen.question.name += std::string(label.begin(), label.end()) + ".";
    }
    if (seen.question.name.empty()) seen.question.name += '.';
    seen.question.type = in.u16();
    REQUIRE(in.u16() == 1);
    if (!seen.edns) {
        REQUIRE(in.done());
        return seen;
    }
    // EDNS0: OPT at the root with DO (RFC 3225).
    REQUIRE(in.u8() == 0);
    REQUIRE(in.u16() == 41);
    REQUIRE(in.u16() == 1232);
    REQUIRE((in.u32() & 0x8000) != 0);
    REQUIRE(in.ok());
    return seen;
}

/// By type; absent, securely, otherwise.
inline auto zone(std::map<std::uint16_t, Script> by_type) {
    return
        [by_type = std::move(by_type)](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
            const auto at = by_type.find(seen.question.type);
            return at == by_type.end() ? Script{} : at->second;
        };
}

inline Bytes answer_to(ByteView query, const Script& script) {
    const SeenQuestion asked = read_question(query);
    Writer out;
    out.u16(asked.id ^ script.id_xor);
    out.u16(static_cast<std::uint16_t>((script.is_query ? 0 : 0x8000) | 0x0180 |
                                       (script.truncated ? 0x0200 : 0) | (script.ad ? 0x20 : 0) |
                                       (asked.cd ? 0x10 : 0) | (script.rcode & 15)));
    if (script.header_only) {
        out.u32(0).u32(0);
        return std::move(out).take();
    }
    const bool records = script.rcode == 0 && !script.rdata.empty() && !script.truncated;
    const bool negative = !records && script.with_soa && (script.rcode == 0 || script.rcode == 3);
    const std::size_t num_answers = script.dnames.size() + script.aliases.size() +
                                    (records ? script.rdata.size() : 0) +
                                    (records && script.rrsig_expiration ? 1 : 0);
    out.u16(1).u16(static_cast<std::uint16_t>(num_answers)).u16(negative ? 1 : 0).u16(0);
    put_name(out, script.other_question ? "elsewhere.example." : asked.question.name);
    out.u16(asked.question.type).u16(1);
    std::string owner = asked.question.name;
    const auto put_alias = [&](const std::string& from, std::uint16_t type, const std::string& to) {
        put_name(out, from);
        out.u16(type).u16(1).u32(script.ttl);
        Writer target;
        put_name(target, to);
        out.u16(static_cast<std::uint16_t>(target.size())).put(target.view());
    };
    for (const auto& [from, to] : script.dnames) put_alias(from, 39, to);
    for (const std::string& alias : script.aliases) {
        put_alias(owner, 5, alias);
        owner = alias;
    }
    if (records) {
        for (const Bytes& rdata : script.rdata) {
            if (!script.owner.empty())
                put_name(out, script.owner);
            else if (script.aliases.empty())
                out.u16(0xc00c);  // compressed, as real servers do
            else
                put_name(out, owner);
            out.u16(asked.question.type).u16(1).u32(script.ttl);
            out.u16(static_cast<std::uint16_t>(rdata.size())).put(rdata);
        }
        if (script.rrsig_expiration) {
            put_name(out, owner);
            out.u16(46).u16(1).u32(script.ttl).u16(18 + 1 + 4);
            out.u16(asked.question.type)
                .u8(13)
                .u8(5)
                .u32(script.ttl)
                .u32(*script.rrsig_expiration)
                .u32(0)
                .u16(1);
            out.u8(0).u32(0xdeadbeef);
        }
    }
    if (negative) {
        put_name(out, "in-addr.arpa.");
        out.u16(6).u16(1).u32(script.soa_ttl).u16(2 + 20).u8(0).u8(0);
        out.u32(1).u32(7200).u32(3600).u32(1209600).u32(script.soa_minimum);
    }
    return std::move(out).take();
}

struct World {
    SeededRandom random{7};
    config::Dns config;
    std::int64_t wall = 2'000'000'000;
    Time now{1000s};
    std::unique_ptr<Discovery> discovery;
    std::map<QueryId, SendQuery> open;
    std::vector<SendQuery> sent;  // all, in order
    std::vector<QueryId> closed;
    /// nullopt: lost.
    std::function<std::optional<Script>(const SendQuery&, const SeenQuestion&)> dns;

    explicit World(unsigned num_resolvers = 1, bool trusted = true) {
        for (unsigned i = 0; i < num_resolvers; ++i)
            config.resolvers.push_back(
                {Address::ipv4(10, 53, 0, static_cast<std::uint8_t>(i + 1)), 53, trusted});
    }
    Discovery& d() {
        if (!discovery) discovery = std::make_unique<Discovery>(config, random, [this] { return wall; });
        return *discovery;
    }
    /// Takes the actions and lets the DNS answer at once, until nothing moves.
    void exchange() {
        for (bool moved = true; moved;) {
            moved = false;
            while (auto action = d().next_action()) {
                moved = true;
                if (const auto* query = std::get_if<SendQuery>(&*action)) {
                    open.emplace(query->query, *query);
                    sent.push_back(*query);
                    if (!dns) continue;
                    if (const auto script = dns(*query, read_question(query->message)))
                        d().on_message(query->query, answer_to(query->message, *script), now);
                } else {
                    const QueryId id = std::get<CloseQuery>(*action).query;
                    REQUIRE(open.erase(id) == 1);
                    closed.push_back(id);
                }
            }
        }
    }
    /// Lets time pass, timer by timer.
    void run_until(Time end) {
        exchange();
        while (d().next_deadline() <= end) {
            now = std::max(now, d().next_deadline());
            d().on_timer(now);
            exchange();
        }
        now = end;
    }
    /// A look-up that nothing ends but dns.timeout, 5 s: not a moment before.
    DelegationAnswer delegation_at_timeout(const Address& owner) {
        const Time start = now;
        d().look_up_delegation(owner, now);
        run_until(start + 4999ms);
        CHECK_FALSE(d().next_completion());
        run_until(start + 5s);
        const auto done = d().next_completion();
        REQUIRE(done);
        return std::get<DelegationDone>(*done).answer;
    }
    DelegationAnswer delegation(const Address& owner) {
        const LookupId id = d().look_up_delegation(owner, now);
        run_until(now + 30s);
        auto done = d().next_completion();
        REQUIRE(done);
        REQUIRE(std::holds_alternative<DelegationDone>(*done));
        CHECK(std::get<DelegationDone>(*done).lookup == id);
        CHECK(std::get<DelegationDone>(*done).owner == owner);
        CHECK_FALSE(d().next_completion());
        CHECK(open.empty());
        CHECK(d().next_deadline() == kNever);
        return std::get<DelegationDone>(*done).answer;
    }
    KeyAnswer keys(const Identity& owner) {
        d().look_up_keys(owner, now);
        run_until(now + 30s);
        auto done = d().next_completion();
        REQUIRE(done);
        REQUIRE(std::holds_alternative<KeysDone>(*done));
        CHECK(open.empty());
        return std::get<KeysDone>(*done).answer;
    }
};

}  // namespace oegate::discovery::test
