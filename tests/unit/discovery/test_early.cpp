// When a look-up is decided: one silent record type must not cost the whole time-out
// where it cannot change the answer, and must where it can. And aliases of all kinds.
#include "discovery/reply.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);
const PublicKey kKeyB = rsa_of(2);
const Script kIpseckeyB{.rdata = {ipseckey(10, kSgB, kKeyB)}};
const Script kTxtB{.rdata = {txt_to(10, "192.1.1.5", kKeyB)}};
const Script kWeakTxtB{.ad = false, .rdata = {txt_to(10, "192.2.0.66", kKeyB)}};
const Script kWeak{.ad = false};
const Script kNxdomain{.rcode = 3};
const Script kServfail{.rcode = 2};

struct Decision {
    Outcome outcome;
    Duration after;
};
/// The types that are not in the map are silent.
Decision decide(std::map<std::uint16_t, Script> answers, bool keys = false) {
    World w;
    w.dns = [&](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        const auto at = answers.find(seen.question.type);
        if (at == answers.end()) return std::nullopt;
        // "Bogus": SERVFAIL, but CD=1 answers.
        return at->second.rcode == 2 && seen.cd ? Script{.ad = false} : at->second;
    };
    const Time start = w.now;
    if (keys)
        w.d().look_up_keys(Identity::of(kSgB), w.now);
    else
        w.d().look_up_delegation(kBob, w.now);
    std::optional<Completion> done;
    w.exchange();
    while (!(done = w.d().next_completion())) {
        REQUIRE(w.d().next_deadline() != kNever);
        w.run_until(w.d().next_deadline());
    }
    CHECK(w.open.empty());
    CHECK(w.d().next_deadline() == kNever);
    return {std::visit([](const auto& d) { return d.answer.outcome; }, *done), w.now - start};
}

}  // namespace

TEST_CASE("a silent type holds an answer back only where it could change it") {
    struct Row {
        const char* what;
        std::map<std::uint16_t, Script> answers;
        Outcome outcome;
        Duration after;
    };
    for (const Row& row : std::vector<Row>{
             {"KEY silent, secure IPSECKEY", {{kIpseckey, kIpseckeyB}, {kTxt, {}}}, Outcome::usable, 0s},
             {"KEY silent, secure TXT", {{kIpseckey, {}}, {kTxt, kTxtB}}, Outcome::usable, 0s},
             {"TXT and KEY silent, secure IPSECKEY", {{kIpseckey, kIpseckeyB}}, Outcome::usable, 1s},
             {"IPSECKEY silent, secure TXT", {{kTxt, kTxtB}, {kKey, {}}}, Outcome::failed, 5s},
             {"KEY silent, unsigned TXT", {{kIpseckey, kWeak}, {kTxt, kWeakTxtB}}, Outcome::usable, 5s},
             {"KEY silent, nothing else", {{kIpseckey, {}}, {kTxt, {}}}, Outcome::failed, 5s},
             {"KEY silent, IPSECKEY bogus", {{kIpseckey, kServfail}, {kTxt, {}}}, Outcome::bogus, 0s},
             {"TXT silent, IPSECKEY bogus", {{kIpseckey, kServfail}, {kKey, {}}}, Outcome::bogus, 5s},
             {"secure NXDOMAIN says it of all types", {{kIpseckey, kNxdomain}}, Outcome::none, 0s},
             {"an unsigned one does not", {{kIpseckey, {.rcode = 3, .ad = false}}}, Outcome::failed, 5s},
             {"all silent", {}, Outcome::failed, 5s},
         }) {
        INFO(row.what);
        const Decision decision = decide(row.answers);
        CHECK(decision.outcome == row.outcome);
        CHECK(decision.after == row.after);
    }
}

TEST_CASE("a host that is its own gateway waits for the type that may hold its key") {
    const Script self{.rdata = {txt("X-IPsec-Server(1)=192.2.0.66")}};
    CHECK(decide({{kIpseckey, {}}, {kTxt, self}}).after == 5s);
    const Script with_key{.rdata = {txt_to(1, "192.2.0.66", kKeyB)}};
    CHECK(decide({{kIpseckey, {}}, {kTxt, with_key}}).after == 0s);
}

