// Reads a YAML configuration into the typed Config, or tells everything that is
// wrong with it at once. Called by oegated at start and by `oegate config check`;
// a failure changes nothing anywhere.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "config/problem.hpp"

namespace oegate::config {

struct LoadOptions {
    /// Look whether the files that the configuration names are there (ike.private-key).
    bool check_files = true;
};

/// Relative file names in the configuration are relative to the directory of `path`.
Result<Config, std::vector<Problem>> load(const std::string& path, LoadOptions options = {});
/// name: what problems call the text, and whose directory relative file names are
/// relative to. Never throws, whatever the text holds.
Result<Config, std::vector<Problem>> load_text(const std::string& text, const std::string& name,
                                               LoadOptions options = {});

/// The configuration in force as YAML, every key with its value; loads to the same
/// Config. Names of key files, never their contents.
std::string show(const Config& config);

/// docs/configuration.md: every key with type, range, default, meaning and source.
std::string documentation();

}  // namespace oegate::config
