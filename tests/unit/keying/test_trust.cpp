// Who is believed, and whose word is enough: each check for itself, where no other one
// would refuse as well. Beside the rows' own tests, which say what happens then.
#include "unit/keying/rig.hpp"

namespace {

config::Config with_classes(std::vector<config::Class> classes) {
    config::Config c = make_config();
    c.classes = std::move(classes);
    return c;
}

/// OE with everybody: no class stands in the way of a claim.
config::Config open_config() {
    return with_classes({{ClassKind::oe_permissive, {*Prefix::parse("0.0.0.0/0"), *Prefix::parse("::/0")}}});
}

config::Config any_config() {
    config::Config c = make_config();
    c.dns.unsigned_records = config::UnsignedRecords::any;
    return c;
}

discovery::Candidate unsigned_txt(const Address& gateway_address) {
    auto txt = gateway(gateway_address, 10, true, Verdict::insecure);
    txt.any_unsigned = true;
    txt.source = discovery::RecordType::txt;
    return txt;
}

std::string last_row(const Rig& r) {
    return r.transitions.empty() ? "" : r.transitions.back().row;
}

/// The peer authenticates as the source that it proposes, from there.
ike::WantAuthorization speaking_for_itself(Rig& r, const Address& source) {
    auto w = r.offer(source);
    w.peer = Identity::of(source);
    w.remote = source;
    return w;
}

}  // namespace

ROW_TEST("row r.claim: each address that is not the peer's to claim, though OE is allowed with everybody") {
    Rig o(open_config());
    for (const char* source :
         {"192.1.0.70",  // inside
          "10.9.1.1",    // inside, by a route
          "192.1.1.5",   // ours
          "192.1.0.1",   // ours, of the inside
          "127.0.0.1", "169.254.0.9", "224.0.0.5", "0.1.2.3", "250.0.0.1", "192.0.0.8"}) {
        INFO(source);
        o.ask(o.offer(ip(source)));
        CHECK(last_row(o) == "r.claim");
        o.ask(speaking_for_itself(o, ip(source)));
        CHECK(last_row(o) == "r.claim");
    }
    CHECK(o.lookups.empty());
    CHECK(o.authorizations.size() == 20);
    for (const auto& a : o.authorizations) CHECK_FALSE(a.allowed);
    o.ask(speaking_for_itself(o, kBob));
    CHECK(o.authorizations.back().allowed);
}

ROW_TEST("row r.configured: what is ours stays ours, though the tunnel is to everywhere") {
    config::Config hub = with_classes({{ClassKind::configured, {*Prefix::parse("0.0.0.0/0")}}});
    hub.classes[0].peer = "branch";
    Rig o(hub);
    const auto ask_for = [&](const char* source) {
        auto w = o.offer(ip(source));
        w.peer = Identity::of_name("branch.example");
        w.remote = kSgD;
        o.ask(w);
        REQUIRE(last_row(o) == "r.configured");
        return o.authorizations.back().allowed;
    };
    CHECK(ask_for("203.0.113.9"));
    CHECK_FALSE(ask_for("192.1.0.70"));  // inside
    CHECK_FALSE(ask_for("192.1.1.5"));   // ours
}

ROW_TEST("row r.source: the address alone is not the identity, nor the identity the address") {
    auto w = r.offer(kSgB);
    w.peer = Identity::of(kSgC);  // comes from there, and is somebody else
    r.ask(w);
    CHECK(r.authorizations.empty());
    REQUIRE(r.lookups.size() == 1);
    CHECK(r.lookups[0].owner == kSgB);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
    w.peer = Identity::of_name("sg-c.example");
    r.ask(w);
    CHECK(r.authorizations.size() == 1);
    CHECK(r.lookups.size() == 2);
}

ROW_TEST("row r.source: each class that takes offers") {
    for (const char* source :
         {"192.2.0.66", "192.2.5.1", "192.2.8.1"}) {  // permissive, paranoid, accept-only
        INFO(source);
        Rig o;
        o.ask(o.offer(ip(source)));
        CHECK(o.lookups.size() == 1);
        CHECK(last_row(o) == "r.source");
    }
}

