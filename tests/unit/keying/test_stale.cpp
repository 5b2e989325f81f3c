// Rows l.stale to l.bad, and k.key-gone: DNS is asked again (OE draft §3.2.7).
#include "unit/keying/rig.hpp"

namespace {

discovery::Candidate with_key(const Address& a, std::uint8_t n) {
    auto g = gateway(a, 10);
    g.keys = {key(n)};
    return g;
}

}  // namespace

ROW_TEST("row l.stale: a keyed pair whose answer is stale is asked for past the cache") {
    r.key_pair(30s);
    r.go_stale();
    CHECK(r.policies.size() == 1);
    r.used(true);  // a second report to the same question
    CHECK(r.lookups.size() == 2);
}

ROW_TEST("row l.stale: a keyed pair is asked for at its looks alone, however short the TTL is") {
    // operating.md: noticed after TTL + look-again + ask-use + dns.timeout at the latest.
    const Duration look = r.config.timers.look_again, first = r.config.timers.look_again_first;
    const auto again = [&r](Duration lifetime) {
        r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, lifetime));
        REQUIRE(r.state() == "keyed");
    };
    r.key_pair(1s);
    r.pass(first - 1s);
    CHECK(r.lookups.size() == 1);
    r.pass(1s);
    r.used(true);
    REQUIRE(r.lookups.size() == 2);
    again(1s);
    // Stale at once: the next look is the first to see it.
    r.pass(look - 1s);
    CHECK(r.lookups.size() == 2);
    r.pass(1s);
    r.used(true);
    REQUIRE(r.lookups.size() == 3);
    again(look + 1s);
    // Not stale at the next look: the one after it is the latest, TTL + look-again.
    r.pass(look);
    r.used(true);
    CHECK(r.state() == "keyed");
    CHECK(r.lookups.size() == 3);
    r.pass(look - 1s);
    CHECK(r.lookups.size() == 3);
    r.pass(1s);
    r.used(true);
    REQUIRE(r.lookups.size() == 4);
    CHECK(r.lookups.back().fresh);
}

ROW_TEST("row l.stale: a clear-text pair keeps its policy while DNS is asked again") {
    r.miss();
    r.dns(answer(Outcome::none, {}, 50s));
    r.pass(50s);
    REQUIRE(r.asked.size() == 1);
    r.used(true);
    CHECK(r.state() == "expiring-clear");
    CHECK(r.policies.size() == 1);
    REQUIRE(r.lookups.size() == 2);
    CHECK(r.lookups[1].fresh);
}

ROW_TEST("row l.stale: while DNS is asked again a late exchange asks it nothing") {
    r.miss();
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10), gateway(kSgC, 20, false)}, 35s));
    r.pass(30s);
    REQUIRE(r.state() == "clear-text");  // g.hold-limit, and the exchange goes on
    r.pass(r.lifespan());
    r.used(true);
    REQUIRE(r.state() == "expiring-clear");
    REQUIRE(r.lookups.size() == 2);
    r.fails(ike::Failure::silence);  // on to the next gateway, whose key is elsewhere
    CHECK(r.key_lookups.empty());
    r.dns(answer(Outcome::none, {}, 10min));
    CHECK(r.state() == "clear-text");
    CHECK(r.lifespan() == 10min);
}

ROW_TEST("row l.same: a keyed pair goes on with a new lifetime of the answer") {
    r.key_pair(30s);
    r.go_stale();
    r.dns(answer(Outcome::usable, {gateway(kSgC, 5), gateway(kSgB, 10)}, 2h));
    CHECK(r.state() == "keyed");
    CHECK(r.policies.size() == 1);
    r.pass(20min);
    r.used(true);
    CHECK(r.state() == "keyed");
    CHECK(r.lookups.size() == 2);  // the answer holds for two hours
}

