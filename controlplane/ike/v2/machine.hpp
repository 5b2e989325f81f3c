// The shape of a protocol machine: a table of rows. A row is the specification of
// one transition; step() is the only function that changes a state. An event that
// no row takes is a refusal, which the machine's owner counts and reports. The
// proof that no two rows can both match is made by the compiler (no_overlap).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace oegate::ike::v2 {

/// What must be true, and what must not, for a row to match. Bits are the
/// machine's named facts.
struct Guard {
    std::uint32_t all = 0;
    std::uint32_t none = 0;
    constexpr bool holds(std::uint32_t facts) const { return (facts & all) == all && (facts & none) == 0; }
    /// No set of facts satisfies both.
    constexpr bool excludes(const Guard& other) const {
        return (all & other.none) != 0 || (other.all & none) != 0;
    }
};

template <class State, class Event, class Turn>
struct Row {
    const char* story;  // row of keying.md, or section of RFC 7296
    State from;
    Event event;
    Guard requires_;
    void (*run)(Turn&);  // nullptr: only the state changes
    State to;
};

/// Order of rows must not matter: at most one matches any (state, event, facts).
template <class Row, std::size_t N>
consteval bool no_overlap(const std::array<Row, N>& rows) {
    for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = i + 1; j < N; ++j) {
            if (rows[i].from == rows[j].from && rows[i].event == rows[j].event &&
                !rows[i].requires_.excludes(rows[j].requires_))
                return false;
        }
    }
    return true;
}

/// All rows of a machine, from the arrays of its exchanges.
template <class Row, std::size_t... N>
constexpr auto join(const std::array<Row, N>&... parts) {
    std::array<Row, (N + ...)> all{};
    std::size_t at = 0;
    const auto put = [&](const auto& part) {
        for (const Row& row : part) all[at++] = row;
    };
    (put(parts), ...);
    return all;
}

/// Runs the one row that matches: the state changes first (enter_state(), found beside
/// Turn), so that what the row does may itself raise the next event. false: no row,
/// nothing has changed.
template <class Row, class Subject, class Event, class Turn>
bool step(std::span<const Row> rows, Subject& subject, Event event, std::uint32_t facts, Turn& turn) {
    for (const Row& row : rows) {
        if (row.from != subject.state || row.event != event || !row.requires_.holds(facts)) continue;
        enter_state(turn, subject, row.to, static_cast<std::size_t>(&row - rows.data()));
        if (row.run != nullptr) row.run(turn);
        return true;
    }
    return false;
}

/// A row in words, for docs/states.md.
struct RowText {
    std::string machine, story, from, event, guard, to;
};

}  // namespace oegate::ike::v2
