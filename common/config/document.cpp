// The key table as text: docs/configuration.md and `config show`.
#include <fmt/format.h>

#include "config/keys.hpp"
#include "config/loader.hpp"

namespace oegate::config {
namespace {

/// One default item in every list of mappings, so that its fields have a default to show.
Config sample() {
    Config config;
    for (const Key& key : keys())
        if (key.kind == Key::Kind::sections) key.add(config);
    return config;
}

std::string default_of(const Key& key, const Config& config) {
    if (key.accept.required) return "required";
    if (!key.default_words.empty()) return key.default_words;
    const std::string text = key.show(config, 0, key.accept);
    return "`" + text + "`";
}

void describe(const Key& key, const Config& config, std::string& out) {
    out += fmt::format("### `{}`\n\n{}\n\n", key.path, key.help);
    out += fmt::format("- Type: {}\n", key.type);
    out += fmt::format("- Accepts: {}\n", key.expected);
    out += fmt::format("- Default: {}\n", default_of(key, config));
    if (!key.source.empty()) out += fmt::format("- Source: {}\n", key.source);
    out += "\n";
}

void show_section(const Config& config, const std::string& pattern, std::size_t index,
                  const std::string& indent, std::string& out);

void show_key(const Key& key, const Config& config, std::size_t index, const std::string& indent,
              std::string& out) {
    switch (key.kind) {
        case Key::Kind::section: {
            std::string values;
            show_section(config, key.path, index, indent + "  ", values);
            if (!values.empty()) out += fmt::format("{}{}:\n{}", indent, key.name(), values);
            return;
        }
        case Key::Kind::sections: {
            const std::size_t num_items = key.count(config);
            if (num_items == 0) return;
            out += fmt::format("{}{}:\n", indent, key.name());
            for (std::size_t i = 0; i < num_items; ++i) {
                std::string item;
                show_section(config, key.path + "[]", i, indent + "    ", item);
                item[indent.size() + 2] = '-';
                out += item;
            }
            return;
        }
        default: {
            const std::string text = key.show(config, index, key.accept);
            // Not set, and an empty value would be refused: the key is left out.
            if (text == "\"\"" || text == "[]") return;
            out += fmt::format("{}{}: {}\n", indent, key.name(), text);
        }
    }
}

void show_section(const Config& config, const std::string& pattern, std::size_t index,
                  const std::string& indent, std::string& out) {
    for (const Key* key : keys_below(pattern)) show_key(*key, config, index, indent, out);
}

}  // namespace

std::string show(const Config& config) {
    std::string out;
    show_section(config, "", 0, "", out);
    return out;
}

std::string documentation() {
    const Config config = sample();
    std::string out =
        "<!-- Generated from the key table (common/config/keys.cpp) by `oegate config document`. Do not "
        "edit. -->\n"
        "# Configuration\n\n"
        "One YAML file, given to `oegated --config FILE` and checked by `oegate config check FILE`, which "
        "tells every "
        "mistake at once as `FILE:LINE:COLUMN: what is wrong, expected what` and exits with 8. Anchors, "
        "aliases, tags "
        "and unknown keys are refused. Durations carry a unit (`500ms`, `30s`, `10min`, `6h`, `1d`); sizes "
        "may "
        "(`500MB`, `10GiB`). Relative file names start at the directory of the configuration file. "
        "`configs/minimal.yaml` is the least that works; `configs/gateway.yaml` shows every key.\n\n";
    for (const Key& key : keys()) {
        if (key.kind == Key::Kind::section)
            out += fmt::format("## `{}`\n\n{}\n\n", key.path, key.help);
        else if (key.kind == Key::Kind::sections)
            out += fmt::format("## `{}`\n\n{}\n\n- Type: {}\n- {}\n\n", key.path, key.help, key.type,
                               key.accept.required ? "Required" : "Optional");
        else
            describe(key, config, out);
    }
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
}

}  // namespace oegate::config