ROW_TEST("row l.same: absence confirmed leaves the pair in the clear for the new negative TTL") {
    r.miss();
    r.dns(answer(Outcome::none, {}, 50s));
    r.pass(50s);
    r.used(true);
    r.dns(answer(Outcome::none, {}, 10min));
    CHECK(r.state() == "clear-text");
    CHECK(r.policies.size() == 1);
    CHECK(r.lifespan() == 10min);
}

ROW_TEST("row l.same: where the record has no key, the gateway's name is asked for it") {
    r.seek({gateway(kSgB, 10, false)});
    r.key_dns(keys(Outcome::usable));  // an hour
    r.installed(r.child(1, true));
    r.pass(60s);
    r.used(true);
    r.pass(20min);
    r.used(true);
    r.pass(20min);
    r.used(true);
    r.pass(20min);
    r.used(true);
    REQUIRE(r.lookups.size() == 2);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10, false)}));
    REQUIRE(r.key_lookups.size() == 2);
    CHECK(r.key_lookups[1].fresh);
    CHECK(r.state() == "expiring-keyed");
    r.key_dns(keys(Outcome::usable));
    CHECK(r.state() == "keyed");
    CHECK(r.exchanges.size() == 1);
}

ROW_TEST("row l.changed: a keyed pair stays encrypted until its new gateway has keyed it") {
    r.key_pair(30s);
    r.go_stale();
    r.dns(answer(Outcome::usable, {gateway(kSgC, 10)}));
    CHECK(r.state() == "pending");
    CHECK(r.policies.size() == 1);
    REQUIRE(r.exchanges.size() == 2);
    CHECK(r.exchanges[1].request.gateway == kSgC);
    CHECK(r.deletes.empty());
    auto c = r.child(2, true);
    c.remote = kSgC;
    c.peer = Identity::of(kSgC);
    r.installed(c);
    CHECK(r.policies.back().child == 2);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 1);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row l.changed: secure absence ends a keyed pair as the class says") {
    r.key_pair(30s);
    r.go_stale();
    r.dns(answer(Outcome::none, {}, 15min));
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.reason() == "p.none");
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 1);
}

ROW_TEST("row l.changed: a pair in the clear is keyed when DNS names a gateway") {
    for (const char* destination : {"192.2.0.66", "192.2.5.66"}) {  // clear-text, deny
        Rig o;
        const Pair pair = to(destination);
        o.miss(pair);
        o.dns(answer(Outcome::none, {}, 50s));
        o.pass(50s);
        o.used(true, pair);
        o.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
        CHECK(o.state(pair) == "pending");
        CHECK(o.policies.size() == 1);
        auto c = o.child(1, true);
        c.pair = pair;
        o.installed(c);
        CHECK(o.policy() == FlowState::encrypt);
    }
}

ROW_TEST("row l.changed: class oe-accept-only never initiates, it closes") {
    auto c = r.child(9, false);
    c.pair = to("192.2.8.1");
    r.installed(c);
    r.pass(60s);
    r.used(true, c.pair);
    REQUIRE(r.lookups.size() == 1);
    r.dns(answer(Outcome::usable, {gateway(kSgC, 10)}));
    CHECK(r.state(c.pair) == "expired");
    CHECK(r.exchanges.empty());
}

ROW_TEST("row l.bad: no answer, a bogus one or a weaker one changes nothing, and is tried again") {
    const discovery::DelegationAnswer answers[] = {
        answer(Outcome::failed, {}, 0s), answer(Outcome::bogus, {}, 1h, Verdict::bogus),
        answer(Outcome::none, {}, 1h, Verdict::insecure),  // signatures stripped
        answer(Outcome::usable, {gateway(kSgC, 10, true, Verdict::insecure)}, 1h, Verdict::insecure)};
    for (const auto& a : answers) {
        Rig o;
        o.key_pair(30s);
        o.go_stale();
        o.dns(a);
        CHECK(o.state() == "keyed");
        CHECK(o.policies.size() == 1);
        o.pass(60s);  // timers.requery
        o.used(true);
        CHECK(o.lookups.size() == 3);
        o.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
        CHECK(o.ran(Story::l_same) == 1);
    }
}

