// Trust anchors: what a file of them may hold, what is said of what it may not, and a zone
// that changes its key while the anchors do not follow by themselves.
#include "lab.hpp"
#include "signer.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

// The root's, as dns-root-data 2024071801 ships them in root.ds and root.key.
constexpr const char* kRootDs =
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";
constexpr const char* kRootKey =
    ". IN DNSKEY 257 3 8 "
    "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5em"
    "LvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvI"
    "Wgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8H"
    "FRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU= ; keytag 20326\n"
    ". IN DNSKEY 257 3 8 "
    "AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5"
    "eeHspaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqq"
    "zL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7"
    "s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc= ; keytag 38696\n";

std::string error_of(const std::string& text) {
    const auto read = validate::read_anchors(text);
    return read ? std::string() : read.error();
}

/// A zone whose key changes from one to another.
struct Turn {
    Signer old_key{"turn."}, new_key{"turn."};

    /// Its DNSKEY set, and an answer below.
    std::string verdict(Lab& lab, const std::string& anchors, const std::vector<std::string>& keys,
                        const Signer& signs) {
        lab.trust(anchors);
        lab.dns.answers[{"turn.", kDnskey}] =
            Signer::message({"turn.", kDnskey}, LDNS_RCODE_NOERROR, signs.with_signature(keys), {});
        const Question question{"host.turn.", kTxt};
        lab.dns.answers[question] = Signer::message(
            question, LDNS_RCODE_NOERROR, signs.with_signature({"host.turn. 600 IN TXT \"here\""}), {});
        return lab.verdict("host.turn.");
    }
    std::string revoked() const {
        std::string text = old_key.dnskey();
        text.replace(text.find("257"), 3, "385");
        return text;
    }
};

}  // namespace

TEST_CASE("trust anchors are read from text, or the start-up error says what to do", "[validate]") {
    CHECK(error_of(recorded().anchors).empty());
    CHECK(error_of("; a comment\n\n$TTL 3600\n. 172800 IN DS 20326 8 2 " + std::string(64, 'e') +
                   " ; the root\n")
              .empty());
    struct Row {
        std::string text, error;
    };
    const std::string sha256(64, 'e');
    const Row rows[] = {
        {"", "no trust anchor"},
        {"; nothing\n", "dns-root-data"},
        {". IN DS 1 200 2 " + sha256, "no trust anchor; line 1: DS 1 of . is of an algorithm"},
        {". IN DS 1 8 9 " + sha256, "line 1: DS 1 of . has a digest that is not made here"},
        {recorded().anchors + "nonsense\n", "line 3"},
        {". IN NS a.root-servers.net.\n", "line 1: neither a DS nor a DNSKEY"},
        {". CH DS 1 8 2 " + sha256, "line 1: it is not of class IN"},
        {"IN DS 1 8 2 " + sha256, "line 1: it does not begin with the name of a zone"},
        {" IN DS 1 8 2 " + sha256, "line 1: it does not begin with the name of a zone"},
        {"example.org IN DS 1 8 2 " + sha256,
         "line 1: it does not begin with the name of a zone and its final"},
        {". IN DS 1 8 2 " + sha256.substr(2), "line 1: the digest has 31 bytes, digest type 2 has 32"},
        {". IN DS 1 8 4 " + sha256, "line 1: the digest has 32 bytes, digest type 4 has 48"},
        {". IN DNSKEY 257 3 8 (", "line 1: "},
        {std::string(". IN DS 1 8 2 \0", 15) + sha256, "line 1: a zero byte"},
    };
    for (const Row& row : rows) {
        INFO(row.text << " -> " << error_of(row.text));
        CHECK(has(error_of(row.text), row.error));
        CHECK(has(error_of(row.text), "expected DS or DNSKEY records"));
    }
    const auto missing = validate::make_validator("/nonexistent/root.key", [] { return kWall; });
    REQUIRE_FALSE(missing);
    CHECK(has(missing.error(), "/nonexistent/root.key: No such file"));
    CHECK(has(missing.error(), "expected DS or DNSKEY records"));
}

