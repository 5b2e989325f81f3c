// How resolvers are asked, in virtual time: repetition, matching, TCP, EDNS, SERVFAIL,
// and what becomes of a resolver that is dead.
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);

const PublicKey kKeyB = rsa_of(2);
const Script kGood{.rdata = {ipseckey(10, kSgB, kKeyB)}};

}  // namespace

TEST_CASE("SERVFAIL, but CD=1 answers: bogus, never none or failed") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type != kTxt) return Script{};
        return seen.cd ? Script{.ad = false, .rdata = {txt_to(10, "192.1.1.66", kKeyB)}} : Script{.rcode = 2};
    };
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::bogus);
    CHECK(answer.verdict == Verdict::bogus);
    CHECK(answer.candidates.empty());
    CHECK(answer.lifetime <= 300s);
    CHECK(w.sent.size() == 5);  // TXT: CD=0, CD=1, and CD=0 once more

    // Also where what CD=1 shows is absence: somebody cut the record out.
    World cut;
    cut.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        return seen.cd ? Script{.rcode = 3, .ad = false} : Script{.rcode = 2};
    };
    CHECK(cut.delegation(kBob).outcome == Outcome::bogus);
    CHECK(cut.keys(Identity::of(kSgB)).outcome == Outcome::bogus);
}

TEST_CASE("SERVFAIL twice: failed, at once") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{.rcode = 2}); };
    const Time start = w.now;
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    const auto done = w.d().next_completion();
    REQUIRE(done);
    const DelegationAnswer& answer = std::get<DelegationDone>(*done).answer;
    CHECK(w.now == start);
    CHECK(answer.outcome == Outcome::failed);
    CHECK(answer.lifetime <= 300s);
    CHECK(w.sent.size() == 6);
    CHECK(w.open.empty());
}

TEST_CASE("SERVFAIL, then CD=1 lost: failed after the time-out") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion& seen) {
        return seen.cd ? std::nullopt : std::optional(Script{.rcode = 2});
    };
    CHECK(w.delegation_at_timeout(kBob).outcome == Outcome::failed);
}

TEST_CASE("lost answers are asked for again, each time from a fresh socket and ID") {
    World w;
    int asked = 0;
    w.dns = [&](const SendQuery&, const SeenQuestion&) -> std::optional<Script> {
        return ++asked <= 3 ? std::nullopt : std::optional(kGood);
    };
    const Time start = w.now;
    w.d().look_up_delegation(kBob, w.now);
    w.run_until(start + 999ms);
    CHECK(w.sent.size() == 3);
    w.run_until(start + 1s);
    REQUIRE(w.sent.size() == 6);
    CHECK(w.d().next_completion());
    CHECK(w.sent[3].query != w.sent[0].query);
    CHECK(read_question(w.sent[3].message).id != read_question(w.sent[0].message).id);
    CHECK(w.open.empty());
}

TEST_CASE("no answer at all: failed after the time of a look-up") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional<Script>{}; };
    const DelegationAnswer answer = w.delegation_at_timeout(kBob);
    CHECK(answer.outcome == Outcome::failed);
    CHECK(answer.detail.find("no answer in time") != std::string::npos);
    CHECK(w.sent.size() == 15);
    CHECK(w.open.empty());
}

TEST_CASE("a late answer to an earlier repetition still counts; one after the end does not") {
    World w;
    w.d().look_up_delegation(kBob, w.now);
    w.run_until(w.now + 2500ms);
    REQUIRE(w.sent.size() == 9);
    for (std::size_t i = 0; i < 3; ++i)
        w.d().on_message(w.sent[i].query, answer_to(w.sent[i].message, kGood), w.now);
    w.exchange();
    REQUIRE(w.d().next_completion());
    CHECK(w.open.empty());
    w.d().on_message(w.sent[3].query, answer_to(w.sent[3].message, Script{}), w.now);
    w.d().on_transport_error(w.sent[4].query, w.now);
    CHECK_FALSE(w.d().next_completion());
    CHECK_FALSE(w.d().next_action());
}

