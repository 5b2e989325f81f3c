// THE key table: every key of the YAML file once, with its field, what it accepts,
// its meaning and the source of its default. The loader, `config show` and
// docs/configuration.md all read this table, so that they cannot disagree.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/codec.hpp"

namespace oegate::config {

struct Key {
    enum class Kind { section, sections, value, values };
    /// "interfaces[].mtu": [] stands for each item of a list.
    std::string path;
    Kind kind = Kind::value;
    Accept accept;
    std::string type;      // in words, for the documents
    std::string expected;  // in words, for messages
    std::string help;
    std::string source;         // of the rule or the default
    std::string default_words;  // instead of the field's value, where that says nothing

    // index: of the item of the `sections` that the key is within.
    std::optional<Complaint> (*read)(const Node&, const Accept&, Config&, std::size_t index) = nullptr;
    std::string (*show)(const Config&, std::size_t index, const Accept&) = nullptr;
    void (*clear)(Config&,
                  std::size_t index) = nullptr;     // values: a list that is written replaces the default
    std::size_t (*count)(const Config&) = nullptr;  // sections: how many items there are
    void (*add)(Config&) = nullptr;                 // sections: one more, of defaults

    /// The part behind the last dot.
    std::string name() const { return path.substr(path.rfind('.') + 1); }
    /// The part before it; "" at the top.
    std::string parent() const;
};

/// In the order of the documents and of `config show`.
const std::vector<Key>& keys();
const Key* find_key(const std::string& path);
/// The keys directly below a section path ("" for the top, "interfaces[]").
std::vector<const Key*> keys_below(const std::string& parent);

}  // namespace oegate::config
