#include "discovery/validate/chain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace oegate::discovery::validate {
namespace {

/// Denial RRsets that are looked at; the longest proof needs three.
constexpr unsigned kMaxDenials = 8;

Question ask(const Name& name, std::uint16_t type) {
    return {name.text(), type};
}

/// SHA-1 does not count beside a better digest (RFC 4509 §3): whoever can make a second
/// preimage of the weak one must not choose it.
std::vector<Ds> worth_trying(std::vector<Ds> set) {
    std::erase_if(set, [](const Ds& ds) {
        return !is_supported(ds.algorithm) || !is_supported_digest(ds.digest_type);
    });
    const bool better = std::any_of(set.begin(), set.end(), [](const Ds& ds) { return ds.digest_type != 1; });
    if (better) std::erase_if(set, [](const Ds& ds) { return ds.digest_type == 1; });
    return set;
}

/// Key tags that are told of; a hostile zone may have hundreds.
constexpr std::size_t kMaxTags = 8;

/// Of keys or signatures; in order, so that the order of records changes nothing.
template <class Tagged>
std::vector<std::uint16_t> tags_of(const std::vector<Tagged>& all) {
    std::vector<std::uint16_t> tags;
    for (const Tagged& one : all) tags.push_back(one.tag);
    std::ranges::sort(tags);
    return tags;
}

bool any_signs(const std::vector<Key>& keys, const Rrset& rrset) {
    return std::ranges::any_of(rrset.signatures, [&](const Signature& signature) {
        return std::ranges::find(keys, signature.tag, &Key::tag) != keys.end();
    });
}

std::string text_of(std::vector<std::uint16_t> tags) {
    const bool more = tags.size() > kMaxTags;
    if (more) tags.resize(kMaxTags);
    return tags.empty() ? "none" : fmt::format("{}{}", fmt::join(tags, ", "), more ? " ..." : "");
}

/// does: what none of the anchors is, or does; others: key tags of those that do.
std::string out_of_date(const Name& zone, const Anchor& anchor, std::string_view does,
                        std::vector<std::uint16_t> others) {
    return fmt::format(
        "none of the trust anchors of {} (key tags {}) {} ({}): they are out of date, or the answer is "
        "forged; compare dns.trust-anchors with what the zone publishes",
        zone.text(), text_of(anchor.tags()), does, text_of(std::move(others)));
}

}  // namespace

Denial denial_of(const Section& section, const Name& zone, const std::vector<Key>& keys, std::int64_t wall,
                 Work& work, Duration& lifetime, std::string& why) {
    Denial denial(zone, work);
    unsigned num = 0;
    for (const Rrset& rrset : section.rrsets) {
        if (rrset.type != kNsec && rrset.type != kNsec3) continue;
        if (++num > kMaxDenials) break;
        const Checked checked = check(rrset, zone, keys, wall, work);
        if (!checked.good) why = checked.why;
        if (!checked.good || checked.expanded_from) continue;
        denial.add(rrset);
        lifetime = std::min(lifetime, checked.lifetime);
    }
    return denial;
}

void Chain::learn(const Question& question, std::optional<ByteView> message, Time now) {
    std::optional<Bytes> kept;
    // What is too large to be kept cannot be read: another resolver may say it shorter.
    if (message)
        kept = message->size() <= kMaxChainMessage ? Bytes(message->begin(), message->end()) : Bytes();
    learnt_.put(question, std::move(kept), now, now + kRememberTrouble);
}

void Chain::forget(const Question& question) {
    learnt_.forget(question);
    const auto name = Name::parse(question.name);
    if (const Zone* zone = name ? zones_.get(*name) : nullptr; zone && zone->suspect == question)
        zones_.forget(*name);
}

void Chain::stands(const Question& question) {
    const auto name = Name::parse(question.name);
    if (Zone* zone = name ? zones_.get(*name) : nullptr; zone && zone->suspect == question)
        zone->suspect.reset();
}

std::variant<std::monostate, Contents, Chain::Zone> Chain::take(const Question& question, Time now) {
    const auto* learnt = learnt_.find(question, now);
    if (!learnt) return std::monostate{};
    Zone trouble;
    trouble.kind = Zone::Kind::unreachable;
    trouble.why = fmt::format("no answer to {} {}", question.name, type_text(question.type));
    if (!learnt->answer) return trouble;
    auto contents = read_contents(*learnt->answer);
    trouble.suspect = question;
    if (!contents) return trouble;
    return std::move(*contents);
}

Chain::Zone Chain::remember(const Name& name, Zone zone, Time now) {
    const bool trouble = zone.kind == Zone::Kind::bogus || zone.kind == Zone::Kind::unreachable;
    zone.lifetime = trouble ? kRememberTrouble : std::clamp<Duration>(zone.lifetime, kLeastLifetime, 24h);
    zones_.put(name, zone, now, now + zone.lifetime);
    return zone;
}

