#include "publication/rollover.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace oegate::publication::rollover {
namespace {

bool is(const std::optional<PublicKey>& file, const PublicKey& key) {
    return file && *file == key;
}

/// How long caches may hold what this authority said (OE draft §5.4; RFC 2308 §5).
std::uint32_t longest_ttl(const Sight& sight) {
    std::uint32_t longest = sight.negative_ttl;
    for (const Contents& set : sight.contents) longest = std::max(longest, set.ttl);
    return longest;
}

bool is_counted(const Sight& sight) {
    return !sight.ignored;
}

std::string text_of(const Sight& sight) {
    return sight.server.empty() ? sight.name : fmt::format("{} {}", sight.name, sight.server);
}

const Seen* seen_at(const Notes& notes, const Surveyed& s, const Sight& sight) {
    const auto at = notes.seen.find({s.claim.owner, sight.server});
    return at == notes.seen.end() ? nullptr : &at->second;
}

/// What every authority of every name must show, and since when each does.
template <typename Fulfils, typename Since>
Outlook outlook(const Notes& notes, const std::vector<Surveyed>& surveyed, const Fulfils& fulfils,
                const Since& since, const std::string& lack) {
    Outlook out;
    if (surveyed.empty()) out.missing.push_back({"publication", "", "is empty: there is no name to look at"});
    for (const Surveyed& s : surveyed) {
        if (!s.trouble.empty()) out.missing.push_back({s.claim.label, "", s.trouble});
        const auto num_counted = std::count_if(s.authorities.begin(), s.authorities.end(), is_counted);
        if (s.trouble.empty() && num_counted == 0)
            out.missing.push_back({s.claim.label, "", "no authority is left that could show it"});
        std::int64_t last = 0;
        std::uint32_t wait = 0;
        for (const Sight& sight : s.authorities) {
            if (!is_counted(sight)) continue;
            if (!sight.trouble.empty()) {
                out.missing.push_back({s.claim.label, text_of(sight), sight.trouble});
                continue;
            }
            if (!fulfils(sight)) {
                out.missing.push_back({s.claim.label, text_of(sight), lack});
                continue;
            }
            const Seen* seen = seen_at(notes, s, sight);
            if (seen == nullptr || since(*seen) == 0) {
                out.missing.push_back({s.claim.label, text_of(sight), "has not been looked at"});
                continue;
            }
            last = std::max(last, since(*seen));
            wait = std::max(wait, seen->wait);
        }
        out.possible_at = std::max(out.possible_at, last + static_cast<std::int64_t>(wait));
    }
    return out;
}

}  // namespace

bool settle(Notes& notes, const Files& files, std::int64_t now) {
    switch (notes.state) {
        case State::none:
        case State::retired:
            return files.current.has_value();
        case State::announced:
        case State::ready:
            if (is(files.current, notes.new_key)) {
                notes.state = State::active;
                if (notes.activated == 0) notes.activated = now;
                return true;
            }
            return is(files.current, notes.old_key) && is(files.coming, notes.new_key);
        case State::active:
            // The notes are written before the swap, so that its time is never missing.
            if (is(files.current, notes.old_key) && is(files.coming, notes.new_key)) {
                notes.state = State::ready;
                notes.activated = 0;
                return true;
            }
            return is(files.current, notes.new_key);
    }
    return false;
}

void look(Notes& notes, const std::vector<Surveyed>& surveyed, std::int64_t now) {
    for (const Surveyed& s : surveyed)
        for (const Sight& sight : s.authorities) {
            // No answer says nothing: what was seen before stands.
            if (sight.server.empty() || sight.ignored || !sight.trouble.empty()) continue;
            Seen& seen = notes.seen[{s.claim.owner, sight.server}];
            seen.wait = std::max(seen.wait, longest_ttl(sight));
            const auto note = [&](std::int64_t& since, bool holds) {
                // A clock that was set back must not shorten the wait.
                if (!holds)
                    since = 0;
                else if (since == 0 || since > now)
                    since = now;
            };
            note(seen.carries_since, carries(sight.contents, notes.new_key));
            note(seen.free_since, notes.state == State::active && !mentions(sight.contents, notes.old_key));
        }
}

namespace {

/// Authorities that left the NS set before they carried the new key. Who still has the old
/// NS set asks them, and so learns the old records anew: its TTL is not ours to know.
void add_departed(const Notes& notes, const std::vector<Surveyed>& surveyed, Outlook& out) {
    for (const Surveyed& s : surveyed) {
        if (!s.trouble.empty()) continue;
        for (const auto& [where, seen] : notes.seen) {
            const auto& [owner, server] = where;
            if (owner != s.claim.owner || seen.carries_since != 0) continue;
            const auto is_it = [&](const Sight& sight) { return sight.server == server; };
            if (std::any_of(s.authorities.begin(), s.authorities.end(), is_it)) continue;
            const auto address = Address::parse(server);
            const auto holds = [&](const Prefix& prefix) { return address && prefix.contains(*address); };
            if (std::any_of(s.ignored.begin(), s.ignored.end(), holds)) continue;
            out.missing.push_back(
                {s.claim.label, server,
                 "is no authority any more and did not carry the new key; caches may ask it until "
                 "the former NS records have expired: then --ignore-authority " +
                     server});
        }
    }
}

}  // namespace

Outlook to_activate(const Notes& notes, const std::vector<Surveyed>& surveyed) {
    Outlook out = outlook(
        notes, surveyed, [&](const Sight& sight) { return carries(sight.contents, notes.new_key); },
        [](const Seen& seen) { return seen.carries_since; }, "does not carry the new key");
    add_departed(notes, surveyed, out);
    return out;
}

Outlook to_retire(const Notes& notes, const std::vector<Surveyed>& surveyed) {
    return outlook(
        notes, surveyed, [&](const Sight& sight) { return !mentions(sight.contents, notes.old_key); },
        [](const Seen& seen) { return seen.free_since; }, "still carries the old key");
}

bool needs_outlook(State state, Order order) {
    const bool coming = state == State::announced || state == State::ready;
    return (coming && (order == Order::status || order == Order::activate)) ||
           (state == State::active && (order == Order::status || order == Order::retire));
}

Finding find(State state, Order order, const Facts& facts) {
    if (!facts.files_fit) return Finding::lost;
    const bool idle = state == State::none || state == State::retired;
    if (idle && order == Order::start) {
        if (facts.kept_file) return Finding::in_the_way;
        return facts.coming_file ? Finding::unfinished : Finding::clear;
    }
    if (order == Order::retire && facts.daemon_refused) return Finding::unloaded;
    if (!needs_outlook(state, order)) return Finding::nothing;
    if (!facts.outlook) return Finding::missing;
    if (!facts.outlook->missing.empty()) return Finding::missing;
    return facts.now < facts.outlook->possible_at ? Finding::early : Finding::clear;
}

}  // namespace oegate::publication::rollover
