// Rules that hold across rows.
#include "unit/keying/rig.hpp"

TEST_CASE("each row is found by its own facts, whatever the order") {
    for (const Row& row : rows())
        for (unsigned s = 0; s < static_cast<unsigned>(State::kCount); ++s)
            if ((row.from >> s & 1) != 0) {
                const Row* found = find_row(static_cast<State>(s), row.event, row.requires_.value);
                REQUIRE(found != nullptr);
                CHECK(found->story == row.story);
            }
}

TEST_CASE("a tampered zone is never taken for an absent one") {
    for (const char* destination : {"192.2.0.66", "192.2.5.66"}) {  // permissive, paranoid
        Rig r;
        r.miss(to(destination));
        r.dns(answer(Outcome::bogus, {}, 1h, Verdict::bogus));
        CHECK(r.policy() == FlowState::deny);
        // A bogus key of the only gateway denies as well: the chain is as weak as its weakest link.
        Rig k;
        k.seek({gateway(kSgB, 10, false)}, to(destination));
        k.key_dns(keys(Outcome::bogus, Verdict::bogus));
        CHECK(k.policy() == FlowState::deny);
    }
}

TEST_CASE("a responder never skips the source check") {
    Rig r;
    r.ask(r.offer(kBob));
    CHECK(r.authorizations.empty());
    r.dns(answer(Outcome::none));
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
    CHECK(r.ran(Story::r_undelegated) == 1);
}

TEST_CASE("gateways that are our own, inside, special-use or unsecured are refused") {
    const auto refused = [](const Address& a, Verdict verdict = Verdict::secure) {
        Rig r;
        r.miss();
        r.dns(answer(Outcome::usable, {gateway(a, 10, true, verdict)}, 1h, verdict));
        CHECK(r.reason() == "p.unusable");
        return r.exchanges.empty();
    };
    CHECK(refused(kSgA));
    CHECK(refused(ip("192.1.0.1")));
    CHECK(refused(ip("192.1.0.80")));
    CHECK(refused(ip("10.9.0.3")));
    CHECK(refused(ip("127.0.0.1")));
    CHECK(refused(ip("224.0.0.5")));
    CHECK(refused(ip("0.0.0.0")));
    CHECK(refused(ip("255.255.255.255")));
    CHECK(refused(ip("169.254.0.9")));
    CHECK(refused(ip("2001:db8::7")));  // we have no IPv6 outside address
    CHECK(refused(kSgB, Verdict::insecure));
    Rig self;  // unsigned, but naming itself
    self.seek({gateway(kBob, 10, true, Verdict::insecure)});
    CHECK(self.exchanges.size() == 1);
    Rig mixed;  // what remains decides
    mixed.seek({gateway(kSgA, 1), gateway(kSgB, 2)});
    REQUIRE(mixed.exchanges.size() == 1);
    CHECK(mixed.exchanges[0].request.gateway == kSgB);
}

TEST_CASE("lost and late DNS answers: each hold ends in a bound") {
    Rig lost;
    lost.miss();
    lost.pass(30s);  // discovery itself would say `failed` after 5 s
    CHECK(lost.policy() == FlowState::pass);
    CHECK(lost.abandoned.size() == 1);
    lost.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));  // after all that
    CHECK(lost.exchanges.empty());
    CHECK(lost.keying.counters().stray_answers == 1);

    Rig paranoid;
    paranoid.miss(to("192.2.5.1"));
    paranoid.pass(30s);
    CHECK(paranoid.policy() == FlowState::deny);

    Rig key_lost;
    key_lost.seek({gateway(kSgB, 10, false)});
    key_lost.pass(30s);
    CHECK(key_lost.policy() == FlowState::pass);
    key_lost.pass(5s);
    key_lost.key_dns(keys(Outcome::usable));  // late, but still waited for
    CHECK(key_lost.exchanges.size() == 1);
    key_lost.installed(key_lost.child(1, true));
    CHECK(key_lost.state() == "keyed");

    Rig twice;
    twice.seek();
    twice.dns(answer(Outcome::bogus));  // a second answer to the same question
    CHECK(twice.state() == "pending");
    CHECK(twice.keying.counters().stray_answers == 1);
}

TEST_CASE("a rekey has the verdict of what it replaces, not that of its channel") {
    // The pair is first keyed by B, whose delegation nobody signs, then by C, whose is secure.
    Rig r;
    auto weak = r.child(1, false);
    weak.verdict = Verdict::insecure;
    r.installed(weak);
    r.pass(1s);
    CHECK(r.policies.back().child == 1);
    auto strong = r.child(2, false);
    strong.peer = Identity::of(kSgC);
    strong.remote = kSgC;
    r.installed(strong);
    r.keying.on_first_esp(2, r.now);
    r.drain();
    CHECK(r.policies.back().child == 2);
    // B rekeys what it still has, over a channel that is secure.
    auto again = r.child(3, false);
    again.replaces = 1;
    r.installed(again);
    REQUIRE_FALSE(r.deletes.empty());
    CHECK(r.deletes.back().child == 3);
    r.keying.on_first_esp(3, r.now);
    r.pass(2s);
    CHECK(r.policies.back().child == 2);
}

