#include "manage/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace oegate::manage {

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
    for (std::string& heading : headings_) {
        numbers_.push_back(heading.starts_with('>'));
        if (numbers_.back()) heading.erase(0, 1);
    }
}

void Table::add(std::vector<std::string> cells) {
    cells.resize(headings_.size());
    rows_.push_back(std::move(cells));
}

std::string Table::text() const {
    std::vector<std::size_t> widths(headings_.size());
    for (std::size_t i = 0; i < headings_.size(); ++i) {
        widths[i] = headings_[i].size();
        for (const auto& row : rows_) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string out;
    const auto line = [&](const std::vector<std::string>& cells) {
        std::string text;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (i > 0) text += "  ";
            text += numbers_[i] ? fmt::format("{:>{}}", cells[i], widths[i])
                                : fmt::format("{:<{}}", cells[i], widths[i]);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + "\n";
    };
    line(headings_);
    for (const auto& row : rows_) line(row);
    return out;
}

std::string readable(Duration duration) {
    const auto ms = std::chrono::round<std::chrono::milliseconds>(duration).count();
    if (ms < 1000) return fmt::format("{}ms", ms);
    if (ms < 60'000) return fmt::format("{}.{}s", ms / 1000, ms % 1000 / 100);
    const auto s = ms / 1000;
    if (s < 3600) return fmt::format("{}min {}s", s / 60, s % 60);
    if (s < 86400) return fmt::format("{}h {}min", s / 3600, s % 3600 / 60);
    return fmt::format("{}d {}h", s / 86400, s % 86400 / 3600);
}

std::string readable(std::uint64_t number) {
    constexpr const char* kUnits[] = {"", "k", "M", "G", "T", "P", "E"};
    if (number < 10'000) return std::to_string(number);
    auto value = static_cast<double>(number);
    std::size_t unit = 0;
    for (; value >= 999.5 && unit < 6; ++unit) value /= 1000;
    return fmt::format("{:.3g}{}", value, kUnits[unit]);
}

double seconds(Duration duration) {
    return static_cast<double>(std::chrono::round<std::chrono::milliseconds>(duration).count()) / 1000;
}

}  // namespace oegate::manage
