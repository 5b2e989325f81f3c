// Rows f, l, e and x: looked at again, closing, orders.
#include "unit/keying/rig.hpp"

ROW_TEST("row f.late") {
    r.seek();
    r.pass(31s);
    CHECK(r.policy() == FlowState::pass);
    r.installed(r.child(1, true));
    CHECK(r.policy() == FlowState::encrypt);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row f.peer") {
    r.miss();
    r.dns(answer(Outcome::none));
    r.installed(r.child(9, false));
    CHECK(r.state() == "keyed");
    r.pass(1s);
    CHECK(r.policy() == FlowState::encrypt);
}

ROW_TEST("row f.used: keying is tried again when the lifespan is over") {
    r.seek();
    r.fails(ike::Failure::silence);
    r.pass(10min);
    r.used(true);
    CHECK(r.state() == "potential");
    CHECK(r.policies.size() == 1);  // unchanged until a conclusion
    REQUIRE(r.lookups.size() == 2);
    CHECK_FALSE(r.lookups[1].fresh);  // the answer still holds
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    r.installed(r.child(1, true));
    CHECK(r.policy() == FlowState::encrypt);
}

ROW_TEST("row f.used: a stale answer is asked for anew before keying is tried again") {
    r.miss();
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 50s));
    r.fails(ike::Failure::signature);
    r.pass(50s);
    r.used(true);
    CHECK(r.state() == "expiring-clear");
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    CHECK(r.state() == "pending");
    CHECK(r.policies.size() == 1);
    CHECK(r.exchanges.size() == 2);
}

ROW_TEST("row f.idle") {
    r.miss();
    r.dns(answer(Outcome::none, {}, 50s));
    r.pass(50s);
    r.used(false);
    CHECK(r.state() == "expired");
    REQUIRE(r.dropped.size() == 1);
    r.removed();
    CHECK(r.state() == "none");
}

ROW_TEST("row f.defer") {
    r.config.limits.pending_per_source = 1;
    r.miss();
    r.dns(answer(Outcome::none, {}, 50s));
    r.pass(49s);
    r.miss({kAlice, kCarol});
    r.pass(1s);
    r.used(true);
    CHECK(r.state() == "clear-text");
    CHECK(r.ran(Story::f_defer) == 1);
}

ROW_TEST("row l.used") {
    r.key_pair();
    r.pass(60s);
    CHECK(r.state() == "expiring-keyed");
    REQUIRE(r.asked.size() == 1);
    CHECK(r.asked[0].child == 1);
    r.used(true);
    CHECK(r.state() == "keyed");
    r.pass(20min - 1s);  // asked meanwhile only whether the peer is silent: no look
    CHECK(r.state() == "keyed");
    r.pass(1s);
    CHECK(r.state() == "expiring-keyed");
}

ROW_TEST("row l.ask") {
    r.key_pair();
    r.pass(62s);
    CHECK(r.asked.size() == 2);
}

ROW_TEST("row l.unused") {
    r.key_pair();
    r.pass(60s);
    r.used(false);
    CHECK(r.state() == "expired");
    CHECK(r.deletes.size() == 1);
    r.gone(1, ike::ChildGone::Reason::deleted_by_us);
    r.removed();
    CHECK(r.state() == "none");
    CHECK(r.keying.counters().connections == 0);
    CHECK(r.keying.next_deadline() == kNever);
}

ROW_TEST("row e.close") {
    r.key_pair();
    r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    r.pass(5s);  // the report was lost
    CHECK(r.state() == "none");
}

ROW_TEST("row e.close: objects are removed, the peer is told, the final counts are logged") {
    r.key_pair();
    r.pass(60s);
    r.used(false);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 1);
    REQUIRE(r.dropped.size() == 1);
    CHECK(r.dropped[0].pair == kPair);
    UseReport last;
    last.pair = kPair;
    last.removed = true;
    last.packets = 17;
    last.bytes = 2'500;
    r.keying.on_use_report(last, r.now);
    r.drain();
    CHECK(r.state() == "none");
    CHECK(r.transitions.back().row == "e.close");
    CHECK(r.transitions.back().detail == "final counts: 17 packets, 2500 bytes");
}

ROW_TEST("row l.look: a rekey does not put the look off, nor does the look a rekey") {
    r.key_pair();
    r.pass(50s);
    r.keying.on_sa_expired(1, false, r.now);
    r.drain();
    REQUIRE(r.rekeys.size() == 1);
    auto n = r.child(2, true);
    n.replaces = 1;
    r.installed(n);
    r.pass(9s);
    CHECK(r.state() == "keyed");
    r.pass(1s);  // a minute after it was keyed
    CHECK(r.state() == "expiring-keyed");
    r.keying.on_sa_expired(2, false, r.now);
    r.drain();
    CHECK(r.rekeys.size() == 2);
    r.used(true);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row e.datagram") {
    r.key_pair();
    r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    r.miss();
    CHECK(r.state() == "potential");
    CHECK(r.lookups.size() == 2);
}

ROW_TEST("row x.clear") {
    r.key_pair();
    CHECK(r.keying.clear(kPair, r.now));
    r.drain();
    CHECK(r.state() == "expired");
    CHECK_FALSE(r.keying.clear({kAlice, kCarol}, r.now));
}

ROW_TEST("row x.shutdown") {
    r.key_pair();
    r.keying.shutdown(r.now);
    r.drain();
    CHECK(r.deletes.size() == 1);
    r.miss({kAlice, kCarol});
    r.want_keys();
    r.ask(r.offer(kBob));
    CHECK(r.lookups.size() == 1);  // offers are ignored
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
    CHECK(r.key_lookups.empty());
    REQUIRE(r.peer_keys.size() == 1);
    CHECK(r.peer_keys[0].keys.empty());
    auto late = r.child(9, false);  // what both sides had agreed on already
    late.pair = {kAlice, kCarol};
    r.installed(late);
    CHECK(r.deletes.size() == 2);
    CHECK(r.state(late.pair) == "none");
}

ROW_TEST("row l.unused: a failure that nobody runs into any more is forgotten before its lifespan ends") {
    r.miss();
    r.dns(answer(Outcome::none));
    r.pass(60s);
    CHECK(r.state() == "expiring-clear");
    r.used(false);
    CHECK(r.state() == "expired");
}

ROW_TEST("row l.used: a failure that is run into is looked at again in 20 minutes") {
    r.miss();
    r.dns(answer(Outcome::none));
    r.pass(60s);
    r.used(true);
    CHECK(r.state() == "clear-text");
    r.pass(20min - 1s);
    CHECK(r.asked.size() == 1);
    r.pass(1s);
    CHECK(r.asked.size() == 2);
}

ROW_TEST("row e.close: final counts that come late mean nothing to a new instance") {
    r.key_pair();
    r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    r.miss();  // e.datagram
    REQUIRE(r.state() == "potential");
    r.removed();
    CHECK(r.state() == "potential");
    r.dns(answer(Outcome::none));
    CHECK(r.keying.clear(kPair, r.now));
    r.drain();
    r.removed();
    CHECK(r.state() == "none");
}

ROW_TEST("row x.clear: once is enough") {
    r.key_pair();
    CHECK(r.keying.clear(kPair, r.now));
    CHECK(r.keying.clear(kPair, r.now));
    r.drain();
    CHECK(r.deletes.size() == 1);
    CHECK(r.dropped.size() == 1);
}

ROW_TEST("row x.shutdown: what closes already is left alone") {
    r.key_pair();
    r.keying.clear(kPair, r.now);
    r.keying.shutdown(r.now);
    r.drain();
    CHECK(r.deletes.size() == 1);
}
