#include "discovery/validate/own.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "discovery/answer.hpp"
#include "discovery/reply.hpp"
#include "discovery/validate/chain.hpp"

namespace oegate::discovery::validate {
namespace {

/// Collects what the links of one answer come to.
struct Sum {
    Verdict verdict = Verdict::secure;
    bool unreachable = false;
    Duration lifetime = Duration::max();
    std::string why;
    bool no_such_name = false;
    std::optional<Question> suspect;  // of bogus and unreachable
    std::vector<Question> wanted;

    void weaken(Verdict link, std::string reason, const std::optional<Question>& at_fault = {}) {
        if (weakest(verdict, link) == verdict) return;
        verdict = link;
        why = std::move(reason);
        if (link == Verdict::bogus) suspect = at_fault;
    }
    void want(std::vector<Question> more) {
        for (Question& question : more)
            if (std::find(wanted.begin(), wanted.end(), question) == wanted.end())
                wanted.push_back(std::move(question));
    }
};

/// One answer: the aliases from the question on, and what is at their end.
class Answer {
  public:
    Answer(Chain& chain, const Question& question, const Name& name, const Contents& contents, Time now)
        : chain_(chain),
          question_(question),
          type_(question.type),
          contents_(contents),
          now_(now),
          name_(name) {}

    Validator::Step judge();

  private:
    /// Only names that a link's chain must reach; no signature is checked yet.
    void look_ahead();
    void run();
    /// The alias at name_, followed; false: there is none.
    bool follow(bool check);
    const Rrset* dname_for(const Rrset& cname, const Name& target) const;
    const Rrset* dname_above() const;
    void positive(const Rrset& rrset);
    void negative();
    /// true: secure, and the zone is signer itself.
    bool reach(const Name& signer, Chain::Walk& walk);
    /// What could not be verified as the zone `signer` has it: is it unsigned after all?
    void unverified(const Name& owner, std::string why);
    void take(const Chain::Walk& walk);
    const Name* signer_of(const Rrset& rrset) const;
    const Name* denier() const;