bool Chain::lacks(const Name& name, std::uint16_t type, Time now) {
    return !zones_.find(name, now) && !learnt_.find(ask(name, type), now);
}

/// The DNSKEY of `from`, the DS of names from there on to `to`.
std::vector<Question> Chain::wanted(const Name& from, const Name& to, bool ask_key, Time now) {
    std::vector<Question> out;
    if (ask_key) out.push_back(ask(from, kDnskey));
    const unsigned first = from.num_labels() + (ask_key ? 1 : 0);
    for (unsigned n = first; n <= to.num_labels() && n < first + kAhead; ++n)
        if (const Name name = to.ancestor(n); lacks(name, kDs, now)) out.push_back(ask(name, kDs));
    return out;
}

Chain::Walk Chain::walk(const Name& name, Work& work, Time now) {
    Walk out;
    const Anchors::value_type* anchor = nullptr;
    for (const auto& candidate : anchors_)
        if (name.is_within(candidate.first) &&
            (!anchor || candidate.first.num_labels() > anchor->first.num_labels()))
            anchor = &candidate;
    if (!anchor) {
        out.state = State::indeterminate;
        out.why = fmt::format("no trust anchor covers {}", name.text());
        return out;
    }
    std::optional<Parent> parent;
    for (unsigned labels = anchor->first.num_labels(); labels <= name.num_labels(); ++labels) {
        const Name at = name.ancestor(labels);
        const auto zone = zone_at(at, parent ? &*parent : nullptr, work, now);
        if (!zone || zone->kind == Zone::Kind::delegated) {
            out.wanted = wanted(at, name, !parent || zone, now);
            return out;
        }
        switch (zone->kind) {
            case Zone::Kind::secure:
                parent = Parent{at, zone->keys};
                break;
            case Zone::Kind::no_cut:
            case Zone::Kind::delegated:
                break;
            case Zone::Kind::insecure:
                out.state = State::insecure;
                out.why = zone->why;
                return out;
            case Zone::Kind::bogus:
                out.state = State::bogus;
                out.why = zone->why;
                out.suspect = zone->suspect;
                return out;
            case Zone::Kind::unreachable:
                out.state = State::unreachable;
                out.why = zone->why;
                out.suspect = zone->suspect;
                return out;
        }
    }
    out.state = State::secure;
    out.zone = std::move(parent->name);
    out.keys = std::move(parent->keys);
    return out;
}

/// From the cache, or worked out of what was learnt. parent == nullptr: name is an anchor.
std::optional<Chain::Zone> Chain::zone_at(const Name& name, const Parent* parent, Work& work, Time now) {
    std::optional<Zone> zone;
    if (const auto* known = zones_.find(name, now)) zone = known->answer;
    if (!zone && parent) {
        auto learnt = take(ask(name, kDs), now);
        if (std::holds_alternative<std::monostate>(learnt)) return std::nullopt;
        if (auto* trouble = std::get_if<Zone>(&learnt)) return remember(name, std::move(*trouble), now);
        zone = classify(name, *parent, std::get<Contents>(learnt), work);
        if (zone->kind == Zone::Kind::bogus) zone->suspect = ask(name, kDs);
        zone = remember(name, std::move(*zone), now);
    }
    if (zone && zone->kind != Zone::Kind::delegated) return zone;
    auto learnt = take(ask(name, kDnskey), now);
    if (std::holds_alternative<std::monostate>(learnt)) return zone;
    if (auto* trouble = std::get_if<Zone>(&learnt)) return remember(name, std::move(*trouble), now);
    const Anchor anchor = parent ? Anchor{zone->ds, {}} : anchors_.find(name)->second;
    const Duration lifetime = zone ? zone->lifetime : Duration::max();
    zone = establish(name, anchor, !parent, lifetime, std::get<Contents>(learnt), work);
    if (zone->kind == Zone::Kind::bogus) zone->suspect = ask(name, kDnskey);
    if (!zone->unanchored.empty()) notice(name, zone->unanchored, now);
    return remember(name, std::move(*zone), now);
}

