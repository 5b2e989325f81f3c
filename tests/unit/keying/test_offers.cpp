// Rows r: a peer offers.
#include "unit/keying/rig.hpp"

ROW_TEST("row r.key") {
    r.want_keys();
    REQUIRE(r.key_lookups.size() == 1);
    CHECK(r.peer_keys.empty());
    r.key_dns(keys(Outcome::usable));
    REQUIRE(r.peer_keys.size() == 1);
    CHECK(r.peer_keys[0].sa == 7);
    CHECK(r.peer_keys[0].keys == std::vector{key(1)});
}

ROW_TEST("row r.wait") {
    r.want_keys();
    r.want_keys();
    CHECK(r.key_lookups.size() == 1);
    const auto w = r.offer(kBob);
    r.ask(w);
    r.ask(w);
    CHECK(r.lookups.size() == 1);
}

ROW_TEST("row r.nokey") {
    for (const Outcome o : {Outcome::none, Outcome::failed, Outcome::bogus, Outcome::malformed}) {
        r.want_keys();
        r.key_dns(keys(o));
        REQUIRE(!r.peer_keys.empty());
        CHECK(r.peer_keys.back().keys.empty());
        CHECK(r.transitions.back().row == "r.nokey");
        CHECK(r.transitions.back().detail.find(kSgB.text()) != std::string::npos);
        CHECK(r.transitions.back().advice.find("publishes its key") != std::string_view::npos);
    }
    CHECK(r.peer_keys.size() == 4);
}

ROW_TEST("row r.budget") {
    r.config.limits.peer_lookups_per_source = 2;
    r.want_keys(1);
    r.want_keys(2);
    r.want_keys(3);
    CHECK(r.key_lookups.size() == 2);
    REQUIRE(r.peer_keys.size() == 1);
    CHECK(r.peer_keys[0].keys.empty());
    r.want_keys(4, kSgC);  // another peer has its own
    CHECK(r.key_lookups.size() == 3);
    r.ask(r.offer(kBob));
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
}

ROW_TEST("row r.class") {
    r.ask(r.offer(kBob, ip("198.51.100.1")));  // not behind us: no relay
    r.ask(r.offer(kBob, kSgA));                // ourselves
    r.ask(r.offer(ip("192.2.7.1")));           // class deny
    r.ask(r.offer(ip("192.2.6.1")));           // always-clear-text
    REQUIRE(r.authorizations.size() == 4);
    for (const auto& a : r.authorizations) CHECK_FALSE(a.allowed);
    CHECK(r.lookups.empty());
}

ROW_TEST("row r.claim") {
    r.ask(r.offer(ip("192.1.0.70")));  // inside
    r.ask(r.offer(ip("10.9.1.1")));    // inside, by a route
    r.ask(r.offer(kSgA));              // ours
    r.ask(r.offer(ip("127.0.0.1")));
    REQUIRE(r.authorizations.size() == 4);
    for (const auto& a : r.authorizations) CHECK_FALSE(a.allowed);
}

ROW_TEST("row r.weaker") {
    r.key_pair();
    auto w = r.offer(kBob);
    w.peer = Identity::of(kSgC);
    w.remote = kSgC;
    w.verdict = Verdict::insecure;
    r.ask(w);
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
    CHECK(r.lookups.size() == 1);  // only our own

    Rig impostor;  // the same identity under a weaker verdict need not be the same peer
    impostor.key_pair();
    w = impostor.offer(kBob);
    w.verdict = Verdict::insecure;
    impostor.ask(w);
    REQUIRE(impostor.authorizations.size() == 1);
    CHECK_FALSE(impostor.authorizations[0].allowed);

    Rig raced;  // authorized before the stronger one was installed
    raced.key_pair();
    auto late = raced.child(9, false);
    late.peer = Identity::of(kSgC);
    late.verdict = Verdict::insecure;
    raced.installed(late);
    REQUIRE(raced.deletes.size() == 1);
    CHECK(raced.deletes[0].child == 9);
    raced.pass(1s);
    CHECK(raced.policies.back().child == 1);

    Rig crossed;  // an exchange of our own, begun when DNS knew no better
    crossed.seek({gateway(kBob, 10, true, Verdict::insecure)});
    crossed.installed(crossed.child(1, false));
    auto own = crossed.child(2, true);
    own.peer = Identity::of(kBob);
    own.remote = kBob;
    own.verdict = Verdict::insecure;
    crossed.installed(own);
    REQUIRE_FALSE(crossed.deletes.empty());
    CHECK(crossed.deletes.back().child == 2);
    crossed.pass(1s);
    CHECK(crossed.policies.back().child == 1);
}

