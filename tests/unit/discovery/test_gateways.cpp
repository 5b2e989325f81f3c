// Gateways that DNS gives by name (RFC 4025 §2.3, type 3), and what counts without
// DNSSEC (dns.unsigned-records): by the judgement, and through whole look-ups.
#include "discovery/delegation.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

using config::UnsignedRecords;

const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);
const Address kSgB6 = *Address::parse("2001:db8:1::5");
const PublicKey kA = rsa_of(1), kB = rsa_of(2);

Bytes by_name(unsigned precedence, std::string_view name, const PublicKey* key) {
    Writer wire;
    put_name(wire, name);
    return ipseckey(precedence, 3, key ? 2 : 0, wire.view(), key ? ByteView(key->data) : ByteView{});
}
Bytes rdata_of(const Address& a) {
    return Bytes(a.wire().begin(), a.wire().end());
}
Reply records(std::vector<Bytes> rdata, Verdict verdict = Verdict::secure, Duration lifetime = 600s) {
    return {Reply::State::records, verdict, std::move(rdata), lifetime, {}};
}
Reply absent(Verdict verdict = Verdict::secure) {
    return {Reply::State::absent, verdict, {}, 60s, {}};
}
Reply without(Reply::State state) {
    return {state, state == Reply::State::bogus ? Verdict::bogus : Verdict::indeterminate, {}, 300s, "why"};
}
DelegationAnswer judge(const Reply& ipseckey_reply, const Reply& txt_reply, const Names& names,
                       const Rules& rules = {}) {
    return judge_delegation(kBob, {ipseckey_reply, txt_reply, absent()}, names, rules);
}

/// A zone by name and type; absence, secure, for the rest.
struct Zone {
    std::map<std::pair<std::string, std::uint16_t>, Script> scripts;
    std::set<std::pair<std::string, std::uint16_t>> silent;
    std::optional<Script> operator()(const SendQuery&, const SeenQuestion& seen) const {
        const std::pair at(seen.question.name, seen.question.type);
        if (silent.contains(at)) return std::nullopt;
        const auto found = scripts.find(at);
        return found == scripts.end() ? Script{} : found->second;
    }
};
const std::string kBobName = kBob.reverse_name();

}  // namespace

TEST_CASE("a gateway by name is a candidate for each of its addresses") {
    World w;
    Zone zone;
    zone.scripts[{kBobName, kIpseckey}] = {.rdata = {by_name(7, "SG-B.Example.", &kB)}};
    zone.scripts[{"sg-b.example.", kTypeA}] = {.rdata = {rdata_of(kSgB)}, .ttl = 200};
    zone.scripts[{"sg-b.example.", kTypeAaaa}] = {.rdata = {rdata_of(kSgB6)}};
    w.dns = zone;
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::usable);
    CHECK(answer.verdict == Verdict::secure);
    CHECK(answer.lifetime == 200s);
    REQUIRE(answer.candidates.size() == 2);
    std::set<Address> gateways;
    for (const Candidate& c : answer.candidates) {
        gateways.insert(c.gateway);
        CHECK(c.id == Identity::of_name("sg-b.example"));
        CHECK(c.also == std::vector{Identity::of(c.gateway)});
        CHECK(c.keys == std::vector{kB});
        CHECK(c.precedence == 7);
        CHECK(c.source == RecordType::ipseckey);
        CHECK_FALSE(c.any_unsigned);
    }
    CHECK(gateways == std::set{kSgB, kSgB6});
    CHECK(answer.records.at(0).judgement == "usable");
    CHECK(w.sent.size() == 5);  // three types, A and AAAA
}