ROW_TEST("row l.bad: what waits for DNS is asked for when its failure is over, not later") {
    r.config.timers.dns_failure = 20s;
    r.miss();
    r.dns(answer(Outcome::failed, {}, 20s));
    for (const std::size_t asked : {2u, 3u, 4u}) {
        r.pass(20s);
        r.used(true);
        REQUIRE(r.lookups.size() == asked);
        r.dns(answer(Outcome::failed, {}, 20s));
        CHECK(r.state() == "clear-text");
    }
}

ROW_TEST("row l.bad: a failure stays what it is while DNS fails, and is asked again") {
    r.miss();
    r.dns(answer(Outcome::bogus, {}, 1h, Verdict::bogus));
    r.pass(1h);
    r.used(true);
    REQUIRE(r.lookups.size() == 2);
    r.dns(answer(Outcome::failed, {}, 0s));  // not a way from deny to clear text
    CHECK(r.state() == "deny");
    CHECK(r.policies.size() == 1);
    CHECK(r.lifespan() == 60s);
    r.dns(answer(Outcome::none));
    CHECK(r.policy() == FlowState::pass);
}

ROW_TEST("row l.bad: a re-query that nobody answers ends by the clock") {
    r.key_pair(30s);
    r.go_stale();
    r.pass(60s);
    CHECK(r.state() == "keyed");
    CHECK(r.abandoned.size() == 1);
    r.dns(answer(Outcome::none));  // after all that
    CHECK(r.state() == "keyed");
    CHECK(r.keying.counters().stray_answers == 1);
}

ROW_TEST("row l.bad: a keyed pair that nobody can key anew stays keyed, the exchange goes on") {
    r.key_pair(30s);
    r.go_stale();
    r.dns(answer(Outcome::usable, {gateway(kSgC, 10)}));
    const std::size_t before = r.forgotten.size();
    r.pass(30s);
    CHECK(r.state() == "keyed");
    CHECK(r.policies.size() == 1);
    CHECK(r.forgotten.size() == before);
    auto c = r.child(2, true);
    c.remote = kSgC;
    c.peer = Identity::of(kSgC);
    r.installed(c);
    CHECK(r.policies.back().child == 2);
}

ROW_TEST("row k.key-gone: authenticated anew with the key that is published") {
    r.key_pair(30s);
    r.go_stale();
    r.dns(answer(Outcome::usable, {with_key(kSgB, 2)}));
    CHECK(r.state() == "pending");
    CHECK(r.policies.size() == 1);
    REQUIRE(r.exchanges.size() == 2);
    CHECK(r.exchanges[1].request.fresh);
    CHECK(r.exchanges[1].request.keys == std::vector{key(2)});
    auto c = r.child(2, true);
    c.key = key(2);
    r.installed(c);
    CHECK(r.state() == "keyed");
    CHECK(r.policies.back().child == 2);
    CHECK(r.deletes.back().child == 1);
}

ROW_TEST("row k.key-gone: a retired key ends, though the new one was published beside it before") {
    r.miss();
    auto both = gateway(kSgB, 10);
    both.keys = {key(1), key(2)};
    r.dns(answer(Outcome::usable, {both}, 30s));
    r.installed(r.child(1, true));  // with key 1
    r.go_stale();
    r.dns(answer(Outcome::usable, {with_key(kSgB, 2)}));
    CHECK(r.ran(Story::k_key_gone) == 1);
}

ROW_TEST("row k.key-gone: expired when the peer does not prove the new key") {
    using ike::Failure;
    for (const Failure f : {Failure::silence, Failure::signature, Failure::refused, Failure::child_refused,
                            Failure::too_many}) {
        Rig o;
        o.key_pair(30s);
        o.go_stale();
        o.dns(answer(Outcome::usable, {with_key(kSgB, 2)}));
        o.fails(f);
        CHECK(o.state() == "expired");
        REQUIRE(o.deletes.size() == 1);
        CHECK(o.deletes[0].child == 1);
        CHECK(o.dropped.size() == 1);
    }
}

