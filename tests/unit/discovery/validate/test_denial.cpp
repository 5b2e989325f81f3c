// Names in canonical order, and what NSEC and NSEC3 records prove: the cases that no
// honest server sends.
#include "base/cursor.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "discovery/validate/denial.hpp"

using namespace oegate;
using namespace oegate::discovery::validate;

namespace {

constexpr std::uint16_t kA = 1, kTxt = 16, kCaa = 257;

Name name(std::string_view text) {
    const auto parsed = Name::parse(text);
    REQUIRE(parsed);
    return *parsed;
}

Bytes bitmap(const std::vector<std::uint16_t>& types) {
    Writer out;
    for (unsigned window = 0; window < 2; ++window) {
        Bytes bits(32);
        bool any = false;
        for (const std::uint16_t type : types)
            if (type >> 8 == window) {
                bits[(type & 255) / 8] |= static_cast<std::uint8_t>(0x80 >> type % 8);
                any = true;
            }
        if (any) out.u8(static_cast<std::uint8_t>(window)).u8(32).put(bits);
    }
    return std::move(out).take();
}

Rrset nsec(std::string_view owner, std::string_view next, const std::vector<std::uint16_t>& types) {
    Writer rdata;
    rdata.put(name(next).wire()).put(bitmap(types));
    return {name(owner), kNsec, 300, {std::move(rdata).take()}, {}};
}

/// A denial of example. by these NSECs.
struct Example {
    std::vector<Rrset> rrsets;
    Work work;
    Denial denial{name("example."), work};

    explicit Example(std::vector<Rrset> all) : rrsets(std::move(all)) {
        for (const Rrset& rrset : rrsets) denial.add(rrset);
    }
};

}  // namespace

TEST_CASE("names have the canonical order of RFC 4034 section 6.1", "[validate]") {
    const std::vector<std::string> sorted{"example.",         "a.example.",      "yljkjljk.a.example.",
                                          "Z.a.example.",     "zABC.a.EXAMPLE.", "z.example.",
                                          "\\001.z.example.", "*.z.example.",    "\\200.z.example."};
    for (std::size_t i = 0; i < sorted.size(); ++i)
        for (std::size_t j = 0; j < sorted.size(); ++j) {
            CAPTURE(sorted[i], sorted[j]);
            CHECK((name(sorted[i]) < name(sorted[j])) == (i < j));
            CHECK((name(sorted[i]) == name(sorted[j])) == (i == j));
        }
}

TEST_CASE("names know their labels", "[validate]") {
    CHECK(name("a.b.Example.").text() == "a.b.example.");
    CHECK(name(".").text() == ".");
    CHECK(name(".").num_labels() == 0);
    CHECK(name("a.b.example.").num_labels() == 3);
    CHECK(name("a.b.example.").ancestor(1) == name("example."));
    CHECK(name("a.b.example.").ancestor(0).is_root());
    CHECK(name("a.example.").is_within(name("example.")));
    CHECK(name("a.example.").is_within(name(".")));
    CHECK(name("example.").is_within(name("example.")));
    CHECK_FALSE(name("example.").is_below(name("example.")));
    CHECK_FALSE(name("example.").is_within(name("a.example.")));
    // The bytes of com. at the end, but inside a label.
    CHECK_FALSE(name("a\\003com.").is_within(name("com.")));
    CHECK(name("a.example.").wildcard() == name("*.a.example."));
    CHECK(name("a.b.example.").rebased(name("example."), name("test.")) == name("a.b.test."));
    CHECK_FALSE(name("example.").rebased(name("example."), name("test.")));
    CHECK(Name::common_ancestor(name("x.b.example."), name("y.b.example.")) == name("b.example."));
    const std::string label(63, 'x');
    const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'x') + ".";
    CHECK_FALSE(name(longest).wildcard());
    CHECK_FALSE(
        name("a." + std::string(60, 'b') + ".").rebased(name(std::string(60, 'b') + "."), name(longest)));
    CHECK_FALSE(Name::parse(""));
    CHECK_FALSE(Name::parse("a..b."));
}

TEST_CASE("NSEC: a span ends at its next name", "[validate]") {
    const Example zone(
        {nsec("example.", "b.example.", {kSoa, kNs}), nsec("d.example.", "example.", {kTxt, kCaa})});
    CHECK(zone.denial.absent(name("a.example."), kTxt) == Proof::proven);
    CHECK(zone.denial.absent(name("b.example."), kTxt) == Proof::none);
    CHECK(zone.denial.absent(name("c.example."), kTxt) == Proof::none);
    CHECK(zone.denial.absent(name("z.example."), kTxt) == Proof::proven);  // the last one
    CHECK(zone.denial.absent(name("d.example."), kTxt) == Proof::none);
    CHECK(zone.denial.absent(name("d.example."), kCaa) == Proof::none);  // in the second window
    CHECK(zone.denial.absent(name("d.example."), kA) == Proof::proven);
    CHECK(zone.denial.absent(name("test."), kA) == Proof::none);
}

TEST_CASE("NSEC: the parent's side of a cut says nothing of the child", "[validate]") {
    const std::uint16_t also = GENERATE(as<std::uint16_t>{}, kDs, kTxt);
    const Example zone(
        {nsec("example.", "child.example.", {kSoa, kNs}), nsec("child.example.", "d.example.", {kNs, also})});
    // RFC 6840 §4.1: neither of names below the cut nor of other types at it.
    CHECK(zone.denial.absent(name("x.child.example."), kTxt) == Proof::none);
    CHECK(zone.denial.absent(name("child.example."), kA) == Proof::none);
    CHECK(zone.denial.no_closer(name("x.child.example."), 2) == Proof::none);
    CHECK(zone.denial.absent(name("child2.example."), kA) == Proof::proven);
    CHECK(zone.denial.cut(name("child.example.")) == (also == kDs ? Cut::unproven : Cut::insecure));
    CHECK(zone.denial.cut(name("child2.example.")) == Cut::none);
    CHECK(zone.denial.cut(name("x.child.example.")) == Cut::unproven);
}