TEST_CASE("the root's two keys, as DS or as DNSKEY, are the same anchors", "[validate]") {
    for (const std::string& text :
         {std::string(kRootDs), std::string(kRootKey), std::string(kRootDs) + kRootKey}) {
        const auto anchors = validate::read_anchors(text);
        REQUIRE(anchors);
        CHECK(to_text(*anchors) == ". 20326 38696");
    }
    const auto ds = *validate::read_anchors(kRootDs), keys = *validate::read_anchors(kRootKey);
    validate::Work work;
    for (const validate::Key& key : keys.begin()->second.keys) {
        CAPTURE(key.tag);
        CHECK(ds.begin()->second.names(validate::Name(), key, work));
        CHECK(keys.begin()->second.names(validate::Name(), key, work));
    }
    const auto other = *validate::read_anchors(recorded().anchors);
    CHECK_FALSE(other.begin()->second.names(validate::Name(), keys.begin()->second.keys[0], work));
}

TEST_CASE("records that anchor nothing are passed over, and named", "[validate]") {
    const auto remarks = [](const std::string& text) {
        std::vector<std::string> passed_over;
        const auto read = validate::read_anchors(text + kRootDs, &passed_over);
        REQUIRE(read);
        CHECK(to_text(*read) == ". 20326 38696");
        return passed_over;
    };
    const std::string key = std::string(kRootKey).substr(0, std::string(kRootKey).find(" ;"));
    const auto with_flags = [&](const char* flags) {
        std::string text = key;
        return text.replace(text.find("257"), 3, flags) + "\n";
    };
    CHECK(remarks("").empty());
    CHECK(remarks(with_flags("385")) ==
          std::vector<std::string>{"line 1: DNSKEY 20454 of . is revoked (RFC 5011)"});
    CHECK(has(remarks(with_flags("1")).at(0), "is no zone key"));
    CHECK(has(remarks(". IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4\n").at(0), "RSA key of a size"));
    CHECK(has(remarks(". IN DS 1 200 2 " + std::string(64, 'e') + "\n").at(0),
              "line 1: DS 1 of . is of an algorithm"));
    // unbound's own file: what it still waits for is not trusted here either.
    CHECK(has(remarks(key + " ;;state=1 [ ADDPEND ] ;;count=3\n").at(0), "is not trusted yet, or no more"));
    CHECK(has(remarks(key + " ;;state=4 [ REVOKED ]\n").at(0), "is not trusted yet, or no more"));
    CHECK(remarks(key + " ;{id = 20326 (ksk), size = 2048b} ;;state=2 [  VALID  ] ;;count=0\n").empty());
    CHECK(remarks(key + " ;;state=3 [ MISSING ]\n").empty());
    CHECK(remarks(". IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4\n").size() == 1);
    std::string many;
    for (int i = 0; i < 100; ++i) many += ". IN DS 1 200 2 " + std::string(64, 'e') + "\n";
    CHECK(remarks(many).size() == 16);
}

