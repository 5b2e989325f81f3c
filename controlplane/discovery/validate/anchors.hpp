// Trust anchors: where chains of trust begin (RFC 4033 §2), read at start-up from text
// with DS or DNSKEY records such as Debian's /usr/share/dns/root.key. Several per zone
// are alternatives, so that a key can roll; zones may lie inside each other. Nothing here
// follows a zone's own announcements (RFC 5011): chain only says when an anchor is missing.
#pragma once

#include <map>

#include "base/result.hpp"
#include "discovery/validate/signature.hpp"

namespace oegate::discovery::validate {

struct Anchor {
    std::vector<Ds> ds;
    std::vector<Key> keys;

    /// Is it this key of zone that an anchor names?
    bool names(const Name& zone, const Key& key, Work& work) const;
    /// Of the keys that it names, in order, each once.
    std::vector<std::uint16_t> tags() const;
};
using Anchors = std::map<Name, Anchor>;

/// The error is one line, naming the line of the text, that says what to do. passed_over:
/// a line of words for each record that is in order and anchors nothing here.
Result<Anchors, std::string> read_anchors(std::string_view text,
                                          std::vector<std::string>* passed_over = nullptr);
/// The same from a file; its name is part of the error.
Result<Anchors, std::string> load_anchors(const std::string& path,
                                          std::vector<std::string>* passed_over = nullptr);

/// Zones and key tags, for the log: ". 20326 38696; example.net. 4711".
std::string to_text(const Anchors& anchors);

}  // namespace oegate::discovery::validate