/// RFC 4035 §5.2: a DNSKEY that an anchor or a DS names signs the DNSKEY RRset, and so
/// all the keys in it. One such path is enough (RFC 6840 §5.11): keys that stand by, and
/// DS records whose key is gone or not yet there, do no harm.
Chain::Zone Chain::establish(const Name& name, const Anchor& anchor, bool is_configured, Duration lifetime,
                             const Contents& contents, Work& work) const {
    Zone zone;
    const Rrset* rrset = contents.answer.find(name, kDnskey);
    if (!rrset) {
        zone.why = fmt::format("{} has no DNSKEY", name.text());
        return zone;
    }
    std::vector<Key> keys;
    std::vector<Key> entries;
    std::vector<Key> others;
    for (const Bytes& rdata : rrset->rdata) {
        auto key = read_key(rdata);
        if (!key || !key->is_usable()) continue;
        if (anchor.names(name, *key, work))
            entries.push_back(*key);
        else if (key->is_entry_point() && work.digests > 0)
            others.push_back(*key);
        keys.push_back(std::move(*key));
    }
    if (entries.empty()) {
        zone.why = is_configured ? out_of_date(name, anchor, "is among its DNSKEYs", tags_of(keys))
                                 : fmt::format("no DNSKEY of {} is the one that its DS names", name.text());
        return zone;
    }
    const Checked checked = check(*rrset, name, entries, wall(), work);
    if (!checked.good) {
        zone.why = is_configured && !any_signs(entries, *rrset)
                       ? out_of_date(name, anchor, "signs its DNSKEYs", tags_of(rrset->signatures))
                       : checked.why;
        return zone;
    }
    zone.kind = Zone::Kind::secure;
    zone.keys = std::make_shared<const std::vector<Key>>(std::move(keys));
    zone.lifetime = std::min(lifetime, checked.lifetime);
    if (is_configured) zone.unanchored = tags_of(others);
    return zone;
}

/// A zone announces its next key in good time (RFC 5011 §2.4.1: at least thirty days). Who
/// follows it by hand has to hear of it.
void Chain::notice(const Name& zone, const std::vector<std::uint16_t>& unanchored, Time now) {
    const auto told = told_.find(zone);
    const bool news =
        told == told_.end() || told->second.tags != unanchored || now - told->second.at >= kTellAgain;
    if (news) told_.insert_or_assign(zone, Told{now, unanchored});
    notices_.push_back(
        {fmt::format("{} announces keys that no trust anchor covers (key tags {}): when one of them takes "
                     "over, all names below are bogus; once it is known to be genuine, add it to "
                     "dns.trust-anchors and restart",
                     zone.text(), text_of(unanchored)),
         news});
}

/// What the zone above says of name: a signed zone, an unsigned one, or none.
Chain::Zone Chain::classify(const Name& name, const Parent& parent, const Contents& contents,
                            Work& work) const {
    Zone zone;
    const auto verified = [&](const Rrset& rrset) {
        Checked checked = check(rrset, parent.name, *parent.keys, wall(), work);
        if (!checked.good) zone.why = checked.why;
        return checked;
    };
    if (const Rrset* ds = contents.answer.find(name, kDs)) {
        const Checked checked = verified(*ds);
        return checked.good ? by_ds(*ds, checked) : zone;
    }
    for (const Rrset& rrset : contents.answer.rrsets) {
        // An alias at the name, or a DNAME above it, is no zone cut.
        const bool alias = (rrset.type == kCname && rrset.owner == name) ||
                           (rrset.type == kDname && name.is_below(rrset.owner));
        if (!alias || rrset.signatures.empty()) continue;
        const Checked checked = verified(rrset);
        if (!checked.good) return zone;
        zone.kind = Zone::Kind::no_cut;
        zone.lifetime = checked.lifetime;
        return zone;
    }
    return by_denial(name, parent, contents, work);
}

Chain::Zone Chain::by_ds(const Rrset& rrset, const Checked& checked) const {
    Zone zone;
    zone.lifetime = checked.lifetime;
    std::vector<Ds> set;
    for (const Bytes& rdata : rrset.rdata)
        if (auto ds = read_ds(rdata)) set.push_back(std::move(*ds));
    zone.ds = worth_trying(std::move(set));
    zone.kind = zone.ds.empty() ? Zone::Kind::insecure : Zone::Kind::delegated;
    if (zone.ds.empty())
        zone.why = fmt::format("{} is signed with algorithms that are not verified here", rrset.owner.text());
    return zone;
}

Chain::Zone Chain::by_denial(const Name& name, const Parent& parent, const Contents& contents,
                             Work& work) const {
    Zone zone;
    zone.lifetime = Duration::max();
    zone.why = fmt::format("{} has no DS, and {} does not prove it", name.text(), parent.name.text());
    const Denial denial =
        denial_of(contents.authority, parent.name, *parent.keys, wall(), work, zone.lifetime, zone.why);
    switch (denial.cut(name)) {
        case Cut::unproven:
            break;
        case Cut::none:
            zone.kind = Zone::Kind::no_cut;
            break;
        case Cut::insecure:
            zone.kind = Zone::Kind::insecure;
            zone.why = fmt::format("{} is an unsigned delegation of {}", name.text(), parent.name.text());
            break;
    }
    return zone;
}

}  // namespace oegate::discovery::validate
