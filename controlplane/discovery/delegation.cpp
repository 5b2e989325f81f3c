#include "discovery/delegation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "discovery/gateways.hpp"
#include "discovery/sift.hpp"
#include "net/special_use.hpp"

namespace oegate::discovery {
namespace {

using config::UnsignedRecords;

/// A candidate, and how long the records that made it hold.
struct Weighed {
    Candidate candidate;
    Duration lifetime{};
};

class Delegations {
  public:
    Delegations(const Address& owner, const Replies& replies, const Names& names, const Rules& rules)
        : owner_(owner), replies_(replies), names_(names), rules_(rules) {}
    DelegationAnswer judge();

  private:
    bool counts_unsigned(const Delegation& record, const Sifted& type) const;
    std::string objection(const Delegation& record, const Sifted& type) const;
    void take(std::size_t type);
    std::string take_one(const Delegation& record, std::size_t type);
    std::string take_named(const Delegation& record, std::size_t type);
    void add(std::size_t type, const Delegation& record, Weighed fresh);
    void fill_own_keys(Weighed& weighed) const;
    bool is_unknown(std::size_t type) const;
    bool win(bool secure);
    bool find_bogus();
    void settle_without_gateway();
    void conclude(Outcome outcome, Verdict verdict, Duration lifetime, std::string detail);

