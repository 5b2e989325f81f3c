// The whole of discovery, driven by scripted answers in virtual time: every outcome
// and every way in which a DNS can fail.
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