    Chain& chain_;
    const Question& question_;
    const std::uint16_t type_;
    const Contents& contents_;
    const Time now_;
    Name name_;
    Work work_;
    Sum sum_;
};

/// The deepest zone that claims to have signed it; nullptr: none that could have.
const Name* Answer::signer_of(const Rrset& rrset) const {
    const Name* deepest = nullptr;
    for (const Signature& signature : rrset.signatures)
        if (rrset.owner.is_within(signature.signer) &&
            (!deepest || signature.signer.num_labels() > deepest->num_labels()))
            deepest = &signature.signer;
    return deepest;
}

/// Of the records that deny name_.
const Name* Answer::denier() const {
    const Name* deepest = nullptr;
    for (const Rrset& rrset : contents_.authority.rrsets) {
        if (rrset.type != kNsec && rrset.type != kNsec3) continue;
        const Name* signer = signer_of(rrset);
        if (signer && name_.is_within(*signer) && (!deepest || signer->num_labels() > deepest->num_labels()))
            deepest = signer;
    }
    return deepest;
}

/// The DNAME that this unsigned CNAME was made from (RFC 6672 §5.3.1).
const Rrset* Answer::dname_for(const Rrset& cname, const Name& target) const {
    if (!cname.signatures.empty()) return nullptr;
    for (const Rrset& rrset : contents_.answer.rrsets) {
        if (rrset.type != kDname || !cname.owner.is_below(rrset.owner)) continue;
        const auto to = target_of(rrset);
        if (to && cname.owner.rebased(rrset.owner, *to) == target) return &rrset;
    }
    return nullptr;
}

/// A DNAME without the CNAME that should stand beside it (RFC 6672 §3.1).
const Rrset* Answer::dname_above() const {
    for (const Rrset& rrset : contents_.answer.rrsets)
        if (rrset.type == kDname && name_.is_below(rrset.owner)) return &rrset;
    return nullptr;
}

void Answer::take(const Chain::Walk& walk) {
    switch (walk.state) {
        case Chain::State::secure:
            break;
        case Chain::State::insecure:
            sum_.weaken(Verdict::insecure, walk.why);
            break;
        case Chain::State::bogus:
            sum_.weaken(Verdict::bogus, walk.why, walk.suspect);
            break;
        case Chain::State::indeterminate:
            sum_.weaken(Verdict::indeterminate, walk.why);
            break;
        case Chain::State::unreachable:
            if (!sum_.unreachable && sum_.verdict != Verdict::bogus) {
                sum_.why = walk.why;
                sum_.suspect = walk.suspect;
            }
            sum_.unreachable = true;
            break;
        case Chain::State::wanting:
            sum_.want(walk.wanted);
            break;
    }
}

bool Answer::reach(const Name& signer, Chain::Walk& walk) {
    walk = chain_.walk(signer, work_, now_);
    if (walk.state == Chain::State::secure && walk.zone == signer) return true;
    if (walk.state != Chain::State::secure) take(walk);
    return false;
}

/// Bogus, unless the name turns out to lie in an unsigned zone below.
void Answer::unverified(const Name& owner, std::string why) {
    const Chain::Walk walk = chain_.walk(owner, work_, now_);
    if (walk.state == Chain::State::secure)
        sum_.weaken(Verdict::bogus, std::move(why), question_);
    else
        take(walk);
}

void Answer::positive(const Rrset& rrset) {
    const Name* signer = signer_of(rrset);
    if (!signer)
        return unverified(rrset.owner,
                          fmt::format("{} of {} is not signed", type_text(rrset.type), rrset.owner.text()));
    Chain::Walk walk;
    if (!reach(*signer, walk)) {
        if (walk.state == Chain::State::secure)
            unverified(rrset.owner,
                       fmt::format("{} signs {} and is no zone", signer->text(), rrset.owner.text()));
        return;
    }
    const Checked checked = check(rrset, *signer, *walk.keys, chain_.wall(), work_);
    if (!checked.good) return unverified(rrset.owner, checked.why);
    sum_.lifetime = std::min(sum_.lifetime, checked.lifetime);
    if (!checked.expanded_from) return;
    // Made from a wildcard: only right when nothing closer exists (RFC 4035 §5.3.4).
    std::string why = fmt::format("nothing proves that a wildcard may stand for {}", rrset.owner.text());
    const Denial denial =
        denial_of(contents_.authority, *signer, *walk.keys, chain_.wall(), work_, sum_.lifetime, why);
    switch (denial.no_closer(rrset.owner, *checked.expanded_from)) {
        case Proof::proven:
            return;
        case Proof::insecure:
            return sum_.weaken(Verdict::insecure, fmt::format("{} may be an unsigned delegation of {}",
                                                              rrset.owner.text(), signer->text()));
        case Proof::none:
            return unverified(rrset.owner, why);
    }
}

void Answer::negative() {
    std::string why = fmt::format("nothing proves that {} has no {}", name_.text(), type_text(type_));
    const Name* signer = denier();
    if (!signer) return unverified(name_, why);
    Chain::Walk walk;
    if (!reach(*signer, walk)) {
        if (walk.state == Chain::State::secure)
            unverified(name_, fmt::format("{} signs denials and is no zone", signer->text()));
        return;
    }
    const Denial denial =
        denial_of(contents_.authority, *signer, *walk.keys, chain_.wall(), work_, sum_.lifetime, why);
    // The SOA is not verified: its TTL and MINIMUM only shorten what the denial's own TTL
    // and signature allow (RFC 9077 §3).
    switch (denial.absent(name_, type_)) {
        case Proof::proven:
            sum_.no_such_name = contents_.rcode == kRcodeNxDomain && denial.no_such_name(name_);
            return;
        case Proof::insecure:
            return sum_.weaken(
                Verdict::insecure,
                fmt::format("{} may be an unsigned delegation of {}, or is denied with more than "
                            "{} NSEC3 iterations",
                            name_.text(), signer->text(), kMaxIterations));
        case Proof::none:
            return unverified(name_, why);
    }
}

bool Answer::follow(bool check) {
    const Rrset* cname = contents_.answer.find(name_, kCname);
    const Rrset* dname = cname ? nullptr : dname_above();
    if (!cname && !dname) return false;
    auto target = target_of(cname ? *cname : *dname);
    if (target && dname) target = name_.rebased(dname->owner, *target);
    if (!target) {
        sum_.weaken(Verdict::bogus, fmt::format("{} has more than one CNAME or DNAME", name_.text()),
                    question_);
        return false;
    }
    if (cname) dname = dname_for(*cname, *target);
    const Rrset& link = dname ? *dname : *cname;
    if (check) {
        positive(link);
    } else {
        const Name* signer = signer_of(link);
        const Chain::Walk walk = chain_.walk(signer ? *signer : link.owner, work_, now_);
        if (walk.state == Chain::State::wanting) take(walk);
    }
    name_ = *target;
    return true;
}

/// One round trip for all the links of a chain of aliases, and no signature checked more
/// often than needed.
void Answer::look_ahead() {
    const Name start = name_;
    for (unsigned depth = 0; depth < kMaxCnames && follow(false); ++depth) continue;
    const Rrset* rrset = contents_.rcode == kRcodeNoError ? contents_.answer.find(name_, type_) : nullptr;
    const Name* signer = rrset ? signer_of(*rrset) : denier();
    const Chain::Walk walk = chain_.walk(signer ? *signer : name_, work_, now_);
    if (walk.state == Chain::State::wanting) take(walk);
    name_ = start;
}

void Answer::run() {
    unsigned depth = 0;
    while (follow(true))
        if (++depth > kMaxCnames) return sum_.weaken(Verdict::bogus, "too many aliases", question_);
    if (sum_.verdict == Verdict::bogus) return;
    const Rrset* rrset = contents_.rcode == kRcodeNoError ? contents_.answer.find(name_, type_) : nullptr;
    if (rrset)
        positive(*rrset);
    else
        negative();
}

Validator::Step Answer::judge() {
    look_ahead();
    if (sum_.wanted.empty()) run();
    const bool bogus = sum_.verdict == Verdict::bogus;
    if (!bogus && !sum_.wanted.empty()) return std::move(sum_.wanted);
    if (!bogus && sum_.unreachable)
        return Judged{std::nullopt, Duration::max(), std::move(sum_.why), {}, false, sum_.suspect};
    if (!bogus) sum_.suspect.reset();
    return Judged{sum_.verdict,        bogus ? Duration::max() : sum_.lifetime,
                  std::move(sum_.why), name_.text(),
                  sum_.no_such_name,   sum_.suspect};
}

class OwnValidator final : public Validator {
  public:
    OwnValidator(Anchors anchors, std::function<std::int64_t()> wall_seconds)
        : chain_(std::move(anchors), std::move(wall_seconds)) {}

