#include "config/loader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <set>

#include "config/check.hpp"
#include "config/keys.hpp"
#include "config/loader_tree.hpp"

namespace oegate::config {
namespace {

constexpr std::size_t kMaxProblems = 200;

/// Levenshtein distance, for "did you mean".
std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t k = 1; k <= b.size(); ++k) {
            const std::size_t replaced = diagonal + (a[i - 1] != b[k - 1]);
            diagonal = row[k];
            row[k] = std::min({row[k] + 1, row[k - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

/// The known key that this one is a typing error of; nullptr when none is near.
const Key* nearest(const std::string& key, const std::vector<const Key*>& known) {
    const Key* best = nullptr;
    std::size_t best_distance = 3;  // further away is another word
    if (key.size() > 40) return nullptr;
    for (const Key* candidate : known)
        if (const std::size_t d = distance(key, candidate->name()); d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    return best;
}

std::string names_of(const std::vector<const Key*>& known) {
    std::string list;
    for (const Key* key : known) list += (list.empty() ? "" : ", ") + key->name();
    return list;
}

/// Fills a Config from the tree by the key table.
class Filler {
  public:
    Filler(Config& config, Places& places, const std::string& file, std::vector<Problem>& problems)
        : config_(config), places_(places), file_(file), problems_(problems) {}

    /// pattern: path of the section in the key table; path: with numbers.
    void map(const Node& node, const std::string& pattern, const std::string& path, std::size_t index) {
        const auto known = keys_below(pattern);
        std::set<const Key*> meant;
        for (const Node& child : node.children) {
            if (const Key* key = find_key(join(pattern, child.key))) {
                fill(*key, child, join(path, child.key), index);
                meant.insert(key);
                continue;
            }
            const Key* near = nearest(child.key, known);
            meant.insert(near);
            refuse(join(path, child.key), child.key_place, "unknown key " + quote(child.key),
                   near != nullptr ? "\"" + near->name() + "\"" : "one of: " + names_of(known));
        }
        for (const Key* key : known)
            if (key->accept.required && !meant.contains(key))
                refuse(join(path, key->name()), node.place, "\"" + key->name() + "\" is missing",
                       key->expected);
    }

  private:
    static std::string join(const std::string& parent, const std::string& name) {
        return parent.empty() ? name : parent + "." + name;
    }
    void refuse(const std::string& path, Place place, std::string what, std::string expected) {
        places_.refuse(path);
        problems_.push_back({file_, place.line, place.column, std::move(what), std::move(expected)});
    }
    void refuse(const Key& key, const Node& node, const std::string& path, const Complaint& complaint) {
        const char* const joint = complaint.what.starts_with('"') ? "\": " : "\" ";
        refuse(path, node.place, "\"" + key.name() + joint + complaint.what, complaint.expected);
    }
    /// The node is of another kind than the key needs.
    void wrong_kind(const Key& key, const Node& node, const std::string& path, const std::string& expected) {
        if (node.kind == Node::Kind::refused) return places_.refuse(path);
        refuse(key, node, path, *wrong_value(node, "is a plain value", expected));
    }

    void fill(const Key& key, const Node& node, const std::string& path, std::size_t index) {
        switch (key.kind) {
            case Key::Kind::section:
                if (node.kind != Node::Kind::map) return wrong_kind(key, node, path, key.expected);
                places_.set(path, node.key_place);
                return map(node, key.path, path, index);
            case Key::Kind::sections:
                return items(key, node, path);
            case Key::Kind::value:
                return value(key, node, path, index);
            case Key::Kind::values:
                return values(key, node, path, index);
        }
    }

    void items(const Key& key, const Node& node, const std::string& path) {
        if (node.kind != Node::Kind::list) return wrong_kind(key, node, path, key.expected);
        places_.set(path, node.key_place);
        if (node.children.empty()) refuse(key, node, path, {"is an empty list", key.expected});
        for (const Node& item : node.children) {
            const std::size_t index = key.count(config_);
            if (item.kind != Node::Kind::map) {
                wrong_kind(key, item, path, "a mapping of keys to values");
                continue;
            }
            key.add(config_);
            const std::string item_path = path + "[" + std::to_string(index) + "]";
            places_.set(item_path, item.place);
            map(item, key.path + "[]", item_path, index);
        }
    }

    void value(const Key& key, const Node& node, const std::string& path, std::size_t index) {
        if (node.kind == Node::Kind::refused) return places_.refuse(path);
        if (const auto complaint = key.read(node, key.accept, config_, index))
            refuse(key, node, path, *complaint);
        else
            places_.set(path, node.place);
    }

    void values(const Key& key, const Node& node, const std::string& path, std::size_t index) {
        if (node.kind != Node::Kind::list)
            return wrong_kind(key, node, path, "a list such as [...]; each: " + key.expected);
        places_.set(path, node.place);
        key.clear(config_, index);
        if (node.children.size() < key.accept.min_items)
            refuse(key, node, path, {"is an empty list", "at least one: " + key.expected});
        std::size_t num_accepted = 0;
        for (const Node& item : node.children) {
            const std::string item_path = path + "[" + std::to_string(num_accepted) + "]";
            if (item.kind == Node::Kind::refused) {
                places_.refuse(item_path);
            } else if (const auto complaint = key.read(item, key.accept, config_, index)) {
                refuse(key, item, item_path, *complaint);
            } else {
                places_.set(item_path, item.place);
                ++num_accepted;
            }
        }
    }

    Config& config_;
    Places& places_;
    const std::string& file_;
    std::vector<Problem>& problems_;
};

/// Relative to the directory of the configuration, not to wherever the daemon was started.
void resolve_file_names(Config& config, const std::string& name) {
    std::string& key = config.ike.private_key;
    if (key.empty() || key[0] == '/') return;
    const auto directory = std::filesystem::path(name).parent_path();
    if (!directory.empty()) key = (directory / key).lexically_normal().string();
}

std::vector<Problem> in_order(std::vector<Problem> problems) {
    std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return Place{a.line, a.column} < Place{b.line, b.column};
    });
    if (problems.size() > kMaxProblems) {
        const std::size_t num_more = problems.size() - kMaxProblems;
        problems.resize(kMaxProblems);
        problems.push_back(
            {problems[0].file, 0, 0, std::to_string(num_more) + " further problems", "these first"});
    }
    return problems;
}

}  // namespace

std::string Problem::text() const {
    std::string text = file + ":";
    if (line > 0) text += std::to_string(line) + ":" + std::to_string(column) + ":";
    text += " " + what;
    return expected.empty() ? text : text + ", expected " + expected;
}

Result<Config, std::vector<Problem>> load(const std::string& path, LoadOptions options) {
    const auto unreadable = [&](const std::string& why) {
        return fail(std::vector<Problem>{{path, 0, 0, "cannot be read: " + why, "a YAML file"}});
    };
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return unreadable("it is a directory");
    std::ifstream file(path, std::ios::binary);
    if (!file) return unreadable(std::strerror(errno));
    // One byte more than is allowed, so that an endless file (/dev/zero) ends here.
    std::string text(kMaxFileBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return load_text(text, path, options);
}

Result<Config, std::vector<Problem>> load_text(const std::string& text, const std::string& name,
                                               LoadOptions options) {
    std::vector<Problem> problems;
    Node root;
    if (!parse_tree(text, name, root, problems)) return fail(in_order(std::move(problems)));
    if (root.kind != Node::Kind::map) {
        problems.push_back({name, root.place.line, root.place.column, "the file is not a mapping",
                            "keys with values, such as \"name: gateway\""});
        return fail(in_order(std::move(problems)));
    }
    Config config;
    Places places;
    Filler(config, places, name, problems).map(root, "", "", 0);
    resolve_file_names(config, name);
    check(config, places, name, options.check_files, problems);
    if (!problems.empty()) return fail(in_order(std::move(problems)));
    return config;
}

}  // namespace oegate::config
