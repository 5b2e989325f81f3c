// Writes the rows as Markdown tables, one for each letter of keying.md's order.
#include "keying/states_page.hpp"

#include <set>

#include "keying/rows.hpp"

namespace oegate::keying {
namespace {

constexpr std::string_view kClassWords[] = {"deny", "always-clear-text", "an OE class", "configured",
                                            "oe-accept-only"};

std::string from_text(StateSet set) {
    std::string text;
    for (unsigned i = 0; i < static_cast<unsigned>(State::kCount); ++i)
        if ((set >> i & 1) != 0)
            text += (text.empty() ? "" : ", ") + std::string(to_text(static_cast<State>(i)));
    return text;
}

std::string requires_text(const Requires& r) {
    std::string text;
    const auto add = [&](const std::string& word) { text += (text.empty() ? "" : "; ") + word; };
    if ((r.mask & kClassMask) != 0) add("class " + std::string(kClassWords[r.value & kClassMask]));
    for (unsigned bit = 3; bit < 32; ++bit)
        if ((r.mask >> bit & 1) != 0)
            add(((r.value >> bit & 1) != 0 ? "" : "not ") + std::string(fact_text(bit)));
    return text;
}

}  // namespace

std::string states_page() {
    std::string page =
        "# The states of a connection\n\n"
        "Written by `scripts/docs` from the rows in `controlplane/keying/rows.cpp`; do not edit.\n\n"
        "A row applies when the instance is in one of its states, its event happens and all its facts hold.\n"
        "No two rows overlap (proven when the program is compiled), so their order does not matter. An "
        "event\n"
        "without a row is refused, counted and logged. *fail* is clear-text for oe-permissive, unless a DNS\n"
        "chain on the way was bogus or malformed, and deny otherwise; *expiring* and *back* lead to and "
        "from\n"
        "the sub-state of the same name. Row names are the reason codes of `show flows` and `explain`.\n";
    constexpr std::pair<char, std::string_view> kGroups[] = {{'n', "A keying request"},
                                                             {'p', "What DNS said"},
                                                             {'g', "What the gateway said"},
                                                             {'f', "A failure, looked at again"},
                                                             {'s', "Crossed initiation"},
                                                             {'k', "Keyed"},
                                                             {'l', "Looked at now and then"},
                                                             {'e', "Closing"},
                                                             {'x', "Orders"},
                                                             {'r', "A peer offers"}};
    for (const auto& [letter, title] : kGroups) {
        page += "\n## " + std::string(1, letter) + ": " + std::string(title) +
                "\n\n| row | from | event | when | does | to |\n|---|---|---|---|---|---|\n";
        for (const Row& row : rows()) {
            if (to_text(row.story)[0] != letter) continue;
            page += "| " + std::string(to_text(row.story)) + " | " + from_text(row.from) + " | " +
                    std::string(to_text(row.event)) + " | " + requires_text(row.requires_) + " | " +
                    std::string(to_text(row.run)) + (row.security ? " (security event)" : "") + " | " +
                    std::string(to_text(row.to)) + " |\n";
        }
    }
    page += "\n## Rows that are executed elsewhere, or later\n\n| row | where |\n|---|---|\n";
    for (const ForeignRow& row : foreign_rows())
        page += "| " + std::string(to_text(row.story)) + " | " + std::string(row.where) + " |\n";
    page += "\n## What the names mean\n\n| number | row | meaning |\n|---|---|---|\n";
    for (std::size_t i = 0; i < kNumStories; ++i)
        page += "| " + std::to_string(i) + " | " + std::string(to_text(static_cast<Story>(i))) + " | " +
                std::string(help(static_cast<Story>(i))) + " |\n";
    return page;
}

}  // namespace oegate::keying
