// Key rollover as a table: every row, when activation is possible, what interrupted
// commands leave behind, and the notes as a file.
#include <set>

#include "publication/notes_file.hpp"
#include "publication/rollover.hpp"
#include "sight.hpp"

using namespace publication_test;
using namespace oegate::publication::rollover;

namespace {

const PublicKey kOld = key_of(0x11);
const PublicKey kNew = key_of(0x23);
constexpr std::array kStates{State::none, State::announced, State::ready, State::active, State::retired};
constexpr std::array kOrders{Order::start, Order::status, Order::activate, Order::retire, Order::cancel};

Notes announced() {
    Notes notes;
    notes.state = State::announced;
    notes.old_key = kOld;
    notes.new_key = kNew;
    notes.started = 1000;
    return notes;
}

std::vector<Surveyed> zones(std::vector<Sight> authorities) {
    Surveyed s;
    s.claim = ours().claims[0];
    s.owner = s.claim.owner;
    s.zone = "2.0.192.in-addr.arpa.";
    s.authorities = std::move(authorities);
    return {s};
}

std::string name_of(State state, Order order, const Facts& facts) {
    const Row* row = row_for(state, order, find(state, order, facts));
    return row == nullptr ? "no row" : std::string(row->name);
}

}  // namespace

TEST_CASE("rollover: for whatever is found there is one row, and every row is reached") {
    std::set<std::string_view> reached;
    for (const State state : kStates)
        for (const Order order : kOrders)
            for (unsigned bits = 0; bits < 16; ++bits)
                for (unsigned zone = 0; zone < 4; ++zone) {
                    Facts facts;
                    facts.files_fit = bits & 1;
                    facts.coming_file = bits & 2;
                    facts.kept_file = bits & 4;
                    facts.daemon_refused = bits & 8;
                    facts.now = 100;
                    if (zone > 0) facts.outlook = Outlook{{}, zone == 1 ? 101 : 100};
                    if (zone == 3) facts.outlook->missing.push_back({"host", "", "does not carry it"});
                    const Finding finding = find(state, order, facts);
                    INFO(to_text(state) << " " << to_text(order) << " " << to_text(finding));
                    const Row* row = row_for(state, order, finding);
                    REQUIRE(row != nullptr);
                    reached.insert(row->name);
                    CHECK_FALSE(row->next.empty());
                    if (!row->to) CHECK(row->steps[0] == Step::none);  // what is refused changes nothing
                }
    for (const Row& row : rows()) {
        INFO(row.name);
        CHECK(reached.contains(row.name));
    }
}

TEST_CASE("rollover: rows by name") {
    Facts facts;
    facts.now = 100;
    CHECK(name_of(State::none, Order::start, facts) == "start.new");
    CHECK(name_of(State::none, Order::activate, facts) == "activate.idle");
    CHECK(name_of(State::none, Order::retire, facts) == "retire.idle");
    CHECK(name_of(State::active, Order::start, facts) == "start.unretired");
    CHECK(name_of(State::announced, Order::retire, facts) == "retire.unused");
    CHECK(name_of(State::active, Order::cancel, facts) == "cancel.late");
    // Without a look at the zones nothing is activated.
    CHECK(name_of(State::announced, Order::activate, facts) == "activate.missing");
    facts.outlook = Outlook{{}, 101};
    CHECK(name_of(State::ready, Order::activate, facts) == "activate.early");
    facts.now = 101;
    CHECK(name_of(State::ready, Order::activate, facts) == "activate.now");
    CHECK(name_of(State::active, Order::retire, facts) == "retire.now");
    facts.daemon_refused = true;
    CHECK(name_of(State::active, Order::retire, facts) == "retire.unloaded");
    facts.files_fit = false;
    CHECK(name_of(State::ready, Order::activate, facts) == "lost");
}

