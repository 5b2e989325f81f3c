// One verdict over all types (keying.md): each rule of precedence, authenticity and
// bounds, on replies made by hand. And the message parser against odd messages.
#include "discovery/delegation.hpp"
#include "discovery/wire.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgA = Address::ipv4(192, 1, 1, 4);
const Address kSgB = Address::ipv4(192, 1, 1, 5);
const PublicKey kA = rsa_of(1);
const PublicKey kB = rsa_of(2);
const Bytes kBadTxt = txt("X-IPsec-Server(10)=nonsense");

Reply records(std::vector<Bytes> rdata, bool secure = true, Duration lifetime = 600s) {
    return {Reply::State::records,
            secure ? Verdict::secure : Verdict::indeterminate,
            std::move(rdata),
            lifetime,
            {}};
}
Reply absent(bool secure = true, Duration lifetime = 60s) {
    return {Reply::State::absent, secure ? Verdict::secure : Verdict::indeterminate, {}, lifetime, {}};
}
Reply failed() {
    return {Reply::State::failed, Verdict::indeterminate, {}, 300s, "no answer in time"};
}
Reply bogus() {
    return {Reply::State::bogus, Verdict::bogus, {}, 300s, "cannot be validated"};
}

DelegationAnswer judge(const Reply& ipseckey_reply, const Reply& txt_reply,
                       const Reply& key_reply = absent()) {
    return judge_delegation(kBob, {ipseckey_reply, txt_reply, key_reply});
}

}  // namespace

TEST_CASE("IPSECKEY goes before TXT; precedences of the two are never mixed") {
    const auto answer = judge(records({ipseckey(200, kSgA, kA)}), records({txt_to(1, "192.1.1.5", kB)}));
    CHECK(answer.outcome == Outcome::usable);
    REQUIRE(answer.candidates.size() == 1);
    CHECK(answer.candidates[0].gateway == kSgA);
    CHECK(answer.candidates[0].source == RecordType::ipseckey);
}

TEST_CASE("a lower type counts when the higher is absent or unusable, not when it is unknown") {
    const Reply good = records({txt_to(1, "192.1.1.5", kB)});
    CHECK(judge(absent(), good).candidates.at(0).source == RecordType::txt);
    CHECK(judge(records({ipseckey(10, 1, 3, kSgA.wire(), kA.data)}), good).candidates.at(0).gateway == kSgB);
    CHECK(judge(records({{1, 2}}), good).outcome == Outcome::usable);  // malformed beside a good one
    CHECK(judge(failed(), good).outcome == Outcome::failed);
    CHECK(judge(failed(), good).candidates.empty());
}

TEST_CASE("a usable secure record wins over bogus, bogus over everything else") {
    const Reply secure = records({txt_to(1, "192.1.1.5", kB)});
    const Reply insecure_own = records({txt_to(1, "192.2.0.66", kB)}, false);
    CHECK(judge(bogus(), secure).outcome == Outcome::usable);
    CHECK(judge(absent(), secure, bogus()).outcome == Outcome::usable);
    CHECK(judge(bogus(), insecure_own).outcome == Outcome::bogus);
    CHECK(judge(absent(), insecure_own, bogus()).outcome == Outcome::bogus);
    CHECK(judge(bogus(), records({kBadTxt})).outcome == Outcome::bogus);
    CHECK(judge(bogus(), failed(), failed()).outcome == Outcome::bogus);
    for (std::size_t i = 0; i < 3; ++i) {
        Replies replies{absent(), absent(), absent()};
        replies[i] = bogus();
        const auto answer = judge_delegation(kBob, replies);
        CHECK(answer.outcome == Outcome::bogus);
        CHECK(answer.verdict == Verdict::bogus);
        CHECK(answer.candidates.empty());
    }
}

