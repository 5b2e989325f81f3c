// The whole of discovery, driven by scripted answers in virtual time: every outcome
// and every way in which a DNS can fail.
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);

/// By type; absent otherwise.
auto zone(std::map<std::uint16_t, Script> by_type) {
    return
        [by_type = std::move(by_type)](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
            const auto at = by_type.find(seen.question.type);
            return at == by_type.end() ? Script{} : at->second;
        };
}

const PublicKey kKeyB = rsa_of(2);
const Script kGood{.rdata = {ipseckey(10, kSgB, kKeyB)}};

}  // namespace

TEST_CASE("a secure delegation is found, three types asked in parallel") {
    World w;
    w.dns = zone({{kIpseckey, kGood}});
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::usable);
    CHECK(answer.verdict == Verdict::secure);
    REQUIRE(answer.candidates.size() == 1);
    CHECK(answer.candidates[0].gateway == kSgB);
    CHECK(answer.candidates[0].id == Identity::of(kSgB));
    CHECK(answer.candidates[0].precedence == 10);
    CHECK(answer.candidates[0].source == RecordType::ipseckey);
    CHECK(answer.candidates[0].keys == std::vector{kKeyB});
    CHECK(answer.candidates[0].verdict == Verdict::secure);
    CHECK(answer.lifetime == 600s);
    REQUIRE(answer.records.size() == 1);
    CHECK(answer.records[0].judgement == "usable");
    CHECK(answer.detail == "IPSECKEY of 192.2.0.66: 1 gateway, secure");
    REQUIRE(w.sent.size() == 3);
    for (const SendQuery& query : w.sent) {
        const SeenQuestion seen = read_question(query.message);
        CHECK(seen.question.name == "66.0.2.192.in-addr.arpa.");
        CHECK(seen.rd);
        CHECK_FALSE(seen.cd);
        CHECK_FALSE(query.tcp);
    }
}

TEST_CASE("IPv6 owners are asked in ip6.arpa") {
    World w;
    const Address host = *Address::parse("2001:db8:2::66"), gateway = *Address::parse("2001:db8:1::5");
    w.dns = zone({{kIpseckey, {.rdata = {ipseckey(10, gateway, kKeyB)}}}});
    const DelegationAnswer answer = w.delegation(host);
    REQUIRE(answer.candidates.size() == 1);
    CHECK(answer.candidates[0].gateway == gateway);
    CHECK(read_question(w.sent[0].message).question.name == host.reverse_name());
}

TEST_CASE("absence: none, for min(SOA MINIMUM, SOA TTL)") {
    World w;
    w.dns = zone({});
    DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::none);
    CHECK(answer.verdict == Verdict::secure);
    CHECK(answer.lifetime == 60s);

    World nx;
    nx.dns = zone({{kIpseckey, {.rcode = 3, .ad = false, .soa_ttl = 20, .soa_minimum = 500}},
                   {kTxt, {.rcode = 3, .ad = false}},
                   {kKey, {.rcode = 3, .ad = false}}});
    answer = nx.delegation(kBob);
    CHECK(answer.outcome == Outcome::none);
    CHECK(answer.verdict == Verdict::indeterminate);
    CHECK(answer.lifetime == 20s);
}

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
    CHECK(w.sent.size() == 4);

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
    const Time start = w.now;
    w.d().look_up_delegation(kBob, w.now);
    w.run_until(start + 4999ms);
    CHECK_FALSE(w.d().next_completion());
    w.run_until(start + 5s);
    const auto done = w.d().next_completion();
    REQUIRE(done);
    CHECK(std::get<DelegationDone>(*done).answer.outcome == Outcome::failed);
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
    const Time start = w.now;
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional<Script>{}; };
    w.d().look_up_delegation(kBob, w.now);
    w.run_until(start + 4999ms);
    CHECK_FALSE(w.d().next_completion());
    w.run_until(start + 5s);
    const auto done = w.d().next_completion();
    REQUIRE(done);
    const DelegationAnswer& answer = std::get<DelegationDone>(*done).answer;
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

TEST_CASE("one slow type holds the verdict back until it has answered") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type == kTxt) return std::nullopt;
        return seen.question.type == kIpseckey ? kGood : Script{};
    };
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    CHECK_FALSE(w.d().next_completion());
    REQUIRE(w.open.size() == 1);
    const SendQuery slow = w.open.begin()->second;
    w.d().on_message(slow.query, answer_to(slow.message, Script{}), w.now + 700ms);
    REQUIRE(w.d().next_completion());
}

