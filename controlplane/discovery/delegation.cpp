#include "discovery/delegation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "discovery/sift.hpp"

namespace oegate::discovery {
namespace {

class Delegations {
  public:
    Delegations(const Address& owner, const Replies& replies) : owner_(owner), replies_(replies) {}
    DelegationAnswer judge();

  private:
    /// Empty: usable. Otherwise why the rules ignore it.
    std::string objection(const Delegation& record, const Sifted& type) const;
    void take(const Sifted& type, std::vector<Candidate>& candidates);
    void fill_own_keys(Candidate& candidate) const;
    bool win(bool secure, std::vector<Candidate>* by_type);
    void settle_without_gateway();
    void conclude(Outcome outcome, Verdict verdict, Duration lifetime, std::string detail);
    Duration shortest() const;

    const Address& owner_;
    const Replies& replies_;
    std::array<Sifted, 3> sifted_;
    DelegationAnswer answer_;
};

std::string Delegations::objection(const Delegation& record, const Sifted& type) const {
    if (!record.gateway && type.type == RecordType::ipseckey) return "a gateway by name is not supported yet";
    if (!type.secure() && (!record.gateway || *record.gateway != owner_))
        return "not authenticated, and names another than the queried address";
    if (record.gateway && special_use(*record.gateway)) return "gateway is a special-use address";
    if (record.unusable_key) return record.unusable_key->why;
    return {};
}

/// Sorts one type's delegations into candidates and identities. Records that name
/// the same gateway are one candidate with today's and tomorrow's key.
void Delegations::take(const Sifted& type, std::vector<Candidate>& candidates) {
    for (const Delegation& record : type.delegations) {
        if (std::string why = objection(record, type); !why.empty()) {
            if (record.seen < answer_.records.size())
                answer_.records[record.seen].judgement = "ignored: " + std::move(why);
            continue;
        }
        const Identity id = record.gateway ? Identity::of(*record.gateway) : Identity::of_name(record.name);
        auto& list = record.gateway ? candidates : answer_.identities;
        auto at = std::find_if(list.begin(), list.end(), [&](const Candidate& c) { return c.id == id; });
        if (at == list.end()) {
            list.push_back(
                {record.gateway.value_or(Address{}), id, record.precedence, type.type, {}, type.verdict});
            at = list.end() - 1;
        }
        at->precedence = std::min(at->precedence, record.precedence);
        if (record.key) add_key(at->keys, *record.key);
        if (record.seen < answer_.records.size())
            answer_.records[record.seen].judgement =
                record.gateway ? "usable" : "identity for a responder's check, no gateway";
    }
    const auto stronger = [](const Candidate& a, const Candidate& b) { return a.precedence < b.precedence; };
    std::stable_sort(candidates.begin(), candidates.end(), stronger);
    if (candidates.size() > kMaxGateways) candidates.resize(kMaxGateways);
    if (answer_.identities.size() > kMaxGateways) answer_.identities.resize(kMaxGateways);
    for (Candidate& candidate : candidates) fill_own_keys(candidate);
}

/// A host that is its own gateway has the keys that stand beside the delegation;
/// the chain is as strong as its weaker part.
void Delegations::fill_own_keys(Candidate& candidate) const {
    if (!candidate.keys.empty() || candidate.gateway != owner_) return;
    for (const bool secure : {true, false}) {
        Verdict verdict = candidate.verdict;
        for (const Sifted& type : sifted_)
            if (type.secure() == secure)
                for (const PublicKey& key : type.own_keys) {
                    add_key(candidate.keys, key);
                    verdict = weakest(verdict, type.verdict);
                }
        if (candidate.keys.empty()) continue;
        candidate.verdict = verdict;
        return;
    }
}

void Delegations::conclude(Outcome outcome, Verdict verdict, Duration lifetime, std::string detail) {
    answer_.outcome = outcome;
    answer_.verdict = verdict;
    answer_.lifetime = std::clamp<Duration>(lifetime, 1s, kMaxLifetime);
    answer_.detail = std::move(detail);
}

Duration Delegations::shortest() const {
    Duration shortest = kMaxLifetime;
    for (const Reply& reply : replies_) shortest = std::min(shortest, reply.lifetime);
    return shortest;
}

/// The strongest type with candidates of that strength. A lower type counts only
/// when the higher is known to hold nothing usable: an answer that was lost is not
/// an answer, or whoever loses it chooses our records.
bool Delegations::win(bool secure, std::vector<Candidate>* by_type) {
    for (std::size_t i = 0; i < 2; ++i) {
        if (replies_[i].state == Reply::State::failed) return false;
        for (Candidate& candidate : by_type[i])
            if ((candidate.verdict == Verdict::secure) == secure)
                answer_.candidates.push_back(std::move(candidate));
        if (answer_.candidates.empty()) continue;
        Duration lifetime = replies_[i].lifetime;
        Verdict verdict = Verdict::secure;
        for (const Candidate& candidate : answer_.candidates) {
            verdict = weakest(verdict, candidate.verdict);
            if (candidate.gateway == owner_)  // its key may come from another type
                for (std::size_t k = 0; k < 3; ++k)
                    if (!sifted_[k].own_keys.empty()) lifetime = std::min(lifetime, replies_[k].lifetime);
        }
        conclude(Outcome::usable, verdict, lifetime,
                 fmt::format("{} of {}: {} gateway{}, {}", to_text(kTypes[i]), owner_.text(),
                             answer_.candidates.size(), answer_.candidates.size() == 1 ? "" : "s",
                             secure ? "secure" : "not authenticated"));
        return true;
    }
    return false;
}

void Delegations::settle_without_gateway() {
    for (std::size_t i = 0; i < 3; ++i)
        if (!sifted_[i].malformed.empty())
            return conclude(Outcome::malformed, Verdict::indeterminate, shortest(),
                            fmt::format("{} of {} is malformed: {}", to_text(kTypes[i]), owner_.text(),
                                        sifted_[i].malformed));
    for (std::size_t i = 0; i < 3; ++i)
        if (replies_[i].state == Reply::State::failed)
            return conclude(
                Outcome::failed, Verdict::indeterminate, shortest(),
                fmt::format("{} of {}: {}", to_text(kTypes[i]), owner_.text(), replies_[i].detail));
    Verdict verdict = Verdict::secure;
    bool empty = true;
    for (const Reply& reply : replies_) {
        verdict = weakest(verdict, reply.verdict);
        empty = empty && reply.rdata.empty();
    }
    if (empty)
        return conclude(
            Outcome::none, verdict, shortest(),
            fmt::format("no record at {}, {}", owner_.text(),
                        verdict == Verdict::secure ? "authenticated absence" : "not authenticated"));
    std::string why = "no record delegates";
    for (const SeenRecord& record : answer_.records)
        if (record.judgement.starts_with("ignored: ")) {
            why = record.judgement.substr(9);
            break;
        }
    conclude(Outcome::unusable, verdict, shortest(),
             fmt::format("no usable record at {}: {}", owner_.text(), why));
}

DelegationAnswer Delegations::judge() {
    for (std::size_t i = 0; i < 3; ++i) sifted_[i] = sift(kTypes[i], replies_[i], answer_.records);
    std::vector<Candidate> by_type[2];  // KEY delegates nothing (OE draft §5.1, §7)
    for (std::size_t i = 0; i < 2; ++i) take(sifted_[i], by_type[i]);

    if (win(true, by_type)) return std::move(answer_);
    for (std::size_t i = 0; i < 3; ++i)
        if (replies_[i].state == Reply::State::bogus) {
            answer_.identities.clear();
            conclude(
                Outcome::bogus, Verdict::bogus, kFailureLifetime,
                fmt::format("{} of {} is bogus: {}", to_text(kTypes[i]), owner_.text(), replies_[i].detail));
            return std::move(answer_);
        }
    if (!win(false, by_type)) settle_without_gateway();
    return std::move(answer_);
}

}  // namespace

DelegationAnswer judge_delegation(const Address& owner, const Replies& replies) {
    return Delegations(owner, replies).judge();
}

}  // namespace oegate::discovery
