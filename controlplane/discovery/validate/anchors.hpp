// Trust anchors: where chains of trust begin (RFC 4033 §2), read at start-up from text
// with DS or DNSKEY records such as Debian's /usr/share/dns/root.key. Several per zone
// are alternatives, so that a key can roll; zones may lie inside each other.
#pragma once

#include <map>

#include "base/result.hpp"
#include "discovery/validate/signature.hpp"

namespace oegate::discovery::validate {

struct Anchor {
    std::vector<Ds> ds;
    std::vector<Key> keys;
};
using Anchors = std::map<Name, Anchor>;

/// The error is one line, naming the line of the text, that says what to do.
Result<Anchors, std::string> read_anchors(std::string_view text);
/// The same from a file; its name is part of the error.
Result<Anchors, std::string> load_anchors(const std::string& path);

}  // namespace oegate::discovery::validate