ROW_TEST("row r.nokey: only keys that DNS vouches for are keys") {
    for (const Outcome o : {Outcome::failed, Outcome::bogus, Outcome::malformed, Outcome::unusable}) {
        auto a = keys(Outcome::usable);
        a.outcome = o;
        r.want_keys();
        r.key_dns(a);
        CHECK(last_row(r) == "r.nokey");
        CHECK(r.peer_keys.back().keys.empty());
    }
    auto none = keys(Outcome::usable);
    none.keys.clear();
    r.want_keys();
    r.key_dns(none);
    CHECK(last_row(r) == "r.nokey");
}

ROW_TEST("row r.budget: a /64 is one source, and there is a bound of all") {
    r.config.limits.peer_lookups_per_source = 2;
    r.config.limits.peer_lookups = 3;
    r.want_keys(1, ip("2001:db8::1"));
    r.want_keys(2, ip("2001:db8::ffff:2"));
    r.want_keys(3, ip("2001:db8::3"));
    CHECK(last_row(r) == "r.budget");
    r.want_keys(4, ip("2001:db8:0:1::1"));
    CHECK(r.key_lookups.size() == 3);
    r.want_keys(5, kSgC);  // of its own budget, but all are used up
    CHECK(last_row(r) == "r.budget");
    CHECK(r.key_lookups.size() == 3);
    r.key_dns(keys(Outcome::usable));  // and given back
    r.want_keys(6, kSgC);
    CHECK(r.key_lookups.size() == 4);
}

ROW_TEST("row r.delegated: by a record without a key, and by a gateway's name with its address") {
    r.ask(r.offer(kBob));
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10, false)}));
    CHECK(r.authorizations.back().allowed);
    auto named = gateway(kSgB, 10);
    named.id = Identity::of_name("sg-b.example");
    named.also = {Identity::of(kSgB)};
    r.ask(r.offer(kBob));
    r.dns(answer(Outcome::usable, {named}));
    CHECK(r.authorizations.back().allowed);
    named.also = {Identity::of(kSgC)};
    r.ask(r.offer(kBob));
    r.dns(answer(Outcome::usable, {named}));
    CHECK_FALSE(r.authorizations.back().allowed);
}

ROW_TEST("row r.undelegated: what DNS did not vouch for names nobody") {
    auto bogus_identity = answer(Outcome::bogus, {}, 1h, Verdict::secure);
    bogus_identity.identities = {gateway(kSgB, 10)};
    auto w = r.offer(kBob);
    const discovery::DelegationAnswer answers[] = {answer(Outcome::failed, {gateway(kSgB, 10)}),
                                                   answer(Outcome::unusable, {gateway(kSgB, 10)}),
                                                   bogus_identity};
    for (const auto& a : answers) {
        r.ask(w);
        r.dns(a);
        CHECK(last_row(r) == "r.undelegated");
        CHECK_FALSE(r.authorizations.back().allowed);
    }
    w = speaking_for_itself(r, kBob);
    w.remote = kSgC;  // so DNS is asked; it names the host itself, but under a bogus verdict
    r.ask(w);
    r.dns(answer(Outcome::usable, {gateway(kBob, 10, true, Verdict::bogus)}));
    CHECK_FALSE(r.authorizations.back().allowed);
    r.ask(w);
    r.dns(answer(Outcome::usable, {gateway(kBob, 10, true, Verdict::insecure)}));
    CHECK(r.authorizations.back().allowed);  // unsigned, but naming itself
}

ROW_TEST("row r.undelegated: honest when it asked, outdone or forbidden when DNS answered") {
    Rig raced(any_config());
    auto w = raced.offer(kBob);
    w.verdict = Verdict::insecure;
    raced.ask(w);
    const auto question = raced.lookups.back();
    raced.key_pair();  // meanwhile, under a secure verdict
    raced.keying.on_delegation(question.connection, answer(Outcome::usable, {unsigned_txt(kSgB)}), raced.now);
    raced.drain();
    REQUIRE(raced.authorizations.size() == 1);
    CHECK_FALSE(raced.authorizations[0].allowed);

    config::Config secure = any_config();
    secure.classes[0].require_secure = true;
    Rig demanding(secure);
    demanding.ask(demanding.offer(kBob));
    demanding.dns(answer(Outcome::usable, {unsigned_txt(kSgB)}, 1h, Verdict::insecure));
    REQUIRE(demanding.authorizations.size() == 1);
    CHECK_FALSE(demanding.authorizations[0].allowed);
}

