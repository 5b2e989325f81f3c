// The list of rows that the seeds do not take, or so seldom that ten thousand may miss them.
#include "row_list.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace oegate::sim {
namespace {

using keying::ClassGroup;
using keying::Event;
using keying::Facts;
using keying::Row;
using keying::State;
using keying::Story;

enum class How : std::uint8_t { never, seldom };

/// One row: its story and event, a state that it starts from, and facts that it demands.
struct Missed {
    How how;
    Story story;
    Event event;
    State from;
    Facts has;
    Facts lacks;
    const char* why;
};

constexpr auto kNever = How::never;
constexpr auto kSeldom = How::seldom;
constexpr const char* kWorkers = "the workers answer these classes themselves";
constexpr const char* kOwnGateway = "no host of the plan is its own gateway";
constexpr const char* kSound = "the plan's configured tunnels have all that they need";
constexpr const char* kEngine = "the engine has dropped the retransmission before";
constexpr const char* kForgotten = "an exchange that is forgotten says nothing more, but in the same turn";
constexpr const char* kClosing = "a worker answers a closing in half a millisecond";
constexpr const char* kServed = "who is keyed anew while an SA pair serves is so for a second";
constexpr const char* kReplaced = "and an SA pair is lost there while outbound has not moved to it";
constexpr const char* kLasting = "who cannot rekey for so long is found dead before";
constexpr const char* kHasty = "keys that are gone in haste, and their gateway fails at that moment";
constexpr const char* kLate = "a late exchange mostly succeeds, or is silent";
constexpr const char* kPassive = "a class that never initiates, in that second";

using namespace oegate::keying;

constexpr Facts fact(ClassGroup g) {
    return class_fact(g);
}

constexpr std::array kList{
    Missed{kNever, Story::n_clear, Event::request, State::none, fact(ClassGroup::clear), 0, kWorkers},
    Missed{kNever, Story::n_deny, Event::request, State::none, fact(ClassGroup::deny), 0, kWorkers},
    Missed{kNever, Story::n_none, Event::request, State::none, fact(ClassGroup::clear), 0, kWorkers},
    Missed{kNever, Story::n_none, Event::request, State::none, fact(ClassGroup::deny), 0, kWorkers},
    Missed{kNever, Story::n_configured, Event::no_tunnel, State::potential, 0, 0, kSound},
    Missed{kNever, Story::r_configured, Event::want_source, State::offered, kConfigured, kCovered, kSound},
    Missed{kNever, Story::p_insecure, Event::insecure, State::potential, 0, 0,
           "an unsigned record of the plan names another gateway, which is ignored for itself"},
    Missed{kNever, Story::g_full, Event::channel_full, State::pending, 0, 0,
           "no gateway of ours says NO_ADDITIONAL_SAS"},
    Missed{kNever, Story::r_self, Event::want_source, State::offered, kSelf, 0, kOwnGateway},
    Missed{kNever, Story::r_own_source, Event::source_unnamed, State::waiting, kOwnSource, 0, kOwnGateway},
    Missed{kNever, Story::r_wait, Event::want_keys, State::waiting, 0, 0, kEngine},
    Missed{kNever, Story::r_wait, Event::want_source, State::waiting, 0, 0, kEngine},
    Missed{kSeldom, Story::r_weaker, Event::want_source, State::offered, kWeaker, 0,
           "who is published without signatures is refused for that"},

    Missed{kSeldom, Story::g_late, Event::silence, State::expired, 0, 0, kForgotten},
    Missed{kSeldom, Story::g_late, Event::dead_channel, State::expired, 0, 0, kForgotten},
    Missed{kSeldom, Story::g_late, Event::bad_signature, State::expired, 0, 0, kForgotten},
    Missed{kSeldom, Story::g_late, Event::refused, State::expired, 0, 0, kForgotten},
    Missed{kSeldom, Story::g_late, Event::child_refused, State::expired, 0, 0, kForgotten},
    Missed{kSeldom, Story::g_late, Event::channel_full, State::expired, 0, 0, kForgotten},
    Missed{kSeldom, Story::g_late, Event::too_many, State::expired, 0, 0, kForgotten},
    Missed{kSeldom, Story::g_late, Event::bad_signature, State::deny, 0, kMore, kLate},
    Missed{kSeldom, Story::g_late, Event::refused, State::deny, 0, kMore, kLate},
    Missed{kSeldom, Story::g_late, Event::key_missing, State::deny, 0, kMore, kLate},
    Missed{kSeldom, Story::g_late, Event::too_many, State::deny, 0, 0, kLate},
    Missed{kSeldom, Story::p_no_key, Event::key_missing, State::pending, kMore, 0,
           "the names of gateways are published with their addresses"},

    Missed{kSeldom, Story::e_close, Event::close_timer, State::expired, 0, 0, kClosing},
    Missed{kSeldom, Story::e_close, Event::removed_report, State::keyed, 0, 0, kClosing},
    Missed{kSeldom, Story::e_datagram, Event::request, State::expired, 0, 0, kClosing},
    Missed{kSeldom, Story::x_clear, Event::clear, State::expired, 0, 0, kClosing},
    Missed{kSeldom, Story::x_shutdown, Event::shutdown, State::expired, 0, 0, kClosing},

    Missed{kSeldom, Story::k_dead, Event::child_dead, State::pending, kCurrent | kEncrypting, kOther,
           kServed},
    Missed{kSeldom, Story::k_delete, Event::child_deleted, State::pending, kCurrent | kEncrypting, kOther,
           kServed},
    Missed{kSeldom, Story::k_hard, Event::hard_expiry, State::pending, kCurrent | kEncrypting, kOther,
           kServed},
    Missed{kSeldom, Story::k_ike_gone, Event::ike_gone, State::pending, kCurrent | kEncrypting, kOther,
           kServed},
    Missed{kSeldom, Story::k_soft, Event::soft_expiry, State::pending, kCurrent, 0, kServed},
    Missed{kSeldom, Story::l_bad, Event::hold_timer, State::pending, kEncrypting, 0, kServed},
    Missed{kSeldom, Story::k_old, Event::child_deleted, State::pending, kCurrent, kEncrypting, kReplaced},
    Missed{kSeldom, Story::k_old, Event::child_dead, State::pending, kCurrent, kEncrypting, kReplaced},
    Missed{kSeldom, Story::k_old, Event::ike_gone, State::pending, kCurrent, kEncrypting, kReplaced},
    Missed{kSeldom, Story::k_old, Event::hard_expiry, State::pending, kCurrent, kEncrypting, kReplaced},
    Missed{kSeldom, Story::k_ike_gone, Event::ike_gone, State::keyed, kHolding | kInitiates, kOther,
           kReplaced},
    Missed{kSeldom, Story::k_delete, Event::child_deleted, State::keyed, kHolding | kInitiates, kOther,
           kReplaced},
    Missed{kSeldom, Story::k_delete, Event::child_deleted, State::keyed, kHolding, kInitiates, kPassive},
    Missed{kSeldom, Story::k_ike_gone, Event::ike_gone, State::keyed, kHolding, kInitiates, kPassive},
    Missed{kSeldom, Story::k_hard, Event::hard_expiry, State::keyed, kCurrent, kOther | kInitiates,
           "the peer of a class that never initiates rekeys in good time, or is dead"},
    Missed{kSeldom, Story::l_changed, Event::requery_differs, State::expiring_keyed, 0, kInitiates,
           "a class that never initiates, and its peer's zone changes while it is keyed"},

    Missed{kSeldom, Story::k_rekey_fail, Event::rekey_failed, State::keyed, 0, 0, kLasting},
    Missed{kSeldom, Story::k_rekey_fail, Event::hard_expiry, State::keyed, kRekeyFailed, 0, kLasting},
    Missed{kSeldom, Story::k_soft, Event::soft_expiry, State::keyed, kRekeying, 0, kLasting},
    Missed{kSeldom, Story::k_old, Event::soft_expiry, State::keyed, 0, kCurrent,
           "a former SA pair is gone before it is so old"},
    Missed{kSeldom, Story::k_rekey_both, Event::child_installed, State::keyed, kRekey | kCollide, 0,
           "both ends' soft expiries are spread"},
    Missed{kSeldom, Story::k_dead, Event::child_dead, State::keyed, kCurrent | kOther, 0,
           "the second gateway's SA pair is used within a second, then the first cannot serve again"},

    Missed{kSeldom, Story::k_key_gone, Event::key_missing, State::pending, kReauth, kMore, kHasty},
    Missed{kSeldom, Story::k_key_gone, Event::bad_signature, State::pending, kReauth, kMore, kHasty},
    Missed{kSeldom, Story::k_key_gone, Event::refused, State::pending, kReauth, kMore, kHasty},
    Missed{kSeldom, Story::k_key_gone, Event::child_refused, State::pending, kReauth, kMore, kHasty},
    Missed{kSeldom, Story::k_key_gone, Event::silence, State::pending, kReauth, kMore, kHasty},
    Missed{kSeldom, Story::k_key_gone, Event::too_many, State::pending, kReauth, 0, kHasty},

    Missed{kSeldom, Story::l_bad, Event::ask_timer, State::expiring_keyed, kAsking, 0,
           "discovery answers within its own time-outs"},
    Missed{kSeldom, Story::l_ask, Event::ask_timer, State::expiring_keyed, 0, kAsking,
           "a worker that is asked answers in half a millisecond"},
    Missed{kSeldom, Story::f_defer, Event::used_report, State::expiring_deny, kLimit, 0,
           "narrow bounds are full for as long as a host scans"},
    Missed{kSeldom, Story::r_budget, Event::want_keys, State::offered, kLimit, 0,
           "two unknown peers ask from one address in the same second"},
    Missed{kSeldom, Story::f_sticky, Event::sticky, State::clear_text, 0, 0,
           "another host's pair failed, and that destination is keyed twice since"},
};

bool is(const Missed& missed, const Row& row) {
    if (missed.story != row.story || missed.event != row.event || (row.from & in(missed.from)) == 0)
        return false;
    const auto& r = row.requires_;
    const Facts groups = missed.how == How::never && missed.event == Event::request ? kClassMask : 0;
    return (r.value & r.mask & missed.has & ~kClassMask) == (missed.has & ~kClassMask) &&
           (r.mask & ~r.value & missed.lacks) == missed.lacks && (r.value & groups) == (missed.has & groups);
}

const Missed* entry_of(const Row& row) {
    const auto it = std::ranges::find_if(kList, [&](const Missed& m) { return is(m, row); });
    return it == kList.end() ? nullptr : &*it;
}

std::string text_of(const Row& row) {
    constexpr std::string_view classes[] = {"deny", "clear", "opportunistic", "configured", "accept-only"};
    std::string text = std::string(to_text(row.story)) + ": " + std::string(to_text(row.event)) + " in";
    for (unsigned s = 0; s < static_cast<unsigned>(State::kCount); ++s)
        if ((row.from >> s & 1) != 0) text += " " + std::string(to_text(static_cast<State>(s)));
    const Facts mask = row.requires_.mask, value = row.requires_.value;
    if ((mask & kClassMask) == kClassMask && (value & kClassMask) < std::size(classes))
        text += ", class " + std::string(classes[value & kClassMask]);
    for (unsigned bit = 3; bit < 32; ++bit)
        if ((mask >> bit & 1) != 0)
            text += ((value >> bit & 1) != 0 ? ", " : ", not ") + std::string(fact_text(bit));
    return text;
}

}  // namespace

