// Prints docs/ike-states.md. Run by scripts/docs.
#include <cstdio>

#include "ike/v2/rows_page.hpp"

int main() {
    const std::string page = oegate::ike::v2::rows_page();
    return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
