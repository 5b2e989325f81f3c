// Verdicts (RFC 4033 §5) over messages that BIND signed, nsd served and unbound relayed.
#include "lab.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

TEST_CASE("secure: every algorithm, from the root's anchor down", "[validate]") {
    // RSA with SHA-256, SHA-512, SHA-1; ECDSA P-256 and P-384; Ed25519, Ed448.
    const std::string zone = GENERATE("nsec.", "sha512.", "sha1.", "nsec3.", "child.nsec.", "signed.optout.",
                                      "ed448.", "optout.", "dear.", "rolling.");
    CAPTURE(zone);
    Lab lab;
    const Judged judged = lab.judge("host." + zone);
    CAPTURE(judged.why);
    CHECK(judged.verdict == Verdict::secure);
    CHECK(judged.lifetime > 0s);
    CHECK(judged.lifetime <= 600s);
    CHECK(judged.why.empty());
}

TEST_CASE("insecure: only with proof that a delegation has no DS that counts", "[validate]") {
    Lab lab;
    CHECK(lab.verdict("host.plain.") == "insecure");  // NSEC without DS
    CHECK(has(lab.why, "plain. is an unsigned delegation of ."));
    CHECK(lab.verdict("host.plain.optout.") == "insecure");  // an opt-out span (RFC 5155 §8.6)
    CHECK(lab.verdict("host.island.") == "insecure");        // signed, but nobody says with which key
    CHECK(lab.verdict("host.strange.") == "insecure");       // RFC 4035 §5.2
    CHECK(has(lab.why, "algorithms that are not verified here"));
    CHECK(lab.verdict("missing.plain.") == "insecure");
}

TEST_CASE("bogus: expired, not yet valid, a DS that no key matches", "[validate]") {
    Lab lab;
    CHECK(lab.verdict("host.expired.") == "bogus");
    CHECK(has(lab.why, "expired signature"));
    CHECK(lab.verdict("host.future.") == "bogus");
    CHECK(has(lab.why, "not valid yet"));
    CHECK(lab.verdict("host.lost.") == "bogus");
    CHECK(has(lab.why, "no DNSKEY of lost. is the one that its DS names"));
}

TEST_CASE("absence is proven by NSEC and NSEC3, or is not believed", "[validate]") {
    Lab lab;
    for (const std::string zone : {"nsec.", "nsec3."}) {
        CAPTURE(zone);
        CHECK(lab.verdict("host." + zone, kKey) == "secure");    // no such type
        CHECK(lab.verdict("ent." + zone) == "secure");           // empty non-terminal
        CHECK(lab.verdict("x.wild." + zone, kKey) == "secure");  // no such type at the wildcard
        CHECK(lab.verdict("missing." + zone) == "secure");
        CHECK(lab.verdict("a.b.missing." + zone) == "secure");
        CHECK(lab.judge("missing." + zone).lifetime <= 300s);  // SOA MINIMUM
    }
    CHECK(lab.verdict("missing.") == "secure");
    CHECK(lab.verdict("missing.child.nsec.") == "secure");
    // Opt-out: what is there is secure, what is not may hide (RFC 5155 §9.2).
    CHECK(lab.verdict("host.optout.", kKey) == "secure");
    CHECK(lab.verdict("missing.optout.") == "insecure");
    CHECK(lab.verdict("a.b.missing.optout.") == "insecure");
    // 200 iterations (RFC 9276 §3.2).
    CHECK(lab.verdict("missing.dear.") == "insecure");
    CHECK(has(lab.why, "more than 150 NSEC3 iterations"));
}

TEST_CASE("absence without its proof is bogus", "[validate]") {
    const std::string zone = GENERATE("nsec.", "nsec3.");
    const std::string name = GENERATE("host.", "missing.", "x.wild.", "a.b.missing.");
    const std::uint16_t type = name == "host." || name == "x.wild." ? kKey : kTxt;
    const Question question{name + zone, type};
    CAPTURE(question.name);
    SECTION("no NSEC at all") {
        Lab lab;
        lab.edit(question, [](ldns_rr* rr, int) { return ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA; });
        CHECK(lab.verdict(question.name, type) == "bogus");
    }
    SECTION("not signed") {
        Lab lab;
        lab.edit(question, [](ldns_rr* rr, int) { return ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG; });
        CHECK(lab.verdict(question.name, type) == "bogus");
    }
    SECTION("each denial alone is too little, where more than one is needed") {
        std::vector<std::string> owners;
        Lab lab;
        lab.edit(question, [&](ldns_rr* rr, int) {
            if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NSEC || ldns_rr_get_type(rr) == LDNS_RR_TYPE_NSEC3) {
                const validate::ldns::Text owner(ldns_rdf2str(ldns_rr_owner(rr)));
                owners.push_back(owner.get());
            }
            return true;
        });
        REQUIRE_FALSE(owners.empty());
        if (owners.size() == 1) return;
        for (const std::string& only : owners) {
            Lab one;
            one.edit(question, [&](ldns_rr* rr, int) {
                const validate::ldns::Text owner(ldns_rdf2str(ldns_rr_owner(rr)));
                return ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA || covered(rr) == 6 || owner.get() == only;
            });
            CAPTURE(only);
            CHECK(one.verdict(question.name, type) == "bogus");
        }
    }
    SECTION("the proof for another name") {
        Lab lab;
        lab.dns.answers[question] = lab.dns.answers.at({"ent." + zone, kTxt});
        CHECK(lab.verdict(question.name, type) == "bogus");
    }
}

