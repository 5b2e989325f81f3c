#include "discovery/lookup.hpp"

#include <algorithm>

namespace oegate::discovery {
namespace {

constexpr std::size_t kIpseckey = 0, kTxt = 1;  // in kTypes

/// A failure, bogus answers included, is remembered here only so long that a burst of
/// look-ups asks once (RFC 9520 §3.2: at least one second, at most five minutes): what one
/// pair found must not decide for others that come much later. So is an answer from which
/// a type is missing that could have said more. What the failure means for the pair that
/// met it lasts timers.dns-failure, and neither is longer than that.
constexpr Duration kRememberFailure = 30s;

Reply not_in_time() {
    Reply reply;
    reply.detail = "no answer in time";
    return reply;
}

/// Addresses of a family that is of no use here.
Reply not_asked() {
    Reply reply;
    reply.state = Reply::State::absent;
    reply.verdict = Verdict::secure;
    return reply;
}

}  // namespace

Lookup::Lookup(Owner owner, const std::string& name, const config::Dns& config,
               const Surroundings& surroundings, const Address& source, Time now)
    : owner_(std::move(owner)),
      source_(source),
      rules_{config.unsigned_records, config.longest_ttl, surroundings.failure, surroundings.ipv4,
             surroundings.ipv6},
      patience_(now + std::min(config.retransmit, config.timeout)),
      end_(now + config.timeout) {
    for (const RecordType type : kTypes) asked_.push_back({{name, static_cast<std::uint16_t>(type)}, {}});
}

std::vector<Question> Lookup::take_questions() {
    std::vector<Question> fresh;
    for (; num_taken_ < asked_.size(); ++num_taken_) {
        asked_[num_taken_].open = true;
        fresh.push_back(asked_[num_taken_].question);
    }
    return fresh;
}

void Lookup::take(const Question& question, const Reply& reply) {
    for (Asked& asked : asked_)
        if (asked.question == question) {
            asked.reply = reply;
            asked.open = false;
        }
    spread_nxdomain();
    resolve_names();
}

/// What does not exist has no other types either (RFC 8020 §2).
void Lookup::spread_nxdomain() {
    for (std::size_t i = 0; i < kTypes.size(); ++i) {
        if (!has(i) || !asked_[i].reply->no_such_name || !asked_[i].reply->secure()) continue;
        const Reply reply = *asked_[i].reply;
        for (std::size_t k = 0; k < kTypes.size(); ++k)
            if (!has(k)) asked_[k].reply = reply;
        return;
    }
}

/// The second round: as soon as IPSECKEY has told the names.
void Lookup::resolve_names() {
    if (names_known_ || !std::holds_alternative<Address>(owner_) || !has(kIpseckey)) return;
    names_known_ = true;
    names_ = names_to_resolve(*asked_[kIpseckey].reply);
    for (const std::string& name : names_) {
        if (rules_.ipv6) asked_.push_back({{name + '.', kTypeAaaa}, {}});
        if (rules_.ipv4) asked_.push_back({{name + '.', kTypeA}, {}});
    }
}

bool Lookup::complete() const {
    return std::ranges::all_of(asked_, [](const Asked& a) { return a.reply.has_value(); });
}

std::vector<Question> Lookup::unanswered() const {
    std::vector<Question> open;
    for (const Asked& asked : asked_)
        if (asked.open) open.push_back(asked.question);
    return open;
}

Reply Lookup::reply_to(const std::string& name, std::uint16_t type) const {
    if (type == kTypeA ? !rules_.ipv4 : !rules_.ipv6) return not_asked();
    const auto at = std::ranges::find(asked_, Question{name + '.', type}, &Asked::question);
    return at == asked_.end() ? not_in_time() : at->reply.value_or(not_in_time());
}

Answer Lookup::judge() const {
    Replies replies;
    for (std::size_t i = 0; i < replies.size(); ++i) replies[i] = asked_[i].reply.value_or(not_in_time());
    if (const auto* identity = std::get_if<Identity>(&owner_)) return judge_keys(*identity, replies, rules_);
    Names names;
    for (const std::string& name : names_) names[name] = {reply_to(name, kTypeA), reply_to(name, kTypeAaaa)};
    return judge_delegation(std::get<Address>(owner_), replies, names, rules_);
}

/// One verdict after all have answered, but one silent type need not hold it back for
/// seconds where it could not change it. Delegation: KEY never competes with a
/// gateway, TXT never with a usable secure IPSECKEY; but TXT may name identities for a
/// responder's check, and a key look-up collects all keys: so those wait for one
/// repetition.
bool Lookup::early_possible(Time now) const {
    if (std::holds_alternative<Identity>(owner_)) return now >= patience_;
    for (std::size_t i = kTypes.size(); i < asked_.size(); ++i)
        if (!has(i)) return false;
    return has(kIpseckey) && (has(kTxt) || now >= patience_);
}

/// Would the missing replies leave this answer as it is? It was made as if they had
/// failed.
bool Lookup::is_settled(const Answer& answer) const {
    if (const auto* keys = std::get_if<KeyAnswer>(&answer))
        return keys->outcome == Outcome::usable && keys->verdict == Verdict::secure;
    const auto& delegation = std::get<DelegationAnswer>(answer);
    if (delegation.outcome == Outcome::bogus) return has(kTxt);
    // A host that is its own gateway may have its key in the missing type.
    const Identity self = Identity::of(std::get<Address>(owner_));
    return delegation.outcome == Outcome::usable && delegation.verdict == Verdict::secure &&
           std::ranges::none_of(delegation.candidates,
                                [&](const Candidate& c) { return c.keys.empty() && c.id == self; });
}

std::optional<Conclusion> Lookup::conclude(Time now) {
    if (complete() || now >= end_) return finish(judge());
    if (!early_possible(now)) return std::nullopt;
    Answer answer = judge();
    return is_settled(answer) ? std::optional(finish(std::move(answer))) : std::nullopt;
}

Conclusion Lookup::finish(Answer answer) const {
    const auto [outcome, lifetime] =
        std::visit([](const auto& a) { return std::pair(a.outcome, a.lifetime); }, answer);
    const bool failure = outcome == Outcome::failed || outcome == Outcome::bogus;
    const Duration burst = std::min(rules_.failure, kRememberFailure);
    Duration keep = failure ? std::min(lifetime, burst) : lifetime;
    const bool keys = std::holds_alternative<Identity>(owner_);
    for (std::size_t i = 0; i < asked_.size(); ++i) {
        const bool unknown = !has(i) || asked_[i].reply->state == Reply::State::failed;
        const bool is_key = i == kTypes.size() - 1;
        if (unknown && (keys || !is_key)) keep = std::min(keep, burst);
        if (has(i) && asked_[i].reply->refused) keep = Duration::zero();
    }
    return {std::move(answer), keep};
}

Time Lookup::deadline(Time now) const {
    return now < patience_ ? patience_ : end_;
}

}  // namespace oegate::discovery
