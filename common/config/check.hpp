// What a configuration must fulfil beyond single values: names that are unique,
// routes that lead somewhere, classes that do not tie. Called by the loader.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/problem.hpp"

namespace oegate::config {

/// Where each value stands, by its path ("interfaces[1].addresses[0]").
class Places {
  public:
    void set(const std::string& path, Place place) { places_[path] = place; }
    /// Of the path, or of the nearest thing around it that was written.
    Place at(std::string path) const;
    bool has(const std::string& path) const { return places_.contains(path); }

    /// Something at this path was refused: what depends on it is not judged.
    void refuse(const std::string& path) { refused_.insert(path); }
    /// Nothing at or below this path was refused.
    bool clean(const std::string& path) const;

  private:
    std::map<std::string, Place> places_;
    std::set<std::string> refused_;
};

/// Appends to problems. Values that the file lacks, or that were refused, are not
/// looked at again.
void check(const Config& config, const Places& places, const std::string& file, bool check_files,
           std::vector<Problem>& problems);

}  // namespace oegate::config
