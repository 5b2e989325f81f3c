// Configured peers (OE draft §12.1), classes by source, and classes that require secure.
#include "unit/keying/rig.hpp"

namespace {

const Pair kTunnel = to("192.2.9.1");
const Identity kBranch = Identity::of_name("branch.example");

ike::WantAuthorization branch_offer(Rig& r, const Pair& theirs) {
    ike::WantAuthorization w = r.offer(theirs.source, theirs.destination);
    w.peer = kBranch;
    w.remote = kSgD;
    w.key = key(9);
    return w;
}

}  // namespace

ROW_TEST("row n.configured: keyed with the peer of the configuration, without DNS") {
    r.miss(kTunnel);
    CHECK(r.lookups.empty());
    CHECK(r.key_lookups.empty());
    REQUIRE(r.exchanges.size() == 1);
    CHECK(r.state(kTunnel) == "pending");
    const ike::Initiate& request = r.exchanges[0].request;
    CHECK(request.gateway == kSgD);
    CHECK(request.peer == kBranch);
    CHECK(request.keys == std::vector{key(9)});
    CHECK(request.verdict == Verdict::secure);
    CHECK(request.configured);  // no channel of an opportunistic peer will do
    auto c = r.child(1, true);
    c.pair = kTunnel;
    c.remote = kSgD;
    c.peer = kBranch;
    r.installed(c);
    CHECK(r.policy() == FlowState::encrypt);
    r.pass(60s);  // no answer of DNS that could be stale
    r.used(true, kTunnel);
    CHECK(r.state(kTunnel) == "keyed");
    CHECK(r.lookups.empty());
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    CHECK(r.state(kTunnel) == "pending");
    CHECK(r.exchanges.size() == 2);
}

ROW_TEST("row n.configured: failure never clears, and is tried again") {
    r.miss(kTunnel);
    r.fails(ike::Failure::silence);
    CHECK(r.policy() == FlowState::deny);
    r.pass(10min);
    r.used(true, kTunnel);
    CHECK(r.state(kTunnel) == "pending");
    CHECK(r.exchanges.size() == 2);
    CHECK(r.lookups.empty());
    r.fails(ike::Failure::refused);
    CHECK(r.policy() == FlowState::deny);

    config::Config keyless = make_config();
    keyless.peers[0].keys.clear();
    Rig k(keyless);
    k.miss(kTunnel);
    CHECK(k.policy() == FlowState::deny);
    CHECK(k.exchanges.empty());
}

ROW_TEST("row r.configured: the peer's key is the configuration's, not DNS's") {
    r.keying.on_want_peer_keys({7, kBranch, ip("203.0.113.5")}, r.now);
    r.drain();
    CHECK(r.key_lookups.empty());
    REQUIRE(r.peer_keys.size() == 1);
    CHECK(r.peer_keys[0].keys == std::vector{key(9)});
    CHECK(r.peer_keys[0].verdict == Verdict::secure);
    r.ask(branch_offer(r, kTunnel.reversed()));
    REQUIRE(r.authorizations.size() == 1);
    CHECK(r.authorizations[0].allowed);
}

ROW_TEST("row r.configured: never OE, never another's tunnel, never what is ours") {
    r.ask(branch_offer(r, {kBob, kAlice}));                         // an OE class
    r.ask(branch_offer(r, {kSgD, kAlice}));                         // even for itself
    r.ask(branch_offer(r, {ip("192.2.9.1"), ip("198.51.100.1")}));  // not behind us
    r.ask(branch_offer(r, {ip("192.1.0.70"), kAlice}));             // inside
    auto office = branch_offer(r, kTunnel.reversed());
    office.peer = Identity::of(ip("192.2.1.10"));  // the tunnel is the branch's
    r.ask(office);
    REQUIRE(r.authorizations.size() == 5);
    for (const auto& a : r.authorizations) CHECK_FALSE(a.allowed);
    CHECK(r.lookups.empty());
    CHECK(r.transitions.back().security);
}

ROW_TEST("row r.claim: a stranger never gets an address of a configured tunnel") {
    r.ask(r.offer(kTunnel.destination));
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
    auto self = r.offer(kTunnel.destination);  // not even by authenticating as it
    self.peer = Identity::of(kTunnel.destination);
    self.remote = kTunnel.destination;
    r.ask(self);
    REQUIRE(r.authorizations.size() == 2);
    CHECK_FALSE(r.authorizations[1].allowed);
    CHECK(r.lookups.empty());
}