TEST_CASE("a rekey brings nothing back that was closed while it was made") {
    const bool ours = GENERATE(false, true);
    CAPTURE(ours);
    Rig r;
    r.key_pair();
    r.keying.clear(kPair, r.now);
    r.drain();
    CHECK(r.state() == "expired");
    const std::size_t num_policies = r.policies.size();
    auto late = r.child(2, ours);
    late.replaces = 1;
    r.installed(late);
    CHECK(r.deletes.back().child == 2);
    CHECK(r.state() == "expired");
    r.removed();
    REQUIRE(r.state() == "none");
    late.child = 3;
    r.installed(late);
    CHECK(r.deletes.back().child == 3);
    CHECK(r.state() == "none");
    CHECK(r.policies.size() == num_policies);

    Rig taken;  // keyed anew, and outbound traffic has not moved yet
    taken.key_pair();
    taken.pass(45s);
    taken.installed(taken.child(2, false));
    late.initiator = false;
    taken.installed(late);
    CHECK(taken.deletes.back().child == 3);
}

TEST_CASE("an SA pair that traffic has left is never moved back to") {
    // A rekey of ours finishes when the pair has expired and was keyed anew: the former
    // rekey takes over; when it goes, the one between may not begin again.
    Rig r;
    r.key_pair();
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    r.installed(r.child(2, true));
    auto late = r.child(3, true);
    late.replaces = 1;
    r.installed(late);
    CHECK(r.ran(Story::k_rekey_own) == 0);
    CHECK(r.policies.back().child == 3);
    const std::size_t num_policies = r.policies.size();
    r.gone(3, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(r.policies.size() == num_policies);
    CHECK(r.state() == "expired");
}

TEST_CASE("an event without a row is counted and named") {
    Rig r;
    r.key_pair();
    UseReport report;
    report.pair = kPair;
    r.seek({gateway(kSgB, 10)}, {kAlice, kCarol});
    const auto before = r.keying.counters().refused_events;
    r.keying.on_rekey_failed(1, r.now);
    CHECK(r.keying.counters().refused_events == before);
    r.installed(r.child(1, true));  // the same child again: nothing
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    r.keying.on_rekey_failed(1, r.now);  // its child is forgotten
    r.drain();
    CHECK(r.state() == "potential");
}

TEST_CASE("longest destination prefix decides the class, inside-ness too") {
    const config::Config c = make_config();
    const Realm realm(c);
    CHECK(realm.class_of(to("192.2.4.1")).kind == ClassKind::oe_permissive);
    CHECK(realm.class_of(to("192.2.5.1")).kind == ClassKind::oe_paranoid);
    CHECK(realm.class_of(to("192.3.5.1")).kind == ClassKind::deny);
    CHECK_FALSE(realm.class_of(to("192.3.5.1")).prefix);
    CHECK(realm.inside(ip("192.1.0.9")));
    CHECK(realm.inside(ip("10.9.255.1")));
    CHECK_FALSE(realm.inside(ip("192.1.0.1")));  // ours
    CHECK_FALSE(realm.inside(ip("192.1.1.9")));
    CHECK_FALSE(realm.inside(ip("8.8.8.8")));
    CHECK_FALSE(realm.inside(ip("2001:db8::1")));
    CHECK(realm.identity(Family::ipv4) == kSgA);
    CHECK_FALSE(realm.identity(Family::ipv6));
}

TEST_CASE("a failure says once what to do; many pairs behind one gateway do not flood the log") {
    Rig r;
    std::size_t said = 0, all = 0;
    for (unsigned i = 0; i < 50; ++i) {
        const Pair pair = to(("192.2.0." + std::to_string(100 + i)).c_str());
        r.seek({gateway(kSgB, 10)}, pair);
        r.fails(ike::Failure::silence);
        CHECK(r.state(pair) == "clear-text");
    }
    for (const Transition& t : r.transitions)
        if (t.row == "g.silence") {
            CHECK_FALSE(t.advice.empty());
            ++all;
            said += t.repeated ? 0 : 1;
        } else if (t.row == "p.found") {
            CHECK(t.advice.empty());
        }
    CHECK(all == 50);
    CHECK(said == 8);
    CHECK(r.keying.counters().repeated == 42);

    r.seek({gateway(kSgC, 10)}, {kAlice, kCarol});  // another gateway is another story
    r.fails(ike::Failure::silence);
    CHECK_FALSE(r.transitions.back().repeated);
    r.pass(60s);
    r.seek({gateway(kSgB, 10)}, to("192.2.0.99"));
    r.fails(ike::Failure::silence);
    CHECK_FALSE(r.transitions.back().repeated);
}

TEST_CASE("a failure never outlasts the DNS answer that it rests on") {
    Rig r;
    r.miss();
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 2min));
    r.pass(20s);
    r.fails(ike::Failure::refused);  // normal, six hours, but not beyond the TTL
    CHECK(r.lifespan() == 100s);

    Rig zero;  // and a TTL of nothing does not make us spin
    zero.miss();
    zero.dns(answer(Outcome::none, {}, 0s));
    CHECK(zero.lifespan() == zero.config.timers.least_failure);
}

TEST_CASE("timers come from the configuration") {
    config::Config c = make_config();
    c.timers.move_outbound = 3s;
    c.timers.ask_use = 7s;
    c.timers.closing = 11s;
    Rig r(c);
    r.installed(r.child(9, false));
    r.pass(3s - 1ms);
    CHECK(r.policies.empty());
    r.pass(1ms);
    CHECK(r.policy() == FlowState::encrypt);
    r.pass(57s);
    CHECK(r.asked.size() == 1);
    r.pass(7s);
    CHECK(r.asked.size() == 2);
    r.used(false);
    r.pass(11s - 1ms);
    CHECK(r.state() == "expired");
    r.pass(1ms);
    CHECK(r.state() == "none");
}
