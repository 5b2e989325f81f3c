// Signatures that are good and do not count, and good records whose signature is not:
// another zone's, a wildcard's denial, a digest that must not be believed.
#include <algorithm>

#include "signer.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

using Lines = std::vector<std::string>;

Lines operator+(Lines a, const Lines& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// own., its key the anchor.
struct Own : Lab {
    Signer zone{"own."};
    Own() {
        trust(zone.dnskey());
        dns.answers[{"own.", kDnskey}] = zone.dnskey_answer();
        // host.own. is no zone of its own: what does not verify is bogus, not unsigned.
        dns.answers[{"host.own.", kDs}] =
            Signer::message({"host.own.", kDs}, LDNS_RCODE_NOERROR, {},
                            zone.with_signature({"host.own. 600 IN NSEC own. A TXT RRSIG NSEC"}));
    }
    std::string verdict_of(const Question& question, const Bytes& message) {
        const Judged judged = judge(question, message);
        why = judged.why;
        return judged.verdict ? std::string(to_text(*judged.verdict)) : "failed";
    }
};

}  // namespace

TEST_CASE("a zone signs for itself only, however good its signature", "[validate]") {
    Lab lab;
    const Signer evil("evil.");
    lab.trust(lab.dns.anchors + evil.dnskey());
    lab.dns.answers[{"evil.", kDnskey}] = evil.dnskey_answer();
    const auto judge = [&](const Question& question, ldns_pkt_rcode rcode, const Lines& answer,
                           const Lines& authority) {
        return lab.judge(question, Signer::message(question, rcode, answer, authority)).verdict;
    };
    const Question own{"host.evil.", kTxt}, other{"host.nsec.", kTxt};
    CHECK(judge(own, LDNS_RCODE_NOERROR, evil.with_signature({"host.evil. 600 IN TXT \"mine\""}), {}) ==
          Verdict::secure);
    CHECK(judge(other, LDNS_RCODE_NOERROR, evil.with_signature({"host.nsec. 600 IN TXT \"mine\""}), {}) ==
          Verdict::bogus);
    CHECK(judge(other, LDNS_RCODE_NXDOMAIN, {},
                evil.with_signature({"host.nsec. 600 IN NSEC z.nsec. A RRSIG NSEC"})) == Verdict::bogus);
    CHECK(judge(other, LDNS_RCODE_NXDOMAIN, {},
                evil.with_signature({"evil. 600 IN NSEC evil. A RRSIG NSEC SOA"})) == Verdict::bogus);
}

TEST_CASE("a denial counts only with a good signature of its own", "[validate]") {
    const auto spoil = [](ldns_rr* rr, int) {
        if (covered(rr) == LDNS_RR_TYPE_NSEC || covered(rr) == LDNS_RR_TYPE_NSEC3)
            ldns_rdf_data(ldns_rr_rdf(rr, 8))[0] ^= 1;
        return true;
    };
    Lab lab;
    SECTION("of a name") {
        const std::string name = GENERATE("missing.nsec.", "missing.nsec3.", "ent.nsec.", "ent.nsec3.");
        CAPTURE(name);
        lab.edit({name, kTxt}, spoil);
        CHECK(lab.verdict(name) == "bogus");
    }
    SECTION("of a DS, which would make a zone unsigned") {
        const std::string zone = GENERATE("plain.", "plain.optout.");
        CAPTURE(zone);
        lab.edit({zone, kDs}, spoil);
        CHECK(lab.verdict("host." + zone) == "bogus");
    }
    SECTION("of what a wildcard stands for") {
        const std::string zone = GENERATE("nsec.", "nsec3.");
        lab.edit({"x.wild." + zone, kTxt}, spoil);
        CHECK(lab.verdict("x.wild." + zone) == "bogus");
    }
}

TEST_CASE("an NSEC that a wildcard made denies nothing", "[validate]") {
    Own own;
    const Question question{"host.own.", kTxt};
    Lines made = own.zone.with_signature({"*.own. 600 IN NSEC own. A RRSIG NSEC"});
    CHECK(own.verdict_of(question, Signer::message(question, LDNS_RCODE_NOERROR, {}, made)) == "secure");
    for (std::string& line : made) line = "host.own." + line.substr(line.find_first_of("\t "));
    CHECK(own.verdict_of(question, Signer::message(question, LDNS_RCODE_NOERROR, {}, made)) == "bogus");
}

TEST_CASE("a SHA-1 digest does not count beside a better one", "[validate]") {
    Own own;
    const Signer child("sub.own.");
    own.dns.answers[{"sub.own.", kDnskey}] = child.dnskey_answer();
    const auto judge = [&](const Lines& ds) {
        own.trust(own.zone.dnskey());
        own.dns.answers[{"sub.own.", kDs}] =
            Signer::message({"sub.own.", kDs}, LDNS_RCODE_NOERROR, own.zone.with_signature(ds), {});
        const Question question{"host.sub.own.", kTxt};
        return own.verdict_of(question,
                              Signer::message(question, LDNS_RCODE_NOERROR,
                                              child.with_signature({"host.sub.own. 600 IN TXT \"x\""}), {}));
    };
    const auto spoilt = [](std::string ds) {
        ds.back() = ds.back() == '0' ? '1' : '0';
        return ds;
    };
    CHECK(judge({child.ds(LDNS_SHA256)}) == "secure");
    CHECK(judge({child.ds(LDNS_SHA1)}) == "secure");
    CHECK(judge({spoilt(child.ds(LDNS_SHA1)), child.ds(LDNS_SHA256)}) == "secure");
    CHECK(judge({child.ds(LDNS_SHA1), spoilt(child.ds(LDNS_SHA256))}) == "bogus");
}

TEST_CASE("the closest anchor counts, not the one that would do", "[validate]") {
    Lab lab;
    lab.trust(lab.dns.anchors + "nsec. 600 IN DS 4711 8 2 " + std::string(64, 'a') + "\n");
    CHECK(lab.verdict("host.nsec.") == "bogus");
    CHECK(lab.verdict("host.nsec3.") == "secure");
}

TEST_CASE("records count once and in any order; their time is the least that they or their signature have",
          "[validate]") {
    Own own;
    const Question question{"host.own.", kTxt};
    const Lines signed_set = own.zone.with_signature(
        {"host.own. 600 IN TXT \"a\"", "host.own. 600 IN TXT \"b\"", "host.own. 600 IN TXT \"cc\""});
    const auto judge = [&](const Lines& lines) {
        return own.judge(question, Signer::message(question, LDNS_RCODE_NOERROR, lines, {}));
    };
    Lines backwards = signed_set;
    std::reverse(backwards.begin(), backwards.end());
    CHECK(judge(backwards).verdict == Verdict::secure);
    CHECK(judge(signed_set + Lines{signed_set[1]}).verdict == Verdict::secure);
    CHECK(judge({signed_set[0], signed_set[1], signed_set[3]}).verdict == Verdict::bogus);
    CHECK(judge(signed_set).lifetime == 600s);
    const auto with_ttl = [&](const char* ttl) {
        Lines lines = signed_set;
        for (std::string& line : lines)
            if (const auto at = line.find("600"); at != std::string::npos && at < 20)
                line.replace(at, 3, ttl);
        return lines;
    };
    CHECK(judge(with_ttl("7")).lifetime == 7s);        // a cache has counted down
    CHECK(judge(with_ttl("86400")).lifetime == 600s);  // a stranger has counted up
    own.wall = kWall + 3600 - 100;
    CHECK(judge(signed_set).lifetime == 100s);
}
