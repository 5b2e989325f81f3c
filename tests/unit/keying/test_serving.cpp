// What happens to the SA pair in use while the pair is keyed anew (l.changed), and what
// rows say when more than one SA pair or gateway is there (§8).
#include "unit/keying/rig.hpp"

namespace {

/// pending with another gateway, child 1 still in use
void change_gateway(Rig& r) {
    r.key_pair(30s);
    r.go_stale();
    r.dns(answer(Outcome::usable, {gateway(kSgC, 10)}));
    REQUIRE(r.state() == "pending");
}

NewChild by_other(Rig& r, ike::ChildId id, bool ours) {
    auto c = r.child(id, ours);
    c.remote = kSgC;
    c.peer = Identity::of(kSgC);
    return c;
}

}  // namespace

ROW_TEST("row k.hard: while keying anew, the pair is held") {
    change_gateway(r);
    r.keying.on_sa_expired(1, false, r.now);
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    CHECK(r.state() == "pending");
    CHECK(r.policy() == FlowState::hold);
    CHECK(r.rekeys.empty());
    r.pass(30s);  // and the hold ends in its bound
    CHECK(r.policy() == FlowState::pass);
}

ROW_TEST("row k.delete: while keying anew, the pair is held") {
    change_gateway(r);
    r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(r.policy() == FlowState::hold);
    r.installed(by_other(r, 2, true));
    CHECK(r.policy() == FlowState::encrypt);
}

ROW_TEST("row k.dead: while keying anew, the pair is held") {
    change_gateway(r);
    r.gone(1, ike::ChildGone::Reason::ike_dead);
    CHECK(r.policy() == FlowState::hold);
}

ROW_TEST("row k.ike-gone: while keying anew, the pair is held") {
    change_gateway(r);
    r.gone(1, ike::ChildGone::Reason::ike_gone);
    CHECK(r.policy() == FlowState::hold);
}

ROW_TEST("row k.rekey-own: a rekey that ends while the pair is keyed anew serves meanwhile") {
    r.key_pair(30s);
    r.keying.on_sa_expired(1, false, r.now);
    r.drain();
    r.go_stale();
    r.dns(answer(Outcome::usable, {gateway(kSgC, 10)}));
    auto n = r.child(2, true);
    n.replaces = 1;
    r.installed(n);
    CHECK(r.state() == "pending");
    CHECK(r.policies.back().child == 2);
    r.installed(by_other(r, 3, true));
    CHECK(r.policies.back().child == 3);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row s.peer-first: the new gateway keys a pair that is still served by the old one") {
    change_gateway(r);
    r.installed(by_other(r, 9, false));
    CHECK(r.state() == "keyed");
    CHECK(r.policies.back().child == 1);  // until the other's first packet
    CHECK(r.deletes.empty());
    r.keying.on_first_esp(9, r.now);
    r.drain();
    CHECK(r.policies.back().child == 9);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 1);
}

ROW_TEST("row g.late: a late exchange of a keyed pair is not waited for for ever") {
    change_gateway(r);
    const std::size_t before = r.forgotten.size();
    r.pass(30s);
    CHECK(r.state() == "keyed");
    CHECK(r.forgotten.size() == before);
    r.pass(60s);
    CHECK(r.forgotten.size() == before + 1);
}

ROW_TEST("row k.old: what is being deleted ends quietly while the pair is held") {
    using End = void (*)(Rig&);
    const End ends[] = {[](Rig& o) { o.gone(1, ike::ChildGone::Reason::deleted_by_us); },
                        [](Rig& o) { o.gone(1, ike::ChildGone::Reason::ike_dead); },
                        [](Rig& o) { o.gone(1, ike::ChildGone::Reason::ike_gone); },
                        [](Rig& o) {
                            o.keying.on_sa_expired(1, true, o.now);
                            o.drain();
                        }};
    for (const End end : ends) {
        Rig o;
        o.key_pair(30s);
        o.pass(45s);
        o.installed(o.child(9, false));  // r.identical: 1 is deleted once 9 is used
        o.keying.on_first_esp(9, o.now);
        o.pass(15s);
        o.used(true);
        o.dns(answer(Outcome::usable, {gateway(kSgC, 10)}));
        REQUIRE(o.state() == "pending");
        o.gone(9, ike::ChildGone::Reason::deleted_by_peer);
        REQUIRE(o.policy() == FlowState::hold);
        end(o);
        CHECK(o.state() == "pending");
        CHECK(o.keying.counters().refused_events == 0);
    }
}

// ---- multi-homing (§8) ---------------------------------------------------------

ROW_TEST("row k.dead: the other gateway is tried first when one dies") {
    r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
    r.installed(r.child(1, true));
    r.gone(1, ike::ChildGone::Reason::ike_dead);
    CHECK(r.policy() == FlowState::hold);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10), gateway(kSgC, 20)}));
    REQUIRE(r.exchanges.size() == 2);
    CHECK(r.exchanges[1].request.gateway == kSgC);
    CHECK_FALSE(r.exchanges[1].request.fresh);
    r.fails(ike::Failure::silence);
    REQUIRE(r.exchanges.size() == 3);
    CHECK(r.exchanges[2].request.gateway == kSgB);  // all are tried before failure
    CHECK(r.exchanges[2].request.fresh);
    r.fails(ike::Failure::silence);
    CHECK(r.policy() == FlowState::pass);
}

ROW_TEST("row k.second: never by a weaker verdict") {
    r.key_pair();
    r.pass(45s);
    auto weak = by_other(r, 9, false);
    weak.verdict = Verdict::insecure;
    r.installed(weak);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 9);
    CHECK(r.policies.back().child == 1);
    r.installed(by_other(r, 10, false));
    r.pass(1s);
    CHECK(r.policies.back().child == 10);
    CHECK(r.deletes.size() == 1);  // both inbound stay
}

ROW_TEST("row k.dead: an idle second SA pair takes over from a dead gateway") {
    r.key_pair();
    r.pass(45s);
    r.installed(by_other(r, 9, false));
    r.gone(1, ike::ChildGone::Reason::ike_dead);  // before the second was ever used
    CHECK(r.state() == "keyed");
    CHECK(r.policies.back().child == 9);
}

ROW_TEST("row k.dead: a former gateway's SA pair is deleted there, not forgotten") {
    r.key_pair();
    r.pass(45s);
    r.installed(by_other(r, 9, false));
    r.pass(1s);
    REQUIRE(r.policies.back().child == 9);  // the first cannot serve again
    r.gone(9, ike::ChildGone::Reason::ike_dead);
    CHECK(r.policy() == FlowState::hold);
    REQUIRE(r.deletes.size() == 1);  // or kSgB would go on sending through it
    CHECK(r.deletes[0].child == 1);
}

ROW_TEST("row g.silence: every gateway of every precedence before a failure") {
    std::vector<discovery::Candidate> all;
    for (unsigned i = 0; i < 8; ++i)
        all.push_back(gateway(ip(("192.2.1." + std::to_string(20 + i)).c_str()), i / 2));
    r.seek(all);
    for (unsigned i = 0; i < 8; ++i) {
        REQUIRE(r.exchanges.size() == i + 1);
        CHECK(r.exchanges[i].request.gateway == all[i].gateway);
        CHECK(r.policies.empty());
        r.fails(i % 2 == 0 ? ike::Failure::silence : ike::Failure::refused);
    }
    CHECK(r.policy() == FlowState::pass);
}