ROW_TEST("row r.self") {
    r.ask(r.offer(kSgB));
    REQUIRE(r.authorizations.size() == 1);
    CHECK(r.authorizations[0].allowed);
    CHECK(r.lookups.empty());
    auto nat = r.offer(kSgB);
    nat.child = 41;
    nat.remote = kSgC;  // another address speaks for it: then DNS must say so
    r.ask(nat);
    CHECK(r.authorizations.size() == 1);
    CHECK(r.lookups.size() == 1);
}

ROW_TEST("row r.source") {
    r.ask(r.offer(kBob));
    REQUIRE(r.lookups.size() == 1);
    CHECK(r.lookups[0].owner == kBob);
    CHECK(r.authorizations.empty());
}

ROW_TEST("row r.delegated") {
    r.ask(r.offer(kBob));
    r.dns(answer(Outcome::usable, {gateway(kSgC, 10), gateway(kSgB, 20)}));
    REQUIRE(r.authorizations.size() == 1);
    CHECK(r.authorizations[0].allowed);

    Rig named;  // TXT =@FQDN: an identity to believe, not a place to go to
    auto w = named.offer(kBob);
    w.peer = Identity::of_name("sg-b.example");
    named.ask(w);
    auto a = answer(Outcome::unusable, {}, 1h);
    a.identities = {gateway(Address{}, 10)};
    a.identities[0].id = w.peer;
    named.dns(a);
    REQUIRE(named.authorizations.size() == 1);
    CHECK(named.authorizations[0].allowed);
    named.ask(w);
    a.identities[0].verdict = Verdict::insecure;
    a.verdict = Verdict::insecure;
    named.dns(a);
    CHECK_FALSE(named.authorizations.back().allowed);
}

ROW_TEST("row r.undelegated") {
    auto other_key = gateway(kSgB, 10);
    other_key.keys = {key(2)};
    const discovery::DelegationAnswer answers[] = {
        answer(Outcome::none),
        answer(Outcome::failed),
        answer(Outcome::bogus, {gateway(kSgB, 10)}),
        answer(Outcome::usable, {gateway(kSgC, 10)}),  // another gateway
        answer(Outcome::usable, {other_key}),          // another key
        answer(Outcome::usable, {gateway(kSgB, 10, true, Verdict::insecure)}, 1h, Verdict::insecure),
    };
    for (const auto& a : answers) {
        r.ask(r.offer(kBob));
        r.dns(a);
        REQUIRE(!r.authorizations.empty());
        CHECK_FALSE(r.authorizations.back().allowed);
    }
    CHECK(r.authorizations.size() == std::size(answers));
}

ROW_TEST("row r.install") {
    r.installed(r.child(9, false));
    CHECK(r.state() == "keyed");
    CHECK(r.policies.empty());
    r.pass(999ms);
    CHECK(r.policies.empty());
    r.pass(1ms);  // at the latest
    CHECK(r.policy() == FlowState::encrypt);
}

ROW_TEST("row r.identical") {
    r.key_pair();
    r.pass(45s);
    r.installed(r.child(9, false));
    CHECK(r.policies.back().child == 1);
    CHECK(r.deletes.empty());
    r.keying.on_first_esp(9, r.now);
    r.drain();
    CHECK(r.policies.back().child == 9);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 1);
    r.gone(1, ike::ChildGone::Reason::deleted_by_us);
    CHECK(r.state() == "keyed");
}
