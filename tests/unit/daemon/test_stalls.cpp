// A worker that makes no turn is told once, shown while it stands, and told again when
// it turns.
#include <array>

#include "catch.hpp"
#include "daemon/stalls.hpp"

using namespace oegate;
using daemon::Stalls;

TEST_CASE("stalls: a worker that stands is told once, and once that it turns again") {
    Stalls stalls(3, 1s);
    std::array<std::uint64_t, 3> beats{0, 0, 0};
    Time now{100s};
    struct Row {
        const char* story;
        Duration after;
        std::array<std::uint64_t, 3> turns;  // made meanwhile
        unsigned num_changes;
        Duration stands;  // worker 1
    };
    const Row rows[] = {
        {"first look: nobody is judged", 0ms, {0, 0, 0}, 0, 0s},
        {"all turn", 500ms, {9, 9, 9}, 0, 0s},
        {"worker 1 stands, not yet too long", 999ms, {9, 0, 9}, 0, 0s},
        {"one millisecond more", 1ms, {1, 0, 1}, 1, 1s},
        {"still, told already", 5s, {1, 0, 1}, 0, 6s},
        {"it turns", 100ms, {1, 1, 1}, 1, 0s},
        {"all turn", 10s, {1, 1, 1}, 0, 0s},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        now += row.after;
        for (unsigned i = 0; i < 3; ++i) beats[i] += row.turns[i];
        const auto changes = stalls.look(beats, now);
        REQUIRE(changes.size() == row.num_changes);
        for (const Stalls::Change& change : changes) {
            CHECK(change.worker == 1);
            CHECK(change.stalled == (row.stands != 0s));
            CHECK(change.stood == (change.stalled ? 1s : 6100ms));
        }
        CHECK(stalls.stalled(1, now) == row.stands);
        CHECK(stalls.stalled(0, now) == 0s);
        CHECK(stalls.stalled(7, now) == 0s);
        CHECK(stalls.next_look() == now + 250ms);
    }
}

TEST_CASE("stalls: a worker that never made its first turn stalls too") {
    Stalls stalls(1, 2s);
    const std::array<std::uint64_t, 1> none{0};
    CHECK(stalls.look(none, Time{5s}).empty());
    const auto changes = stalls.look(none, Time{8s});
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].stalled);
    CHECK(changes[0].stood == 3s);
    CHECK(stalls.stalled(0, Time{9s}) == 4s);
}
