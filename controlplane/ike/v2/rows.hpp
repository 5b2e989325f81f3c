// All rows of the two machines, joined, with the compiler's proof that no two can
// both match; the facts they may ask for; and the rows in words for docs/states.md.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

std::span<const SaRow> sa_rows();
std::span<const ChildRow> child_rows();
std::uint32_t sa_facts(const Turn& turn);
std::uint32_t child_facts(const Turn& turn);
std::vector<RowText> describe_rows();

}  // namespace oegate::ike::v2