TEST_CASE("a usable secure TXT wins over a usable insecure IPSECKEY") {
    const auto answer = judge(records({ipseckey(1, kBob, kA)}, false), records({txt_to(9, "192.1.1.5", kB)}));
    CHECK(answer.verdict == Verdict::secure);
    REQUIRE(answer.candidates.size() == 1);
    CHECK(answer.candidates[0].gateway == kSgB);
}

TEST_CASE("self-only: unless secure, only a record that names the queried address counts") {
    const auto other = judge(records({ipseckey(1, kSgB, kB)}, false), absent(false), absent(false));
    CHECK(other.outcome == Outcome::unusable);
    CHECK(other.candidates.empty());
    REQUIRE(other.records.size() == 1);
    CHECK(other.records[0].judgement.find("not authenticated") != std::string::npos);
    const auto own = judge(records({ipseckey(1, kSgB, kB), ipseckey(5, kBob, kA)}, false), absent(false));
    CHECK(own.outcome == Outcome::usable);
    CHECK(own.verdict == Verdict::indeterminate);
    REQUIRE(own.candidates.size() == 1);
    CHECK(own.candidates[0].gateway == kBob);
    // The same for TXT.
    CHECK(judge(absent(false), records({txt_to(1, "192.1.1.5", kB)}, false)).outcome == Outcome::unusable);
    CHECK(judge(absent(false), records({txt_to(1, "192.2.0.66", kB)}, false)).outcome == Outcome::usable);
}

TEST_CASE("malformed counts only when nothing good is left, from either type") {
    const auto answer = judge(absent(), records({kBadTxt}));
    CHECK(answer.outcome == Outcome::malformed);
    CHECK(answer.detail.find("TXT of 192.2.0.66 is malformed") != std::string::npos);
    CHECK(judge(absent(), records({kBadTxt, txt_to(1, "192.1.1.5", kB)})).outcome == Outcome::usable);
    CHECK(judge(records({{1}}), absent()).outcome == Outcome::malformed);
    CHECK(judge(records({{1}}), failed()).outcome == Outcome::malformed);
    CHECK(judge(absent(), records({kBadTxt, txt("v=spf1")})).outcome == Outcome::malformed);
}

TEST_CASE("only ignored records: unusable; none at all: none; unknown: failed") {
    CHECK(judge(absent(), records({txt("v=spf1 -all")})).outcome == Outcome::unusable);
    CHECK(judge(absent(), records({txt("X-IPsec-Server(1)=@sg.example")})).outcome == Outcome::unusable);
    CHECK(judge(absent(), absent(), records({key_record(kA)})).outcome == Outcome::unusable);
    CHECK(judge(records({ipseckey(10, 0, 2, {}, kA.data)}), absent()).outcome == Outcome::unusable);
    CHECK(judge(absent(), absent()).outcome == Outcome::none);
    CHECK(judge(absent(), absent()).verdict == Verdict::secure);
    CHECK(judge(absent(), absent(false)).verdict == Verdict::indeterminate);
    CHECK(judge(absent(), absent(), failed()).outcome == Outcome::failed);
}

TEST_CASE("the answer lasts as long as its shortest part") {
    CHECK(judge(records({ipseckey(1, kSgB, kB)}, true, 500s), absent(true, 5s)).lifetime == 500s);
    CHECK(judge(absent(true, 40s), absent(true, 30s), absent(true, 50s)).lifetime == 30s);
    CHECK(judge(records({ipseckey(1, kSgB, kB)}, true, 0s), absent()).lifetime == 1s);
    // The key of a host that is its own gateway comes from KEY, and ages with it.
    const auto own = judge(records({ipseckey(1, 1, 0, kBob.wire(), {})}, true, 500s), absent(),
                           records({key_record(kA)}, true, 70s));
    CHECK(own.outcome == Outcome::usable);
    CHECK(own.lifetime == 70s);
}

