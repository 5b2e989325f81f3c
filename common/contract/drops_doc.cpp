// Writes docs/drops.md from the drop table (scripts/docs).
#include <cstdio>

#include "contract/drop.hpp"

int main() {
    std::puts(
        "# Why a packet was dropped\n\n"
        "Written by `scripts/docs` from the table in `common/contract/drop.hpp`; do not edit.\n\n"
        "Every packet that is not delivered is counted under exactly one of these reasons, by the\n"
        "interface it came in on: `oegate show drops [INTERFACE]`.\n\n"
        "| reason | what it means |\n|---|---|");
    for (std::size_t i = 0; i < oegate::kNumDrops; ++i) {
        const auto reason = static_cast<oegate::Drop>(i);
        std::printf("| %.*s | %.*s |\n", static_cast<int>(to_text(reason).size()), to_text(reason).data(),
                    static_cast<int>(help(reason).size()), help(reason).data());
    }
}
