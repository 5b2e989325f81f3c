// Which rows of the keying table a great many seeds take, and which they do not, with the
// reason: asked by the runner at the end, so that a plan which gets shallower is noticed.
#pragma once

#include <cstdint>
#include <span>

#include "keying/rows.hpp"

namespace oegate::sim {

/// Fewer seeds than this may miss any row.
inline constexpr std::uint64_t kRunsForRows = 10000;

/// taken: how often each row of keying was, by its index. Prints one line (`all`: one more
/// for each row), and for each row that is not as the list says. false: there was one, or the
/// list names a row that the table has not.
bool check_rows(std::span<const std::uint64_t> taken, std::uint64_t runs, bool all);

/// Is it on the list of those that are taken never, or seldom?
bool is_listed(const keying::Row& row);

}  // namespace oegate::sim
