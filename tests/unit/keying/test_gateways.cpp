// Rows g and s: what gateways said, and crossed initiation.
#include "unit/keying/rig.hpp"

ROW_TEST("row g.silence") {
    r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
    r.fails(ike::Failure::silence);
    REQUIRE(r.exchanges.size() == 2);
    CHECK(r.exchanges[1].request.gateway == kSgC);
    CHECK(r.policies.empty());  // not every gateway was tried yet
    r.fails(ike::Failure::silence);
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lifespan() == 10min);
}

ROW_TEST("row g.dead") {
    r.seek();
    r.fails(ike::Failure::dead_channel);
    REQUIRE(r.exchanges.size() == 2);
    CHECK(r.exchanges[1].request.fresh);
    CHECK(r.exchanges[1].request.gateway == kSgB);
    r.fails(ike::Failure::dead_channel);  // one fresh exchange, not for ever
    CHECK(r.exchanges.size() == 2);
    CHECK(r.policy() == FlowState::pass);
}

ROW_TEST("row g.signature") {
    r.miss();
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10), gateway(kSgC, 20)}, 30min));
    r.fails(ike::Failure::signature);
    CHECK(r.exchanges.size() == 2);
    r.fails(ike::Failure::signature);
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lifespan() == 30min);  // as long as DNS keeps the key
}

ROW_TEST("row g.refused") {
    r.miss(to("192.2.5.1"));
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10), gateway(kSgC, 20)}, 24h));
    r.fails(ike::Failure::refused);
    r.fails(ike::Failure::refused);
    CHECK(r.policy() == FlowState::deny);
    CHECK(r.lifespan(to("192.2.5.1")) == 6h);
}

ROW_TEST("row g.child") {
    r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
    r.fails(ike::Failure::child_refused);
    r.fails(ike::Failure::silence);  // the shorter of the two lifespans counts
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lifespan() == 10min);
    Rig last;
    last.seek();
    last.fails(ike::Failure::child_refused);
    CHECK(last.reason() == "g.child");
    CHECK(last.lifespan() == 1h);  // as long as DNS says so
    Rig normal;
    normal.miss();
    normal.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 24h));
    normal.fails(ike::Failure::child_refused);
    CHECK(normal.lifespan() == 6h);
    r.keying.on_delegation(r.lookups.back().connection, answer(Outcome::usable, {gateway(kSgB, 1)}), r.now);
    r.drain();
    r.fails(ike::Failure::child_refused);
    CHECK(r.reason() == "g.child");
}

ROW_TEST("row g.full") {
    r.seek();
    r.fails(ike::Failure::full);
    REQUIRE(r.exchanges.size() == 2);
    CHECK(r.exchanges[1].request.fresh);
}

ROW_TEST("row g.limit") {
    r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
    r.fails(ike::Failure::too_many);
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lifespan() == 10min);
}

ROW_TEST("row g.hold-limit") {
    r.seek();
    r.pass(29s);
    CHECK(r.policies.empty());
    r.pass(1s);
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.forgotten.empty());  // the exchange goes on
    r.pass(60s);
    CHECK(r.forgotten.size() == 1);  // but not for ever
}

ROW_TEST("row g.keyed") {
    r.key_pair();
    REQUIRE(r.policies.size() == 1);
    CHECK(r.policies[0].state == FlowState::encrypt);
    CHECK(r.policies[0].child == 1);
    CHECK(r.reason() == "g.keyed");
}

ROW_TEST("row g.late") {
    r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
    r.pass(31s);
    r.fails(ike::Failure::silence);  // the walk goes on after the hold
    CHECK(r.exchanges.size() == 2);
    r.fails(ike::Failure::refused);
    CHECK(r.policies.size() == 1);
    CHECK(r.state() == "clear-text");
}

