// Is every row executed by a named test? Runs the listed row tests once more, so that
// neither the order of tests nor a filter matters.
#include <algorithm>
#include <string>

#include "unit/keying/rig.hpp"

namespace {

struct Listed {
    std::string name;
    void (*play)();
};
// Tests of other files join before main(): the list must be there for the first.
std::vector<Listed>& listed() {
    static std::vector<Listed> list;
    return list;
}
std::vector<std::uint64_t> executed;

}  // namespace

RowTest::RowTest(const char* name, void (*play)()) {
    listed().push_back({name, play});
}

void note_rows(const Counters& counters) {
    executed.resize(std::max(executed.size(), counters.rows.size()));
    for (std::size_t i = 0; i < counters.rows.size(); ++i) executed[i] += counters.rows[i];
}

TEST_CASE("every row is executed by a named test") {
    std::vector<std::uint64_t> all(rows().size());
    for (const Listed& test : listed()) {
        executed.assign(rows().size(), 0);
        test.play();
        std::string row = test.name.substr(4);  // "row NAME", "row NAME: what"
        row = row.substr(0, row.find(':'));
        bool own = false;
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] += executed[i];
            own |= executed[i] > 0 && to_text(rows()[i].story) == row;
        }
        INFO("test " << test.name);
        CHECK(own);
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Row& row = rows()[i];
        INFO("row " << to_text(row.story) << " for event " << to_text(row.event) << ", number " << i);
        CHECK(all[i] > 0);
    }
}

TEST_CASE("every story is a row here or elsewhere") {
    for (std::size_t i = 1; i < kNumStories; ++i) {
        const auto story = static_cast<Story>(i);
        const auto mine = [story](const auto& row) { return row.story == story; };
        INFO("story " << to_text(story));
        CHECK(std::ranges::count_if(foreign_rows(), mine) == !std::ranges::any_of(rows(), mine));
    }
}
