// What a hostile zone or resolver can make us do is bounded (CVE-2023-50387 KeyTrap,
// CVE-2023-50868 NSEC3): tries of keys, digests, hashes, rounds, bytes.
#include "base/cursor.hpp"
#include "base/random.hpp"
#include "lab.hpp"

#include "discovery/validate/denial.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;
using validate::Name;

namespace {

/// Keys of one tag: the checksum does not see the order of its 16-bit words.
std::vector<validate::Key> colliding(std::size_t num_keys) {
    Bytes rdata{1, 0, 3, 13};
    append(rdata, SeededRandom(1).bytes(64));
    std::vector<validate::Key> keys;
    for (std::size_t i = 0; i < num_keys; ++i) {
        const std::size_t a = 4 + 2 * (i % 32), b = 4 + 2 * ((i * 7 + 3) % 32);
        std::swap(rdata[a], rdata[b]);
        std::swap(rdata[a + 1], rdata[b + 1]);
        keys.push_back(validate::read_key(rdata).value());
    }
    return keys;
}

validate::Rrset signed_by(const Name& zone, std::uint16_t tag, std::size_t num_signatures) {
    validate::Rrset rrset{zone, kTxt, 600, {{1, 'x'}}, {}};
    SeededRandom random(2);
    for (std::size_t i = 0; i < num_signatures; ++i) {
        validate::Signature s;
        s.covered = kTxt;
        s.algorithm = 13;
        s.labels = static_cast<std::uint8_t>(zone.num_labels());
        s.original_ttl = 600;
        s.inception = static_cast<std::uint32_t>(kWall - 100);
        s.expiration = static_cast<std::uint32_t>(kWall + 100);
        s.tag = tag;
        s.signer = zone;
        Writer rdata;
        rdata.u16(s.covered)
            .u8(s.algorithm)
            .u8(s.labels)
            .u32(s.original_ttl)
            .u32(s.expiration)
            .u32(s.inception);
        rdata.u16(tag).put(zone.wire()).put(random.bytes(64));
        s.rdata = std::move(rdata).take();
        rrset.signatures.push_back(std::move(s));
    }
    return rrset;
}

}  // namespace

TEST_CASE("many keys of one tag times many signatures: a few tries, then bogus", "[validate]") {
    const Name zone = Name::parse("trap.").value();
    const auto keys = colliding(100);
    for (const auto& key : keys) REQUIRE(key.tag == keys[0].tag);
    const auto rrset = signed_by(zone, keys[0].tag, 32);
    validate::Work work;
    const unsigned before = work.verifications;
    const auto checked = validate::check(rrset, zone, keys, kWall, work);
    CHECK_FALSE(checked.good);
    CHECK(checked.why.find("too many tries") != std::string::npos);
    CHECK(before - work.verifications == validate::kMaxVerifications);
    // All RRsets of one answer share one budget.
    for (int i = 0; i < 100; ++i) validate::check(rrset, zone, keys, kWall, work);
    CHECK(work.verifications == 0);
}

TEST_CASE("many DS of one tag times many keys: a bounded number of digests", "[validate]") {
    const Name zone = Name::parse("trap.").value();
    const auto keys = colliding(100);
    validate::Work work;
    const validate::Ds ds{keys[0].tag, 13, 2, Bytes(32)};
    for (int i = 0; i < 10; ++i)
        for (const auto& key : keys) CHECK_FALSE(validate::matches(ds, zone, key, work));
    CHECK(work.digests == 0);
}