    const Address& owner_;
    const Replies& replies_;
    const Names& names_;
    const Rules& rules_;
    std::array<Sifted, 3> sifted_;
    std::array<std::vector<Weighed>, 2> weighed_;  // KEY delegates nothing (OE draft §5.1, §7)
    std::string name_bogus_;                       // the first gateway name whose address is bogus
    std::string name_failed_;                      // the first whose address is not known
    DelegationAnswer answer_;
};

/// The restriction on unsigned delegations (OE draft §3.2.4.1).
bool Delegations::counts_unsigned(const Delegation& record, const Sifted& type) const {
    if (rules_.unsigned_records == UnsignedRecords::refuse || !record.gateway) return false;
    if (*record.gateway == owner_) return true;
    // RFC 4025 §4.1.2 forbids `any` for IPSECKEY.
    return rules_.unsigned_records == UnsignedRecords::any && type.type == RecordType::txt;
}

/// Empty: usable. Otherwise why the rules ignore it.
std::string Delegations::objection(const Delegation& record, const Sifted& type) const {
    if (!type.secure() && !counts_unsigned(record, type))
        return rules_.unsigned_records == UnsignedRecords::refuse
                   ? "not authenticated"
                   : "not authenticated, and names another than the queried address";
    if (record.gateway && special_use(*record.gateway)) return "gateway is a special-use address";
    if (!record.gateway && record.name.empty()) return "gateway name is the root";
    if (record.unusable_key) return record.unusable_key->why;
    return {};
}

/// Records that name the same gateway are one candidate with today's and tomorrow's key.
void Delegations::add(std::size_t type, const Delegation& record, Weighed fresh) {
    auto& list = weighed_[type];
    auto at = std::ranges::find_if(list, [&](const Weighed& w) {
        return w.candidate.id == fresh.candidate.id && w.candidate.gateway == fresh.candidate.gateway;
    });
    if (at == list.end()) at = list.insert(list.end(), std::move(fresh));
    at->candidate.precedence = std::min(at->candidate.precedence, record.precedence);
    if (record.key) add_key(at->candidate.keys, *record.key);
}

/// A gateway by name: one candidate for each of its addresses. Its identity is the
/// name, and what it may call itself instead is the address.
std::string Delegations::take_named(const Delegation& record, std::size_t type) {
    const NamedGateway named = addresses_of(record.name, names_, rules_);
    if (name_bogus_.empty()) name_bogus_ = named.bogus;
    if (name_failed_.empty()) name_failed_ = named.failed;
    for (const Address& address : named.addresses) {
        Candidate candidate{
            address,         Identity::of_name(record.name), record.precedence, RecordType::ipseckey, {},
            Verdict::secure, {Identity::of(address)}};
        add(type, record, {std::move(candidate), std::min(named.lifetime, replies_[type].lifetime)});
    }
    return named.addresses.empty() ? "ignored: " + named.judgement : "usable";
}

/// Returns the judgement of the record.
std::string Delegations::take_one(const Delegation& record, std::size_t type) {
    const Sifted& sifted = sifted_[type];
    if (std::string why = objection(record, sifted); !why.empty()) return "ignored: " + std::move(why);
    if (record.gateway) {
        Candidate candidate{
            *record.gateway, Identity::of(*record.gateway), record.precedence, sifted.type, {},
            sifted.verdict};
        candidate.any_unsigned = !sifted.secure() && *record.gateway != owner_;
        const bool any = candidate.any_unsigned;
        add(type, record, {std::move(candidate), replies_[type].lifetime});
        return any ? "usable, though not authenticated (dns.unsigned-records: any)" : "usable";
    }
    if (sifted.type == RecordType::ipseckey) return take_named(record, type);
    auto& list = answer_.identities;
    const Identity id = Identity::of_name(record.name);
    auto at = std::ranges::find(list, id, &Candidate::id);
    if (at == list.end()) {
        if (list.size() >= kMaxGateways) return "ignored: more than 8 identities";
        at = list.insert(at, {{}, id, record.precedence, RecordType::txt, {}, sifted.verdict});
    }
    at->precedence = std::min(at->precedence, record.precedence);
    if (record.key) add_key(at->keys, *record.key);
    return "identity for a responder's check, no gateway";
}

void Delegations::take(std::size_t type) {
    for (const Delegation& record : sifted_[type].delegations) {
        std::string judgement = take_one(record, type);
        if (record.seen < answer_.records.size())
            answer_.records[record.seen].judgement = std::move(judgement);
    }
    auto& list = weighed_[type];
    std::ranges::stable_sort(list, {}, [](const Weighed& w) { return w.candidate.precedence; });
    if (list.size() > kMaxGateways) list.resize(kMaxGateways);
    for (Weighed& weighed : list) fill_own_keys(weighed);
}

/// A host that is its own gateway has the keys that stand beside the delegation;
/// the chain is as strong as its weaker part.
void Delegations::fill_own_keys(Weighed& weighed) const {
    Candidate& candidate = weighed.candidate;
    if (!candidate.keys.empty() || candidate.id != Identity::of(owner_)) return;
    for (const bool secure : {true, false}) {
        for (std::size_t i = 0; i < 3; ++i) {
            if (sifted_[i].secure() != secure || sifted_[i].own_keys.empty()) continue;
            for (const PublicKey& key : sifted_[i].own_keys) add_key(candidate.keys, key);
            candidate.verdict = weakest(candidate.verdict, sifted_[i].verdict);
            weighed.lifetime = std::min(weighed.lifetime, replies_[i].lifetime);
        }
        if (!candidate.keys.empty()) return;
    }
}

void Delegations::conclude(Outcome outcome, Verdict verdict, Duration lifetime, std::string detail) {
    answer_.outcome = outcome;
    answer_.verdict = verdict;
    answer_.lifetime = std::max<Duration>(lifetime, 1s);
    answer_.detail = std::move(detail);
}

/// An answer that was lost is not an answer, or whoever loses it chooses our records.
bool Delegations::is_unknown(std::size_t type) const {
    return replies_[type].state == Reply::State::failed ||
           (kTypes[type] == RecordType::ipseckey && !name_failed_.empty());
}

/// The strongest type with candidates of that strength. A lower type counts only
/// when the higher is known to hold nothing usable.
bool Delegations::win(bool secure) {
    for (std::size_t i = 0; i < weighed_.size(); ++i) {
        if (replies_[i].state == Reply::State::failed) return false;
        Duration lifetime = rules_.longest;
        Verdict verdict = Verdict::secure;
        for (Weighed& w : weighed_[i]) {
            if ((w.candidate.verdict == Verdict::secure) != secure) continue;
            verdict = weakest(verdict, w.candidate.verdict);
            lifetime = std::min(lifetime, w.lifetime);
            answer_.candidates.push_back(std::move(w.candidate));
        }
        if (!answer_.candidates.empty()) {
            conclude(Outcome::usable, verdict, lifetime,
                     fmt::format("{} of {}: {} gateway{}, {}", to_text(kTypes[i]), owner_.text(),
                                 answer_.candidates.size(), answer_.candidates.size() == 1 ? "" : "s",
                                 secure ? "secure" : "not authenticated"));
            return true;
        }
        if (is_unknown(i)) return false;
    }
    return false;
}

bool Delegations::find_bogus() {
    std::string what = name_bogus_;
    for (std::size_t i = 3; i-- > 0;)
        if (replies_[i].state == Reply::State::bogus)
            what =
                fmt::format("{} of {} is bogus: {}", to_text(kTypes[i]), owner_.text(), replies_[i].detail);
    if (what.empty()) return false;
    answer_.identities.clear();
    conclude(Outcome::bogus, Verdict::bogus, rules_.failure, std::move(what));
    return true;
}

void Delegations::settle_without_gateway() {
    for (std::size_t i = 0; i < 3; ++i)
        if (!sifted_[i].malformed.empty())
            return conclude(Outcome::malformed, Verdict::indeterminate, rules_.shortest(replies_),
                            fmt::format("{} of {} is malformed: {}", to_text(kTypes[i]), owner_.text(),
                                        sifted_[i].malformed));
    for (std::size_t i = 0; i < 3; ++i)
        if (replies_[i].state == Reply::State::failed)
            return conclude(
                Outcome::failed, Verdict::indeterminate, rules_.failed(replies_),
                fmt::format("{} of {}: {}", to_text(kTypes[i]), owner_.text(), replies_[i].detail));
    if (!name_failed_.empty())
        return conclude(Outcome::failed, Verdict::indeterminate, rules_.failure, name_failed_);
    Verdict verdict = Verdict::secure;
    bool empty = true;
    for (const Reply& reply : replies_) {
        verdict = weakest(verdict, reply.verdict);
        empty = empty && reply.rdata.empty();
    }
    if (empty)
        return conclude(
            Outcome::none, verdict, rules_.shortest(replies_),
            fmt::format("no record at {}, {}", owner_.text(),
                        verdict == Verdict::secure ? "authenticated absence" : "not authenticated"));
    std::string why = "no record delegates";
    for (const SeenRecord& record : answer_.records)
        if (record.judgement.starts_with("ignored: ")) {
            why = record.judgement.substr(9);
            break;
        }
    conclude(Outcome::unusable, verdict, rules_.shortest(replies_),
             fmt::format("no usable record at {}: {}", owner_.text(), why));
}

DelegationAnswer Delegations::judge() {
    for (std::size_t i = 0; i < 3; ++i) sifted_[i] = sift(kTypes[i], replies_[i], answer_.records);
    for (std::size_t i = 0; i < weighed_.size(); ++i) take(i);
    if (!win(true) && !find_bogus() && !win(false)) settle_without_gateway();
    return std::move(answer_);
}

}  // namespace

Duration Rules::failed(const Replies& replies) const {
    const bool refused = std::ranges::any_of(replies, [](const Reply& r) { return r.refused; });
    return refused ? std::min(failure, kRefusedLifetime) : failure;
}

Duration Rules::shortest(const Replies& replies) const {
    Duration shortest = longest;
    for (const Reply& reply : replies) {
        const bool known = reply.state == Reply::State::records || reply.state == Reply::State::absent;
        shortest = std::min(shortest, known ? reply.lifetime : failed(replies));
    }
    return shortest;
}

DelegationAnswer judge_delegation(const Address& owner, const Replies& replies, const Names& names,
                                  const Rules& rules) {
    return Delegations(owner, replies, names, rules).judge();
}

}  // namespace oegate::discovery