TEST_CASE("a wildcard may stand for a name only if nothing closer exists", "[validate]") {
    const std::string zone = GENERATE("nsec.", "nsec3.", "optout.");
    CAPTURE(zone);
    Lab lab;
    // In an opt-out zone the closer name may be an unsigned delegation.
    const std::string expected = zone == "optout." ? "insecure" : "secure";
    CHECK(lab.verdict("x.wild." + zone) == expected);
    CHECK(lab.verdict("y.x.wild." + zone) == expected);
    Lab stripped;
    stripped.edit({"x.wild." + zone, kTxt}, [](ldns_rr*, int section) { return section == 1; });
    CHECK(stripped.verdict("x.wild." + zone) == (zone == "optout." ? "insecure" : "bogus"));
    CHECK(has(stripped.why, zone == "optout." ? "unsigned delegation" : "wildcard"));
}

TEST_CASE("aliases: the weakest link decides", "[validate]") {
    Lab lab;
    for (const std::string zone : {"nsec.", "nsec3."}) {
        CAPTURE(zone);
        CHECK(lab.verdict("alias." + zone) == "secure");
        CHECK(lab.verdict("host.d." + zone) == "secure");    // DNAME
        CHECK(lab.verdict("q.walias." + zone) == "secure");  // from a wildcard, into a child zone
        CHECK(lab.verdict("toplain." + zone) == "insecure");
        CHECK(lab.verdict("toexpired." + zone) == "bogus");
    }
    CHECK(lab.verdict("back.plain.") == "insecure");
}

TEST_CASE("aliases cannot be bent", "[validate]") {
    const auto retarget = [](ldns_rr* rr, const char* to) {
        ldns_rdf_deep_free(ldns_rr_set_rdf(rr, ldns_dname_new_frm_str(to), 0));
    };
    SECTION("a signed CNAME") {
        Lab lab;
        lab.edit({"alias.nsec.", kTxt}, [&](ldns_rr* rr, int) {
            if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME) retarget(rr, "host.plain.");
            return true;
        });
        CHECK(lab.verdict("alias.nsec.") == "bogus");
    }
    SECTION("the CNAME that a DNAME makes") {
        Lab lab;
        lab.edit({"host.d.nsec.", kTxt}, [&](ldns_rr* rr, int) {
            if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME) retarget(rr, "host.sha512.");
            return true;
        });
        CHECK(lab.verdict("host.d.nsec.") == "bogus");
    }
    SECTION("the end of the chain left out") {
        Lab lab;
        lab.edit({"alias.nsec.", kTxt}, [&](ldns_rr* rr, int) {
            return ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME || covered(rr) == LDNS_RR_TYPE_CNAME;
        });
        CHECK(lab.verdict("alias.nsec.") == "bogus");
    }
    SECTION("a DNAME beside an honest proof that there is no such record") {
        const std::string zone = GENERATE("nsec.", "nsec3.");
        const Question question{"host." + zone, kKey};
        Lab lab;
        REQUIRE(lab.verdict(question.name, kKey) == "secure");
        lab.dns.answers[question] =
            with_answer(lab.dns.answers.at(question), (zone + " 300 IN DNAME plain.").c_str());
        CHECK(lab.verdict(question.name, kKey) == "bogus");
        CHECK(has(lab.why, "DNAME of " + zone + " is not signed"));
    }
    SECTION("a DNAME without its CNAME, as old servers send it, is followed like one with it") {
        Lab lab;
        lab.edit({"host.d.nsec.", kTxt},
                 [](ldns_rr* rr, int) { return ldns_rr_get_type(rr) != LDNS_RR_TYPE_CNAME; });
        const Judged judged = lab.judge("host.d.nsec.");
        CHECK(judged.verdict == Verdict::secure);
        CHECK(judged.name == "host.nsec3.");
    }
    SECTION("a loop") {
        Lab lab;
        lab.edit({"alias.nsec.", kTxt}, [&](ldns_rr* rr, int) {
            if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME) retarget(rr, "alias.nsec.");
            return true;
        });
        CHECK(lab.verdict("alias.nsec.") == "bogus");
    }
}

