#include "discovery/reply.hpp"

#include <algorithm>

namespace oegate::discovery {
namespace {

Duration seconds(std::uint32_t ttl) {
    return std::chrono::seconds(ttl);
}

/// What a DNAME makes of a name below its owner (RFC 6672 §2.2). nullopt: not below.
std::optional<std::string> redirected(const Rr& dname, const std::string& name) {
    if (dname.type != kTypeDname || name.size() <= dname.owner.size() + 1 || !name.ends_with(dname.owner))
        return std::nullopt;
    const std::size_t kept = name.size() - dname.owner.size();
    if (name[kept - 1] != '.' || name[kept - 2] == '\\') return std::nullopt;
    const std::string target = canonical_name(name.substr(0, kept) + dname.target);
    return target.empty() ? std::nullopt : std::optional(target);
}

/// Follows aliases to the name that holds the records. A DNAME comes with the CNAME
/// that the server made of it (RFC 6672 §3.1), or, from old servers, without. nullopt:
/// too deep, or a loop.
std::optional<std::string> follow_cnames(const Message& message, const Question& question,
                                         Duration& lifetime) {
    std::string name = question.name;
    for (unsigned depth = 0; depth <= kMaxCnames; ++depth) {
        const auto alias = std::find_if(message.answer.begin(), message.answer.end(), [&](const Rr& rr) {
            return rr.type == kTypeCname && rr.owner == name;
        });
        if (alias != message.answer.end()) {
            lifetime = std::min(lifetime, seconds(alias->ttl));
            name = alias->target;
            continue;
        }
        std::optional<std::string> target;
        for (const Rr& rr : message.answer) {
            target = redirected(rr, name);
            if (!target) continue;
            lifetime = std::min(lifetime, seconds(rr.ttl));
            break;
        }
        if (!target) return name;
        name = std::move(*target);
    }
    return std::nullopt;
}

/// A signed answer does not outlive its signatures. Serial arithmetic: RFC 4034 §3.1.5.
Duration until_expiration(const std::vector<Rr>& records, std::int64_t wall_seconds, Duration lifetime) {
    for (const Rr& rr : records) {
        if (rr.type != kTypeRrsig) continue;
        const auto left = static_cast<std::int32_t>(rr.expiration - static_cast<std::uint32_t>(wall_seconds));
        lifetime = std::min<Duration>(lifetime, std::chrono::seconds(std::max(left, 0)));
    }
    return lifetime;
}

/// min(SOA MINIMUM, SOA TTL), RFC 2308 §5.
Duration negative_lifetime(const Message& message) {
    for (const Rr& rr : message.authority)
        if (rr.type == kTypeSoa) return seconds(std::min(rr.ttl, rr.soa_minimum));
    return kNoSoaLifetime;
}

}  // namespace

Reply read_reply(const Message& message, const Question& question, bool trusted_path,
                 std::optional<std::int64_t> wall_seconds, Duration longest) {
    Reply reply;
    Duration lifetime = longest;
    const auto name = follow_cnames(message, question, lifetime);
    if (!name) {
        reply.detail = "more than 8 aliases";
        return reply;
    }
    reply.name = *name;
    if (trusted_path && message.authentic) reply.verdict = Verdict::secure;
    if (message.rcode == kRcodeNoError)
        for (const Rr& rr : message.answer) {
            if (rr.type != question.type || rr.owner != *name) continue;
            reply.rdata.push_back(rr.rdata);
            lifetime = std::min(lifetime, seconds(rr.ttl));
        }
    reply.no_such_name = message.rcode == kRcodeNxDomain;
    if (reply.rdata.empty()) {
        reply.state = Reply::State::absent;
        lifetime = std::min(lifetime, negative_lifetime(message));
    } else {
        reply.state = Reply::State::records;
    }
    if (reply.secure() && wall_seconds) {
        lifetime = until_expiration(message.answer, *wall_seconds, lifetime);
        lifetime = until_expiration(message.authority, *wall_seconds, lifetime);
    }
    reply.lifetime = lifetime;
    return reply;
}

}  // namespace oegate::discovery
