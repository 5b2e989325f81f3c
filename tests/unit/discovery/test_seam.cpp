// Validation of our own as discovery drives it: what the judge wants is asked first,
// learnt once, and its verdict is the answer's. The judge here is scripted; the real
// one has tests of its own.
#include <algorithm>

#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

constexpr std::uint16_t kDs = 43, kDnskey = 48;
const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);
const Question kRootKey{".", kDnskey}, kZoneDs{"arpa.", kDs}, kZoneKey{"arpa.", kDnskey};

/// Wants the chain, link by link, then says what the test wants it to say.
struct Judge : Validator {
    std::vector<Question> chain{kRootKey, kZoneDs, kZoneKey};
    std::map<Question, bool> learnt;  // had or not
    Judged judged{Verdict::secure, 90s, "", {}};
    std::size_t num_judged = 0;
    std::function<Step(const Question&)> instead;
    std::vector<Notice> notices;  // after the next judgement

    std::vector<Notice> take_notices() override { return std::exchange(notices, {}); }
    Step judge(const Question& question, ByteView message, Time) override {
        ++num_judged;
        CHECK(parse_message(message)->questions.at(0) == question);
        if (instead) return instead(question);
        std::vector<Question> wanted;
        for (const Question& link : chain) {
            if (learnt.contains(link)) {
                if (!learnt[link]) return Judged{std::nullopt, 0s, "no answer for a key", {}};
                continue;
            }
            wanted.push_back(link);
            if (wanted.size() == 2) break;
        }
        if (!wanted.empty()) return wanted;
        Judged said = judged;
        if (said.name.empty()) said.name = question.name;
        return said;
    }
    void learn(const Question& question, std::optional<ByteView> message, Time) override {
        CHECK_FALSE(learnt.contains(question));
        if (message) CHECK(parse_message(*message)->questions.at(0) == question);
        learnt[question] = message.has_value();
    }
    void forget(const Question&) override { FAIL("one resolver, nobody else to ask"); }
    void stands(const Question&) override {}
};

struct OwnWorld : World {
    Judge* judge = nullptr;
    OwnWorld() {
        config.validation = config::Validation::own;
        auto owned = std::make_unique<Judge>();
        judge = owned.get();
        discovery = std::make_unique<Discovery>(
            config, random, [this] { return wall; }, std::move(owned));
        dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
            CHECK(seen.cd);  // the data whatever the resolver thinks of it
            if (seen.question.type == kIpseckey) return Script{.rdata = {ipseckey(1, kSgB, rsa_of(1))}};
            return Script{};
        };
    }
    long asked(const Question& question) const {
        return std::ranges::count_if(
            sent, [&](const SendQuery& query) { return read_question(query.message).question == question; });
    }
};

}  // namespace

TEST_CASE("the judge's chain is asked once for all three types, and its verdict counts") {
    OwnWorld w;
    SECTION("secure") {
        const DelegationAnswer answer = w.delegation(kBob);
        CHECK(answer.outcome == Outcome::usable);
        CHECK(answer.verdict == Verdict::secure);
        CHECK(answer.lifetime == 90s);  // a signature of the chain expires then
    }
    SECTION("insecure: a proven unsigned delegation") {
        w.judge->judged = {Verdict::insecure, Duration::max(), "no DS at arpa.", {}};
        const DelegationAnswer answer = w.delegation(kBob);
        CHECK(answer.outcome == Outcome::unusable);
        CHECK(answer.verdict == Verdict::insecure);
    }
    SECTION("bogus") {
        w.judge->judged = {Verdict::bogus, 0s, "signature is wrong", {}};
        const DelegationAnswer answer = w.delegation(kBob);
        CHECK(answer.outcome == Outcome::bogus);
        CHECK(answer.detail == "IPSECKEY of 192.2.0.66 is bogus: signature is wrong");
    }
    SECTION("the AD bit says nothing") {
        w.judge->judged = {Verdict::indeterminate, Duration::max(), "no anchor", {}};
        CHECK(w.delegation(kBob).verdict == Verdict::indeterminate);
    }
    for (const Question& link : w.judge->chain) CHECK(w.asked(link) == 1);
    CHECK(w.d().counters().chain > 0);
    CHECK(w.sent.size() == 6);
    CHECK(w.d().load().sources == 0);
}

TEST_CASE("what the judge has to say of the anchors is counted each time, and told when it is news") {
    OwnWorld w;
    w.judge->notices = {{"a key without an anchor", true}, {"another that was told of", false}};
    CHECK(w.delegation(kBob).outcome == Outcome::usable);
    CHECK(w.d().counters().unanchored == 2);
    const auto complaint = w.d().next_complaint();
    REQUIRE(complaint);
    CHECK_FALSE(complaint->resolver);
    CHECK(complaint->text == "a key without an anchor");
    CHECK_FALSE(w.d().next_complaint());
}