TEST_CASE("classes by source: longest destination, then longest source, else the next shorter destination") {
    config::Config c = make_config();
    const auto prefix = [](const char* text) { return *Prefix::parse(text); };
    c.classes.push_back({ClassKind::deny, {prefix("192.2.0.0/24")}, {prefix("192.1.0.128/25")}});
    c.classes.push_back({ClassKind::always_clear_text, {prefix("192.2.0.0/24")}, {prefix("192.1.0.192/26")}});
    const Realm realm(c);
    const auto kind = [&](const char* source, const char* destination) {
        return realm.class_of({ip(source), ip(destination)}).kind;
    };
    CHECK(kind("192.1.0.65", "192.2.0.66") == ClassKind::oe_permissive);  // the /16's
    CHECK(kind("192.1.0.130", "192.2.0.66") == ClassKind::deny);
    CHECK(kind("192.1.0.200", "192.2.0.66") == ClassKind::always_clear_text);
    CHECK(kind("192.1.0.130", "192.2.1.66") == ClassKind::oe_permissive);
    CHECK(realm.class_of({ip("192.1.0.200"), kBob}).source == prefix("192.1.0.192/26"));

    Rig r(c);  // the responder looks at the pair as its own host sees it
    r.ask(r.offer(kBob, ip("192.1.0.130")));
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
    r.ask(r.offer(kBob, kAlice));
    CHECK(r.lookups.size() == 1);
}

namespace {

config::Config secure_config() {
    config::Config c = make_config();
    c.classes[0].require_secure = true;
    return c;
}

}  // namespace

ROW_TEST("row p.insecure: what DNSSEC does not secure is no usable record") {
    Rig s(secure_config());
    s.seek({gateway(kBob, 10, true, Verdict::insecure)});  // speaks for itself, and yet
    CHECK(s.exchanges.empty());
    CHECK(s.policy() == FlowState::pass);
    CHECK(s.reason() == "p.insecure");

    Rig k(secure_config());  // the chain is as weak as its key
    k.seek({gateway(kSgB, 10, false)});
    k.key_dns(keys(Outcome::usable, Verdict::insecure));
    CHECK(k.exchanges.empty());
    CHECK(k.policy() == FlowState::pass);

    Rig ok(secure_config());
    ok.seek();
    CHECK(ok.exchanges.size() == 1);
}

ROW_TEST("row r.insecure: the responder requires it, too") {
    Rig s(secure_config());
    auto w = s.offer(kSgB);  // for itself, by a key that nothing secures
    w.verdict = Verdict::insecure;
    s.ask(w);
    REQUIRE(s.authorizations.size() == 1);
    CHECK_FALSE(s.authorizations[0].allowed);
    s.ask(s.offer(kBob));
    s.dns(answer(Outcome::usable, {gateway(kSgB, 10, true, Verdict::insecure)}, 1h, Verdict::insecure));
    REQUIRE(s.authorizations.size() == 2);
    CHECK_FALSE(s.authorizations[1].allowed);
}

TEST_CASE("unsigned records: any counts for TXT only, and only where the configuration says so") {
    auto txt = gateway(kSgB, 10, true, Verdict::insecure);
    txt.any_unsigned = true;
    txt.source = discovery::RecordType::txt;
    auto ipseckey = txt;
    ipseckey.source = discovery::RecordType::ipseckey;
    config::Config any = make_config();
    any.dns.unsigned_records = config::UnsignedRecords::any;
    const auto exchanges = [](const config::Config& c, const discovery::Candidate& g) {
        Rig r(c);
        r.miss();
        r.dns(answer(Outcome::usable, {g}, 1h, Verdict::insecure));
        return r.exchanges.size();
    };
    CHECK(exchanges(any, txt) == 1);
    CHECK(exchanges(any, ipseckey) == 0);
    CHECK(exchanges(make_config(), txt) == 0);

    Rig responder(any);
    auto w = responder.offer(kBob);
    w.verdict = Verdict::insecure;
    responder.ask(w);
    responder.dns(answer(Outcome::usable, {txt}, 1h, Verdict::insecure));
    REQUIRE(responder.authorizations.size() == 1);
    CHECK(responder.authorizations[0].allowed);
}
