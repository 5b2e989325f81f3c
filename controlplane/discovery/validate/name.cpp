#include "discovery/validate/name.hpp"

#include <algorithm>
#include <array>

#include "discovery/validate/ldns.hpp"

namespace oegate::discovery::validate {
namespace {

constexpr std::size_t kMaxName = 255;  // RFC 1035 §2.3.4
constexpr std::size_t kMaxLabels = 128;

/// Where each label begins, from the left.
struct Labels {
    std::array<std::uint8_t, kMaxLabels> at{};
    unsigned count = 0;

    explicit Labels(ByteView wire) {
        for (std::size_t i = 0; wire[i] != 0; i += wire[i] + 1U) at[count++] = static_cast<std::uint8_t>(i);
    }
};

ByteView label_at(ByteView wire, std::size_t at) {
    return wire.subspan(at + 1, wire[at]);
}

Bytes lower(ByteView wire) {
    Bytes out(wire.begin(), wire.end());
    // A length byte is at most 63 and so is no letter.
    for (std::uint8_t& byte : out)
        if (byte >= 'A' && byte <= 'Z') byte = static_cast<std::uint8_t>(byte - 'A' + 'a');
    return out;
}

}  // namespace

std::optional<Name> Name::parse(std::string_view text) {
    // ldns reads up to a NUL, which no name in text form has.
    if (text.empty() || text.find('\0') != std::string_view::npos) return std::nullopt;
    const ldns::Rdata parsed(ldns_dname_new_frm_str(std::string(text).c_str()));
    if (!parsed) return std::nullopt;
    return Name(lower(ldns::view(parsed.get())));
}

std::optional<Name> Name::read(ByteView message, std::size_t& at, std::size_t end) {
    if (at >= end || end > message.size()) return std::nullopt;
    ldns_rdf* parsed = nullptr;
    std::size_t after = at;
    if (ldns_wire2dname(&parsed, message.data(), end, &after) != LDNS_STATUS_OK) return std::nullopt;
    const ldns::Rdata owned(parsed);
    const ByteView wire = ldns::view(parsed);
    if (after <= at || after > end || wire.empty() || wire.size() > kMaxName) return std::nullopt;
    at = after;
    return Name(lower(wire));
}

std::string Name::text() const {
    const ldns::Rdata name(ldns_dname_new_frm_data(static_cast<std::uint16_t>(wire_.size()), wire_.data()));
    const ldns::Text text(name ? ldns_rdf2str(name.get()) : nullptr);
    return text ? std::string(text.get()) : std::string{};
}

unsigned Name::num_labels() const {
    return Labels(wire_).count;
}

Name Name::ancestor(unsigned num_labels) const {
    const Labels labels(wire_);
    if (num_labels >= labels.count) return *this;
    if (num_labels == 0) return {};
    return Name(Bytes(wire_.begin() + labels.at[labels.count - num_labels], wire_.end()));
}

bool Name::is_within(const Name& zone) const {
    if (zone.wire_.size() > wire_.size()) return false;
    const std::size_t at = wire_.size() - zone.wire_.size();
    if (!std::equal(zone.wire_.begin(), zone.wire_.end(), wire_.begin() + static_cast<std::ptrdiff_t>(at)))
        return false;
    // The same bytes, but do they begin with a label?
    for (std::size_t i = 0; i <= at; i += wire_[i] + 1U)
        if (i == at) return true;
    return false;
}

std::optional<Name> Name::below(ByteView label) const {
    if (label.empty() || label.size() > 63 || wire_.size() + label.size() + 1 > kMaxName) return std::nullopt;
    Bytes wire{static_cast<std::uint8_t>(label.size())};
    append(wire, label);
    append(wire, wire_);
    return Name(std::move(wire));
}

std::optional<Name> Name::wildcard() const {
    return below(as_bytes("*"));
}

std::optional<Name> Name::rebased(const Name& from, const Name& to) const {
    if (!is_below(from)) return std::nullopt;
    Bytes wire(wire_.begin(), wire_.end() - static_cast<std::ptrdiff_t>(from.wire_.size()));
    append(wire, to.wire_);
    if (wire.size() > kMaxName) return std::nullopt;
    return Name(std::move(wire));
}

Name Name::common_ancestor(const Name& a, const Name& b) {
    for (unsigned n = std::min(a.num_labels(), b.num_labels()); n > 0; --n)
        if (Name shared = a.ancestor(n); shared == b.ancestor(n)) return shared;
    return {};
}

std::strong_ordering Name::operator<=>(const Name& other) const {
    const Labels mine(wire_);
    const Labels theirs(other.wire_);
    for (unsigned i = 1; i <= std::min(mine.count, theirs.count); ++i) {
        const ByteView a = label_at(wire_, mine.at[mine.count - i]);
        const ByteView b = label_at(other.wire_, theirs.at[theirs.count - i]);
        const auto order = std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
        if (order != 0) return order;
    }
    return mine.count <=> theirs.count;
}

}  // namespace oegate::discovery::validate
