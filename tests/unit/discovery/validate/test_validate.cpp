// Verdicts (RFC 4033 §5) over messages that BIND signed, nsd served and unbound relayed.
#include "lab.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

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
        CHECK(has(lab.why, "its DS names"));
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

TEST_CASE("trust anchors are read from text, or the start-up error says what to do", "[validate]") {
    const auto error = [](const std::string& text) {
        const auto read = validate::read_anchors(text);
        return read ? std::string() : read.error();
    };
    CHECK(error(recorded().anchors).empty());
    CHECK(error("; a comment\n\n. 172800 IN DS 20326 8 2 " + std::string(64, 'e') + " ; the root\n").empty());
    CHECK(has(error(""), "no trust anchor"));
    CHECK(has(error("; nothing\n"), "dns-root-data"));
    CHECK(has(error(". IN DS 1 200 2 " + std::string(64, 'e')), "no trust anchor"));
    CHECK(has(error(recorded().anchors + "nonsense\n"), "line 3"));
    CHECK(has(error(". IN NS a.root-servers.net.\n"), "line 1: neither a DS nor a DNSKEY"));
    const auto missing = validate::make_validator("/nonexistent/root.key", [] { return kWall; });
    REQUIRE_FALSE(missing);
    CHECK(has(missing.error(), "/nonexistent/root.key: No such file"));
    CHECK(has(missing.error(), "expected DS or DNSKEY records"));
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
