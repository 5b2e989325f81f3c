// docs/ike-states.md as text, from the rows. Used by the generator and by its test.
#pragma once

#include <string>

namespace oegate::ike::v2 {

/// docs/ike-states.md: the states and rows of the engine's two machines.
std::string rows_page();

}  // namespace oegate::ike::v2