    Step judge(const Question& question, ByteView message, Time now) override {
        const auto name = Name::parse(question.name);
        const auto contents = read_contents(message);
        if (!name || !contents)
            return Judged{std::nullopt, Duration::max(), "the answer cannot be read", {}, false, question};
        return Answer(chain_, question, *name, *contents, now).judge();
    }
    void learn(const Question& question, std::optional<ByteView> message, Time now) override {
        chain_.learn(question, message, now);
    }
    void forget(const Question& question) override { chain_.forget(question); }
    void stands(const Question& question) override { chain_.stands(question); }
    std::vector<Notice> take_notices() override { return chain_.take_notices(); }

  private:
    Chain chain_;
};

}  // namespace

std::unique_ptr<Validator> make_validator(Anchors anchors, std::function<std::int64_t()> wall_seconds) {
    return std::make_unique<OwnValidator>(std::move(anchors), std::move(wall_seconds));
}

Result<std::unique_ptr<Validator>, std::string> make_validator(const std::string& anchors_file,
                                                               std::function<std::int64_t()> wall_seconds) {
    auto anchors = load_anchors(anchors_file);
    if (!anchors) return fail(anchors.error());
    return make_validator(std::move(*anchors), std::move(wall_seconds));
}

}  // namespace oegate::discovery::validate
