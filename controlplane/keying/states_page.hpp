// docs/states.md as text, from the rows. Used by the generator and by its test.
#pragma once

#include <string>

namespace oegate::keying {

std::string states_page();

}  // namespace oegate::keying