TEST_CASE("addresses of a gateway by name: the families that we have, IPv6 first, always in that order") {
    struct Row {
        const char* what;
        bool ipv4, ipv6;               // outside addresses of ours
        std::vector<Address> a, aaaa;  // of the gateway
        std::vector<Address> order;
    };
    const Address other = Address::ipv4(192, 1, 1, 9);
    const std::vector<Row> rows{
        {"both, both", true, true, {kSgB}, {kSgB6}, {kSgB6, kSgB}},
        {"we have IPv4 only", true, false, {kSgB, other}, {kSgB6}, {kSgB, other}},
        {"we have IPv6 only", false, true, {kSgB}, {kSgB6}, {kSgB6}},
        {"it has IPv4 only", true, true, {kSgB}, {}, {kSgB}},
        {"nothing in common", true, false, {}, {kSgB6}, {}},
        {"nothing in common, the other way", false, true, {kSgB, other}, {}, {}},
    };
    for (const Row& row : rows)
        for (std::uint64_t seed = 1; seed <= 16; ++seed) {
            INFO(row.what << ", seed " << seed);
            World w;
            w.random = SeededRandom(seed);
            Surroundings surroundings;
            surroundings.ipv4 = row.ipv4;
            surroundings.ipv6 = row.ipv6;
            w.discovery = std::make_unique<Discovery>(
                w.config, w.random, [&w] { return w.wall; }, nullptr, surroundings);
            Zone zone;
            // Beside another gateway of the same precedence: those two are drawn by lot.
            zone.scripts[{kBobName, kIpseckey}] = {
                .rdata = {by_name(7, "sg-b.example.", &kB), ipseckey(7, Address::ipv4(192, 1, 1, 77), kA)}};
            for (const Address& a : row.a)
                zone.scripts[{"sg-b.example.", kTypeA}].rdata.push_back(rdata_of(a));
            for (const Address& a : row.aaaa)
                zone.scripts[{"sg-b.example.", kTypeAaaa}].rdata.push_back(rdata_of(a));
            // Whoever loses what is of no use here decides nothing.
            if (!row.ipv4) zone.silent.insert({"sg-b.example.", kTypeA});
            if (!row.ipv6) zone.silent.insert({"sg-b.example.", kTypeAaaa});
            w.dns = zone;
            const DelegationAnswer answer = w.delegation(kBob);
            CHECK(answer.outcome == Outcome::usable);
            std::vector<Address> order;
            for (const Candidate& c : answer.candidates)
                if (c.id == Identity::of_name("sg-b.example")) order.push_back(c.gateway);
            CHECK(order == row.order);
            CHECK(answer.candidates.size() == row.order.size() + 1);
            // The addresses of one gateway stay together.
            CHECK((answer.candidates.front().id != Identity::of_name("sg-b.example") ||
                   answer.candidates.back().id != Identity::of_name("sg-b.example") || row.order.empty()));
        }
    // However many addresses it has of one family, there is room for the other.
    std::vector<Bytes> many;
    for (std::uint8_t i = 1; i <= 20; ++i) {
        Bytes address = rdata_of(kSgB6);
        address[15] = i;
        many.push_back(address);
    }
    const Reply named = records({by_name(1, "sg.example.", &kB)});
    const auto answer = judge(named, absent(), {{"sg.example", {records({rdata_of(kSgB)}), records(many)}}});
    REQUIRE(answer.candidates.size() == 3);
    CHECK(answer.candidates[2].gateway == kSgB);
    Rules only_ipv4;
    only_ipv4.ipv6 = false;
    CHECK(judge(named, absent(), {{"sg.example", {absent(), records(many)}}}, only_ipv4)
              .records.at(0)
              .judgement == "ignored: gateway name sg.example has no IPv4 address");
}

TEST_CASE("a gateway by name without key: the key is looked up at the name") {
    World w;
    Zone zone;
    zone.scripts[{kBobName, kIpseckey}] = {.rdata = {by_name(7, "sg-b.example.", nullptr)}};
    zone.scripts[{"sg-b.example.", kTypeA}] = {.rdata = {rdata_of(kSgB)}};
    zone.scripts[{"sg-b.example.", kKey}] = {.rdata = {key_record(kB)}};
    w.dns = zone;
    const DelegationAnswer answer = w.delegation(kBob);
    REQUIRE(answer.candidates.size() == 1);
    CHECK(answer.candidates[0].keys.empty());
    const KeyAnswer keys = w.keys(answer.candidates[0].id);
    CHECK(keys.outcome == Outcome::usable);
    CHECK(keys.verdict == Verdict::secure);
    CHECK(keys.keys == std::vector{kB});
}

TEST_CASE("the chain of a gateway by name is as strong as its weakest link, and must be secure") {
    const Reply named = records({by_name(1, "sg.example.", &kB)});
    const Names good{{"sg.example", {records({rdata_of(kSgB)}), absent()}}};
    CHECK(judge(named, absent(), good).candidates.size() == 1);
    // The record itself is not secure: nothing is even looked up.
    const Reply weak = records({by_name(1, "sg.example.", &kB)}, Verdict::indeterminate);
    CHECK(names_to_resolve(weak).empty());
    CHECK(judge(weak, absent(), good).outcome == Outcome::unusable);
    for (const Verdict verdict : {Verdict::insecure, Verdict::indeterminate}) {
        const Names unsigned_address{{"sg.example", {records({rdata_of(kSgB)}, verdict), absent()}}};
        const auto answer = judge(named, absent(), unsigned_address);
        CHECK(answer.outcome == Outcome::unusable);
        CHECK(answer.detail.find("address of sg.example is not authenticated") != std::string::npos);
        // Not even where it is the queried address itself: the name chose the key.
        const Names self{{"sg.example", {records({rdata_of(kBob)}, verdict), absent()}}};
        CHECK(judge(named, absent(), self).outcome == Outcome::unusable);
    }
}

