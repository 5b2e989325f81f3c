// What NSEC3 records prove (RFC 5155 §8), by hashes that the test works out itself: match,
// span, closest encloser, the parent's side of a cut, and what is of another chain.
#include <algorithm>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "discovery/validate/denial.hpp"
#include "discovery/validate/ldns.hpp"

using namespace oegate;
using namespace oegate::discovery::validate;

namespace {

constexpr std::uint16_t kA = 1, kTxt = 16;

Name name(std::string_view text) {
    const auto parsed = Name::parse(text);
    REQUIRE(parsed);
    return *parsed;
}

std::string base32(ByteView hash) {
    static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuv";
    std::string out;
    std::uint64_t bits = 0;
    unsigned num_bits = 0;
    for (const std::uint8_t byte : hash) {
        bits = bits << 8 | byte;
        for (num_bits += 8; num_bits >= 5; num_bits -= 5) out += kDigits[bits >> (num_bits - 5) & 31];
    }
    return out;
}

Bytes hash_of(std::string_view text, std::uint16_t iterations = 0) {
    const Name plain = name(text);
    const ldns::Rdata rdata(
        ldns_dname_new_frm_data(static_cast<std::uint16_t>(plain.wire().size()), plain.wire().data()));
    Bytes round(ldns::view(rdata.get()).begin(), ldns::view(rdata.get()).end());
    for (unsigned i = 0; i <= iterations; ++i) {
        Bytes digest(LDNS_SHA1_DIGEST_LENGTH);
        ldns_sha1(round.data(), static_cast<unsigned>(round.size()), digest.data());
        round = digest;
    }
    return round;
}

Bytes beside(Bytes hash, int by) {
    for (std::size_t at = hash.size(); at-- > 0;) {
        const int sum = hash[at] + by;
        hash[at] = static_cast<std::uint8_t>(sum);
        if (sum >= 0 && sum < 256) break;
    }
    return hash;
}

struct Made {
    Bytes owner, next;
    std::vector<std::uint16_t> types;
    bool opt_out = false;
    std::uint16_t iterations = 0;
    std::uint8_t salt = 0;  // its length
    std::string zone = "example.";
};

Rrset rrset_of(const Made& m) {
    Bytes bits(32);
    for (const std::uint16_t type : m.types) bits[type / 8] |= static_cast<std::uint8_t>(0x80 >> type % 8);
    Writer rdata;
    rdata.u8(1).u8(m.opt_out ? 1 : 0).u16(m.iterations).u8(m.salt).put(Bytes(m.salt, 0xab));
    rdata.u8(static_cast<std::uint8_t>(m.next.size())).put(m.next).u8(0).u8(32).put(bits);
    return {name(base32(m.owner) + "." + m.zone), kNsec3, 300, {std::move(rdata).take()}, {}};
}

/// matches this name and spans nothing
Made at(std::string_view text, std::vector<std::uint16_t> types) {
    return {hash_of(text), beside(hash_of(text), 1), std::move(types)};
}
/// spans this name and hardly more
Made around(std::string_view text) {
    return {beside(hash_of(text), -1), beside(hash_of(text), 1), {kA}};
}

struct Example {
    std::vector<Rrset> rrsets;
    Work work;
    Denial denial{name("example."), work};

    explicit Example(const std::vector<Made>& all) {
        for (const Made& made : all) rrsets.push_back(rrset_of(made));
        for (const Rrset& rrset : rrsets) denial.add(rrset);
    }
    Proof absent(std::string_view text, std::uint16_t type = kTxt) const {
        return denial.absent(name(text), type);
    }
    Cut cut(std::string_view text) const { return denial.cut(name(text)); }
};

Made apex() {
    return at("example.", {kSoa, kNs});
}

}  // namespace

TEST_CASE("NSEC3: a match denies the types that it lacks, no others", "[validate]") {
    CHECK(Example({at("a.example.", {kA})}).absent("a.example.") == Proof::proven);
    CHECK(Example({at("a.example.", {kA, kTxt})}).absent("a.example.") == Proof::none);
    CHECK(Example({at("a.example.", {kCname})}).absent("a.example.") == Proof::none);
    CHECK(Example({at("a.example.", {kNs})}).absent("a.example.") == Proof::none);  // the parent's side
    CHECK(Example({at("a.example.", {kNs})}).absent("a.example.", kDs) == Proof::proven);
    CHECK(Example({at("b.example.", {kA})}).absent("a.example.") == Proof::none);
}