TEST_CASE("what does not match is counted and ignored, the query goes on waiting") {
    World w;
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    REQUIRE(w.sent.size() == 3);
    for (const SendQuery& query : w.sent) {
        w.d().on_message(query.query, answer_to(query.message, {.id_xor = 1}), w.now);
        w.d().on_message(query.query, answer_to(query.message, {.other_question = true}), w.now);
        w.d().on_message(query.query, answer_to(query.message, {.is_query = true}), w.now);
        const Bytes whole = answer_to(query.message, kGood);
        w.d().on_message(query.query, ByteView(whole).first(whole.size() - 1), w.now);
        w.d().on_message(query.query, ByteView(whole).first(5), w.now);
        w.d().on_message(query.query, {}, w.now);
    }
    CHECK(w.d().counters().mismatched == 18);
    CHECK(w.d().counters().received == 0);
    CHECK_FALSE(w.d().next_completion());
    // An answer to another of our questions, with the right ID of its own, is none either.
    w.d().on_message(w.sent[0].query, answer_to(w.sent[1].message, kGood), w.now);
    CHECK_FALSE(w.d().next_completion());
    for (const SendQuery& query : w.sent)
        w.d().on_message(query.query, answer_to(query.message, kGood), w.now);
    w.exchange();
    CHECK(w.d().next_completion());
}

TEST_CASE("truncated answers are asked for over TCP") {
    World w;
    w.dns = [](const SendQuery& query, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type != kIpseckey) return Script{};
        return query.tcp ? kGood : Script{.truncated = true};
    };
    CHECK(w.delegation(kBob).outcome == Outcome::usable);
    CHECK(w.d().counters().tcp == 1);
    CHECK(w.sent.size() == 4);
    CHECK(w.sent.back().tcp);

    SECTION("and a TCP connection that breaks is tried again in its turn") {
        w.d().flush();
        int broken = 0;
        w.dns = [&](const SendQuery& query, const SeenQuestion& seen) -> std::optional<Script> {
            if (seen.question.type != kIpseckey) return Script{};
            if (!query.tcp) return Script{.truncated = true};
            if (broken++ > 0) return kGood;
            w.d().on_transport_error(query.query, w.now);
            return std::nullopt;
        };
        CHECK(w.delegation(kBob).outcome == Outcome::usable);
        CHECK(broken == 2);
    }
}

TEST_CASE("the next resolver is asked when one is silent, refuses, fails or is unreachable") {
    World w(2);
    const auto from_second = [&](const SendQuery& query, auto first) -> std::optional<Script> {
        return query.server == w.config.resolvers[1].address ? std::optional(kGood) : first();
    };
    SECTION("silent") {
        w.dns = [&](const SendQuery& query, const SeenQuestion&) {
            return from_second(query, [] { return std::optional<Script>{}; });
        };
    }
    SECTION("REFUSED") {
        w.dns = [&](const SendQuery& query, const SeenQuestion&) {
            return from_second(query, [] { return std::optional(Script{.rcode = 5}); });
        };
    }
    SECTION("SERVFAIL with CD=1, too") {
        w.dns = [&](const SendQuery& query, const SeenQuestion&) {
            return from_second(query, [] { return std::optional(Script{.rcode = 2}); });
        };
    }
    SECTION("unreachable") {
        w.dns = [&](const SendQuery& query, const SeenQuestion&) {
            return from_second(query, [&] {
                w.d().on_transport_error(query.query, w.now);
                return std::optional<Script>{};
            });
        };
    }
    CHECK(w.delegation(kBob).outcome == Outcome::usable);
    CHECK(w.open.empty());
}

