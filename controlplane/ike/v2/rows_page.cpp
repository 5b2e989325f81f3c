// Writes the engine's rows as Markdown tables.
#include "ike/v2/rows_page.hpp"

#include "ike/v2/rows.hpp"

namespace oegate::ike::v2 {
namespace {

std::string states_table(const char* machine) {
    std::string text = "\n### States of " + std::string(machine) + "\n\n| state | meaning |\n|---|---|\n";
    const auto line = [&](const char* id, const char* meaning) {
        text += "| " + std::string(id) + " | " + meaning + " |\n";
    };
#define X(id, meaning) line(#id, meaning);
    if (std::string_view(machine) == "an IKE SA") {
        OEGATE_SA_STATES(X)
    } else {
        OEGATE_CHILD_STATES(X)
    }
#undef X
    return text;
}

std::string events_table(const char* machine) {
    std::string text = "\n### Events of " + std::string(machine) + "\n\n| event | meaning |\n|---|---|\n";
    const auto line = [&](const char* id, const char* meaning) {
        text += "| " + std::string(id) + " | " + meaning + " |\n";
    };
#define X(id, meaning) line(#id, meaning);
    if (std::string_view(machine) == "an IKE SA") {
        OEGATE_SA_EVENTS(X)
    } else {
        OEGATE_CHILD_EVENTS(X)
    }
#undef X
    return text;
}

std::string rows_table(std::string_view machine) {
    std::string text = "\n### Rows\n\n| from | event | when | to | row or section |\n|---|---|---|---|---|\n";
    for (const RowText& row : describe_rows())
        if (row.machine == machine)
            text += "| " + row.from + " | " + row.event + " | " + row.guard + " | " + row.to + " | " +
                    row.story + " |\n";
    return text;
}

}  // namespace

std::string rows_page() {
    return "# The states of IKE SAs and child SAs\n\n"
           "Written by `scripts/docs` from the rows in `controlplane/ike/v2/`; do not edit.\n\n"
           "A row applies when the IKE SA, or the child SA pair, is in its state, its event happens and\n"
           "what stands under *when* is true. No two rows overlap (proven when the program is compiled),\n"
           "so their order does not matter. An event without a row is refused, counted under\n"
           "\"state/event\" and logged. The last column is a row of docs/states.md or a section of the\n"
           "RFC that the row carries out. Each row is carried out, by itself, in tests/unit/ike.\n"
           "\n## IKE SA\n" +
           states_table("an IKE SA") + events_table("an IKE SA") + rows_table("IKE SA") +
           "\n## Child SA pair\n" + states_table("a child") + events_table("a child") +
           rows_table("child SA");
}

}  // namespace oegate::ike::v2
