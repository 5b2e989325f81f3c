// A mistake in a configuration file, as `oegate config check` prints it.
#pragma once

#include <string>

namespace oegate::config {

/// Where in a file, counted from 1. Line 0: the file as a whole.
struct Place {
    unsigned line = 0;
    unsigned column = 0;
    auto operator<=>(const Place&) const = default;
};

struct Problem {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
    std::string what;
    std::string expected;
    /// "FILE:LINE:COLUMN: what is wrong, expected what".
    std::string text() const;
    bool operator==(const Problem&) const = default;
};

}  // namespace oegate::config