TEST_CASE("a dead resolver is not asked first again for a minute") {
    World w(2);
    bool dead = true;
    w.dns = [&](const SendQuery& query, const SeenQuestion&) -> std::optional<Script> {
        if (dead && query.server == w.config.resolvers[0].address) return std::nullopt;
        return kGood;
    };
    const auto first_asked = [&](std::uint8_t host) {
        const std::size_t num_sent = w.sent.size();
        w.d().look_up_delegation(Address::ipv4(192, 2, 0, host), w.now);
        w.exchange();
        const Address server = w.sent.at(num_sent).server;
        w.run_until(w.now + 2s);
        CHECK(w.d().next_completion());
        return server;
    };
    // The three questions of one look-up are lost together: no proof yet.
    CHECK(first_asked(1) == w.config.resolvers[0].address);
    CHECK(first_asked(2) == w.config.resolvers[0].address);
    CHECK(first_asked(3) == w.config.resolvers[1].address);
    dead = false;
    w.now += 30s;
    CHECK(first_asked(4) == w.config.resolvers[1].address);
    w.now += 60s;
    CHECK(first_asked(5) == w.config.resolvers[0].address);

    SECTION("and when all rest, they are asked in the configured order") {
        w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional<Script>{}; };
        for (std::uint8_t i = 10; i < 13; ++i) {
            w.d().look_up_delegation(Address::ipv4(192, 2, 0, i), w.now);
            w.run_until(w.now + 6s);
            while (w.d().next_completion()) {
            }
        }
        w.dns = [&](const SendQuery&, const SeenQuestion&) { return std::optional(kGood); };
        CHECK(first_asked(20) == w.config.resolvers[0].address);
    }
    SECTION("SERVFAIL is about a zone, not about the resolver") {
        w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{.rcode = 2}); };
        for (std::uint8_t i = 30; i < 36; ++i) {
            w.d().look_up_delegation(Address::ipv4(192, 2, 0, i), w.now);
            w.exchange();
            CHECK(w.d().next_completion());
        }
        w.dns = [&](const SendQuery&, const SeenQuestion&) { return std::optional(kGood); };
        CHECK(first_asked(40) == w.config.resolvers[0].address);
    }
}

TEST_CASE("a busy resolver is not dead, and a trusted one never rests behind others") {
    World w(2);
    const bool trusted_too = GENERATE(true, false);
    w.config.resolvers[1].trusted_path = trusted_too;
    bool dead = false;
    w.dns = [&](const SendQuery& query, const SeenQuestion& seen) -> std::optional<Script> {
        if (query.server == w.config.resolvers[1].address) return kGood;
        if (dead || seen.question.name.starts_with("1.")) return std::nullopt;  // a lame zone
        return kGood;
    };
    const auto look_up = [&](std::uint8_t host) {
        const std::size_t num_sent = w.sent.size();
        w.d().look_up_delegation(Address::ipv4(192, 2, host, host), w.now, {{}, true});
        w.exchange();
        return w.sent.at(num_sent).server;
    };
    const Address first = w.config.resolvers[0].address, second = w.config.resolvers[1].address;
    for (int i = 0; i < 5; ++i) {
        look_up(1);  // and others meanwhile
        w.run_until(w.now + 500ms);
        CHECK(look_up(2) == first);
        w.run_until(w.now + 1s);
    }
    CHECK(look_up(3) == first);
    w.run_until(w.now + 10s);
    dead = true;
    for (int i = 0; i < 2; ++i) {
        look_up(4);
        w.run_until(w.now + 10s);
    }
    CHECK(look_up(5) == (trusted_too ? second : first));
}

TEST_CASE("AD counts only from a resolver on a trusted path") {
    World w(1, false);
    w.dns = zone({{kIpseckey, kGood}});
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::unusable);  // names another than the queried address
    CHECK(answer.verdict == Verdict::indeterminate);

    World self(1, false);
    self.dns = zone({{kIpseckey, {.rdata = {ipseckey(10, kBob, kKeyB)}}}});
    const DelegationAnswer own = self.delegation(kBob);
    CHECK(own.outcome == Outcome::usable);
    CHECK(own.verdict == Verdict::indeterminate);
    CHECK(own.candidates.at(0).verdict == Verdict::indeterminate);
}

TEST_CASE("repetitions keep within the bound of sockets, too") {
    World w;
    w.config.max_queries = 4;
    w.d().look_up_delegation(kBob, w.now);
    for (int i = 0; i < 45; ++i) {
        w.run_until(w.now + 100ms);
        CHECK(w.open.size() <= 4);
    }
    CHECK(w.open.size() == 4);
    w.run_until(w.now + 1s);
    CHECK(w.open.empty());
    CHECK(w.d().next_completion());
}

