// The rows of key rollover, and the checks that no two of them overlap.
#include <algorithm>

#include "publication/rollover.hpp"

namespace oegate::publication::rollover {
namespace {

template <typename... T>
constexpr auto bits(T... values) {
    return static_cast<std::uint16_t>((... | (1u << static_cast<unsigned>(values))));
}
template <typename... T>
constexpr std::uint8_t states(T... values) {
    return static_cast<std::uint8_t>(bits(values...));
}
constexpr auto kNone = State::none;
constexpr auto kAnnounced = State::announced;
constexpr auto kReady = State::ready;
constexpr auto kActive = State::active;
constexpr auto kRetired = State::retired;
constexpr std::uint8_t kAny = states(kNone, kAnnounced, kReady, kActive, kRetired);
constexpr std::uint8_t kIdle = states(kNone, kRetired);
constexpr std::uint8_t kComing = states(kAnnounced, kReady);
constexpr std::uint8_t kAnyOrder =
    states(Order::start, Order::status, Order::activate, Order::retire, Order::cancel);
constexpr std::uint16_t kUnlost = bits(Finding::nothing, Finding::unfinished, Finding::in_the_way,
                                       Finding::missing, Finding::early, Finding::unloaded, Finding::clear);
constexpr std::optional<State> kRefused = std::nullopt;
using enum Step;

constexpr Row kRows[] = {
    {"lost",
     "the key files are not those of this rollover",
     kAny,
     kAnyOrder,
     bits(Finding::lost),
     kRefused,
     {},
     "put the key files back as they were; or, if the key in use is the right one, remove the notes and the "
     "other key file by hand and start anew"},

    {"start.new",
     "a new key is made beside the one in use",
     kIdle,
     states(Order::start),
     bits(Finding::clear),
     kAnnounced,
     {make_key, save},
     "publish these records beside the old ones, in every zone, then: oegate key rollover status"},
    {"start.resume",
     "the key that an interrupted start made is taken",
     kIdle,
     states(Order::start),
     bits(Finding::unfinished),
     kAnnounced,
     {adopt_key, save},
     "publish these records beside the old ones, in every zone, then: oegate key rollover status"},
    {"start.in-the-way",
     "a kept key is there that no rollover knows",
     kIdle,
     states(Order::start),
     bits(Finding::in_the_way),
     kRefused,
     {},
     "move the file away; it may be the only copy of a key"},
    {"start.again",
     "the rollover runs already",
     kComing,
     states(Order::start),
     kUnlost,
     kAnnounced,
     {save},
     "publish these records beside the old ones, in every zone, then: oegate key rollover status"},
    {"start.unretired",
     "the last rollover is not over",
     states(kActive),
     states(Order::start),
     kUnlost,
     kRefused,
     {},
     "end it first: oegate key rollover retire"},

    {"status.idle",
     "no rollover runs",
     states(kNone),
     states(Order::status),
     kUnlost,
     kNone,
     {},
     "begin one: oegate key rollover start"},
    {"status.retired",
     "the last rollover is over",
     states(kRetired),
     states(Order::status),
     kUnlost,
     kRetired,
     {},
     "begin another: oegate key rollover start"},
    {"status.missing",
     "the new key is not to be seen everywhere",
     kComing,
     states(Order::status),
     bits(Finding::missing),
     kAnnounced,
     {save},
     "publish what is missing, then look again"},
    {"status.early",
     "the new key is everywhere, but caches may hold what was there before",
     kComing,
     states(Order::status),
     bits(Finding::early),
     kAnnounced,
     {save},
     "wait, then: oegate key rollover activate"},
    {"status.ready",
     "everybody has had the time to see the new key",
     kComing,
     states(Order::status),
     bits(Finding::clear),
     kReady,
     {save},
     "oegate key rollover activate"},
    {"status.old-there",
     "the new key is in use, the old one is still published",
     states(kActive),
     states(Order::status),
     bits(Finding::missing),
     kActive,
     {save},
     "remove the old key's records from the zones, then: oegate key rollover retire"},
    {"status.old-cached",
     "the old key is published no more, but caches may hold it",
     states(kActive),
     states(Order::status),
     bits(Finding::early),
     kActive,
     {save},
     "wait, then: oegate key rollover retire"},
    {"status.retirable",
     "the old key is gone from everywhere",
     states(kActive),
     states(Order::status),
     bits(Finding::clear),
     kActive,
     {save},
     "oegate key rollover retire"},

    {"activate.idle",
     "no rollover runs",
     kIdle,
     states(Order::activate),
     kUnlost,
     kRefused,
     {},
     "begin one: oegate key rollover start"},
    {"activate.missing",
     "the new key is not to be seen everywhere",
     kComing,
     states(Order::activate),
     bits(Finding::missing),
     kRefused,
     {},
     "publish what is missing, then look again: oegate key rollover status"},
    {"activate.early",
     "caches may hold what was there before the new key",
     kComing,
     states(Order::activate),
     bits(Finding::early),
     kRefused,
     {},
     "wait, then again: oegate key rollover activate"},
    {"activate.now",
     "the new key takes the old one's place",
     kComing,
     states(Order::activate),
     bits(Finding::clear),
     kActive,
     {save, swap, reload},
     "remove the old key's records from the zones, then: oegate key rollover retire"},
    {"activate.again",
     "the new key is in its place; the daemon is told once more",
     states(kActive),
     states(Order::activate),
     kUnlost,
     kActive,
     {save, reload},
     "remove the old key's records from the zones, then: oegate key rollover retire"},

    {"retire.idle",
     "no rollover runs",
     kIdle,
     states(Order::retire),
     kUnlost,
     kRefused,
     {},
     "begin one: oegate key rollover start"},
    {"retire.unused",
     "the old key is the one in use",
     kComing,
     states(Order::retire),
     kUnlost,
     kRefused,
     {},
     "activate the new one first: oegate key rollover activate; or give it up: oegate key rollover cancel"},
    {"retire.unloaded",
     "the daemon has refused the new key and signs with the old one",
     states(kActive),
     states(Order::retire),
     bits(Finding::unloaded),
     kRefused,
     {},
     "see what it says, mend that, then: oegate key rollover activate"},
    {"retire.old-there",
     "the old key is still published",
     states(kActive),
     states(Order::retire),
     bits(Finding::missing),
     kRefused,
     {},
     "remove its records from the zones, then again: oegate key rollover retire"},
    {"retire.old-cached",
     "caches may still hold the old key",
     states(kActive),
     states(Order::retire),
     bits(Finding::early),
     kRefused,
     {},
     "wait, then again: oegate key rollover retire"},
    {"retire.now",
     "the old key is removed",
     states(kActive),
     states(Order::retire),
     bits(Finding::clear),
     kRetired,
     {remove_kept, save},
     "nothing: the rollover is over"},

    {"cancel.idle",
     "no rollover runs",
     kIdle,
     states(Order::cancel),
     kUnlost,
     kRefused,
     {},
     "begin one: oegate key rollover start"},
    {"cancel.now",
     "the new key is given up",
     kComing,
     states(Order::cancel),
     kUnlost,
     kNone,
     {save, remove_coming, remove_kept},
     "remove the new key's records from the zones"},
    {"cancel.late",
     "the new key is in use",
     states(kActive),
     states(Order::cancel),
     kUnlost,
     kRefused,
     {},
     "the way back is a rollover to another key; end this one first: oegate key rollover retire"},
};

constexpr bool overlap() {
    for (std::size_t i = 0; i < std::size(kRows); ++i)
        for (std::size_t k = i + 1; k < std::size(kRows); ++k)
            if ((kRows[i].states & kRows[k].states) && (kRows[i].orders & kRows[k].orders) &&
                (kRows[i].findings & kRows[k].findings))
                return true;
    return false;
}
static_assert(!overlap(), "two rows of key rollover hold at once");

}  // namespace

const std::vector<Row>& rows() {
    static const std::vector<Row> kAll(std::begin(kRows), std::end(kRows));
    return kAll;
}

const Row* row_for(State state, Order order, Finding finding) {
    const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) {
        return (r.states & bits(state)) && (r.orders & bits(order)) && (r.findings & bits(finding));
    });
    return row == std::end(kRows) ? nullptr : row;
}

std::string_view to_text(State state) {
    static constexpr std::array<std::string_view, 5> kNames{"none", "announced", "ready", "active",
                                                            "retired"};
    return kNames[static_cast<std::size_t>(state)];
}

std::string_view to_text(Order order) {
    static constexpr std::array<std::string_view, 5> kNames{"start", "status", "activate", "retire",
                                                            "cancel"};
    return kNames[static_cast<std::size_t>(order)];
}

std::string_view to_text(Finding finding) {
    static constexpr std::array<std::string_view, 8> kNames{"nothing", "unfinished", "in-the-way", "lost",
                                                            "missing", "early",      "unloaded",   "clear"};
    return kNames[static_cast<std::size_t>(finding)];
}

}  // namespace oegate::publication::rollover