TEST_CASE("a key look-up collects all keys, but not for ever") {
    const Script key{.rdata = {key_record(kKeyB)}};
    CHECK(decide({{kKey, key}, {kTxt, {}}, {kIpseckey, {}}}, true).after == 0s);
    const Decision late = decide({{kKey, key}, {kTxt, {}}}, true);
    CHECK(late.outcome == Outcome::usable);
    CHECK(late.after == 1s);
    const Script weak{.ad = false, .rdata = {key_record(kKeyB)}};
    CHECK(decide({{kKey, weak}, {kTxt, {}}}, true).after == 5s);
}

TEST_CASE("an answer from which a type is missing is kept for a moment only") {
    World w;
    bool silent = true;
    w.dns = [&](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type == kIpseckey) return kIpseckeyB;
        if (seen.question.type == kTxt && silent) return std::nullopt;
        return Script{};
    };
    CHECK(w.delegation(kBob).lifetime == 600s);  // what is in it holds that long
    CHECK(w.d().counters().early == 1);
    REQUIRE(w.d().cached(kBob, w.now));
    CHECK(w.d().cached(kBob, w.now)->left == 1s);  // 30 s after it came, at 1 s
    w.now += 1s;
    silent = false;
    w.delegation(kBob);
    CHECK(w.d().cached(kBob, w.now)->left > 500s);
}

TEST_CASE("absence holds for min(SOA MINIMUM, SOA TTL), signed not beyond its signatures") {
    constexpr std::uint32_t kWall = 2'000'000'000;
    const Question question{"66.0.2.192.in-addr.arpa.", kIpseckey};
    Message message;
    message.response = true;
    message.questions = {question};
    const auto read = [&] { return read_reply(message, question, true, kWall, 24h); };
    CHECK(read().lifetime == 60s);  // no SOA: RFC 2308 §5 says nothing to go by
    Rr soa;
    soa.type = kTypeSoa;
    soa.ttl = 300;
    soa.soa_minimum = 120;
    message.authority = {soa};
    CHECK(read().lifetime == 120s);
    message.authority[0].ttl = 90;
    CHECK(read().lifetime == 90s);
    Rr signature;
    signature.type = kTypeRrsig;
    signature.expiration = kWall + 20;
    message.authority.push_back(signature);
    CHECK(read().lifetime == 90s);  // not secure: nobody checked that signature
    message.authentic = true;
    CHECK(read().lifetime == 20s);
    CHECK(read().secure());
    message.authority[1].expiration = kWall - 5;
    CHECK(read().lifetime == 0s);
    // NXDOMAIN the same, and said so.
    message.rcode = kRcodeNxDomain;
    message.authority[1].expiration = kWall + 20;
    CHECK(read().lifetime == 20s);
    CHECK(read().no_such_name);
    CHECK(read_reply(message, question, true, kWall, 10s).lifetime == 10s);
}

TEST_CASE("classless delegation of a reverse zone: the alias of RFC 2317") {
    World w;
    Script script = kIpseckeyB;
    script.aliases = {"66.64/27.0.2.192.in-addr.arpa."};
    w.dns = zone({{kIpseckey, script}});
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::usable);
    CHECK(answer.candidates.at(0).gateway == kSgB);
}

TEST_CASE("DNAME, with the alias that the server makes of it and without") {
    World w;
    Script script = kIpseckeyB;
    script.dnames = {{"2.192.in-addr.arpa.", "rev.example."}};
    script.ttl = 50;
    SECTION("with") {
        script.aliases = {"66.0.rev.example."};
    }
    SECTION("without") {
        script.owner = "66.0.rev.example.";
    }
    w.dns = zone({{kIpseckey, script}});
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::usable);
    CHECK(answer.lifetime == 50s);
    // It moves what is below its owner, and at label boundaries only.
    w.d().flush();
    for (const char* owner : {"66.0.2.192.in-addr.arpa.", ".2.192.in-addr.arpa.", "92.in-addr.arpa.", "."}) {
        Script other = kIpseckeyB;
        other.dnames = {{owner[0] == '.' && owner[1] ? owner + 1 : owner, "rev.example."}};
        other.owner = owner[0] == '.' && owner[1] ? "6.0.rev.example." : "66.0.rev.example.";
        w.dns = zone({{kIpseckey, other}});
        CHECK(w.delegation(kBob).outcome == Outcome::none);
        w.d().flush();
    }
    // A DNAME that leads below itself grows for ever.
    Script loop = kIpseckeyB;
    loop.dnames = {{"in-addr.arpa.", "x.in-addr.arpa."}};
    w.dns = zone({{kIpseckey, loop}});
    CHECK(w.delegation(kBob).outcome == Outcome::failed);
}