ROW_TEST("row s.peer-first") {
    r.seek();
    r.installed(r.child(9, false));
    CHECK(r.state() == "keyed");
    CHECK(r.forgotten.size() == 1);
    CHECK(r.policies.empty());  // the peer may not have its inbound SA yet
    r.keying.on_first_esp(9, r.now);
    r.drain();
    CHECK(r.policy() == FlowState::encrypt);
    CHECK(r.policies.back().child == 9);
}

ROW_TEST("row s.both") {
    r.seek();
    r.installed(r.child(1, true, 3));
    r.installed(r.child(9, false, 8));  // ours has the lowest nonce: it goes
    r.pass(5s);
    CHECK(r.policies.back().child == 1);  // the peer may not have finished yet
    CHECK(r.deletes.empty());
    r.keying.on_first_esp(9, r.now);  // it has
    r.drain();
    CHECK(r.policies.back().child == 9);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 1);

    Rig o;
    o.seek();
    o.installed(o.child(1, true, 8));
    o.installed(o.child(9, false, 3));
    o.pass(5s);
    CHECK(o.policies.back().child == 1);
    CHECK(o.deletes.empty());  // the peer closes what it made
    o.keying.on_first_esp(9, o.now);
    o.drain();
    CHECK(o.policies.back().child == 1);
    o.pass(5s);
    REQUIRE(o.checks.size() == 1);  // crossed, or a new life of the peer?
    CHECK(o.checks[0].child == 1);
    REQUIRE(o.deletes.size() == 1);  // it has not: it may never have heard that it is made
    CHECK(o.deletes[0].child == 9);
    CHECK(o.policies.back().child == 1);

    Rig q;  // the peer's exchange wins, but comes to nothing: ours is good enough
    q.seek();
    q.installed(q.child(9, false, 8));
    q.installed(q.child(1, true, 3));
    CHECK(q.policies.back().child == 1);
    q.pass(10s);
    REQUIRE(q.checks.size() == 1);
    CHECK(q.checks[0].child == 9);
    q.gone(9, ike::ChildGone::Reason::ike_dead);
    CHECK(q.state() == "keyed");
    CHECK(q.policies.back().child == 1);
    q.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(q.state() == "expired");

    Rig p;  // ours was given up for the peer's, and finishes all the same
    p.seek();
    p.installed(p.child(9, false, 3));
    p.installed(p.child(1, true, 8));
    CHECK(p.policies.back().child == 1);
    p.pass(5s);
    CHECK(p.policies.back().child == 1);
    p.gone(9, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(p.state() == "keyed");
}

ROW_TEST("row g.late: whatever a late exchange comes to, the failure stands") {
    using ike::Failure;
    for (const Failure f : {Failure::silence, Failure::signature, Failure::refused, Failure::child_refused,
                            Failure::too_many}) {
        Rig o;
        o.seek();
        o.pass(31s);
        o.fails(f);
        CHECK(o.state() == "clear-text");
        CHECK(o.policies.size() == 1);
    }
    Rig key_late;
    key_late.seek({gateway(kSgB, 10, false)});
    key_late.pass(31s);
    key_late.key_dns(keys(Outcome::none));
    CHECK(key_late.state() == "clear-text");
    CHECK(key_late.policies.size() == 1);
}

ROW_TEST("row g.late: the exchange of a pair that is keyed already decides nothing") {
    using ike::Failure;
    for (const Failure f : {Failure::silence, Failure::dead_channel, Failure::signature, Failure::refused,
                            Failure::child_refused, Failure::full, Failure::too_many}) {
        Rig o;
        o.key_pair(30s);
        o.go_stale();
        o.dns(answer(Outcome::usable, {gateway(kSgC, 10)}));
        o.pass(30s);  // l.bad: as before, the exchange goes on
        REQUIRE(o.state() == "keyed");
        o.fails(f);
        CHECK(o.state() == "keyed");
        CHECK(o.policies.size() == 1);
        CHECK(o.exchanges.size() == 2);
    }
}
