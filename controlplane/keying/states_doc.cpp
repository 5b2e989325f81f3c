// Prints docs/states.md. Run by scripts/docs.
#include <cstdio>

#include "keying/states_page.hpp"

int main() {
    const std::string page = oegate::keying::states_page();
    return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
