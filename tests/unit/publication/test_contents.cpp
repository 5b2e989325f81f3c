// Records against claims, and the verdicts of `oegate dns verify`.
#include "publication/verify.hpp"
#include "sight.hpp"

using namespace publication_test;
using discovery::RecordType;

namespace {

const PublicKey kOurs = key_of(0x11);
const PublicKey kNext = key_of(0x23);
const PublicKey kForeign = key_of(0x45);

Claim host() {
    return ours().claims[0];
}
Claim own() {
    return ours().claims[1];
}

Surveyed surveyed(std::vector<Sight> authorities) {
    Surveyed s;
    s.claim = host();
    s.owner = s.claim.owner;
    s.zone = "2.0.192.in-addr.arpa.";
    s.world = sight("10.0.0.1", {kOurs});
    s.authorities = std::move(authorities);
    return s;
}

std::vector<std::string> verdicts(const Surveyed& s, const Keys& keys = {kOurs, std::nullopt, std::nullopt}) {
    std::vector<std::string> out;
    for (const Line& line : judge(ours(), keys, {s})) out.push_back(std::string(to_text(line.verdict)));
    return out;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("publication: claims of a configuration") {
    config::Config config;
    config.ike.identities = {ip("192.0.2.5"), ip("2001:db8::5")};
    config.ike.name = "Gw.Example.org";
    config.publication.hosts = {*Prefix::parse("192.0.2.4/30"), *Prefix::parse("2001:db8::66")};
    config.publication.names = {"gw.example.org", "other.example.org."};
    const Ours all = ours_of(config);
    REQUIRE(all.claims.size() == 4 + 1 + 1 + 2);  // 192.0.2.5 delegates to itself
    CHECK(all.claims[1].owner == "5.2.0.192.in-addr.arpa.");
    CHECK(all.claims[1].gateway == ip("192.0.2.5"));
    CHECK(all.owns(all.claims[1]));
    CHECK_FALSE(all.owns(all.claims[0]));
    CHECK(all.claims[4].gateway == ip("2001:db8::5"));
    CHECK(all.claims[6].owner == "gw.example.org.");
    CHECK(all.initiates_as == "gw.example.org");

    const Ours some =
        narrowed(all, {*Prefix::parse("192.0.2.4"), *Prefix::parse("192.0.9.9")}, {"x.example."});
    REQUIRE(some.claims.size() == 3);
    CHECK(some.claims[1].gateway == ip("192.0.2.5"));
    CHECK(some.claims[2].owner == "x.example.");

    const std::string text = records_of(all, all.claims[0], {kOurs, kNext});
    CHECK(text.find("4.2.0.192.in-addr.arpa. 3600 IN IPSECKEY 10 1 2 192.0.2.5 " + to_base64(kOurs.data)) ==
          0);
    CHECK(text.find(to_base64(kNext.data)) != std::string::npos);
    CHECK(text.find("X-IPsec-Server(10)=@gw.example.org") != std::string::npos);
}

TEST_CASE("publication: the last address of a block ends it") {
    CHECK(ours_of(ip("192.0.2.5"), {*Prefix::parse("255.255.255.254/31")}).claims.size() == 3);
    CHECK(ours_of(ip("192.0.2.5"), {*Prefix::parse("192.0.1.0/24")}).claims.size() == 257);
}

TEST_CASE("publication: what records say about us") {
    const auto read = [](const Claim& claim, RecordType type, const std::vector<Bytes>& rdata) {
        return read_contents(ours(), claim, type, rdata);
    };
    SECTION("a delegation with our key") {
        const Contents set = read(host(), RecordType::ipseckey, {ipseckey("192.0.2.5", &kOurs)});
        CHECK(set.delegates);
        CHECK(set.serves(kOurs));
        CHECK_FALSE(set.serves(kNext));
    }
    SECTION("a delegation without a key leads to the gateway's own name") {
        const Contents set = read(host(), RecordType::ipseckey, {ipseckey("192.0.2.5", nullptr)});
        CHECK(set.keyless);
        CHECK(set.serves(kNext));
    }
    SECTION("a key without a gateway is nothing at a host's name, and ours at our own") {
        CHECK_FALSE(read(host(), RecordType::ipseckey, {ipseckey(nullptr, &kOurs)}).names_us);
        CHECK(read(own(), RecordType::ipseckey, {ipseckey(nullptr, &kOurs)}).has(kOurs));
    }
    SECTION("another gateway") {
        const Contents set = read(host(), RecordType::ipseckey, {ipseckey("192.0.2.9", &kOurs)});
        CHECK_FALSE(set.names_us);
        CHECK(set.other == "192.0.2.9");
        CHECK(set.keys.empty());
    }
    SECTION("TXT beside other people's") {
        const Contents set =
            read(host(), RecordType::txt,
                 {txt("v=spf1 -all"), txt("X-IPsec-Server(10)=192.0.2.5 " + to_base64(kOurs.data))});
        CHECK(set.has(kOurs));
        CHECK(set.malformed.empty());
    }
    SECTION("malformed") {
        CHECK_FALSE(read(host(), RecordType::txt, {txt("X-IPsec-Server(10)=nonsense")}).malformed.empty());
        CHECK_FALSE(read(host(), RecordType::ipseckey, {{10, 1, 2, 192}}).malformed.empty());
        CHECK_FALSE(read(host(), RecordType::ipseckey, {{}}).names_us);
    }
    SECTION("KEY at our own name") {
        Bytes rdata{0x42, 0, 4, 1};
        append(rdata, kOurs.data);
        CHECK(read(own(), RecordType::key, {rdata}).has(kOurs));
        CHECK_FALSE(read(host(), RecordType::key, {rdata}).names_us);
    }
}

TEST_CASE("publication: a key is carried when every set that gives keys gives it") {
    Name name = sight("a", {kOurs, kNext}).contents;
    CHECK(carries(name, kNext));
    name[1].keys = {kOurs};
    CHECK_FALSE(carries(name, kNext));  // who reads TXT only does not find it
    CHECK(mentions(name, kNext));
    name[1] = {};
    CHECK(carries(name, kNext));
    CHECK_FALSE(carries(Name{}, kNext));
}

TEST_CASE("publication: verdicts") {
    SECTION("all is well") {
        CHECK(verdicts(surveyed({sight("a", {kOurs})})) == Words{"ok", "ok"});
    }
    SECTION("missing at one authority, which is not behind") {
        CHECK(verdicts(surveyed({sight("a", {kOurs}), sight("b", {})})) == Words{"ok", "ok", "missing"});
    }
    SECTION("missing at one whose zone is older: stale, serials wrap") {
        Surveyed s = surveyed({sight("a", {kOurs}), sight("b", {})});
        s.authorities[0].serial = 2;
        s.authorities[1].serial = 0xfffffff0;
        CHECK(verdicts(s) == Words{"ok", "ok", "stale"});
    }
    SECTION("the resolver has it from before: stale") {
        Surveyed s = surveyed({sight("a", {kOurs})});
        s.world = sight("r", {kForeign});
        CHECK(verdicts(s) == Words{"stale", "ok"});
    }
    SECTION("a key that is not ours") {
        Surveyed s = surveyed({sight("a", {kForeign})});
        s.world = sight("r", {kForeign});
        CHECK(verdicts(s) == Words{"wrong key", "wrong key"});
        const auto lines = judge(ours(), {kOurs, std::nullopt, std::nullopt}, {s});
        CHECK(lines[0].publish == records_of(ours(), host(), {kOurs}));
    }
    SECTION("the former key alone") {
        Surveyed s = surveyed({sight("a", {kOurs})});
        CHECK(verdicts(s, {kNext, std::nullopt, kOurs}) == Words{"stale", "stale"});
        s.authorities[0] = sight("a", {kOurs, kNext});
        CHECK(verdicts(s, {kNext, std::nullopt, kOurs})[1] == "ok");
    }
    SECTION("the coming key alone: others could not verify us") {
        Surveyed s = surveyed({sight("a", {kNext})});
        CHECK(verdicts(s, {kOurs, kNext, std::nullopt})[1] == "wrong key");
    }
    SECTION("another gateway") {
        Surveyed s = surveyed({sight("a", {})});
        s.authorities[0].contents[1].other = "192.0.2.9";
        CHECK(verdicts(s)[1] == "wrong gateway");
    }
    SECTION("malformed alone; beside a good one it is only told") {
        Surveyed s = surveyed({sight("a", {}), sight("b", {kOurs})});
        s.authorities[0].contents[1].malformed = s.authorities[1].contents[1].malformed = "no gateway";
        CHECK(verdicts(s) == Words{"ok", "malformed", "ok"});
    }
    SECTION("unsigned") {
        Surveyed s = surveyed({sight("a", {kOurs})});
        s.world.contents[0].is_signed = false;
        CHECK(verdicts(s) == Words{"unsigned", "ok"});
    }
    SECTION("bogus, unreachable, ignored") {
        Surveyed s = surveyed({sight("a", {}), sight("b", {})});
        s.world.bogus = true;
        s.authorities[0].trouble = "does not answer";
        s.authorities[1].ignored = true;
        CHECK(verdicts(s) == Words{"bogus", "unreachable", "ok"});
    }
    SECTION("its zone is not found") {
        Surveyed s = surveyed({});
        s.trouble = "no SOA up to the root";
        CHECK(verdicts(s) == Words{"ok", "unreachable"});
    }
    SECTION("only a key, no delegation, at a host that is the gateway itself") {
        Surveyed s = surveyed({sight("a", {kOurs})});
        for (Contents& set : s.authorities[0].contents) set.delegates = false;
        CHECK(verdicts(s)[1] == "missing");
    }
}
