// Key rollover (OE draft §5.4) as a table: none → announced → ready → active → retired.
// `oegate key rollover` asks which row holds and carries out its steps in order, each of
// them safe to be interrupted after. Sans-IO: what the zones show and which keys the
// files hold is handed in.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "publication/survey.hpp"

namespace oegate::publication::rollover {

enum class State : std::uint8_t {
    none,
    announced,  // the new key is made; the zones do not carry it everywhere yet
    ready,      // everybody has had the time to see it
    active,     // the gateway signs with it; the old key file is kept
    retired,    // done
};
enum class Order : std::uint8_t { start, status, activate, retire, cancel };
/// What stands in the way, or does not. Which ones an order can meet: find().
enum class Finding : std::uint8_t {
    nothing,     // nothing was there to look at
    unfinished,  // a new key file is there without a rollover: `start` was interrupted
    in_the_way,  // a kept key file is there that no rollover knows
    lost,        // the key files are not those of this rollover
    missing,     // an authority does not show what it must, or does not answer
    early,       // all do, but not for long enough
    unloaded,    // the daemon runs and has refused the new key
    clear,       // nothing is in the way
};
enum class Step : std::uint8_t {
    none,
    make_key,       // the new key into its file
    adopt_key,      // or the one that an interrupted `start` made
    save,           // the notes, in the row's state
    swap,           // the new key takes the old one's place, which is kept beside it
    reload,         // the daemon is told
    remove_kept,    // the old key file
    remove_coming,  // the new key file
};

struct Row {
    std::string_view name;
    std::string_view story;
    std::uint8_t states;      // bits of State
    std::uint8_t orders;      // bits of Order
    std::uint16_t findings;   // bits of Finding
    std::optional<State> to;  // none: refused, nothing changes
    std::array<Step, 4> steps{};
    std::string_view next;  // what the operator does then
};

std::string_view to_text(State state);
std::string_view to_text(Order order);
std::string_view to_text(Finding finding);
const std::vector<Row>& rows();
/// Never nullptr for a finding that find() gives.
const Row* row_for(State state, Order order, Finding finding);

/// Of one name at one authority. Seconds since the epoch; 0: no.
struct Seen {
    std::int64_t carries_since = 0;  // the new key, at every look since
    std::int64_t free_since = 0;     // of the old key, after activation
    std::uint32_t wait = 0;          // seconds: the longest TTL seen, negative ones included
};

/// What is remembered from one command to the next.
struct Notes {
    State state = State::none;
    PublicKey old_key;
    PublicKey new_key;
    std::int64_t started = 0;
    std::int64_t activated = 0;
    std::int64_t retired = 0;
    std::map<std::pair<std::string, std::string>, Seen> seen;  // claim's owner, authority
};

/// The public keys that the files hold; nullopt: no file.
struct Files {
    std::optional<PublicKey> current;
    std::optional<PublicKey> coming;
    std::optional<PublicKey> kept;
};

/// Brings the notes up to what the files show: a swap that was interrupted after the
/// new key took its place has happened. false: the files fit no state of these notes.
bool settle(Notes& notes, const Files& files, std::int64_t now);

/// One line about one authority, or about a name without any.
struct Obstacle {
    std::string owner;   // the claim's label
    std::string server;  // empty: the name itself
    std::string what;
};
struct Outlook {
    std::vector<Obstacle> missing;
    std::int64_t possible_at = 0;  // when nothing is missing
};

/// Takes what was surveyed into the notes.
void look(Notes& notes, const std::vector<Surveyed>& surveyed, std::int64_t now);
/// What keeps the new key from being activated, and until when.
Outlook to_activate(const Notes& notes, const std::vector<Surveyed>& surveyed);
/// What keeps the old key from being removed.
Outlook to_retire(const Notes& notes, const std::vector<Surveyed>& surveyed);

struct Facts {
    bool files_fit = true;           // settle()
    bool coming_file = false;        // the new key's file is there
    bool kept_file = false;          // and the old one's
    bool daemon_refused = false;     // only for retire
    std::optional<Outlook> outlook;  // of the order, when the zones were looked at
    std::int64_t now = 0;
};
/// Whether the zones must be looked at before find().
bool needs_outlook(State state, Order order);
Finding find(State state, Order order, const Facts& facts);

}  // namespace oegate::publication::rollover
