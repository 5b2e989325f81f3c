// A resolver that validates says SERVFAIL, and with CD = 1 it has data: before that is bogus
// its judgement is asked for once more.
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);
const Script kGood{.rdata = {ipseckey(10, kSgB, rsa_of(2))}};

}  // namespace

TEST_CASE("SERVFAIL, data with CD=1: the judgement is asked for once more, and that counts") {
    struct Row {
        const char* what;
        std::optional<Script> again;  // to the second question without CD
        Outcome outcome;
        Verdict verdict;
        Duration after;
    };
    Script unsigned_record{.ad = false, .rdata = {ipseckey(10, kBob, rsa_of(2))}};
    const std::vector<Row> rows{
        {"mended", kGood, Outcome::usable, Verdict::secure, 0s},
        {"mended, it is absent", Script{}, Outcome::none, Verdict::secure, 0s},
        {"the servers were silent for a moment, nobody signs", unsigned_record, Outcome::usable,
         Verdict::indeterminate, 0s},
        {"still", Script{.rcode = 2}, Outcome::bogus, Verdict::bogus, 0s},
        {"REFUSED", Script{.rcode = 5}, Outcome::bogus, Verdict::bogus, 0s},
        {"silence", {}, Outcome::bogus, Verdict::bogus, 5s},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        World w;
        unsigned num_asked = 0;
        w.dns = [&](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
            if (seen.question.type != kIpseckey) return Script{};
            if (seen.cd) return unsigned_record;
            return num_asked++ == 0 ? Script{.rcode = 2} : row.again;
        };
        const Time start = w.now;
        w.d().look_up_delegation(kBob, w.now);
        w.exchange();
        if (row.after > 0s) w.run_until(start + row.after);
        const auto done = w.d().next_completion();
        REQUIRE(done);
        const DelegationAnswer& answer = std::get<DelegationDone>(*done).answer;
        CHECK(answer.outcome == row.outcome);
        CHECK(answer.verdict == row.verdict);
        CHECK(w.d().counters().confirmations == 1);
        CHECK(w.d().resolvers(w.now)[0].forgeries == 0);
        CHECK_FALSE(w.d().next_complaint());
        CHECK(w.open.empty());
    }
}

TEST_CASE("an old SERVFAIL to a repetition does not confirm that it is bogus") {
    World w;
    w.d().look_up_delegation(kBob, w.now);
    w.run_until(w.now + w.config.retransmit);
    REQUIRE(w.sent.size() == 6);  // each type twice
    const auto answer = [&](const SendQuery& query, const Script& script) {
        w.d().on_message(query.query, answer_to(query.message, script), w.now);
        w.exchange();
    };
    answer(w.sent[0], {.rcode = 2});
    REQUIRE(w.sent.size() == 7);
    answer(w.sent[6], {.ad = false});  // CD=1
    REQUIRE(w.sent.size() == 8);
    const Question question = read_question(w.sent[0].message).question;
    for (const std::size_t i : {3, 4, 5})
        if (read_question(w.sent[i].message).question == question) answer(w.sent[i], {.rcode = 2});
    REQUIRE(w.sent.size() == 8);
    answer(w.sent[7], kGood);
    answer(w.sent[1], {});
    answer(w.sent[2], {});
    const auto done = w.d().next_completion();
    REQUIRE(done);
    CHECK(std::get<DelegationDone>(*done).answer.outcome == Outcome::usable);
}

TEST_CASE("what one resolver confirms as bogus another cannot take back for it") {
    World w(2);
    unsigned num_asked = 0;
    w.dns = [&](const SendQuery& query, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type != kIpseckey) return Script{};
        const Script weak{.ad = false, .rdata = {ipseckey(10, kBob, rsa_of(2))}};
        if (seen.cd) return weak;
        if (query.server == w.config.resolvers[0].address) return Script{.rcode = 2};
        return num_asked++ == 0 ? Script{.rcode = 2} : weak;
    };
    CHECK(w.delegation(kBob).outcome == Outcome::bogus);
    CHECK(w.d().counters().confirmations == 2);
}