TEST_CASE("a key of an anchor's zone rolls: either anchor, both, or one that is out of date", "[validate]") {
    Turn turn;
    const std::string old_anchor = turn.old_key.ds(LDNS_SHA256) + "\n",
                      new_anchor = turn.new_key.dnskey() + "\n";
    const std::vector<std::string> announced{turn.old_key.dnskey(), turn.new_key.dnskey()};
    const std::vector<std::string> revoked{turn.revoked(), turn.new_key.dnskey()};
    const std::vector<std::string> gone{turn.new_key.dnskey()};
    struct Row {
        const char* stage;
        const std::vector<std::string>& keys;
        const Signer& signs;
        const char *with_old, *with_new;
        const char* trouble;
    };
    const Row rows[] = {
        {"announced", announced, turn.old_key, "secure", "bogus", "signs its DNSKEYs"},
        {"in use", announced, turn.new_key, "bogus", "secure", "signs its DNSKEYs"},
        {"the old one revoked", revoked, turn.new_key, "bogus", "secure", "is among its DNSKEYs"},
        {"the old one gone", gone, turn.new_key, "bogus", "secure", "is among its DNSKEYs"},
    };
    for (const Row& row : rows) {
        INFO(row.stage);
        Lab both, with_old, with_new;
        CHECK(turn.verdict(both, old_anchor + new_anchor, row.keys, row.signs) == "secure");
        CHECK(both.validator->take_notices().empty());
        CHECK(turn.verdict(with_old, old_anchor, row.keys, row.signs) == row.with_old);
        CHECK(turn.verdict(with_new, new_anchor, row.keys, row.signs) == row.with_new);
        const std::string& why = with_old.why.empty() ? with_new.why : with_old.why;
        INFO(why);
        CHECK(has(why, "none of the trust anchors of turn. (key tags "));
        CHECK(has(why, row.trouble));
        CHECK(has(why, "out of date"));
        CHECK(has(why, "dns.trust-anchors"));
    }
}

TEST_CASE("a key that no anchor covers is told of while the old one still holds", "[validate]") {
    Turn turn;
    Lab lab;
    const std::vector<std::string> announced{turn.old_key.dnskey(), turn.new_key.dnskey()};
    const std::string old_anchor = turn.old_key.dnskey() + "\n";
    CHECK(turn.verdict(lab, old_anchor, announced, turn.old_key) == "secure");
    const auto tag = validate::read_anchors(turn.new_key.dnskey())->begin()->second.tags().at(0);
    auto notices = lab.validator->take_notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].news);
    CHECK(has(notices[0].text,
              "turn. announces keys that no trust anchor covers (key tags " + std::to_string(tag)));
    CHECK(has(notices[0].text, "dns.trust-anchors"));
    // Nothing new until the set is asked for again, and no news for a day.
    CHECK(lab.verdict("host.turn.") == "secure");
    CHECK(lab.validator->take_notices().empty());
    lab.now += 11min;
    CHECK(lab.verdict("host.turn.") == "secure");
    notices = lab.validator->take_notices();
    REQUIRE(notices.size() == 1);
    CHECK_FALSE(notices[0].news);
    lab.now += 24h;
    CHECK(lab.verdict("host.turn.") == "secure");
    notices = lab.validator->take_notices();
    REQUIRE(notices.size() == 1);
    CHECK(notices[0].news);
}

TEST_CASE("no notice of keys that are nobody's to trust, nor of a set that does not hold", "[validate]") {
    Turn turn;
    const std::string old_anchor = turn.old_key.dnskey() + "\n";
    std::string zone_signing = turn.new_key.dnskey();
    zone_signing.replace(zone_signing.find("257"), 3, "256");
    std::string next_revoked = turn.new_key.dnskey();
    next_revoked.replace(next_revoked.find("257"), 3, "385");
    for (const std::string& beside : {zone_signing, next_revoked}) {
        INFO(beside);
        Lab lab;
        CHECK(turn.verdict(lab, old_anchor, {turn.old_key.dnskey(), beside}, turn.old_key) == "secure");
        CHECK(lab.validator->take_notices().empty());
    }
    // A forged set must not talk the operator into trusting its key.
    Lab lab;
    CHECK(turn.verdict(lab, old_anchor, {turn.old_key.dnskey(), turn.new_key.dnskey()}, turn.new_key) ==
          "bogus");
    CHECK(lab.validator->take_notices().empty());
    // Below the anchor the zone above decides: rolling. has a key without DS.
    Lab below;
    CHECK(below.verdict("host.rolling.") == "secure");
    CHECK(below.validator->take_notices().empty());
}
