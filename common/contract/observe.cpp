#include "contract/observe.hpp"

namespace oegate {
namespace {

struct Entry {
    std::string_view name;
    std::string_view help;
};

constexpr std::array<Entry, kNumStages> kTable{{
#define OEGATE_STAGE_ENTRY(name, help) {#name, help},
    OEGATE_STAGES(OEGATE_STAGE_ENTRY)
#undef OEGATE_STAGE_ENTRY
}};

}  // namespace

std::string_view to_text(Stage stage) {
    return kTable.at(static_cast<std::size_t>(stage)).name;
}

std::string_view help(Stage stage) {
    return kTable.at(static_cast<std::size_t>(stage)).help;
}

}  // namespace oegate