ROW_TEST("row k.key-gone: what was held since the SA pair died meanwhile ends as its class says") {
    r.key_pair(30s);
    r.go_stale();
    r.dns(answer(Outcome::usable, {with_key(kSgB, 2)}));
    r.gone(1, ike::ChildGone::Reason::ike_dead);
    CHECK(r.policy() == FlowState::hold);
    r.fails(ike::Failure::silence);
    CHECK(r.ran(Story::g_silence) == 1);
    CHECK(r.state() == "clear-text");
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.dropped.empty());
}

ROW_TEST("row k.key-gone: a peer that speaks for itself is looked up by its key") {
    NewChild c = r.child(9, false);
    c.pair = {kAlice, kSgB};
    r.installed(c);
    r.pass(60s);
    r.used(true, c.pair);
    REQUIRE(r.key_lookups.size() == 1);
    CHECK(r.key_lookups[0].fresh);
    CHECK(r.key_lookups[0].owner == Identity::of(kSgB));
    r.key_dns(keys(Outcome::none));
    CHECK(r.state(c.pair) == "potential");
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10, false)}));
    r.key_dns(keys(Outcome::none));  // and so it ends
    CHECK(r.state(c.pair) == "expired");

    Rig accept;  // never initiates
    c.pair = to("192.2.8.1");
    c.peer = Identity::of(c.pair.destination);
    c.remote = c.pair.destination;
    accept.installed(c);
    accept.pass(60s);
    accept.used(true, c.pair);
    accept.key_dns(keys(Outcome::none));
    CHECK(accept.state(c.pair) == "expired");
}

ROW_TEST("row l.stale: what DNS said of a peer that was let in is asked again, too") {
    const auto w = r.offer(kBob);
    r.ask(w);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 30s));
    r.installed(r.child(40, false));
    r.pass(60s);
    r.used(true);
    CHECK(r.ran(Story::l_stale) == 1);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    CHECK(r.state() == "keyed");
}

ROW_TEST("row l.stale: when the channel is rekeyed, what is stale is asked for at once") {
    const ike::IkeRekeyed rekeyed{77, Identity::of(kSgB), kSgB, key(1), Verdict::secure};
    r.key_pair(30s);
    r.keying.on_ike_rekeyed(rekeyed, r.now);  // the answer holds
    r.drain();
    CHECK(r.lookups.size() == 1);
    r.pass(40s);  // before the first look
    auto other = rekeyed;
    other.sa = 78;
    r.keying.on_ike_rekeyed(other, r.now);  // another channel of that gateway
    r.drain();
    CHECK(r.lookups.size() == 1);
    r.keying.on_ike_rekeyed(rekeyed, r.now);
    r.drain();
    REQUIRE(r.lookups.size() == 2);
    CHECK(r.lookups[1].fresh);
    r.dns(answer(Outcome::usable, {with_key(kSgB, 2)}));
    CHECK(r.ran(Story::k_key_gone) == 1);
    CHECK(r.state() == "pending");
}

TEST_CASE("a peer that rekeys its channel all the time has DNS asked no more often for it") {
    const ike::IkeRekeyed rekeyed{77, Identity::of(kSgB), kSgB, key(1), Verdict::secure};
    Rig r;
    r.key_pair(1s);
    for (unsigned i = 0; i < 590; ++i) {  // within the first look at the pair
        r.pass(100ms);
        r.keying.on_ike_rekeyed(rekeyed, r.now);
        r.drain();
        if (r.state() == "expiring-keyed") r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 1s));
    }
    CHECK(r.lookups.size() == 2);
    r.pass(60s);
    r.used(true);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 1s));
    r.pass(2s);
    const std::size_t asked = r.lookups.size();
    r.keying.on_ike_rekeyed(rekeyed, r.now);
    r.drain();
    CHECK(r.lookups.size() == asked + 1);
}