TEST_CASE("NSEC: nothing exists below a DNAME, but its NSEC does not say so", "[validate]") {
    const Example zone(
        {nsec("example.", "d.example.", {kSoa, kNs}), nsec("d.example.", "e.example.", {kDname})});
    CHECK(zone.denial.absent(name("x.d.example."), kTxt) == Proof::none);
}

TEST_CASE("NSEC: the child's side does not deny the DS", "[validate]") {
    Work work;
    const Rrset apex = nsec("child.example.", "a.child.example.", {kSoa, kNs});
    Denial child(name("child.example."), work);
    child.add(apex);
    CHECK(child.absent(name("child.example."), kDs) == Proof::none);
    CHECK(child.cut(name("child.example.")) == Cut::unproven);
    const Example zone({nsec("child.example.", "d.example.", {kSoa, kNs})});
    CHECK(zone.denial.cut(name("child.example.")) == Cut::unproven);
}

TEST_CASE("NSEC: a wildcard has to be denied too, unless it lacks the type", "[validate]") {
    const Rrset gap = nsec("a.example.", "c.example.", {kTxt});
    CHECK(Example({gap}).denial.absent(name("b.example."), kTxt) == Proof::none);
    CHECK(Example({gap, nsec("*.example.", "a.example.", {kTxt})}).denial.absent(name("b.example."), kTxt) ==
          Proof::none);
    CHECK(Example({gap, nsec("*.example.", "a.example.", {kA})}).denial.absent(name("b.example."), kTxt) ==
          Proof::proven);
    CHECK(
        Example({gap, nsec("*.example.", "a.example.", {kCname})}).denial.absent(name("b.example."), kTxt) ==
        Proof::none);
    // A wildcard expands at the closest encloser only.
    CHECK(Example({gap}).denial.no_closer(name("b.example."), 1) == Proof::proven);
    CHECK(Example({nsec("a.b.example.", "c.example.", {kTxt})}).denial.no_closer(name("x.b.example."), 1) ==
          Proof::none);
}

TEST_CASE("NSEC: what is malformed or foreign is passed over", "[validate]") {
    Rrset cut_short = nsec("a.example.", "c.example.", {kTxt});
    cut_short.rdata[0].resize(5);
    CHECK(Example({cut_short}).denial.cut(name("b.example.")) == Cut::unproven);
    CHECK(Example({nsec("a.example.", "c.test.", {kTxt})}).denial.cut(name("b.example.")) == Cut::unproven);
    CHECK(Example({nsec("a.test.", "c.example.", {kTxt})}).denial.cut(name("b.example.")) == Cut::unproven);
    // A bitmap whose window runs past the end has no types; it does not read on.
    Rrset wild = nsec("a.example.", "c.example.", {});
    append(wild.rdata[0], Bytes{0, 200, 0xff});
    CHECK(Example({wild}).denial.cut(name("a.example.")) == Cut::none);
    Rrset two = nsec("a.example.", "c.example.", {kTxt});
    two.rdata.push_back(two.rdata[0]);
    CHECK(Example({two}).denial.cut(name("b.example.")) == Cut::unproven);
}

namespace {

/// label: 32 characters of base 32; next: the hash in hex.
Rrset nsec3(std::string_view label, std::string_view next, std::uint8_t algorithm, std::uint8_t flags,
            std::uint16_t iterations, const std::vector<std::uint16_t>& types) {
    const Bytes hash = from_hex(next).value();
    Writer rdata;
    rdata.u8(algorithm).u8(flags).u16(iterations).u8(0).u8(static_cast<std::uint8_t>(hash.size())).put(hash);
    rdata.put(bitmap(types));
    return {name(std::string(label) + ".example."), kNsec3, 300, {std::move(rdata).take()}, {}};
}

const std::string kLowest(32, '0'), kHighest(40, 'f');

}  // namespace

TEST_CASE("NSEC3: a span is not enough without the closest encloser", "[validate]") {
    // Everything lies in this span, with opt-out; but nothing matches example. itself.
    const Example span({nsec3(kLowest, kHighest, 1, 1, 0, {kA})});
    CHECK(span.denial.absent(name("a.example."), kTxt) == Proof::none);
    CHECK(span.denial.cut(name("a.example.")) == Cut::unproven);
}

TEST_CASE("NSEC3: unknown hashes, flags and lengths are passed over", "[validate]") {
    const auto proof = [](const Rrset& rrset) {
        return Example({rrset}).denial.no_closer(name("a.example."), 1);
    };
    CHECK(proof(nsec3(kLowest, kHighest, 1, 0, 10, {kA})) == Proof::proven);
    CHECK(proof(nsec3(kLowest, kHighest, 1, 1, 10, {kA})) == Proof::insecure);  // opt-out
    CHECK(proof(nsec3(kLowest, kHighest, 2, 0, 10, {kA})) == Proof::none);
    CHECK(proof(nsec3(kLowest, kHighest, 1, 2, 10, {kA})) == Proof::none);
    CHECK(proof(nsec3(kLowest, "ffff", 1, 0, 10, {kA})) == Proof::none);
    CHECK(proof(nsec3("0000", kHighest, 1, 0, 10, {kA})) == Proof::none);
    CHECK(proof(nsec3(std::string(32, 'z'), kHighest, 1, 0, 10, {kA})) == Proof::none);
    CHECK(proof(nsec3(kLowest, kHighest, 1, 0, 151, {kA})) == Proof::insecure);  // RFC 9276 §3.2
}
