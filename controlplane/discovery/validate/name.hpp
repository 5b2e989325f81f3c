// A domain name as bytes: uncompressed wire form in lower case (RFC 4034 §6.2), with
// the canonical order (§6.1) that denial of existence lives on. Used by the rest of
// validate/ only; everywhere else a name is text.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace oegate::discovery::validate {

class Name {
  public:
    /// The root.
    Name() : wire_{0} {}

    /// In text form with escapes; nullopt for what is no name.
    static std::optional<Name> parse(std::string_view text);
    /// The name at `at` in a message, which moves behind it. Pointers may lead backwards
    /// only; neither they nor the labels may run past `end`.
    static std::optional<Name> read(ByteView message, std::size_t& at, std::size_t end);

    /// Lower case, with escapes and final dot: what Question::name is.
    std::string text() const;
    ByteView wire() const { return wire_; }
    bool is_root() const { return wire_.size() == 1; }
    /// Without the root's.
    unsigned num_labels() const;
    bool is_wildcard() const { return wire_.size() > 2 && wire_[0] == 1 && wire_[1] == '*'; }
    /// The leftmost one; empty for the root.
    ByteView first_label() const { return ByteView(wire_).subspan(is_root() ? 0 : 1, wire_[0]); }

    /// The ancestor, or itself, that has so many labels.
    Name ancestor(unsigned num_labels) const;
    bool is_within(const Name& zone) const;
    bool is_below(const Name& zone) const { return *this != zone && is_within(zone); }
    /// label in front; nullopt beyond 255 bytes. label: at most 63 bytes, lower case.
    std::optional<Name> below(ByteView label) const;
    /// Its wildcard, `*.name`.
    std::optional<Name> wildcard() const;
    /// This name with the suffix `from` replaced by `to` (RFC 6672 §2.2).
    std::optional<Name> rebased(const Name& from, const Name& to) const;
    /// The deepest name that both are within.
    static Name common_ancestor(const Name& a, const Name& b);

    bool operator==(const Name&) const = default;
    /// Canonical DNS name order (RFC 4034 §6.1).
    std::strong_ordering operator<=>(const Name& other) const;

  private:
    explicit Name(Bytes wire) : wire_(std::move(wire)) {}
    Bytes wire_;
};

}  // namespace oegate::discovery::validate