TEST_CASE("a delegation without key: empty, to be looked up at the gateway; from beside it for itself") {
    const auto other = judge(absent(), records({txt("X-IPsec-Server(1)=192.1.1.5")}));
    REQUIRE(other.candidates.size() == 1);
    CHECK(other.candidates[0].keys.empty());
    CHECK(other.candidates[0].id == Identity::of(kSgB));

    const Reply self = records({txt("X-IPsec-Server(1)=192.2.0.66")});
    const auto with_key = judge(absent(), self, records({key_record(kA), key_record(kB)}));
    CHECK(with_key.candidates.at(0).keys == std::vector{kA, kB});
    CHECK(with_key.verdict == Verdict::secure);
    // A chain is as strong as its weakest link.
    const auto weak = judge(absent(), self, records({key_record(kA)}, false));
    CHECK(weak.candidates.at(0).keys == std::vector{kA});
    CHECK(weak.verdict == Verdict::indeterminate);
    const auto both =
        judge(records({ipseckey(9, 0, 2, {}, kB.data)}), self, records({key_record(kA)}, false));
    CHECK(both.candidates.at(0).keys == std::vector{kB});
    CHECK(both.verdict == Verdict::secure);
}

TEST_CASE("today's and tomorrow's key of one gateway are one candidate") {
    const auto answer = judge(absent(), records({txt_to(10, "192.1.1.5", kA), txt_to(10, "192.1.1.4", kB),
                                                 txt_to(10, "192.1.1.5", kB), txt_to(10, "192.1.1.5", kA)}));
    REQUIRE(answer.candidates.size() == 2);
    CHECK(answer.candidates[0].gateway == kSgB);
    CHECK(answer.candidates[0].keys == std::vector{kA, kB});
    CHECK(answer.candidates[1].keys == std::vector{kB});
}

TEST_CASE("gateways and keys are bounded, the strongest are kept") {
    std::vector<Bytes> many, keys;
    for (unsigned i = 0; i < 30; ++i)
        many.push_back(ipseckey(100 - i, Address::ipv4(192, 1, 1, static_cast<std::uint8_t>(i + 1)), kA));
    for (unsigned i = 0; i < 30; ++i) keys.push_back(ipseckey(10, kSgB, rsa_of(100 + i)));
    const auto answer = judge(records(many), absent());
    REQUIRE(answer.candidates.size() == kMaxGateways);
    CHECK(answer.candidates[0].precedence == 71);
    CHECK(answer.candidates[7].precedence == 78);
    CHECK(answer.records.size() <= 32);
    CHECK(judge(records(keys), absent()).candidates.at(0).keys.size() == kMaxKeys);
    CHECK(judge_keys(Identity::of(kSgB), {records(keys), absent(), absent()}).keys.size() == kMaxKeys);
    // A thousand records of strangers cost no more than that.
    std::vector<Bytes> flood;
    for (unsigned i = 0; i < 1000; ++i) flood.push_back(txt_to(i, Address::ipv4(0xc6120000 + i).text(), kA));
    CHECK(judge(absent(), records(flood)).candidates.size() == kMaxGateways);
}

TEST_CASE("special-use addresses are nobody's gateway") {
    for (const char* text :
         {"0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
          "192.0.0.8", "::", "::1", "::192.0.2.1", "100::1", "fe80::1", "ff02::1"}) {
        INFO(text);
        CHECK(judge(records({ipseckey(1, *Address::parse(text), kA)}), absent()).outcome ==
              Outcome::unusable);
        CHECK(judge(absent(), records({txt_to(1, text, kA)})).outcome == Outcome::unusable);
    }
}

TEST_CASE("=@FQDN is an identity for the responder, only where it is secure") {
    const Bytes named = txt("X-IPsec-Server(3)=@SG-A.Example " + to_base64(kA.data));
    const auto answer = judge(absent(), records({named}));
    CHECK(answer.outcome == Outcome::unusable);
    CHECK(answer.candidates.empty());
    REQUIRE(answer.identities.size() == 1);
    CHECK(answer.identities[0].id == Identity::of_name("sg-a.example"));
    CHECK(answer.identities[0].keys == std::vector{kA});
    CHECK(answer.identities[0].gateway.is_unspecified());
    CHECK(judge(absent(), records({named}, false)).identities.empty());
    CHECK(judge(bogus(), records({named})).identities.empty());
    // Beside a gateway both are seen.
    const auto both = judge(records({ipseckey(1, kSgB, kB)}), records({named}));
    CHECK(both.candidates.size() == 1);
    CHECK(both.identities.size() == 1);
}