TEST_CASE("what was judged is what is read: records behind an alias that the judge did not follow") {
    // An honest proof that there is no record here, and a DNAME slipped in beside it.
    OwnWorld w;
    w.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type != kIpseckey) return Script{};
        return Script{.rdata = {ipseckey(1, kSgB, rsa_of(1))},
                      .dnames = {{"2.192.in-addr.arpa.", "evil.example."}},
                      .owner = "66.0.evil.example."};
    };
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::bogus);
    CHECK(answer.candidates.empty());
    CHECK(answer.detail == "IPSECKEY of 192.2.0.66 is bogus: aliases that nobody signed lead to " +
                               std::string("66.0.evil.example."));
}

TEST_CASE("NXDOMAIN in the header is nothing for the other types, unless the judge says so") {
    // Anybody on the way may write it over an honest "no KEY here".
    OwnWorld w;
    bool proven = false;
    SECTION("a proof for one type alone") {}
    SECTION("a proof for the name") {
        proven = true;
    }
    w.judge->judged.no_such_name = proven;
    unsigned times = 0;
    w.dns = [&](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type == kKey) return Script{.rcode = 3};
        if (seen.question.type != kIpseckey) return Script{};
        if (times++ == 0) return std::nullopt;  // kept back
        return Script{.rdata = {ipseckey(1, kSgB, rsa_of(1))}};
    };
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == (proven ? Outcome::none : Outcome::usable));
    CHECK(answer.verdict == Verdict::secure);
}

TEST_CASE("a link that cannot be had: the look-up failed, which is neither bogus nor unsigned") {
    OwnWorld w;
    w.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question == kZoneDs) return Script{.rcode = 2};
        return seen.question.type == kIpseckey ? Script{.rdata = {ipseckey(1, kSgB, rsa_of(1))}} : Script{};
    };
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::failed);
    CHECK(answer.detail == "IPSECKEY of 192.2.0.66: no answer for a key");
    CHECK(w.judge->learnt.at(kZoneDs) == false);
}

TEST_CASE("a silent link costs the time of the look-up and no more") {
    OwnWorld w;
    const auto answers = w.dns;
    w.dns = [answers](const SendQuery& q, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question == kRootKey) return std::nullopt;
        return answers(q, seen);
    };
    const Time start = w.now;
    w.d().look_up_delegation(kBob, w.now);
    w.run_until(start + 5s);
    const auto done = w.d().next_completion();
    REQUIRE(done);
    CHECK(std::get<DelegationDone>(*done).answer.outcome == Outcome::failed);
    CHECK(w.open.empty());
    CHECK(w.d().next_deadline() == kNever);
}

TEST_CASE("abandoned look-ups take the questions of their judgement with them") {
    OwnWorld w;
    const auto answers = w.dns;
    w.dns = [answers](const SendQuery& q, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type == kDnskey || seen.question.type == kDs) return std::nullopt;
        return answers(q, seen);
    };
    const LookupId first = w.d().look_up_delegation(kBob, w.now);
    const LookupId second = w.d().look_up_delegation(kSgB, w.now);
    w.exchange();
    CHECK(w.open.size() == 2);
    w.d().abandon(first);
    w.exchange();
    CHECK(w.open.size() == 2);
    w.d().abandon(second);
    w.exchange();
    CHECK(w.open.empty());
    CHECK(w.d().next_deadline() == kNever);
    CHECK(w.d().load().sources == 0);
}

TEST_CASE("a judge that never comes to an end is stopped") {
    OwnWorld w;
    unsigned n = 0;
    SECTION("more and more questions") {
        w.judge->instead = [&](const Question&) -> Validator::Step {
            return std::vector{Question{"x" + std::to_string(n++) + ".", kDnskey}};
        };
        CHECK(w.delegation(kBob).detail == "IPSECKEY of 192.2.0.66: its signatures need too many questions");
        CHECK(w.judge->num_judged == 3 * Validator::kMaxRounds);
    }
    SECTION("its own question") {
        w.judge->instead = [](const Question& question) -> Validator::Step { return std::vector{question}; };
        CHECK(w.delegation(kBob).detail == "IPSECKEY of 192.2.0.66: its signatures cannot be judged");
    }
    CHECK(w.open.empty());
    CHECK(w.d().next_deadline() == kNever);
}

TEST_CASE("SERVFAIL in spite of CD=1 is a failure of that resolver, not a verdict") {
    OwnWorld w;
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{.rcode = 2}); };
    CHECK(w.delegation(kBob).outcome == Outcome::failed);
    CHECK(w.judge->num_judged == 0);
    CHECK(w.sent.size() == 3);
}

TEST_CASE("own validation without a judge: nothing is secure, whatever the AD bit says") {
    World w;
    w.config.validation = config::Validation::own;
    w.dns = zone({{kIpseckey, {.rdata = {ipseckey(1, kSgB, rsa_of(1))}}}});
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::unusable);
    CHECK(answer.verdict == Verdict::indeterminate);
}
