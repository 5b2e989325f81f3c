// Judgements that are run elsewhere (the crypto pool): one at a time, sources in turn,
// and what becomes of one that nobody waits for any more.
#include <algorithm>

#include "discovery/bench.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);

struct Judge : Validator {
    bool& inside;
    std::vector<std::string>& judged;
    Judge(bool& i, std::vector<std::string>& j) : inside(i), judged(j) {}
    Step judge(const Question& question, ByteView, Time) override {
        CHECK_FALSE(inside);
        judged.push_back(question.name);
        return Judged{Verdict::secure, 90s, "", question.name};
    }
    void learn(const Question&, std::optional<ByteView>, Time) override { CHECK_FALSE(inside); }
    void forget(const Question&) override { CHECK_FALSE(inside); }
    void stands(const Question&) override { CHECK_FALSE(inside); }
};

struct PoolWorld : World {
    bool inside = false;
    std::vector<std::string> judged;

    PoolWorld() {
        config.validation = config::Validation::own;
        Surroundings surroundings;
        surroundings.judge_elsewhere = true;
        discovery = std::make_unique<Discovery>(
            config, random, [this] { return wall; }, std::make_unique<Judge>(inside, judged), surroundings);
        dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
            if (seen.question.type == kIpseckey) return Script{.rdata = {ipseckey(1, kSgB, rsa_of(1))}};
            return Script{};
        };
    }
    void look_up(std::uint8_t host, const Address& on_behalf) {
        d().look_up_delegation(Address::ipv4(192, 2, 0, host), now, {on_behalf, false});
        exchange();
    }
    /// The pool takes one, works, and brings it back. false: there is none.
    bool turn() {
        auto judgement = d().next_judgement();
        if (!judgement) return false;
        CHECK(d().next_judgement() == nullptr);
        judgement->run();
        d().on_judged(*judgement, now);
        exchange();
        return true;
    }
};

}  // namespace

TEST_CASE("judgements elsewhere: one is out at a time, and the look-up ends with the last") {
    PoolWorld w;
    w.look_up(66, kSgB);
    CHECK_FALSE(w.d().next_completion());
    CHECK(w.d().load().to_judge == 2);
    unsigned turns = 0;
    while (w.turn()) ++turns;
    CHECK(turns >= 2);
    const auto done = w.d().next_completion();
    REQUIRE(done);
    CHECK(std::get<DelegationDone>(*done).answer.verdict == Verdict::secure);
    CHECK(std::get<DelegationDone>(*done).answer.outcome == Outcome::usable);
    CHECK(w.d().load().to_judge == 0);
    CHECK(w.d().next_deadline() == kNever);
}

TEST_CASE("judgements elsewhere: who makes many waits for himself only") {
    PoolWorld w;
    const Address scanner = Address::ipv4(10, 0, 0, 1), other = Address::ipv4(10, 0, 0, 2);
    for (std::uint8_t host = 1; host <= 20; ++host) w.look_up(host, scanner);
    w.look_up(200, other);
    CHECK(w.d().load().to_judge == 62);
    for (unsigned turns = 0; turns < 5; ++turns) CHECK(w.turn());
    CHECK(std::ranges::count(w.judged, Address::ipv4(192, 2, 0, 200).reverse_name()) == 2);
    bool answered = false;
    while (const auto done = w.d().next_completion())
        answered |= std::get<DelegationDone>(*done).owner == Address::ipv4(192, 2, 0, 200);
    CHECK(answered);
}

TEST_CASE("judgements elsewhere: what comes back too late is let go") {
    PoolWorld w;
    const LookupId first = w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    auto judgement = w.d().next_judgement();
    REQUIRE(judgement);
    SECTION("nobody waits") {
        w.d().abandon(first);
        judgement->run();
        w.d().on_judged(*judgement, w.now);
        CHECK_FALSE(w.turn());
    }
    SECTION("it was asked anew meanwhile: the old judgement does not answer the new question") {
        w.d().abandon(first);
        w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{}); };
        w.d().look_up_delegation(kBob, w.now);
        w.exchange();
        CHECK(w.d().next_judgement() == nullptr);  // one is out
        judgement->run();
        w.d().on_judged(*judgement, w.now);
        CHECK_FALSE(w.d().next_completion());
        while (w.turn()) continue;
        const auto done = w.d().next_completion();
        REQUIRE(done);
        CHECK(std::get<DelegationDone>(*done).answer.outcome == Outcome::none);
    }
    SECTION("the look-up ran out of time") {
        w.run_until(w.now + 5s);
        const auto done = w.d().next_completion();
        REQUIRE(done);
        CHECK(std::get<DelegationDone>(*done).answer.outcome == Outcome::failed);
        judgement->run();
        w.d().on_judged(*judgement, w.now);
    }
    SECTION("discovery is gone before it has run") {
        w.discovery.reset();
        judgement->run();
    }
    CHECK((w.discovery == nullptr || w.d().next_deadline() == kNever));
}

TEST_CASE("what is learnt during a judgement is told when it has ended") {
    struct Learner : Validator {
        std::vector<std::string>& seen;
        explicit Learner(std::vector<std::string>& s) : seen(s) {}
        Step judge(const Question&, ByteView, Time) override { return Judged{}; }
        void learn(const Question& question, std::optional<ByteView>, Time) override {
            seen.push_back(question.name);
        }
        void forget(const Question&) override {}
        void stands(const Question&) override {}
    };
    std::vector<std::string> seen;
    Bench bench(std::make_shared<Learner>(seen));
    const auto learn = [&](const std::string& name) {
        bench.tell([name](Validator& v) { v.learn({name, 48}, std::nullopt, Time{}); });
    };
    learn("a.");
    CHECK(seen == std::vector<std::string>{"a."});
    bench.wait(kBob, {"q.", 16});
    REQUIRE(bench.next());
    const auto judgement = bench.begin({"q.", 16}, 1, {}, Time{});
    learn("b.");
    learn("c.");
    CHECK(seen.size() == 1);
    bench.wait(kBob, {"r.", 16});
    CHECK_FALSE(bench.next());
    bench.ended();
    CHECK(seen == std::vector<std::string>{"a.", "b.", "c."});
    CHECK(bench.next());
    CHECK_FALSE(bench.next());
}