TEST_CASE("keys at an own name: what names another gateway is not its key") {
    const Identity sg = Identity::of(kSgB);
    const auto keys = [&](const Reply& a, const Reply& b, const Reply& c) {
        return judge_keys(sg, {a, b, c});
    };
    CHECK(keys(records({ipseckey(1, kSgA, kA)}), absent(), absent()).outcome == Outcome::unusable);
    CHECK(keys(records({ipseckey(1, kSgB, kB)}), absent(), absent()).keys == std::vector{kB});
    CHECK(keys(absent(), records({txt_to(1, "192.1.1.4", kA)}), records({key_record(kB)})).keys ==
          std::vector{kB});
    CHECK(keys(absent(), absent(), absent()).outcome == Outcome::none);
    CHECK(keys(failed(), absent(), absent()).outcome == Outcome::failed);
    CHECK(keys(failed(), absent(), records({key_record(kB)})).outcome == Outcome::usable);
    CHECK(keys(bogus(), absent(), records({key_record(kB)})).outcome == Outcome::usable);
    CHECK(keys(bogus(), absent(), records({key_record(kB)}, false)).outcome == Outcome::bogus);
    CHECK(keys(absent(), absent(), records({{0x42, 0, 4, 1}})).outcome == Outcome::malformed);
    // Secure keys only, where there are any.
    const auto mixed =
        keys(records({ipseckey(1, 0, 2, {}, kA.data)}), absent(), records({key_record(kB)}, false));
    CHECK(mixed.keys == std::vector{kA});
    CHECK(mixed.verdict == Verdict::secure);
    const auto named =
        judge_keys(Identity::of_name("sg.test"),
                   {absent(), records({txt("X-IPsec-Server(1)=@sg.test " + to_base64(kA.data))}), absent()});
    CHECK(named.keys == std::vector{kA});
}

TEST_CASE("messages: what is cut off, trails or points in circles is refused") {
    const Bytes query = build_query(0x1234, {"66.0.2.192.in-addr.arpa.", 45}, true);
    const SeenQuestion seen = read_question(query);
    CHECK(seen.id == 0x1234);
    CHECK(seen.cd);
    CHECK(build_query(1, {"..", 45}, false).empty());

    Script script{.rdata = {ipseckey(10, kSgB, kB)}, .aliases = {"a.example."}, .rrsig_expiration = 5};
    const Bytes whole = answer_to(query, script);
    const auto message = parse_message(whole);
    REQUIRE(message);
    CHECK(message->response);
    CHECK(message->authentic);
    REQUIRE(message->answer.size() == 3);
    CHECK(message->answer[0].target == "a.example.");
    CHECK(message->answer[2].covered == 45);
    CHECK(message->answer[2].expiration == 5);
    for (std::size_t len = 0; len < whole.size(); ++len) {
        const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(len));
        CHECK_FALSE(parse_message(part));
    }
    Bytes longer = whole;
    longer.push_back(0);
    CHECK(parse_message(longer).error() == WireError::trailing_bytes);

    Bytes loop = *from_hex("123481800001000000000000c00c00100001");
    CHECK(parse_message(loop).error() == WireError::bad_name);
    // An OPT record with the upper bits of the rcode: BADVERS.
    Bytes extended = *from_hex(
        "123481800000000000000001"
        "0000290400"
        "01000000"
        "0000");
    CHECK(parse_message(extended)->rcode == 16);
    CHECK(canonical_name("SG-A.Example") == "sg-a.example.");
    CHECK(canonical_name("a..b").empty());
    CHECK(canonical_name(std::string_view("a\0b", 3)).empty());
}
