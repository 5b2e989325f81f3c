// Carries out one order of key rollover: reads files and notes, has the zones looked at,
// finds the row, takes its steps. The zones, the daemon and the time come from outside,
// so that tests interrupt it between any two steps. Used by `oegate key rollover`.
#pragma once

#include <functional>

#include "publication/key_files.hpp"
#include "publication/rollover.hpp"

namespace oegate::publication {

/// What the daemon said to the order to load the key.
struct Reloaded {
    enum class Outcome : std::uint8_t { done, not_running, refused };
    Outcome outcome = Outcome::not_running;
    std::string text;
    PublicKey key;  // done: the one that it signs with now
};

struct Outside {
    std::function<std::vector<Surveyed>(const Ours& ours)> survey;
    std::function<Reloaded()> reload;
    std::function<std::int64_t()> wall_seconds;
    std::function<bool(rollover::Step)> may_take;  // tests: false kills the command here; may be empty
};

struct Report {
    const rollover::Row* row = nullptr;  // none: it did not get that far
    std::string trouble;                 // a step or a file failed; empty: none did
    rollover::Notes notes;
    std::vector<Surveyed> surveyed;
    std::optional<rollover::Outlook> outlook;
    std::optional<Reloaded> daemon;

    bool refused() const { return row == nullptr || !row->to || !trouble.empty(); }
};

/// bits: of a new key.
Report carry_out(const KeyFiles& files, rollover::Order order, const Ours& ours, unsigned bits,
                 const Outside& outside);

}  // namespace oegate::publication