TEST_CASE("without a resolver every look-up fails at once") {
    World w(0);
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::failed);
    CHECK(answer.detail.find("no resolver") != std::string::npos);
}

TEST_CASE("a resolver that does not know EDNS is asked without") {
    World w;
    int with = 0, without = 0;
    const unsigned rcode = GENERATE(1u, 4u);
    const bool header_only = GENERATE(false, true);
    if (header_only && rcode != 1) return;
    w.dns = [&](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        ++(seen.edns ? with : without);
        if (seen.edns) return Script{.rcode = rcode, .header_only = header_only};
        return seen.question.type == kIpseckey ? kGood : Script{};
    };
    CHECK(w.delegation(kBob).outcome == Outcome::usable);
    CHECK(with == 3);
    CHECK(without == 3);
    CHECK(w.d().counters().plain == 3);
    // FORMERR to the plain question ends it, with or without the question.
    w.d().flush();
    w.dns = [&](const SendQuery&, const SeenQuestion&) { return std::optional(Script{.rcode = rcode}); };
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::failed);
    CHECK(answer.detail.find("answers rcode") != std::string::npos);
}

TEST_CASE("IDs are drawn anew for each attempt and are spread") {
    World w;
    std::set<std::uint16_t> ids;
    for (std::uint8_t i = 0; i < 100; ++i) w.d().look_up_delegation(Address::ipv4(192, 2, 0, i), w.now);
    w.exchange();
    for (const SendQuery& query : w.sent) ids.insert(read_question(query.message).id);
    REQUIRE(w.sent.size() == 300);
    CHECK(ids.size() > 290);
    CHECK(*ids.rbegin() - *ids.begin() > 60000);
    std::set<QueryId> sockets;
    for (const SendQuery& query : w.sent) sockets.insert(query.query);
    CHECK(sockets.size() == 300);  // one socket, one source port each (test_transport.cpp)
}

TEST_CASE("an answer to the same name of another type or class is no answer") {
    World w;
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    Bytes other_type = answer_to(w.sent[0].message, kGood);
    // The type and class of the question stand behind the header and the name.
    const std::size_t type_at = 12 + kBob.reverse_name().size() + 1;
    other_type[type_at + 1] ^= 1;
    w.d().on_message(w.sent[0].query, other_type, w.now);
    Bytes other_class = answer_to(w.sent[0].message, kGood);
    other_class[type_at + 3] = 3;
    w.d().on_message(w.sent[0].query, other_class, w.now);
    CHECK(w.d().counters().mismatched == 2);
    CHECK(w.d().counters().received == 0);
    // The case of the name may differ.
    Bytes shouted = answer_to(w.sent[0].message, kGood);
    for (std::size_t i = 12; i < type_at; ++i)
        if (shouted[i] >= 'a' && shouted[i] <= 'z') shouted[i] = static_cast<std::uint8_t>(shouted[i] - 32);
    w.d().on_message(w.sent[0].query, shouted, w.now);
    CHECK(w.d().counters().received == 1);
}

TEST_CASE("asking about the resolver's own address ends like any other look-up") {
    World w;
    const Address resolver = w.config.resolvers[0].address;
    w.dns = zone({{kIpseckey, kGood}});
    CHECK(w.delegation(resolver).candidates.at(0).gateway == kSgB);
    CHECK(w.keys(Identity::of(resolver)).outcome == Outcome::unusable);
    CHECK(w.sent.size() == 6);  // and it leads to no further look-up
    // Also when the resolver is silent: nothing waits for what waits for it.
    w.d().flush();
    w.dns = nullptr;
    w.d().look_up_delegation(resolver, w.now);
    w.d().look_up_keys(Identity::of(resolver), w.now);
    w.run_until(w.now + 5s);
    REQUIRE(w.d().next_completion());
    REQUIRE(w.d().next_completion());
    CHECK(w.d().next_deadline() == kNever);
    CHECK(w.open.empty());
}