TEST_CASE("a type that stays silent leaves a usable stronger one standing, but hides no stronger one") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type == kTxt) return std::nullopt;
        return seen.question.type == kIpseckey ? kGood : Script{};
    };
    CHECK(w.delegation(kBob).outcome == Outcome::usable);

    World hidden;
    hidden.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type == kIpseckey) return std::nullopt;
        return seen.question.type == kTxt ? Script{.rdata = {txt_to(10, "192.1.1.5", kKeyB)}} : Script{};
    };
    CHECK(hidden.delegation(kBob).outcome == Outcome::failed);
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

TEST_CASE("bogus at one resolver is not washed clean by another") {
    World w(2);
    w.dns = [&](const SendQuery& query, const SeenQuestion& seen) -> std::optional<Script> {
        if (query.server == w.config.resolvers[1].address) return kGood;
        return seen.cd ? kGood : Script{.rcode = 2};
    };
    CHECK(w.delegation(kBob).outcome == Outcome::bogus);
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

TEST_CASE("the cache answers without asking, until the lifetime is over") {
    World w;
    w.dns = zone({{kIpseckey, kGood}});
    w.delegation(kBob);
    CHECK(w.sent.size() == 3);
    w.now += 100s;
    const DelegationAnswer again = w.delegation(kBob);
    CHECK(w.sent.size() == 3);
    CHECK(again.outcome == Outcome::usable);
    CHECK(again.lifetime < 600s);
    CHECK(again.lifetime >= 400s);
    CHECK(w.d().counters().cache_hits == 1);
    REQUIRE(w.d().cached(kBob, w.now));
    CHECK(w.d().cached(kBob, w.now)->left < 500s);
    CHECK(w.d().cached(w.now).size() == 1);
    w.now += 600s;
    CHECK_FALSE(w.d().cached(kBob, w.now));
    w.delegation(kBob);
    CHECK(w.sent.size() == 6);
    w.d().flush();
    w.delegation(kBob);
    CHECK(w.sent.size() == 9);
}

TEST_CASE("a failure is remembered for half a minute, whatever its lifetime") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{.rcode = 2}); };
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    const std::size_t num_sent = w.sent.size();
    w.now += 29s;
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    CHECK(w.sent.size() == num_sent);
    w.now += 2s;
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    CHECK(w.sent.size() == 2 * num_sent);
}

TEST_CASE("a signed answer does not outlive its signature") {
    World w;
    Script script = kGood;
    script.rrsig_expiration = static_cast<std::uint32_t>(w.wall + 90);
    w.dns = zone({{kIpseckey, script}});
    CHECK(w.delegation(kBob).lifetime == 90s);
    w.d().flush();
    w.wall += 100;  // expired while on the way
    CHECK(w.delegation(kBob).lifetime == 1s);
}

TEST_CASE("equal questions in flight are asked once and answer everybody") {
    World w;
    const LookupId first = w.d().look_up_delegation(kBob, w.now);
    const LookupId second = w.d().look_up_delegation(kBob, w.now);
    const LookupId keys = w.d().look_up_keys(Identity::of(kBob), w.now);
    w.exchange();
    REQUIRE(w.sent.size() == 3);
    for (const SendQuery& query : w.sent)
        w.d().on_message(query.query, answer_to(query.message, Script{}), w.now);
    w.exchange();
    std::set<LookupId> done;
    while (auto completion = w.d().next_completion())
        done.insert(std::visit([](const auto& c) { return c.lookup; }, *completion));
    CHECK(done == std::set<LookupId>{first, second, keys});
    CHECK(w.open.empty());
}

TEST_CASE("an abandoned look-up frees its sockets unless another waits for them") {
    World w;
    const LookupId first = w.d().look_up_delegation(kBob, w.now);
    const LookupId second = w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    w.d().abandon(first);
    w.exchange();
    CHECK(w.open.size() == 3);
    w.d().abandon(second);
    w.exchange();
    CHECK(w.open.empty());
    CHECK(w.d().next_deadline() == kNever);
    // One that has just completed is not delivered any more.
    w.dns = zone({});
    const LookupId third = w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    w.d().abandon(third);
    CHECK_FALSE(w.d().next_completion());
}