TEST_CASE("a gateway name whose address is bogus, unknown or absent") {
    const Reply named = records({by_name(1, "sg.example.", &kB)});
    const Reply good_txt = records({txt_to(1, "192.1.1.5", kA)});
    const Names bogus{{"sg.example", {without(Reply::State::bogus), absent()}}};
    const Names failed{{"sg.example", {without(Reply::State::failed), absent()}}};
    const Names none{{"sg.example", {absent(), absent()}}};
    CHECK(judge(named, absent(), bogus).outcome == Outcome::bogus);
    CHECK(judge(named, good_txt, bogus).outcome == Outcome::usable);  // a secure record wins
    CHECK(judge(named, absent(), failed).outcome == Outcome::failed);
    CHECK(judge(named, absent(), failed).detail == "address of sg.example: why");
    // Whoever loses an address must not choose the type that counts.
    CHECK(judge(named, good_txt, failed).outcome == Outcome::failed);
    CHECK(judge(named, absent(), none).outcome == Outcome::unusable);
    CHECK(judge(named, absent(), none).records.at(0).judgement ==
          "ignored: gateway name sg.example has no address");
    CHECK(judge(named, good_txt, none).candidates.at(0).source == RecordType::txt);
    // One address is enough, and another gateway by address goes on.
    const Names half{{"sg.example", {without(Reply::State::failed), records({rdata_of(kSgB6)})}}};
    CHECK(judge(named, absent(), half).candidates.at(0).gateway == kSgB6);
    const Reply both = records({by_name(1, "sg.example.", &kB), ipseckey(9, kSgB, kA)});
    CHECK(judge(both, absent(), failed).candidates.at(0).gateway == kSgB);
}

TEST_CASE("addresses and names of gateways are bounded and checked") {
    const Reply named = records({by_name(1, "sg.example.", &kB)});
    std::vector<Bytes> many;
    for (std::uint8_t i = 1; i <= 20; ++i) many.push_back(rdata_of(Address::ipv4(192, 1, 1, i)));
    CHECK(judge(named, absent(), {{"sg.example", {records(many), absent()}}}).candidates.size() ==
          kMaxAddresses);
    for (const Bytes& bad : {rdata_of(Address::ipv4(127, 0, 0, 1)), rdata_of(Address::ipv4(224, 0, 0, 1)),
                             Bytes{1, 2, 3}, Bytes{}, Bytes(16, 1)}) {
        const auto answer = judge(named, absent(), {{"sg.example", {records({bad}), absent()}}});
        CHECK(answer.outcome == Outcome::unusable);
        CHECK(judge(named, absent(), {{"sg.example", {records({bad, rdata_of(kSgB)}), absent()}}})
                  .candidates.at(0)
                  .gateway == kSgB);
    }
    Bytes mapped(16, 0);
    mapped[10] = mapped[11] = 0xff;
    mapped[15] = 1;
    CHECK(judge(named, absent(), {{"sg.example", {absent(), records({mapped})}}}).outcome ==
          Outcome::unusable);

    std::vector<Bytes> names;
    for (unsigned i = 0; i < 100; ++i)
        names.push_back(by_name(100 - i, "sg" + std::to_string(i) + ".example.", &kB));
    names.push_back(by_name(1, "sg99.example.", &kA));
    const auto wanted = names_to_resolve(records(names));
    CHECK(wanted == std::vector<std::string>{"sg99.example", "sg98.example", "sg97.example", "sg96.example"});
    CHECK(judge(records({by_name(1, ".", &kB)}), absent(), {}).outcome == Outcome::unusable);
    CHECK(names_to_resolve(records({by_name(1, ".", &kB)})).empty());
    // Two records of one name: one candidate, both keys.
    const auto two = judge(records({by_name(3, "sg.example.", &kA), by_name(1, "sg.example.", &kB)}),
                           absent(), {{"sg.example", {records({rdata_of(kSgB)}), absent()}}});
    REQUIRE(two.candidates.size() == 1);
    CHECK(two.candidates[0].keys == std::vector{kA, kB});
    CHECK(two.candidates[0].precedence == 1);
}