TEST_CASE("NSEC3: a name is denied by its encloser, a span and the wildcard", "[validate]") {
    const Made gap = around("a.example."), no_wildcard = around("*.example.");
    CHECK(Example({apex(), gap, no_wildcard}).absent("a.example.") == Proof::proven);
    CHECK(Example({apex(), gap, no_wildcard}).absent("x.y.a.example.") == Proof::proven);
    CHECK(Example({apex(), gap}).absent("a.example.") == Proof::none);
    CHECK(Example({apex(), no_wildcard}).absent("a.example.") == Proof::none);
    CHECK(Example({gap, no_wildcard}).absent("a.example.") == Proof::none);
    CHECK(Example({apex(), gap, at("*.example.", {kA})}).absent("a.example.") == Proof::proven);
    CHECK(Example({apex(), gap, at("*.example.", {kTxt})}).absent("a.example.") == Proof::none);
    CHECK(Example({apex(), gap, no_wildcard}).cut("a.example.") == Cut::none);
    Made hiding = gap;
    hiding.opt_out = true;
    CHECK(Example({apex(), hiding, no_wildcard}).absent("a.example.") == Proof::insecure);
    CHECK(Example({apex(), hiding}).cut("a.example.") == Cut::insecure);
}

TEST_CASE("NSEC3: a delegation or a DNAME encloses nothing", "[validate]") {
    // RFC 5155 §8.3: else the parent's records would deny what the child has.
    for (const auto& types : std::vector<std::vector<std::uint16_t>>{{kNs}, {kNs, kDs}, {kDname}}) {
        const Example zone({at("c.example.", types), around("x.c.example."), around("*.c.example.")});
        CHECK(zone.absent("x.c.example.") == Proof::none);
        CHECK(zone.cut("x.c.example.") == Cut::unproven);
    }
    const Example zone({at("c.example.", {kA}), around("x.c.example."), around("*.c.example.")});
    CHECK(zone.absent("x.c.example.") == Proof::proven);
    CHECK(zone.cut("x.c.example.") == Cut::none);
}

TEST_CASE("NSEC3: what a span covers", "[validate]") {
    const Bytes own = hash_of("a.example."), before = beside(own, -1), after = beside(own, 1);
    const Bytes lowest(20, 0x00), highest(20, 0xff);
    const auto covers = [&](const Bytes& from, const Bytes& to) {
        return Example({{from, to, {kA}}}).denial.no_closer(name("a.example."), 1) == Proof::proven;
    };
    CHECK(covers(before, after));
    CHECK(covers(lowest, highest));
    CHECK_FALSE(covers(own, highest));  // its own owner is there
    CHECK_FALSE(covers(lowest, own));   // so is the next
    CHECK_FALSE(covers(lowest, before));
    CHECK_FALSE(covers(after, highest));
    CHECK(covers(highest, after));  // the last one wraps around
    CHECK(covers(before, lowest));  //
    CHECK_FALSE(covers(after, lowest));
    CHECK_FALSE(covers(highest, before));
    CHECK_FALSE(covers(highest, own));
    CHECK_FALSE(covers(own, lowest));
    CHECK(covers(after, after));  // a lone one covers all but itself
    CHECK_FALSE(covers(own, own));
    CHECK(Example({around("a.example.")}).denial.no_closer(name("a.example."), 2) == Proof::none);
}

TEST_CASE("NSEC3: records of another chain, zone or depth are passed over", "[validate]") {
    const auto covers = [](const Made& first, Made second) {
        return Example({first, second}).denial.no_closer(name("a.example."), 1) != Proof::none;
    };
    const Made gap{Bytes(20, 0x00), Bytes(20, 0xff), {kA}};
    CHECK(covers(apex(), gap));
    Made other = gap;
    other.iterations = 1;
    CHECK_FALSE(covers(apex(), other));
    other = gap;
    other.salt = 1;
    CHECK_FALSE(covers(apex(), other));
    other = gap;
    other.zone = "sub.example.";
    CHECK_FALSE(covers(apex(), other));
    other.zone = "test.";
    CHECK_FALSE(covers(apex(), other));
    Made rolled = at("a.example.", {kA});  // with iterations, the same name has another hash
    rolled.owner = hash_of("a.example.", 5);
    rolled.iterations = 5;
    CHECK(Example({rolled}).absent("a.example.") == Proof::proven);
    rolled.iterations = 4;
    CHECK(Example({rolled}).absent("a.example.") == Proof::none);
}

TEST_CASE("NSEC3: too many iterations prove nothing, and hide what they might", "[validate]") {
    Made dear = apex();
    dear.iterations = kMaxIterations + 1;
    const Example zone({dear});
    CHECK(zone.absent("a.example.") == Proof::insecure);
    CHECK(zone.cut("a.example.") == Cut::insecure);
    CHECK(zone.denial.no_closer(name("a.example."), 1) == Proof::insecure);
}