ROW_TEST("row r.install: the pair's verdict is that of the weakest of key, record and answer") {
    Rig weak(any_config());
    weak.ask(weak.offer(kBob));
    weak.dns(answer(Outcome::usable, {unsigned_txt(kSgB)}, 1h, Verdict::insecure));
    weak.installed(weak.child(40, false));
    CHECK(weak.keying.find(kPair)->verdict == Verdict::insecure);
    auto rekeyed = weak.child(41, true);
    rekeyed.replaces = 40;
    weak.installed(rekeyed);  // nothing was looked up for it
    CHECK(weak.keying.find(kPair)->verdict == Verdict::insecure);

    // Of two records for the same peer the stronger one counts, wherever it stands.
    const auto secure = gateway(kBob, 10), plain = gateway(kBob, 20, true, Verdict::insecure);
    for (const auto& records : {std::vector{secure, plain}, std::vector{plain, secure}}) {
        Rig o;
        auto w = speaking_for_itself(o, kBob);
        w.remote = kSgC;
        o.ask(w);
        o.dns(answer(Outcome::usable, records));
        REQUIRE(o.authorizations.back().allowed);
        auto c = o.child(40, false);
        c.peer = w.peer;
        o.installed(c);
        CHECK(o.keying.find(kPair)->verdict == Verdict::secure);
    }
}

ROW_TEST("row l.used: what DNS said of a peer that was let in holds as long as its answer") {
    r.ask(r.offer(kBob));
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 1h));
    r.installed(r.child(40, false));
    r.pass(60s);
    r.used(true);
    CHECK(r.state() == "keyed");
    CHECK(r.lookups.size() == 1);  // not asked again
}

ROW_TEST("row p.no-key: an unsigned key beside a signed delegation is nobody's") {
    r.seek({gateway(kSgB, 10, false)});
    r.key_dns(keys(Outcome::usable, Verdict::insecure));
    CHECK(r.exchanges.empty());
    CHECK(r.policy() == FlowState::pass);
    Rig self;  // a host speaks for itself, but no better than its key
    self.seek({gateway(kBob, 10, false)});
    self.key_dns(keys(Outcome::usable, Verdict::insecure));
    REQUIRE(self.exchanges.size() == 1);
    CHECK(self.exchanges[0].request.verdict == Verdict::insecure);
}

ROW_TEST("row p.no-key: a malformed key of the only gateway denies, as a bogus one does") {
    for (const Outcome o : {Outcome::malformed, Outcome::bogus}) {
        Rig k;
        k.seek({gateway(kSgB, 10, false)});
        k.key_dns(keys(o));
        CHECK(k.reason() == "p.no-key");
        CHECK(k.policy() == FlowState::deny);
    }
    r.seek({gateway(kSgB, 10, false)});
    r.key_dns(keys(Outcome::failed));
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lifespan() == 300s);
}

ROW_TEST("row p.insecure: a key lookup must be as secure as the class asks") {
    config::Config secure = make_config();
    secure.classes[0].require_secure = true;
    Rig weak(secure);
    weak.seek({gateway(kBob, 10, false)});  // itself, which would do elsewhere
    weak.key_dns(keys(Outcome::usable, Verdict::insecure));
    CHECK(weak.exchanges.empty());
    Rig strong(secure);
    strong.seek({gateway(kSgB, 10, false)});
    strong.key_dns(keys(Outcome::usable));
    CHECK(strong.exchanges.size() == 1);
    Rig unsecured(secure);
    unsecured.seek({gateway(kBob, 10, true, Verdict::insecure)});
    CHECK(unsecured.reason() == "p.insecure");
}