TEST_CASE("a gateway name that nobody answers for ends with the look-up, not five seconds later") {
    World w;
    Zone zone;
    zone.scripts[{kBobName, kIpseckey}] = {.rdata = {by_name(7, "sg-b.example.", &kB)}};
    zone.silent = {{"sg-b.example.", kTypeA}, {"sg-b.example.", kTypeAaaa}};
    w.dns = [&, first = true](const SendQuery& q, const SeenQuestion& seen) mutable -> std::optional<Script> {
        if (first && seen.question.type == kIpseckey) {
            first = false;
            return std::nullopt;  // answered only when repeated, a second later
        }
        return zone(q, seen);
    };
    CHECK(w.delegation_at_timeout(kBob).outcome == Outcome::failed);
    CHECK(w.open.empty());
    CHECK(w.d().next_deadline() == kNever);
}

TEST_CASE("TXT =@FQDN is never resolved") {
    World w;
    Zone zone;
    zone.scripts[{kBobName, kTxt}] = {.rdata = {txt("X-IPsec-Server(3)=@sg.example " + to_base64(kA.data))}};
    w.dns = zone;
    const DelegationAnswer answer = w.delegation(kBob);
    CHECK(answer.outcome == Outcome::unusable);
    REQUIRE(answer.identities.size() == 1);
    CHECK(w.sent.size() == 3);
}

TEST_CASE("dns.unsigned-records: what counts without DNSSEC") {
    struct Row {
        const char* what;
        Reply ipseckey_reply, txt_reply;
        Outcome self_only, refuse, any;
        bool any_unsigned;
    };
    const Verdict weak = GENERATE(Verdict::insecure, Verdict::indeterminate);
    const std::vector<Row> rows{
        {"IPSECKEY naming itself", records({ipseckey(1, kBob, kA)}, weak), absent(), Outcome::usable,
         Outcome::unusable, Outcome::usable, false},
        {"TXT naming itself", absent(), records({txt_to(1, "192.2.0.66", kA)}, weak), Outcome::usable,
         Outcome::unusable, Outcome::usable, false},
        {"IPSECKEY naming another", records({ipseckey(1, kSgB, kB)}, weak), absent(), Outcome::unusable,
         Outcome::unusable, Outcome::unusable, false},
        {"IPSECKEY naming another by name", records({by_name(1, "sg.example.", &kB)}, weak), absent(),
         Outcome::unusable, Outcome::unusable, Outcome::unusable, false},
        {"TXT naming another", absent(), records({txt_to(1, "192.1.1.5", kB)}, weak), Outcome::unusable,
         Outcome::unusable, Outcome::usable, true},
        {"TXT naming another by name", absent(),
         records({txt("X-IPsec-Server(1)=@sg.example " + to_base64(kB.data))}, weak), Outcome::unusable,
         Outcome::unusable, Outcome::unusable, false},
        {"secure TXT naming another", absent(), records({txt_to(1, "192.1.1.5", kB)}), Outcome::usable,
         Outcome::usable, Outcome::usable, false},
    };
    const Names names{{"sg.example", {records({rdata_of(kSgB)}), absent()}}};
    for (const Row& row : rows) {
        INFO(row.what);
        const auto with = [&](UnsignedRecords rule) {
            return judge(row.ipseckey_reply, row.txt_reply, names, {rule});
        };
        CHECK(with(UnsignedRecords::self_only).outcome == row.self_only);
        CHECK(with(UnsignedRecords::refuse).outcome == row.refuse);
        const auto any = with(UnsignedRecords::any);
        CHECK(any.outcome == row.any);
        for (const Candidate& c : any.candidates) CHECK(c.any_unsigned == row.any_unsigned);
        for (const Candidate& c : with(UnsignedRecords::self_only).candidates) CHECK_FALSE(c.any_unsigned);
        CHECK(any.identities.empty());
        if (any.outcome == Outcome::usable && row.any_unsigned) CHECK(any.verdict == weak);
    }
    // The key at a name, too.
    const Replies keys{absent(), absent(), records({key_record(kB)}, weak)};
    CHECK(judge_keys(Identity::of(kSgB), keys).outcome == Outcome::usable);
    CHECK(judge_keys(Identity::of(kSgB), keys).verdict == weak);
    CHECK(judge_keys(Identity::of(kSgB), keys, {UnsignedRecords::refuse}).outcome == Outcome::unusable);
    CHECK(judge_keys(Identity::of(kSgB), keys, {UnsignedRecords::refuse}).detail ==
          "the key of 192.1.1.5 is not authenticated");
}