TEST_CASE("rollover: activation waits for every authority and then for the longest TTL") {
    Notes notes = announced();
    auto seen = zones({sight("a", {kOld, kNew}, 3600), sight("b", {kOld}, 7200)});
    look(notes, seen, 2000);
    REQUIRE(to_activate(notes, seen).missing.size() == 1);
    CHECK(to_activate(notes, seen).missing[0].server == "ns. b");

    SECTION("from when the last one carries it, the larger TTL of both") {
        seen = zones({sight("a", {kOld, kNew}, 3600), sight("b", {kOld, kNew}, 300)});
        look(notes, seen, 2500);
        CHECK(to_activate(notes, seen).missing.empty());
        CHECK(to_activate(notes, seen).possible_at == 2500 + 7200);
    }
    SECTION("where nothing was before, the negative TTL") {
        Notes fresh = announced();
        auto empty = zones({sight("a", {})});
        empty[0].authorities[0].negative_ttl = 900;
        look(fresh, empty, 2000);
        auto now = zones({sight("a", {kNew}, 60)});
        look(fresh, now, 2100);
        CHECK(to_activate(fresh, now).possible_at == 2100 + 900);
    }
    SECTION("an authority that falls back begins anew") {
        seen = zones({sight("a", {kOld}), sight("b", {kOld, kNew})});
        look(notes, seen, 2500);
        CHECK(to_activate(notes, seen).missing[0].server == "ns. a");
        seen = zones({sight("a", {kOld, kNew}), sight("b", {kOld, kNew})});
        look(notes, seen, 3000);
        CHECK(to_activate(notes, seen).possible_at == 3000 + 7200);
    }
    SECTION("one that does not answer blocks, and does not lose its time") {
        seen = zones({sight("a", {kOld, kNew}, 3600)});
        seen[0].authorities[0].trouble = "does not answer";
        look(notes, seen, 9000);
        CHECK(to_activate(notes, seen).missing[0].what == "does not answer");
        seen = zones({sight("a", {kOld, kNew}, 3600)});
        look(notes, seen, 9100);
        CHECK(to_activate(notes, seen).possible_at == 2000 + 3600);
    }
    SECTION("one that leaves before it carried the new key blocks: caches may still ask it") {
        Notes left = announced();
        look(left, zones({sight("10.53.0.1", {kOld, kNew}, 60), sight("10.53.0.3", {kOld}, 60)}), 2000);
        auto alone = zones({sight("10.53.0.1", {kOld, kNew}, 60)});
        look(left, alone, 2100);
        const auto outlook = to_activate(left, alone);
        REQUIRE(outlook.missing.size() == 1);
        CHECK(outlook.missing[0].server == "10.53.0.3");
        CHECK(outlook.missing[0].what.find("--ignore-authority 10.53.0.3") != std::string::npos);
        alone[0].ignored = {Prefix::parse("10.53.0.4/32").value()};
        CHECK(to_activate(left, alone).missing.size() == 1);
        alone[0].ignored = {Prefix::parse("10.53.0.2/31").value()};
        CHECK(to_activate(left, alone).missing.empty());
    }
    SECTION("one that leaves after it carried it does not") {
        Notes left = announced();
        look(left, zones({sight("10.53.0.1", {kOld, kNew}, 60), sight("10.53.0.3", {kNew}, 60)}), 2000);
        const auto alone = zones({sight("10.53.0.1", {kOld, kNew}, 60)});
        look(left, alone, 2100);
        CHECK(to_activate(left, alone).missing.empty());
    }
    SECTION("the operator's override takes it out; but somebody must be left") {
        seen[0].authorities[1].ignored = true;
        CHECK(to_activate(notes, seen).missing.empty());
        CHECK(to_activate(notes, seen).possible_at == 2000 + 3600);
        seen[0].authorities[0].ignored = true;
        CHECK(to_activate(notes, seen).missing.size() == 1);
    }
    SECTION("a zone that is not found, an empty publication") {
        seen = zones({});
        seen[0].trouble = "no SOA up to the root";
        CHECK(to_activate(notes, seen).missing.size() == 1);
        CHECK(to_activate(notes, {}).missing.size() == 1);
    }
    SECTION("a clock that was set back does not shorten the wait") {
        seen = zones({sight("a", {kOld, kNew}, 3600)});
        Notes back = announced();
        look(back, seen, 2000);
        look(back, seen, 500);
        CHECK(to_activate(back, seen).missing.empty());
        CHECK(to_activate(back, seen).possible_at == 500 + 3600);
    }
    SECTION("one that was never looked at is not ready") {
        CHECK(to_activate(announced(), zones({sight("a", {kNew})})).missing.size() == 1);
    }
}

