// One resolver that strips or forges signatures must not be able to deny what another
// has: under validation of our own, and between resolvers that validate. And how long
// what failed all the same is kept.
#include <algorithm>

#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

constexpr std::uint16_t kDnskey = 48;
const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);
const Question kZoneKey{"arpa.", kDnskey};
const PublicKey kKeyB = rsa_of(2);
const Script kGood{.rdata = {ipseckey(10, kSgB, kKeyB)}};

/// Takes the AD bit for a good signature: of the answer, and of the zone's key.
struct Judge : Validator {
    std::map<Question, std::optional<bool>> learnt;  // signed; nullopt: not had
    std::set<Question> standing;
    unsigned num_forgotten = 0;
    bool unreadable = false;  // what is not signed cannot even be read

    Judged fault(const Question& question) const {
        const std::optional<Question> suspect =
            standing.contains(question) ? std::nullopt : std::optional(question);
        if (unreadable) return {std::nullopt, 0s, "cannot be read", "", false, suspect};
        return {Verdict::bogus, 0s, "not signed", "", false, suspect};
    }
    Step judge(const Question& question, ByteView message, Time) override {
        if (!learnt.contains(kZoneKey)) return std::vector{kZoneKey};
        if (!learnt[kZoneKey]) return Judged{std::nullopt, 0s, "no key", {}};
        if (!*learnt[kZoneKey]) return fault(kZoneKey);
        if (!parse_message(message)->authentic) return fault(question);
        return Judged{Verdict::secure, 90s, "", question.name};
    }
    void learn(const Question& question, std::optional<ByteView> message, Time) override {
        learnt[question] = std::nullopt;
        if (message) learnt[question] = parse_message(*message)->authentic;
    }
    void forget(const Question& question) override {
        CHECK(learnt.erase(question) == 1);
        ++num_forgotten;
    }
    void stands(const Question& question) override { standing.insert(question); }
};

struct OwnWorld : World {
    Judge* judge = nullptr;
    explicit OwnWorld(unsigned num_resolvers) : World(num_resolvers, false) {
        config.validation = config::Validation::own;
        auto owned = std::make_unique<Judge>();
        judge = owned.get();
        discovery = std::make_unique<Discovery>(
            config, random, [this] { return wall; }, std::move(owned));
    }
    /// What each resolver does with each question; true: signatures are left in.
    void answer(std::function<std::optional<bool>(std::size_t resolver, const Question&)> leaves) {
        dns = [leaves](const SendQuery& query, const SeenQuestion& seen) -> std::optional<Script> {
            const auto resolver = static_cast<std::size_t>(query.server.wire()[3] - 1);
            const auto whole = leaves(resolver, seen.question);
            if (!whole) return std::nullopt;
            Script script = seen.question.type == kIpseckey ? kGood : Script{};
            script.ad = *whole;
            return script;
        };
    }
    long asked(std::size_t resolver, std::uint16_t type) const {
        return std::ranges::count_if(sent, [&](const SendQuery& q) {
            return q.server == config.resolvers[resolver].address &&
                   read_question(q.message).question.type == type;
        });
    }
};

std::vector<Complaint> complaints(World& w) {
    std::vector<Complaint> all;
    while (auto complaint = w.d().next_complaint()) all.push_back(*complaint);
    return all;
}

}  // namespace

TEST_CASE("own validation: a resolver that strips signatures is outvoted by one that does not") {
    OwnWorld w(3);
    SECTION("from every answer, the zone's key included") {
        w.answer([](std::size_t resolver, const Question&) { return resolver == 1; });
        // The zone's key: once of the liar, then of the honest one.
        const DelegationAnswer answer = w.delegation(kBob);
        CHECK(answer.outcome == Outcome::usable);
        CHECK(answer.verdict == Verdict::secure);
        CHECK(w.asked(0, kDnskey) == 1);
        CHECK(w.asked(1, kDnskey) == 1);
        CHECK(w.judge->num_forgotten == 1);
    }
    SECTION("from what was asked only") {
        w.answer([](std::size_t resolver, const Question& q) { return resolver == 1 || q == kZoneKey; });
        CHECK(w.delegation(kBob).outcome == Outcome::usable);
        CHECK(w.asked(0, kDnskey) == 1);
        CHECK(w.asked(1, kDnskey) == 0);
    }
    SECTION("from the zone's key only") {
        w.answer([](std::size_t resolver, const Question& q) { return resolver == 1 || q != kZoneKey; });
        CHECK(w.delegation(kBob).outcome == Outcome::usable);
        CHECK(w.asked(1, kIpseckey) == 0);
    }
    SECTION("and what it answers cannot even be read") {
        w.judge->unreadable = true;
        w.answer([](std::size_t resolver, const Question&) { return resolver == 1; });
        CHECK(w.delegation(kBob).outcome == Outcome::usable);
    }
    SECTION("and the first two both do") {
        w.answer([](std::size_t resolver, const Question&) { return resolver == 2; });
        CHECK(w.delegation(kBob).outcome == Outcome::usable);
        CHECK(w.d().resolvers(w.now)[1].forgeries > 0);
    }
    for (const std::uint16_t type : {kIpseckey, kTxt, kKey}) {
        CHECK(w.asked(0, type) <= 1);
        CHECK(w.asked(1, type) <= 1);
    }
    // Counted for each answer, told once a resolver, asked last from now on.
    const auto resolvers = w.d().resolvers(w.now);
    CHECK(resolvers[0].forgeries > 0);
    CHECK(resolvers[0].rests);
    const auto told = complaints(w);
    REQUIRE_FALSE(told.empty());
    CHECK(told[0].resolver == w.config.resolvers[0].address);
    CHECK(told[0].text.find("resolver 10.53.0.1 gives answers that fail validation") == 0);
    CHECK(std::ranges::count(told, w.config.resolvers[0].address, &Complaint::resolver) == 1);
    w.delegation(Address::ipv4(192, 2, 0, 67));
    CHECK(complaints(w).empty());
    CHECK(w.d().counters().forged > 0);
}

