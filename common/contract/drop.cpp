#include "contract/drop.hpp"

#include <array>

namespace oegate {
namespace {

struct Entry {
    std::string_view name;
    std::string_view help;
};

constexpr std::array<Entry, kNumDrops> kTable{{
#define OEGATE_DROP_ENTRY(name, help) {#name, help},
    OEGATE_DROP_REASONS(OEGATE_DROP_ENTRY)
#undef OEGATE_DROP_ENTRY
}};

}  // namespace

std::string_view to_text(Drop reason) {
    return kTable.at(static_cast<std::size_t>(reason)).name;
}

std::string_view help(Drop reason) {
    return kTable.at(static_cast<std::size_t>(reason)).help;
}

}  // namespace oegate