TEST_CASE("tampering with a signed answer is noticed", "[validate]") {
    const std::string zone = GENERATE("nsec.", "nsec3.", "signed.optout.", "ed448.");
    const Question question{"host." + zone, kTxt};
    CAPTURE(zone);
    Lab lab;
    SECTION("rdata") {
        lab.edit(question, [](ldns_rr* rr, int) {
            if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_TXT) ldns_rdf_data(ldns_rr_rdf(rr, 0))[1] ^= 1;
            return true;
        });
        CHECK(lab.verdict(question.name) == "bogus");
        CHECK(has(lab.why, "wrong signature"));
    }
    SECTION("a string more") {
        lab.edit(question, [](ldns_rr* rr, int) {
            if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_TXT)
                ldns_rr_push_rdf(rr, ldns_rdf_new_frm_str(LDNS_RDF_TYPE_STR, "more"));
            return true;
        });
        CHECK(lab.verdict(question.name) == "bogus");
    }
    SECTION("the signature gone") {
        lab.edit(question, [](ldns_rr* rr, int) { return ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG; });
        CHECK(lab.verdict(question.name) == "bogus");
        CHECK(has(lab.why, "is not signed"));
    }
    SECTION("a signature of an algorithm that nobody has") {
        lab.edit(question, [](ldns_rr* rr, int) {
            if (covered(rr) == kTxt) ldns_rdf_data(ldns_rr_rdf(rr, 1))[0] = 200;
            return true;
        });
        CHECK(lab.verdict(question.name) == "bogus");  // not insecure: the DS says what must be there
    }
    SECTION("a signature by the zone above") {
        lab.edit(question, [](ldns_rr* rr, int) {
            if (covered(rr) == kTxt) ldns_rdf_deep_free(ldns_rr_set_rdf(rr, ldns_dname_new_frm_str("."), 7));
            return true;
        });
        CHECK(lab.verdict(question.name) == "bogus");
    }
    SECTION("a signature by what is no zone") {
        lab.edit(question, [&](ldns_rr* rr, int) {
            if (covered(rr) == kTxt)
                ldns_rdf_deep_free(ldns_rr_set_rdf(rr, ldns_dname_new_frm_str(("host." + zone).c_str()), 7));
            return true;
        });
        CHECK(lab.verdict(question.name) == "bogus");
    }
    SECTION("the answer denied") {
        lab.dns.answers[question][3] |= 3;  // NXDOMAIN in the header, which nothing signs
        CHECK(lab.verdict(question.name) == "bogus");
    }
    SECTION("the TTL raised") {
        lab.edit(question, [](ldns_rr* rr, int) {
            ldns_rr_set_ttl(rr, 86400);
            return true;
        });
        CHECK(lab.judge(question.name).verdict == Verdict::secure);
        CHECK(lab.judge(question.name).lifetime <= 600s);  // the signature has the original one
    }
}

TEST_CASE("that a name is not there is said only where it is proven", "[validate]") {
    const std::string zone = GENERATE("nsec.", "nsec3.");
    CAPTURE(zone);
    Lab lab;
    const auto denied = [&](const std::string& name, std::uint16_t type) {
        Bytes message = lab.dns.answers.at({name, type});
        message[3] |= 3;  // NXDOMAIN in the header, which nothing signs
        const Judged judged = lab.judge({name, type}, message);
        CHECK(judged.verdict == Verdict::secure);
        CHECK(judged.name == name);
        return judged.no_such_name;
    };
    CHECK(denied("missing." + zone, kTxt));
    CHECK(denied("a.b.missing." + zone, kTxt));
    CHECK_FALSE(denied("host." + zone, kKey));    // no such type: what of the others?
    CHECK_FALSE(denied("x.wild." + zone, kKey));  // a wildcard stands for it
    CHECK_FALSE(denied("ent." + zone, kTxt));
}

TEST_CASE("a forged SOA lengthens no absence", "[validate]") {
    Lab lab;
    lab.edit({"missing.nsec3.", kTxt}, [](ldns_rr* rr, int) {
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA) {
            ldns_rr_set_ttl(rr, 86400);
            ldns_rdf_data(ldns_rr_rdf(rr, 6))[0] = 0x7f;
        }
        return true;
    });
    const Judged judged = lab.judge("missing.nsec3.");
    CHECK(judged.verdict == Verdict::secure);
    CHECK(judged.lifetime <= 300s);
}

TEST_CASE("a message that does not answer its question is never secure", "[validate]") {
    // Every recorded message as the answer to other questions. Some do hold the answer, at
    // the end of a chain of aliases that was not asked for.
    Lab lab;
    const std::map<std::string, std::string> held_by{{"host.nsec.", "back.plain."},
                                                     {"host.child.nsec.", "q.walias."}};
    for (const auto& [name, holder] : held_by) {
        REQUIRE(lab.verdict(name) == "secure");
        for (const auto& [question, message] : lab.dns.answers) {
            CAPTURE(name, question.name, question.type);
            const bool holds =
                (question.name == name && question.type == kTxt) || question.name.starts_with(holder);
            lab.now += 10s;
            CHECK((lab.judge({name, kTxt}, message).verdict == Verdict::secure) ==
                  (holds && question.type == kTxt));
        }
    }
}