TEST_CASE("own validation: after its forgery a resolver is asked last for a minute") {
    OwnWorld w(2);
    w.answer([](std::size_t resolver, const Question&) { return resolver == 1; });
    const auto first_asked = [&](std::uint8_t host) {
        const std::size_t num_sent = w.sent.size();
        w.d().look_up_delegation(Address::ipv4(192, 2, 0, host), w.now);
        w.exchange();
        CHECK(w.d().next_completion());
        return w.sent.at(num_sent).server;
    };
    const Time start = w.now;
    CHECK(first_asked(1) == w.config.resolvers[0].address);
    CHECK(w.d().resolvers(w.now)[0].rests);
    CHECK(first_asked(2) == w.config.resolvers[1].address);
    w.now = start + 59s;
    CHECK(first_asked(3) == w.config.resolvers[1].address);
    w.now = start + 61s;
    CHECK(first_asked(4) == w.config.resolvers[0].address);
}

TEST_CASE("own validation: a long chain through a liar is not asked twice over") {
    // Each link is wanted when the one before it is there; only the first is asked of both.
    struct Long : Judge {
        static Question link(int i) { return {"z" + std::to_string(i) + ".", kDnskey}; }
        Step judge(const Question& question, ByteView message, Time) override {
            for (int i = 0; i < 20; ++i) {
                if (!learnt.contains(link(i))) return std::vector{link(i)};
                if (!learnt[link(i)].value_or(false)) return fault(link(i));
            }
            if (!parse_message(message)->authentic) return fault(question);
            return Judged{Verdict::secure, 90s, "", question.name};
        }
    };
    OwnWorld w(2);
    w.discovery = std::make_unique<Discovery>(
        w.config, w.random, [&w] { return w.wall; }, std::make_unique<Long>());
    w.answer([](std::size_t resolver, const Question&) { return resolver == 1; });
    CHECK(w.delegation(kBob).outcome == Outcome::usable);
    CHECK(w.asked(0, kDnskey) == 1);
    CHECK(w.asked(1, kDnskey) == 20);
}

TEST_CASE("own validation: what all resolvers strip is bogus, each asked once, and nobody is blamed") {
    OwnWorld w(2);
    SECTION("the answers") {
        w.answer([](std::size_t, const Question& q) { return q == kZoneKey; });
        CHECK(w.delegation(kBob).outcome == Outcome::bogus);
        for (const std::uint16_t type : {kIpseckey, kTxt}) {
            CHECK(w.asked(0, type) == 1);
            CHECK(w.asked(1, type) == 1);
        }
    }
    SECTION("the zone's key: it stands, and is not asked again and again") {
        w.answer([](std::size_t, const Question& q) { return q != kZoneKey; });
        CHECK(w.delegation(kBob).outcome == Outcome::bogus);
        CHECK(w.asked(0, kDnskey) == 1);
        CHECK(w.asked(1, kDnskey) == 1);
        CHECK(w.judge->standing.contains(kZoneKey));
    }
    CHECK(w.d().counters().forged == 0);
    CHECK(w.d().resolvers(w.now)[0].forgeries == 0);
    CHECK(complaints(w).empty());
    CHECK(w.open.empty());
}

TEST_CASE(
    "own validation: bogus from one and silence from the other is bogus, within the time of a look-up") {
    OwnWorld w(2);
    SECTION("the answers") {
        w.answer([](std::size_t resolver, const Question& q) -> std::optional<bool> {
            if (resolver == 1) return std::nullopt;
            return q == kZoneKey;
        });
    }
    SECTION("the zone's key") {
        w.answer([](std::size_t resolver, const Question&) -> std::optional<bool> {
            if (resolver == 1) return std::nullopt;
            return false;
        });
    }
    const Time start = w.now;
    const DelegationAnswer answer = w.delegation_at_timeout(kBob);
    CHECK(answer.outcome == Outcome::bogus);
    CHECK(answer.detail.find(" of 192.2.0.66 is bogus: not signed") != std::string::npos);
    w.run_until(start + 11s);
    CHECK(w.open.empty());
    CHECK(w.d().next_deadline() == kNever);
}

