// The chain of trust: DS and DNSKEY on the way down, keys that roll, anchors, clocks, and
// what is remembered.
#include <sstream>

#include "lab.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

TEST_CASE("a zone cannot be made unsigned", "[validate]") {
    const std::string zone = GENERATE("nsec.", "signed.optout.");
    CAPTURE(zone);
    Lab lab;
    SECTION("no DS") {
        lab.edit({zone, kDs}, [](ldns_rr* rr, int section) {
            return section == 2 && ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA;
        });
        CHECK(lab.verdict("host." + zone) == "bogus");
    }
    SECTION("the proof that another zone has none") {
        lab.dns.answers[{zone, kDs}] = lab.dns.answers.at({"plain.", kDs});
        CHECK(lab.verdict("host." + zone) == "bogus");
    }
    SECTION("a DS of an algorithm that nobody has") {
        lab.edit({zone, kDs}, [](ldns_rr* rr, int) {
            if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_DS) ldns_rdf_data(ldns_rr_rdf(rr, 1))[0] = 200;
            return true;
        });
        CHECK(lab.verdict("host." + zone) == "bogus");
    }
    SECTION("DNSKEY without its signature") {
        lab.edit({zone, kDnskey},
                 [](ldns_rr* rr, int) { return ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG; });
        CHECK(lab.verdict("host." + zone) == "bogus");
    }
    SECTION("no DNSKEY") {
        lab.edit({zone, kDnskey}, [](ldns_rr*, int) { return false; });
        CHECK(lab.verdict("host." + zone) == "bogus");
    }
    SECTION("the keys of another") {
        lab.dns.answers[{zone, kDnskey}] = lab.dns.answers.at({"island.", kDnskey});
        CHECK(lab.verdict("host." + zone) == "bogus");
    }
}

TEST_CASE("keys roll: one path from an anchor is enough", "[validate]") {
    // rolling. has DS records of the key in use, of one that stands by, of one that is gone,
    // and a SHA-1 digest that is wrong; the root has two keys in its anchors.
    Lab lab;
    CHECK(lab.verdict("host.rolling.") == "secure");
    std::vector<std::string> anchors;
    std::istringstream lines(lab.dns.anchors);
    for (std::string line; std::getline(lines, line);) anchors.push_back(line);
    REQUIRE(anchors.size() == 2);
    SECTION("only the key in use") {
        lab.trust(anchors[0]);
        CHECK(lab.verdict("host.nsec.") == "secure");
        CHECK(lab.validator->take_notices().size() == 1);  // of the other
    }
    SECTION("only the key that signs nothing yet") {
        lab.trust(anchors[1]);
        CHECK(lab.verdict("host.nsec.") == "bogus");
    }
    SECTION("as DS, beside one whose key is gone") {
        ldns_rr* key = nullptr;
        REQUIRE(ldns_rr_new_frm_str(&key, anchors[0].c_str(), 0, nullptr, nullptr) == LDNS_STATUS_OK);
        const validate::ldns::Record owned(key);
        const validate::ldns::Record ds(ldns_key_rr2ds(key, LDNS_SHA256));
        const validate::ldns::Text text(ldns_rr2str(ds.get()));
        lab.trust(std::string(text.get()) + ". IN DS 4711 13 2 " + std::string(64, 'a') + "\n");
        CHECK(lab.verdict("host.nsec.") == "secure");
        lab.trust(". IN DS 4711 13 2 " + std::string(64, 'a') + "\n");
        CHECK(lab.verdict("host.nsec.") == "bogus");
        CHECK(has(lab.why, "none of the trust anchors of . (key tags 4711) is among its DNSKEYs"));
    }
}

TEST_CASE("the wall clock decides, at both ends", "[validate]") {
    Lab lab;
    lab.wall = 1'735'689'600 - 1;  // a second before 2025
    CHECK(lab.verdict("host.nsec.") == "bogus");
    lab = {};
    lab.wall = kExpiry + 1;
    CHECK(lab.verdict("host.nsec.") == "bogus");
    // The answer does not outlive its signature.
    lab = {};
    lab.wall = kExpiry - 100;
    const Judged judged = lab.judge("host.nsec.");
    CHECK(judged.verdict == Verdict::secure);
    CHECK(judged.lifetime <= 100s);
    CHECK(lab.judge("missing.nsec3.").lifetime <= 100s);
}

TEST_CASE("indeterminate: no anchor covers it; the closest anchor counts", "[validate]") {
    Lab lab;
    ldns_pkt* packet = nullptr;
    const Bytes& message = lab.dns.answers.at({"nsec.", kDnskey});
    REQUIRE(ldns_wire2pkt(&packet, message.data(), message.size()) == LDNS_STATUS_OK);
    std::string anchors;
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(ldns_pkt_answer(packet)); ++i)
        if (ldns_rr* rr = ldns_rr_list_rr(ldns_pkt_answer(packet), i);
            ldns_rr_get_type(rr) == LDNS_RR_TYPE_DNSKEY) {
            const validate::ldns::Text text(ldns_rr2str(rr));
            anchors += text.get();
        }
    ldns_pkt_free(packet);
    lab.trust(anchors);
    CHECK(lab.verdict("host.nsec.") == "secure");
    CHECK(lab.verdict("host.child.nsec.") == "secure");
    CHECK(lab.verdict("host.nsec3.") == "indeterminate");
    CHECK(has(lab.why, "no trust anchor covers"));
    CHECK(lab.verdict("alias.nsec.") == "indeterminate");  // leads out
    for (const Question& question : lab.asked) CHECK(has(question.name, "nsec."));
}

TEST_CASE("a chain that cannot be had is a failure, not a verdict", "[validate]") {
    const Question missing =
        GENERATE(Question{"nsec.", kDnskey}, Question{"nsec.", kDs}, Question{".", kDnskey});
    CAPTURE(missing.name, missing.type);
    Lab lab;
    lab.dns.answers.erase(missing);
    CHECK(lab.verdict("host.nsec.") == "failed");
    CHECK(has(lab.why, "no answer to " + missing.name));
    // And is tried again soon.
    lab.dns = recorded();
    CHECK(lab.verdict("host.nsec.") == "failed");
    lab.now += 6s;
    CHECK(lab.verdict("host.nsec.") == "secure");
}

TEST_CASE("what was established is remembered for its TTL", "[validate]") {
    Lab lab;
    CHECK(lab.verdict("host.child.nsec.") == "secure");
    CHECK(lab.rounds > 1);
    const std::size_t num_asked = lab.asked.size();
    CHECK(lab.verdict("missing.child.nsec.") == "secure");
    CHECK(lab.verdict("host.nsec.") == "secure");
    CHECK(lab.rounds == 1);
    CHECK(lab.asked.size() <= num_asked + 2);  // only what lies below
    lab.now += 25h;
    CHECK(lab.verdict("host.child.nsec.") == "secure");
    CHECK(lab.rounds > 1);
}
