// The judgement over the keys at an identity's own name. See delegation.hpp.
#include <fmt/format.h>

#include <algorithm>

#include "discovery/delegation.hpp"
#include "discovery/sift.hpp"

namespace oegate::discovery {
namespace {

bool names(const Delegation& record, const Identity& owner) {
    if (owner.kind == Identity::Kind::address) return record.gateway == owner.address;
    return !record.gateway && record.name == owner.name;
}

KeyAnswer conclude(Outcome outcome, Verdict verdict, Duration lifetime, std::string detail) {
    return {outcome, verdict, {}, std::max<Duration>(lifetime, 1s), std::move(detail)};
}

}  // namespace

KeyAnswer judge_keys(const Identity& owner, const Replies& replies, const Rules& rules) {
    std::vector<SeenRecord> seen;
    std::string malformed;
    std::array<std::vector<PublicKey>, 2> keys;  // secure first
    std::array<Duration, 2> lifetimes{rules.longest, rules.longest};
    std::array<Verdict, 2> verdicts{Verdict::secure, Verdict::insecure};
    for (std::size_t i = 0; i < 3; ++i) {
        Sifted type = sift(kTypes[i], replies[i], seen);
        if (malformed.empty()) malformed = type.malformed;
        for (const Delegation& record : type.delegations)
            if (record.key && !record.unusable_key && names(record, owner))
                add_key(type.own_keys, *record.key);
        const std::size_t strength = type.secure() ? 0 : 1;
        if (!type.own_keys.empty()) {
            lifetimes[strength] = std::min(lifetimes[strength], replies[i].lifetime);
            verdicts[strength] = weakest(verdicts[strength], type.verdict);
        }
        for (const PublicKey& key : type.own_keys) add_key(keys[strength], key);
    }
    const auto usable = [&](std::size_t strength) {
        KeyAnswer answer = conclude(
            Outcome::usable, verdicts[strength], lifetimes[strength],
            fmt::format("{} key{} of {}, {}", keys[strength].size(), keys[strength].size() == 1 ? "" : "s",
                        owner.text(), strength == 0 ? "secure" : "not authenticated"));
        answer.keys = std::move(keys[strength]);
        return answer;
    };
    if (!keys[0].empty()) return usable(0);
    const Duration shortest = rules.shortest(replies);
    for (std::size_t i = 0; i < 3; ++i)
        if (replies[i].state == Reply::State::bogus)
            return conclude(
                Outcome::bogus, Verdict::bogus, rules.failure,
                fmt::format("{} of {} is bogus: {}", to_text(kTypes[i]), owner.text(), replies[i].detail));
    const bool refuse = rules.unsigned_records == config::UnsignedRecords::refuse;
    if (!keys[1].empty() && !refuse) return usable(1);
    if (!malformed.empty())
        return conclude(Outcome::malformed, Verdict::indeterminate, shortest,
                        fmt::format("key of {} is malformed: {}", owner.text(), malformed));
    Verdict verdict = Verdict::secure;
    bool empty = true;
    for (std::size_t i = 0; i < 3; ++i) {
        if (replies[i].state == Reply::State::failed)
            return conclude(Outcome::failed, Verdict::indeterminate, rules.failed(replies),
                            fmt::format("{} of {}: {}", to_text(kTypes[i]), owner.text(), replies[i].detail));
        verdict = weakest(verdict, replies[i].verdict);
        empty = empty && replies[i].rdata.empty();
    }
    return conclude(empty ? Outcome::none : Outcome::unusable, verdict, shortest,
                    keys[1].empty() ? fmt::format("no {}key at {}", empty ? "" : "usable ", owner.text())
                                    : fmt::format("the key of {} is not authenticated", owner.text()));
}

}  // namespace oegate::discovery