bool is_listed(const Row& row) {
    return entry_of(row) != nullptr;
}

bool check_rows(std::span<const std::uint64_t> taken, std::uint64_t runs, bool all) {
    const auto table = rows();
    bool sound = true;
    const auto tell = [&](const std::string& line) {
        std::printf("%s\n", line.c_str());
        sound = false;
    };
    for (const Missed& m : kList) {
        const auto num = std::ranges::count_if(table, [&](const Row& row) { return is(m, row); });
        if (num != 1)
            tell("the list of rows names " + std::to_string(num) + " rows by " +
                 std::string(to_text(m.story)) + ": " + std::string(to_text(m.event)) + ", " + m.why);
    }
    std::size_t num_taken = 0;
    std::vector<std::string> never;
    for (std::size_t i = 0; i < table.size() && i < taken.size(); ++i) {
        const Missed* listed = entry_of(table[i]);
        num_taken += taken[i] > 0 ? 1 : 0;
        if (const std::string name(to_text(table[i].story));
            taken[i] == 0 && std::ranges::find(never, name) == never.end())
            never.push_back(name);
        if (all || (taken[i] == 0 && listed == nullptr && runs < kRunsForRows))
            std::printf("%10llu %s%s%s\n", static_cast<unsigned long long>(taken[i]),
                        text_of(table[i]).c_str(),
                        listed == nullptr ? "" : "; listed: ", listed == nullptr ? "" : listed->why);
        if (taken[i] > 0 && listed != nullptr && listed->how == How::never)
            tell("a row is taken that is listed as never: " + text_of(table[i]) + "; " + listed->why);
        if (runs >= kRunsForRows && taken[i] == 0 && listed == nullptr)
            tell("a row is not taken any more, and not listed: " + text_of(table[i]));
    }
    std::printf("%zu of %zu rows of the keying table taken; never, some of:", num_taken, table.size());
    for (const std::string& name : never) std::printf(" %s", name.c_str());
    std::puts(never.empty() ? " none" : "");
    return sound;
}

}  // namespace oegate::sim