TEST_CASE("keys too short or too long are not tried", "[validate]") {
    const auto rsa = [](std::size_t num_bytes) {
        Bytes rdata{1, 0, 3, 8, 1, 3};
        Bytes modulus = SeededRandom(3).bytes(num_bytes);
        modulus.front() |= 0x80;
        append(rdata, modulus);
        return validate::read_key(rdata).value().is_usable();
    };
    CHECK_FALSE(rsa(64));
    CHECK(rsa(128));
    CHECK(rsa(512));
    CHECK_FALSE(rsa(513));
    CHECK_FALSE(validate::read_key(Bytes{1, 0x80, 3, 13, 1}).value().is_usable());  // revoked
    CHECK_FALSE(validate::read_key(Bytes{0, 0, 3, 13, 1}).value().is_usable());     // no zone key
    CHECK_FALSE(validate::read_key(Bytes{1, 0, 2, 13, 1}).value().is_usable());     // other protocol
    CHECK_FALSE(validate::read_key(Bytes{1, 0, 3, 8}));
    // An exponent of eight bytes is the longest: the cost of a try grows with it.
    for (const std::size_t len : {1UL, 3UL, 5UL, 8UL, 9UL, 384UL}) {
        Bytes rdata{1, 0, 3, 8};
        if (len < 256)
            rdata.push_back(static_cast<std::uint8_t>(len));
        else
            append(rdata, Bytes{0, static_cast<std::uint8_t>(len >> 8), static_cast<std::uint8_t>(len)});
        append(rdata, Bytes(len, 0xff));
        append(rdata, Bytes(384, 0x91));
        INFO(len);
        CHECK(validate::read_key(rdata).value().is_usable() == (len <= 8));
    }
    // An exponent that runs past the end.
    CHECK_FALSE(validate::read_key(Bytes{1, 0, 3, 8, 0, 255, 255, 1}).value().is_usable());
}

TEST_CASE("NSEC3 hashes for a deep name have a budget", "[validate]") {
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += "a.";
    const Name name = Name::parse(deep + "example.").value();
    Writer rdata;
    rdata.u8(1).u8(0).u16(150).u8(0).u8(20).put(Bytes(20, 0xff)).u16(0);
    const validate::Rrset rrset{Name::parse(std::string(32, '0') + ".example.").value(),
                                validate::kNsec3,
                                300,
                                {std::move(rdata).take()},
                                {}};
    validate::Work work;
    validate::Denial denial(Name::parse("example.").value(), work);
    denial.add(rrset);
    for (int i = 0; i < 10; ++i) CHECK(denial.absent(name, kTxt) == validate::Proof::none);
    CHECK(work.hashes < 151);
}

TEST_CASE("a deep unsigned name is judged within the rounds that discovery grants", "[validate]") {
    Lab lab;
    std::string name = "missing.";
    for (int i = 0; i < 34; ++i) name = "a." + name;
    // The root's proof that missing. is not there holds for all below it.
    lab.otherwise = [&](const Question& question) -> std::optional<Bytes> {
        REQUIRE(question.type == kDs);
        return lab.dns.answers.at({"missing.", kDs});
    };
    const Bytes message = edited(lab.dns.answers.at({"host.plain.", kTxt}), [&](ldns_rr* rr, int section) {
        ldns_rdf_deep_free(ldns_rr_owner(rr));
        ldns_rr_set_owner(rr, ldns_dname_new_frm_str(name.c_str()));
        return section == 1;
    });
    const Judged judged = lab.judge({name, kTxt}, message);
    CHECK(judged.verdict == Verdict::bogus);
    CHECK(lab.rounds <= 12);
    CHECK(lab.asked.size() <= 40);
}

TEST_CASE("a DNSKEY answer of absurd size is not kept", "[validate]") {
    Lab lab;
    Bytes& message = lab.dns.answers.at({"nsec.", kDnskey});
    message.resize(validate::kMaxRsaBits * 8);
    CHECK(lab.verdict("host.nsec.") == "failed");
}

TEST_CASE("messages cut short anywhere are refused or judged, never secure", "[validate]") {
    Lab lab;
    REQUIRE(lab.verdict("host.nsec.") == "secure");
    for (const std::string name : {"host.nsec.", "missing.nsec3.", "q.walias.nsec."}) {
        const Bytes whole = lab.dns.answers.at({name, kTxt});
        for (std::size_t size = 0; size + 11 < whole.size(); ++size) {  // the OPT record is not read
            CAPTURE(name, size);
            const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
            auto step = lab.validator->judge({name, kTxt}, part, lab.now);
            const auto* judged = std::get_if<Judged>(&step);
            CHECK((!judged || judged->verdict != Verdict::secure));
        }
    }
}