ROW_TEST("row k.key-gone: the gateway's own name has another key now") {
    NewChild c = r.child(9, false);
    c.pair = {kAlice, kSgB};
    r.installed(c);
    r.pass(60s);
    r.used(true, c.pair);
    auto other = keys(Outcome::usable);
    other.keys = {key(2)};
    r.key_dns(other);
    CHECK(r.ran(Story::k_key_gone) == 1);
}

ROW_TEST("row l.bad: a key that DNS does not give, or gives under a weaker verdict, is not gone") {
    auto stripped = keys(Outcome::none, Verdict::insecure);
    for (const auto& a :
         {keys(Outcome::failed, Verdict::insecure), keys(Outcome::bogus, Verdict::insecure), stripped}) {
        const bool weaker = a.outcome == Outcome::none;
        Rig o;
        NewChild c = o.child(9, false);
        c.pair = {kAlice, kSgB};
        c.verdict = weaker ? Verdict::secure : Verdict::insecure;
        o.installed(c);
        o.pass(60s);
        o.used(true, c.pair);
        o.key_dns(a);
        CHECK(o.ran(Story::l_bad) == 1);
        CHECK(o.state(c.pair) == "keyed");
    }
}

ROW_TEST("row l.bad: a bogus re-query is no change of a failure either") {
    r.miss();
    r.dns(answer(Outcome::none, {}, 50s));
    r.pass(50s);
    r.used(true);
    REQUIRE(r.lookups.size() == 2);
    r.dns(answer(Outcome::bogus, {}, 1h, Verdict::bogus));
    CHECK(r.ran(Story::l_bad) == 1);
    CHECK(r.state() == "clear-text");
}

ROW_TEST("row k.second: another gateway's SA pair did not cross ours, however soon it comes") {
    r.key_pair();
    auto n = r.child(9, false, 1);  // the lowest nonce
    n.remote = kSgC;
    n.peer = Identity::of(kSgC);
    r.installed(n);
    CHECK(r.ran(Story::s_both) == 0);
    CHECK(r.ran(Story::k_second) == 1);
    r.keying.on_first_esp(9, r.now);
    r.drain();
    CHECK(r.policies.back().child == 9);
    CHECK(r.deletes.empty());
}

ROW_TEST("row k.hint: an unknown SPI and clear text are hints, each for itself") {
    Rig spi;
    spi.key_pair();
    spi.keying.on_peer_hint(kSgB, spi.now);
    spi.drain();
    CHECK(spi.checks.size() == 1);
    Rig clear;
    clear.key_pair();
    clear.keying.on_clear_text({kAlice, kCarol}, clear.now);  // of no pair that we know
    clear.drain();
    CHECK(clear.checks.empty());
    clear.keying.on_clear_text(kPair, clear.now);
    clear.drain();
    CHECK(clear.checks.size() == 1);
    r.miss();  // nothing is keyed: nothing to check
    r.keying.on_clear_text(kPair, r.now);
    r.drain();
    CHECK(r.checks.empty());
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    r.installed(r.child(1, true));
    r.keying.on_peer_hint(kSgB, r.now);
    r.drain();
    CHECK(r.ran(Story::k_hint) == 1);
}

ROW_TEST("row l.used: either direction is use, for as long as timers.used-within says") {
    const auto look = [](Duration age, bool inbound) {
        Rig o;
        o.key_pair();
        o.pass(60s);
        UseReport use;
        use.pair = kPair;
        (inbound ? use.inbound_age_ns : use.outbound_age_ns) = static_cast<std::uint64_t>(age.count());
        (inbound ? use.outbound_age_ns : use.inbound_age_ns) = kNeverUsed;
        o.keying.on_use_report(use, o.now);
        o.drain();
        return o.state();
    };
    for (const bool inbound : {false, true}) {
        CHECK(look(30s, inbound) == "keyed");
        CHECK(look(30s + 1ns, inbound) == "expired");
    }
    r.key_pair();
    r.pass(60s);
    r.used(true);
    CHECK(r.state() == "keyed");
}
