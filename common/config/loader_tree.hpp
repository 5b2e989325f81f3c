// A YAML file as a plain tree with positions. loader_tree.cpp is the only includer of
// yaml-cpp; nothing hostile passes it: bounded size, depth and number of nodes, no
// aliases (a bomb needs them), no tags, no duplicate keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/problem.hpp"

namespace oegate::config {

struct Node {
    /// refused: a problem was already told; say nothing more of this node.
    enum class Kind { empty, scalar, list, map, refused };
    Kind kind = Kind::empty;
    Place place;
    std::string text;     // scalar
    bool quoted = false;  // scalar: written in quotes, so never a number
    std::string key;      // child of a map
    Place key_place;      // child of a map
    std::vector<Node> children;
};

inline constexpr std::size_t kMaxFileBytes = 4 << 20;

/// Problems that leave the rest of the file readable are appended to `problems`;
/// nullopt-like failure (false) means that there is no tree.
bool parse_tree(const std::string& text, const std::string& file, Node& root, std::vector<Problem>& problems);

}  // namespace oegate::config
