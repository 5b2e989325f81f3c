#include "discovery/validate/denial.hpp"

#include <algorithm>

#include "base/cursor.hpp"
#include "discovery/validate/ldns.hpp"

namespace oegate::discovery::validate {
namespace {

constexpr std::uint8_t kSha1 = 1, kOptOut = 1;
constexpr std::size_t kHashLen = 20;

/// Base 32 with extended hex alphabet, no padding (RFC 4648 §7), lower case.
std::optional<Bytes> from_base32(ByteView text) {
    Bytes out;
    std::uint64_t bits = 0;
    unsigned num_bits = 0;
    for (const std::uint8_t c : text) {
        unsigned value = 0;
        if (c >= '0' && c <= '9')
            value = c - '0';
        else if (c >= 'a' && c <= 'v')
            value = c - 'a' + 10U;
        else
            return std::nullopt;
        bits = bits << 5 | value;
        num_bits += 5;
        if (num_bits >= 8) {
            num_bits -= 8;
            out.push_back(static_cast<std::uint8_t>(bits >> num_bits));
        }
    }
    return out;
}

bool less(ByteView a, ByteView b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

/// RFC 4034 §4.1.2.
bool Denial::Span::has(std::uint16_t type) const {
    Reader in(bitmap);
    while (in.ok() && in.remaining() > 0) {
        const unsigned window = in.u8();
        const ByteView bits = in.take(in.u8());
        if (window != type >> 8) continue;
        const std::size_t at = (type & 255) / 8;
        return at < bits.size() && (bits[at] >> (7 - type % 8) & 1);
    }
    return false;
}

bool Denial::Span::lacks(std::uint16_t type) const {
    // The parent's side of a zone cut knows of DS alone, the child's of all but DS.
    if (type == kDs ? has(kSoa) : is_delegation()) return false;
    return !has(type) && !has(kCname);
}

void Denial::add(const Rrset& rrset) {
    if (rrset.rdata.size() != 1) return;
    if (rrset.type == kNsec) add_nsec(rrset);
    if (rrset.type == kNsec3) add_nsec3(rrset);
}

void Denial::add_nsec(const Rrset& rrset) {
    const Bytes& rdata = rrset.rdata[0];
    std::size_t at = 0;
    Nsec nsec;
    auto next = Name::read(rdata, at, rdata.size());
    if (!next || !next->is_within(zone_) || !rrset.owner.is_within(zone_)) return;
    nsec.owner = rrset.owner;
    nsec.next = std::move(*next);
    nsec.bitmap = ByteView(rdata).subspan(at);
    nsecs_.push_back(std::move(nsec));
}

void Denial::add_nsec3(const Rrset& rrset) {
    Reader in(rrset.rdata[0]);  // RFC 5155 §3.2
    const std::uint8_t algorithm = in.u8();
    const std::uint8_t flags = in.u8();
    const unsigned iterations = in.u16();
    const ByteView salt = in.take(in.u8());
    const ByteView next = in.take(in.u8());
    const ByteView bitmap = in.rest();
    const auto owner = from_base32(rrset.owner.first_label());
    if (!in.ok() || algorithm != kSha1 || flags > kOptOut || next.size() != kHashLen || !owner ||
        owner->size() != kHashLen || rrset.owner.num_labels() != zone_.num_labels() + 1 ||
        !rrset.owner.is_below(zone_))
        return;
    if (iterations > kMaxIterations) {
        too_dear_ = true;
        return;
    }
    const Bytes own_salt(salt.begin(), salt.end());
    if (nsec3s_.empty()) {
        iterations_ = iterations;
        salt_ = own_salt;
    } else if (iterations != iterations_ || own_salt != salt_) {
        return;  // of another chain of the zone (RFC 5155 §8.2)
    }
    Nsec3 nsec3;
    nsec3.bitmap = bitmap;
    nsec3.owner = *owner;
    nsec3.next.assign(next.begin(), next.end());
    nsec3.opt_out = flags & kOptOut;
    nsec3s_.push_back(std::move(nsec3));
}

// ---- NSEC -----------------------------------------------------------------------

const Denial::Nsec* Denial::match(const Name& name) const {
    for (const Nsec& nsec : nsecs_)
        if (nsec.owner == name) return &nsec;
    return nullptr;
}

/// The span in which name would lie if it were there.
const Denial::Nsec* Denial::cover(const Name& name) const {
    if (!name.is_within(zone_)) return nullptr;
    for (const Nsec& nsec : nsecs_) {
        if (!(nsec.owner < name)) continue;
        // The last one leads back to the apex.
        if (!(name < nsec.next) && nsec.next != zone_) continue;
        if (name.is_below(nsec.owner) && nsec.ends_zone()) continue;
        return &nsec;
    }
    return nullptr;
}

Name Denial::encloser(const Nsec& cover, const Name& name) const {
    const Name by_owner = Name::common_ancestor(name, cover.owner);
    const Name by_next = Name::common_ancestor(name, cover.next);
    return by_owner.num_labels() > by_next.num_labels() ? by_owner : by_next;
}

Proof Denial::absent_by_nsec(const Name& name, std::uint16_t type) const {
    if (const Nsec* own = match(name)) return own->lacks(type) ? Proof::proven : Proof::none;
    const Nsec* gap = cover(name);
    if (!gap) return Proof::none;
    // An empty non-terminal: the next name is below it (RFC 4035 §3.1.3.2).
    if (gap->next.is_below(name)) return Proof::proven;
    const auto wildcard = encloser(*gap, name).wildcard();
    if (!wildcard) return Proof::none;
    if (const Nsec* own = match(*wildcard)) return own->lacks(type) ? Proof::proven : Proof::none;
    return cover(*wildcard) ? Proof::proven : Proof::none;
}

// ---- NSEC3 ----------------------------------------------------------------------

std::optional<Bytes> Denial::hash(const Name& name) const {
    if (work_->hashes < iterations_ + 1) return std::nullopt;
    work_->hashes -= iterations_ + 1;
    const ldns::Rdata plain(
        ldns_dname_new_frm_data(static_cast<std::uint16_t>(name.wire().size()), name.wire().data()));
    const ldns::Rdata hashed(ldns_nsec3_hash_name(plain.get(), kSha1, static_cast<std::uint16_t>(iterations_),
                                                  static_cast<std::uint8_t>(salt_.size()), salt_.data()));
    if (!hashed) return std::nullopt;
    const ByteView wire = ldns::view(hashed.get());
    if (wire.empty() || wire.size() < wire[0] + 1U) return std::nullopt;
    Bytes label(wire.begin() + 1, wire.begin() + 1 + wire[0]);
    for (std::uint8_t& c : label)
        if (c >= 'A' && c <= 'Z') c = static_cast<std::uint8_t>(c - 'A' + 'a');
    return from_base32(label);
}

const Denial::Nsec3* Denial::match3(const Name& name) const {
    const auto hashed = hash(name);
    if (!hashed) return nullptr;
    for (const Nsec3& nsec3 : nsec3s_)
        if (nsec3.owner == *hashed) return &nsec3;
    return nullptr;
}

const Denial::Nsec3* Denial::cover3(const Name& name) const {
    const auto hashed = hash(name);
    if (!hashed) return nullptr;
    for (const Nsec3& nsec3 : nsec3s_) {
        const bool after = less(nsec3.owner, *hashed);
        const bool before = less(*hashed, nsec3.next);
        // The last one wraps around; a lone one covers all but itself.
        if (less(nsec3.owner, nsec3.next)
                ? after && before
                : (after || before) && nsec3.owner != *hashed && nsec3.next != *hashed)
            return &nsec3;
    }
    return nullptr;
}

/// Of a name that is not there itself.
std::optional<Denial::Encloser> Denial::encloser3(const Name& name) const {
    const unsigned zone_labels = zone_.num_labels();
    for (unsigned labels = name.num_labels(); labels-- > zone_labels;) {
        const Name candidate = name.ancestor(labels);
        const Nsec3* at = match3(candidate);
        if (!at) continue;
        if (at->ends_zone()) return std::nullopt;
        const Name next_closer = name.ancestor(labels + 1);
        const Nsec3* gap = cover3(next_closer);
        if (!gap) return std::nullopt;
        return Encloser{candidate, next_closer, gap->opt_out};
    }
    return std::nullopt;
}

Proof Denial::absent_by_nsec3(const Name& name, std::uint16_t type) const {
    if (const Nsec3* own = match3(name)) return own->lacks(type) ? Proof::proven : Proof::none;
    const auto encloser = encloser3(name);
    if (!encloser) return Proof::none;
    // An unsigned delegation may hide in the span, with anything below it.
    if (encloser->opt_out) return Proof::insecure;
    const auto wildcard = encloser->name.wildcard();
    if (!wildcard) return Proof::none;
    if (const Nsec3* own = match3(*wildcard)) return own->lacks(type) ? Proof::proven : Proof::none;
    return cover3(*wildcard) ? Proof::proven : Proof::none;
}

// ---- both -----------------------------------------------------------------------

Proof Denial::absent(const Name& name, std::uint16_t type) const {
    if (!name.is_within(zone_)) return Proof::none;
    if (!nsecs_.empty())
        if (const Proof proof = absent_by_nsec(name, type); proof != Proof::none) return proof;
    if (!nsec3s_.empty())
        if (const Proof proof = absent_by_nsec3(name, type); proof != Proof::none) return proof;
    return too_dear_ ? Proof::insecure : Proof::none;
}

bool Denial::no_such_name(const Name& name) const {
    if (!name.is_within(zone_)) return false;
    if (const Nsec* gap = match(name) ? nullptr : cover(name); gap && !gap->next.is_below(name)) {
        const auto wildcard = encloser(*gap, name).wildcard();
        if (wildcard && !match(*wildcard) && cover(*wildcard)) return true;
    }
    if (nsec3s_.empty() || match3(name)) return false;
    const auto encloser = encloser3(name);
    const auto wildcard = encloser && !encloser->opt_out ? encloser->name.wildcard() : std::nullopt;
    return wildcard && !match3(*wildcard) && cover3(*wildcard);
}

Proof Denial::no_closer(const Name& name, unsigned encloser_labels) const {
    if (encloser_labels >= name.num_labels()) return Proof::none;
    // The span must be one that makes this wildcard's parent the closest encloser.
    if (const Nsec* gap = cover(name);
        gap && !gap->next.is_below(name) && encloser(*gap, name).num_labels() == encloser_labels)
        return Proof::proven;
    if (!nsec3s_.empty())
        if (const Nsec3* gap = cover3(name.ancestor(encloser_labels + 1)))
            return gap->opt_out ? Proof::insecure : Proof::proven;
    return too_dear_ ? Proof::insecure : Proof::none;
}

Cut Denial::cut(const Name& name) const {
    if (!name.is_below(zone_)) return Cut::unproven;
    const Span* own = match(name);
    if (!own && !nsec3s_.empty()) own = match3(name);
    if (own) {
        if (own->has(kSoa) || own->has(kDs)) return Cut::unproven;  // the child's, or a DS was kept from us
        return own->has(kNs) ? Cut::insecure : Cut::none;
    }
    if (cover(name)) return Cut::none;
    if (!nsec3s_.empty())
        if (const auto encloser = encloser3(name)) return encloser->opt_out ? Cut::insecure : Cut::none;
    return too_dear_ ? Cut::insecure : Cut::unproven;
}

}  // namespace oegate::discovery::validate