TEST_CASE("rollover: retirement waits until the old key is gone and forgotten") {
    Notes notes = announced();
    look(notes, zones({sight("a", {kOld, kNew}, 3600)}), 2000);
    notes.state = State::active;
    auto seen = zones({sight("a", {kOld, kNew}, 3600)});
    look(notes, seen, 6000);
    CHECK(to_retire(notes, seen).missing.size() == 1);
    seen = zones({sight("a", {kNew}, 60)});
    look(notes, seen, 7000);
    CHECK(to_retire(notes, seen).missing.empty());
    CHECK(to_retire(notes, seen).possible_at == 7000 + 3600);
}

TEST_CASE("rollover: interrupted between any two steps, files tell how far it came") {
    Notes notes = announced();
    SECTION("before the swap") {
        CHECK(settle(notes, {kOld, kNew, std::nullopt}, 9));
        CHECK(notes.state == State::announced);
    }
    SECTION("noted, the old key linked aside, not yet replaced") {
        notes.state = State::active;
        CHECK(settle(notes, {kOld, kNew, kOld}, 9));
        CHECK(notes.state == State::ready);
    }
    SECTION("replaced, not noted") {
        CHECK(settle(notes, {kNew, std::nullopt, kOld}, 9));
        CHECK(notes.state == State::active);
        CHECK(notes.activated == 9);
    }
    SECTION("someone else's hands") {
        CHECK_FALSE(settle(notes, {key_of(0x77), kNew, std::nullopt}, 9));
        CHECK_FALSE(settle(notes, {kOld, std::nullopt, std::nullopt}, 9));
        CHECK_FALSE(settle(notes, {std::nullopt, kNew, kOld}, 9));
        notes.state = State::active;
        CHECK_FALSE(settle(notes, {kOld, std::nullopt, std::nullopt}, 9));
        notes = {};
        CHECK_FALSE(settle(notes, {std::nullopt, std::nullopt, std::nullopt}, 9));
    }
}

TEST_CASE("rollover: the notes come back as they were, and nonsense is refused") {
    Notes notes = announced();
    notes.seen[{"66.2.0.192.in-addr.arpa.", "10.0.0.1"}] = {5000, 6000, 3600};
    const std::string text = encode_notes(notes);
    const auto again = decode_notes(text);
    REQUIRE(again.has_value());
    CHECK(again->state == State::announced);
    CHECK(again->new_key == kNew);
    CHECK(again->old_key == kOld);
    CHECK(again->started == 1000);
    REQUIRE(again->seen.size() == 1);
    CHECK(again->seen.begin()->second.carries_since == 5000);
    CHECK(again->seen.begin()->second.wait == 3600);
    CHECK(encode_notes(*again) == text);

    for (std::size_t len = 0; len + 2 < text.size(); ++len)
        CHECK_FALSE(decode_notes(text.substr(0, len)).has_value());
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string changed = text;
        REQUIRE(changed.find(from) != std::string::npos);
        changed.replace(changed.find(from), from.size(), to);
        return decode_notes(changed);
    };
    CHECK_FALSE(with("\"announced\"", "\"begun\"").has_value());
    CHECK_FALSE(with("5000", "-5").has_value());
    CHECK_FALSE(with("5000", "99999999999999999999").has_value());
    CHECK_FALSE(with("3600", "4294967296").has_value());
    CHECK_FALSE(with("\"new_key\"", "\"key\"").has_value());
    CHECK_FALSE(with("rollover\": 1", "rollover\": 2").has_value());
}
