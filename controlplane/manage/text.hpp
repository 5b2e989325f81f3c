// Aligned columns and readable quantities for the text form of `show`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace oegate::manage {

/// Rows under headings. Columns of numbers are aligned to the right.
class Table {
  public:
    /// A heading that starts with '>' marks a column of numbers.
    explicit Table(std::vector<std::string> headings);
    void add(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }
    /// Every line ends with a line feed; no trailing blanks.
    std::string text() const;

  private:
    std::vector<std::string> headings_;
    std::vector<bool> numbers_;
    std::vector<std::vector<std::string>> rows_;
};

/// "350ms", "12.3s", "4min 5s", "2h 3min", "3d 4h".
std::string readable(Duration duration);
/// 1234567 as "1.23M": for `show status` only, tables give full numbers.
std::string readable(std::uint64_t number);
/// Seconds with three decimals, for JSON.
double seconds(Duration duration);

}  // namespace oegate::manage