TEST_CASE("resolvers that validate: bogus by one is outweighed by secure from another, by nothing less") {
    struct Row {
        const char* what;
        bool first_trusted, second_trusted;
        std::optional<Script> second;     // to a question without CD
        std::optional<Script> second_cd;  // with
        Outcome outcome;
        bool blamed;
    };
    const Script servfail{.rcode = 2};
    Script not_secure = kGood, other = kGood;
    not_secure.ad = false;
    other.rcode = 3;
    other.rdata.clear();
    const std::vector<Row> rows{
        {"secure", true, true, kGood, {}, Outcome::usable, true},
        {"secure, and the first was not trusted", false, true, kGood, {}, Outcome::usable, true},
        {"secure absence", true, true, other, {}, Outcome::none, true},
        {"it does not validate", true, true, not_secure, {}, Outcome::bogus, false},
        {"AD=1 without a trusted path", true, false, kGood, {}, Outcome::bogus, false},
        {"bogus, too", true, true, servfail, not_secure, Outcome::bogus, false},
        {"SERVFAIL, with CD=1 too", true, true, servfail, servfail, Outcome::bogus, false},
        {"REFUSED", true, true, Script{.rcode = 5}, {}, Outcome::bogus, false},
        {"silence", true, true, {}, {}, Outcome::bogus, false},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        World w(2);
        w.config.resolvers[0].trusted_path = row.first_trusted;
        w.config.resolvers[1].trusted_path = row.second_trusted;
        w.dns = [&](const SendQuery& query, const SeenQuestion& seen) -> std::optional<Script> {
            if (query.server == w.config.resolvers[1].address) return seen.cd ? row.second_cd : row.second;
            return seen.cd ? not_secure : servfail;
        };
        const DelegationAnswer answer = w.delegation(kBob);
        CHECK(answer.outcome == row.outcome);
        CHECK((w.d().resolvers(w.now)[0].forgeries > 0) == row.blamed);
        CHECK(complaints(w).size() == (row.blamed ? 1 : 0));
    }
}

TEST_CASE("aliases without end from one resolver: the next is asked") {
    World w(2);
    w.dns = [&](const SendQuery& query, const SeenQuestion&) -> std::optional<Script> {
        if (query.server == w.config.resolvers[1].address) return kGood;
        Script loop{.rdata = {}};
        for (int i = 0; i < 12; ++i) loop.aliases.push_back("a" + std::to_string(i) + ".example.");
        return loop;
    };
    CHECK(w.delegation(kBob).outcome == Outcome::usable);
}

TEST_CASE("timers.dns-failure is how long a failure counts, and a burst of look-ups asks once") {
    struct Row {
        const char* what;
        Duration failure;
        bool bogus;
        Duration kept;
    };
    const std::vector<Row> rows{{"failed, short", 7s, false, 7s},
                                {"bogus, short", 7s, true, 7s},
                                {"failed, the default", 300s, false, 30s},
                                {"bogus, the default", 300s, true, 30s}};
    for (const Row& row : rows) {
        INFO(row.what);
        World w;
        Surroundings surroundings;
        surroundings.failure = row.failure;
        w.discovery = std::make_unique<Discovery>(
            w.config, w.random, [&w] { return w.wall; }, nullptr, surroundings);
        w.dns = [&](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
            // TXT is absent for two seconds: no reason to end the failure earlier.
            if (seen.question.type == kTxt) return Script{.soa_ttl = 2, .soa_minimum = 2};
            return row.bogus && seen.cd ? Script{.ad = false} : Script{.rcode = 2};
        };
        const auto ask = [&] {
            w.d().look_up_delegation(kBob, w.now);
            w.exchange();
            auto done = w.d().next_completion();
            REQUIRE(done);
            return std::get<DelegationDone>(*done).answer;
        };
        const DelegationAnswer answer = ask();
        CHECK(answer.outcome == (row.bogus ? Outcome::bogus : Outcome::failed));
        CHECK(answer.lifetime == row.failure);
        const std::size_t num_sent = w.sent.size();
        w.now += row.kept - 1s;
        CHECK(ask().lifetime == row.failure - row.kept + 1s);
        CHECK(w.sent.size() == num_sent);
        w.now += 1s;
        CHECK(ask().lifetime == row.failure);
        CHECK(w.sent.size() == 2 * num_sent);
        const auto keys_of = [&] {
            w.d().look_up_keys(Identity::of(kSgB), w.now);
            w.exchange();
            auto done = w.d().next_completion();
            REQUIRE(done);
            return std::get<KeysDone>(*done).answer;
        };
        CHECK(keys_of().lifetime == row.failure);
    }
}