TEST_CASE("sockets in flight are bounded; the others wait and are asked in their turn") {
    World w;
    w.config.max_queries = 4;
    w.config.max_waiting = 20;
    std::size_t most = 0;
    for (std::uint8_t i = 0; i < 8; ++i) w.d().look_up_delegation(Address::ipv4(192, 2, 0, i), w.now);
    w.exchange();
    CHECK(w.open.size() == 4);
    while (!w.open.empty()) {
        most = std::max(most, w.open.size());
        const SendQuery query = w.open.begin()->second;
        w.d().on_message(query.query, answer_to(query.message, Script{}), w.now);
        w.exchange();
    }
    CHECK(most == 4);
    int done = 0;
    while (w.d().next_completion()) ++done;
    CHECK(done == 8);

    // A scan beyond all bounds is refused, not stored.
    std::vector<LookupId> scan;
    for (unsigned i = 0; i < 100; ++i)
        scan.push_back(w.d().look_up_delegation(Address::ipv4(0xc0030000 + i), w.now));
    CHECK(w.d().counters().refused > 0);
    // Freed by abandonment, too.
    w.exchange();
    for (std::size_t i = 0; i < 2; ++i) w.d().abandon(scan[i]);
    w.exchange();
    CHECK(w.open.size() == 4);
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

TEST_CASE("aliases are followed, and the shortest TTL of the chain counts") {
    World w;
    Script script = kGood;
    script.aliases = {"a.example.", "b.example."};
    script.ttl = 50;
    w.dns = zone({{kIpseckey, script}});
    DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::usable);
    CHECK(answer.lifetime == 50s);
    // Not authenticated: what is behind the aliases names another than the queried address.
    w.d().flush();
    script.ad = false;
    w.dns = zone({{kIpseckey, script}});
    CHECK(w.delegation(kBob).outcome == Outcome::unusable);
}

TEST_CASE("eight aliases are followed, nine and loops are not") {
    World w;
    Script script = kGood;
    for (int i = 0; i < 8; ++i)
        script.aliases.push_back(std::string(1, static_cast<char>('a' + i)) + ".example.");
    w.dns = zone({{kIpseckey, script}});
    CHECK(w.delegation(kBob).outcome == Outcome::usable);
    w.d().flush();
    script.aliases.push_back("z.example.");
    w.dns = zone({{kIpseckey, script}});
    CHECK(w.delegation(kBob).outcome == Outcome::failed);
    w.d().flush();
    script.aliases = {"a.example.", "b.example.", "a.example."};
    w.dns = zone({{kIpseckey, script}});
    CHECK(w.delegation(kBob).outcome == Outcome::failed);
}

TEST_CASE("equal precedence comes in random order, unequal never") {
    World w;
    const Address g1 = Address::ipv4(192, 1, 1, 1), g2 = Address::ipv4(192, 1, 1, 2),
                  g3 = Address::ipv4(192, 1, 1, 3);
    w.dns = zone(
        {{kIpseckey,
          {.rdata = {ipseckey(20, g3, rsa_of(3)), ipseckey(5, g1, rsa_of(1)), ipseckey(5, g2, rsa_of(2))}}}});
    std::set<Address> first;
    for (int i = 0; i < 40; ++i) {
        const DelegationAnswer answer = w.delegation(kBob);  // mostly from the cache
        REQUIRE(answer.candidates.size() == 3);
        first.insert(answer.candidates[0].gateway);
        CHECK(answer.candidates[2].gateway == g3);
    }
    CHECK(first == std::set{g1, g2});
}

TEST_CASE("keys of an identity: by reverse name or by name, all of them") {
    World w;
    const PublicKey today = rsa_of(1), tomorrow = rsa_of(2), third = rsa_of(3);
    w.dns = zone({{kIpseckey, {.rdata = {ipseckey(10, 0, 2, {}, today.data)}}},
                  {kTxt, {.rdata = {txt_to(10, "192.1.1.5", third), txt_to(10, "192.1.1.9", rsa_of(9))}}},
                  {kKey, {.rdata = {key_record(today), key_record(tomorrow)}}}});
    const KeyAnswer answer = w.keys(Identity::of(kSgB));
    CHECK(answer.outcome == Outcome::usable);
    CHECK(answer.verdict == Verdict::secure);
    CHECK(answer.keys == std::vector{today, third, tomorrow});
    CHECK(read_question(w.sent[0].message).question.name == "5.1.1.192.in-addr.arpa.");

    w.keys(Identity::of_name("sg-b.Example"));
    CHECK(read_question(w.sent.back().message).question.name == "sg-b.example.");
    w.keys(Identity::of_name("a..b"));
    const KeyAnswer odd = w.keys(Identity::of_name(std::string(300, 'x')));
    CHECK(odd.outcome == Outcome::unusable);
    const std::size_t num_sent = w.sent.size();
    CHECK(w.keys(Identity::of(kSgB)).keys.size() == 3);
    CHECK(w.sent.size() == num_sent);
}
