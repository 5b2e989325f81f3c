#include "publication/verify.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace oegate::publication {
namespace {

struct Judged {
    Verdict verdict = Verdict::ok;
    std::string detail;
};

/// "IPSECKEY and TXT, TTL 3600"
std::string shown(const Name& name) {
    std::string types;
    std::uint32_t ttl = 0;
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
        if (!name[i].names_us) continue;
        if (!types.empty()) types += " and ";
        types += type_name(i);
        ttl = std::max(ttl, name[i].ttl);
    }
    return fmt::format("{}, TTL {}", types, ttl);
}

Judged nothing_of_ours(const Claim& claim, const Name& name) {
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        if (!name[i].other.empty())
            return {Verdict::wrong_gateway, fmt::format("{} names {}", type_name(i), name[i].other)};
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        if (!name[i].malformed.empty())
            return {Verdict::malformed, fmt::format("{}: {}", type_name(i), name[i].malformed)};
    return {Verdict::missing, claim.kind == Claim::Kind::host ? "no IPSECKEY or TXT delegates to this gateway"
                                                              : "no IPSECKEY, TXT or KEY carries our key"};
}

Judged judge_sets(const Ours& ours, const Keys& keys, const Claim& claim, const Name& name) {
    const auto is_ours = [&](const Contents& set) {
        return claim.kind == Claim::Kind::host ? set.delegates : set.names_us;
    };
    if (std::none_of(name.begin(), name.end(), is_ours)) return nothing_of_ours(claim, name);
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
        const Contents& set = name[i];
        if (!set.names_us || set.serves(keys.current)) continue;
        if (keys.old && set.has(*keys.old))
            return {Verdict::stale, fmt::format("{} has the former key only", type_name(i))};
        if (keys.next && set.has(*keys.next))
            return {Verdict::wrong_key,
                    fmt::format("{} has the coming key only; the present one is in use until "
                                "oegate key rollover activate",
                                type_name(i))};
        return {Verdict::wrong_key, fmt::format("{} has a key that is not this gateway's", type_name(i))};
    }
    if (claim.kind == Claim::Kind::host && !ours.initiates_as.empty() && !name[1].names_id)
        return {Verdict::wrong_gateway,
                fmt::format("no TXT names @{}, as which this gateway initiates", ours.initiates_as)};
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        if (name[i].names_us && !name[i].is_signed)
            return {Verdict::not_signed, fmt::format("{} is right", type_name(i))};
    std::string detail = shown(name);
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        if (!name[i].malformed.empty())
            detail += fmt::format("; beside it a malformed {}: {}", type_name(i), name[i].malformed);
    if (keys.next && !carries(name, *keys.next)) detail += "; the coming key is not there yet";
    if (keys.old && mentions(name, *keys.old)) detail += "; the former key is still there";
    return {Verdict::ok, detail};
}

Judged judge_world(const Ours& ours, const Keys& keys, const Surveyed& s) {
    if (!s.world.trouble.empty()) return {Verdict::unreachable, s.world.trouble};
    if (s.world.bogus)
        return {Verdict::bogus, "SERVFAIL, but there are records without validation: sign the zone anew"};
    Judged judged = judge_sets(ours, keys, s.claim, s.world.contents);
    if (judged.verdict == Verdict::not_signed)
        judged.detail += ", but the answer is not secured (AD is off): others may ignore it";
    return judged;
}

Judged judge_authority(const Ours& ours, const Keys& keys, const Surveyed& s, const Sight& sight) {
    if (sight.ignored) return {Verdict::ok, "not asked (--ignore-authority)"};
    if (!sight.trouble.empty()) return {Verdict::unreachable, sight.trouble};
    Judged judged = judge_sets(ours, keys, s.claim, sight.contents);
    if (judged.verdict == Verdict::not_signed) judged.detail += ", but it has no RRSIG: others may ignore it";
    return judged;
}

bool is_content_fault(Verdict verdict) {
    return verdict == Verdict::missing || verdict == Verdict::wrong_gateway || verdict == Verdict::wrong_key;
}

/// RFC 1982: serial numbers wrap.
bool is_behind(std::uint32_t serial, std::uint32_t other) {
    return serial != other && other - serial < 0x80000000;
}

/// Somebody has what is right: the others have what was right before.
void find_stale(const Surveyed& s, Judged& world, std::vector<Judged>& authorities) {
    bool all_right = !authorities.empty();
    for (std::size_t i = 0; i < authorities.size(); ++i) {
        if (s.authorities[i].ignored) continue;
        all_right = all_right && authorities[i].verdict == Verdict::ok;
        if (!is_content_fault(authorities[i].verdict)) continue;
        for (std::size_t k = 0; k < authorities.size(); ++k) {
            if (s.authorities[k].ignored || authorities[k].verdict != Verdict::ok) continue;
            const std::uint32_t own = s.authorities[i].serial, other = s.authorities[k].serial;
            if (!is_behind(own, other)) continue;
            authorities[i] = {Verdict::stale,
                              fmt::format("{}; its zone has serial {}, that of {} has {}",
                                          authorities[i].detail, own, s.authorities[k].server, other)};
            break;
        }
    }
    if (all_right && is_content_fault(world.verdict))
        world = {Verdict::stale, world.detail + "; every authority is right: a cache has not seen it yet"};
}

}  // namespace

std::string_view to_text(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return "ok";
        case Verdict::missing:
            return "missing";
        case Verdict::stale:
            return "stale";
        case Verdict::not_signed:
            return "unsigned";
        case Verdict::wrong_gateway:
            return "wrong gateway";
        case Verdict::wrong_key:
            return "wrong key";
        case Verdict::malformed:
            return "malformed";
        case Verdict::bogus:
            return "bogus";
        case Verdict::unreachable:
            return "unreachable";
    }
    return "?";
}

std::vector<Line> judge(const Ours& ours, const Keys& keys, const std::vector<Surveyed>& surveyed) {
    std::vector<Line> lines;
    for (const Surveyed& s : surveyed) {
        Judged world = judge_world(ours, keys, s);
        std::vector<Judged> authorities;
        for (const Sight& sight : s.authorities) authorities.push_back(judge_authority(ours, keys, s, sight));
        find_stale(s, world, authorities);
        std::vector<PublicKey> wanted{keys.current};
        if (keys.next) wanted.push_back(*keys.next);
        const auto add = [&](const Judged& judged, std::string where) {
            Line& line = lines.emplace_back();
            line.verdict = judged.verdict;
            line.owner = s.claim.label;
            line.name = s.claim.owner;
            line.where = std::move(where);
            line.detail = judged.detail;
            // Where nothing answers, or signatures are at fault, other records help nobody.
            if (is_content_fault(judged.verdict) || judged.verdict == Verdict::malformed ||
                judged.verdict == Verdict::stale)
                line.publish = records_of(ours, s.claim, wanted);
        };
        add(world, s.world.server.empty() ? "resolver" : "resolver " + s.world.server);
        if (!s.trouble.empty() && authorities.empty()) add({Verdict::unreachable, s.trouble}, "its zone");
        for (std::size_t i = 0; i < authorities.size(); ++i)
            add(authorities[i],
                fmt::format("authority {}{}{}", s.authorities[i].name,
                            s.authorities[i].server.empty() ? "" : " ", s.authorities[i].server));
    }
    return lines;
}

}  // namespace oegate::publication
