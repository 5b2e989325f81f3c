// Stickiness: switching DNS off is no way to switch encryption off.
#include <algorithm>

#include "unit/keying/rig.hpp"

namespace {

config::Config sticky_config() {
    config::Config c = make_config();
    c.sticky.enabled = true;
    c.sticky.after = 2;
    c.sticky.lasts = 24h;
    c.sticky.entries = 3;
    return c;
}

void key_once(Rig& r, ike::ChildId id, const Pair& pair = kPair, Verdict verdict = Verdict::secure) {
    r.miss(pair);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    auto c = r.child(id, true);
    c.pair = pair;
    c.verdict = verdict;
    r.installed(c);
    r.keying.clear(pair, r.now);
    r.drain();
    r.removed(pair);
    REQUIRE(r.state(pair) == "none");
}

void key_twice(Rig& r) {
    key_once(r, 1);
    key_once(r, 2);
}

}  // namespace

ROW_TEST("row f.sticky: denied where DNS is silent and the class would be clear text") {
    Rig s(sticky_config());
    key_twice(s);
    REQUIRE(s.remembered.size() == 2);
    CHECK(s.remembered.back() == StickyEntry{kBob, 2, s.wall});
    for (const auto& a : {answer(Outcome::failed, {}, 0s),
                          answer(Outcome::none, {}, 1h, Verdict::indeterminate), answer(Outcome::unusable)}) {
        s.miss();
        s.dns(a);
        CHECK(s.policy() == FlowState::deny);
        CHECK(s.reason() == "f.sticky");
        s.keying.clear(kPair, s.now);
        s.drain();
        s.removed();
    }
    s.miss();  // neither does the gateway's silence help
    s.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    s.fails(ike::Failure::silence);
    CHECK(s.policy() == FlowState::deny);
    CHECK(s.released.empty());
}

TEST_CASE("sticky: what peers key on their own pushes nobody out") {
    Rig s(sticky_config());
    key_twice(s);
    for (unsigned i = 1; i <= 8; ++i) {
        auto c = s.child(100 + i, false);
        c.pair.destination = Address::ipv4(0xC0020100u + i);
        s.installed(c);
    }
    CHECK(s.keying.sticky().size() == 3);
    CHECK(s.released.empty());
    s.miss();
    s.dns(answer(Outcome::failed));
    CHECK(s.policy() == FlowState::deny);
}

TEST_CASE("sticky: what was stored under a clock that was ahead lasts no longer") {
    Rig s(sticky_config());
    s.keying.restore_sticky({kBob, 2, s.wall + 1'000'000'000}, s.now);
    REQUIRE(s.keying.sticky().size() == 1);
    CHECK(s.keying.sticky()[0].last == s.wall);
    s.wall += 24 * 3600;
    s.miss();
    s.dns(answer(Outcome::failed));
    CHECK(s.policy() == FlowState::pass);
}

TEST_CASE("sticky: keyed too seldom, or under a weaker verdict, does not bind") {
    Rig s(sticky_config());
    key_once(s, 1);
    key_once(s, 2, kPair, Verdict::insecure);
    s.miss();
    s.dns(answer(Outcome::failed, {}, 0s));
    CHECK(s.policy() == FlowState::pass);
}

TEST_CASE("sticky: off by default") {
    Rig s;
    key_twice(s);
    s.miss();
    s.dns(answer(Outcome::failed, {}, 0s));
    CHECK(s.policy() == FlowState::pass);
    CHECK(s.remembered.empty());
}

TEST_CASE("sticky: secure denial of existence releases it") {
    Rig s(sticky_config());
    key_twice(s);
    s.miss();
    s.dns(answer(Outcome::none));
    CHECK(s.policy() == FlowState::pass);
    REQUIRE(s.released.size() == 1);
    CHECK(s.released[0] == kBob);
    CHECK(s.keying.sticky().empty());
}

TEST_CASE("sticky: the operator releases it, and what it denied is judged anew") {
    Rig s(sticky_config());
    key_twice(s);
    s.miss();
    s.dns(answer(Outcome::failed, {}, 0s));
    CHECK_FALSE(s.keying.sticky_clear(kCarol, s.now));
    CHECK(s.keying.sticky_clear(kBob, s.now));
    s.drain();
    CHECK(s.state() == "expired");
    s.miss();
    s.dns(answer(Outcome::failed, {}, 0s));
    CHECK(s.policy() == FlowState::pass);
}

TEST_CASE("sticky: it ends by the calendar, and an explicit class wins") {
    Rig s(sticky_config());
    key_twice(s);
    s.wall += 24 * 3600 - 1;
    s.miss();
    s.dns(answer(Outcome::failed, {}, 0s));
    CHECK(s.policy() == FlowState::deny);
    s.keying.clear(kPair, s.now);
    s.drain();
    s.removed();
    s.wall += 1;
    s.miss();
    s.dns(answer(Outcome::failed, {}, 0s));
    CHECK(s.policy() == FlowState::pass);

    Rig explicit_class(sticky_config());
    explicit_class.keying.restore_sticky({ip("192.2.6.1"), 9, explicit_class.wall}, explicit_class.now);
    explicit_class.miss(to("192.2.6.1"));
    CHECK(explicit_class.policy() == FlowState::pass);
}

TEST_CASE("sticky: bounded, the one keyed longest ago goes; restored after a restart") {
    Rig s(sticky_config());
    for (unsigned i = 1; i <= 4; ++i) {
        s.wall += 10;
        key_once(s, i, to(("192.2.0." + std::to_string(i)).c_str()));
    }
    CHECK(s.keying.sticky().size() == 3);
    REQUIRE(s.released.size() == 1);
    CHECK(s.released[0] == ip("192.2.0.1"));

    Rig next(sticky_config());
    next.wall = s.wall;
    next.keying.restore_sticky({kBob, 2, s.wall - 100}, next.now);
    next.keying.restore_sticky({kCarol, 2, s.wall - 25 * 3600}, next.now);  // over
    next.drain();
    CHECK(next.keying.sticky().size() == 1);
    REQUIRE(next.released.size() == 1);
    CHECK(next.released[0] == kCarol);
    next.miss();
    next.dns(answer(Outcome::failed, {}, 0s));
    CHECK(next.policy() == FlowState::deny);
}

TEST_CASE("sticky: many pairs that find no connection free are not passed either") {
    config::Config c = sticky_config();
    c.limits.connections = 1;
    Rig s(c);
    s.keying.restore_sticky({kBob, 2, s.wall}, s.now);
    s.miss({kAlice, kCarol});
    s.miss();
    CHECK(s.policy() == FlowState::deny);
}

ROW_TEST("row f.sticky: another host's pair in the clear ends when the destination becomes sticky") {
    Rig s(sticky_config());
    const Pair anna{ip("192.1.0.66"), kBob};
    const Pair elsewhere{ip("192.1.0.66"), kCarol};
    for (const Pair& pair : {anna, elsewhere}) {
        s.miss(pair);
        s.dns(answer(Outcome::failed, {}, 0s));
        REQUIRE(s.state(pair) == "clear-text");
    }
    key_once(s, 1);
    CHECK(s.state(anna) == "clear-text");
    key_once(s, 2);
    CHECK(s.state(anna) == "deny");
    CHECK(s.state(elsewhere) == "clear-text");
    const auto denied = [](const ApplyPolicy& p) {
        return p.pair == Pair{ip("192.1.0.66"), kBob} && p.state == FlowState::deny;
    };
    CHECK(std::ranges::count_if(s.policies, denied) == 1);
    const std::size_t asked = s.lookups.size();
    s.pass(6s);  // not when its lifespan would have been over
    s.used(true, anna);
    REQUIRE(s.lookups.size() == asked + 1);
    CHECK(s.lookups.back().owner == kBob);
}

TEST_CASE("sticky: what counts as keyed once") {
    Rig s(sticky_config());
    s.key_pair();
    auto rekeyed = s.child(2, true);
    rekeyed.replaces = 1;
    s.installed(rekeyed);  // nobody was asked
    REQUIRE(s.remembered.size() == 1);
    CHECK(s.remembered[0].times == 1);
    auto tunnel = s.child(9, false);  // the configuration vouches for it, not DNS
    tunnel.pair = to("192.2.9.1");
    s.installed(tunnel);
    CHECK(s.remembered.size() == 1);

    Rig rare(sticky_config());  // the second time is another first one when the first is over
    key_once(rare, 1);
    rare.wall += 24 * 3600;
    key_once(rare, 2);
    CHECK(rare.remembered.back().times == 1);
    rare.wall += 24 * 3600 - 1;
    key_once(rare, 3);
    key_once(rare, 4);
    CHECK(rare.remembered.back() == StickyEntry{kBob, 2, rare.wall});  // no further than it matters
}

TEST_CASE("sticky: keyed again is young again, and a full list takes nothing back from the store") {
    Rig s(sticky_config());
    const auto nth = [](unsigned i) { return to(("192.2.0." + std::to_string(i)).c_str()); };
    for (unsigned i = 1; i <= 3; ++i) {
        s.wall += 10;
        key_once(s, i, nth(i));
    }
    s.wall += 10;
    key_once(s, 4, nth(1));
    s.keying.restore_sticky({kBob, 2, s.wall}, s.now);
    s.drain();
    REQUIRE(s.released.size() == 1);
    CHECK(s.released[0] == kBob);
    s.wall += 10;
    key_once(s, 5, nth(4));
    REQUIRE(s.released.size() == 2);
    CHECK(s.released[1] == nth(2).destination);
    CHECK(s.keying.sticky().size() == 3);
}

TEST_CASE("sticky: releasing one destination touches no other pair") {
    Rig s(sticky_config());
    s.keying.restore_sticky({kBob, 2, s.wall}, s.now);
    s.keying.restore_sticky({kCarol, 2, s.wall}, s.now);
    const Pair carol{kAlice, kCarol}, keyed{ip("192.1.0.70"), kBob};
    for (const Pair& pair : {kPair, carol}) {
        s.miss(pair);
        s.dns(answer(Outcome::failed, {}, 0s));
        REQUIRE(s.state(pair) == "deny");
    }
    auto c = s.child(9, false);
    c.pair = keyed;
    s.installed(c);
    s.keying.sticky_clear(kBob, s.now);
    s.drain();
    CHECK(s.state(kPair) == "expired");
    CHECK(s.state(carol) == "deny");
    CHECK(s.state(keyed) == "keyed");
}

ROW_TEST("row f.sticky: clear text ends at once where outbound waits for its move") {
    Rig s(sticky_config());
    key_once(s, 1);
    s.miss();
    s.dns(answer(Outcome::failed, {}, 0s));
    REQUIRE(s.policy() == FlowState::pass);
    s.installed(s.child(2, false));  // the peer keys it, which makes its destination sticky
    CHECK(s.state() == "keyed");
    CHECK(s.policy() == FlowState::hold);
    s.miss();  // the worker asks for what it holds
    CHECK(s.policy() == FlowState::hold);
    s.pass(1s);
    CHECK(s.policy() == FlowState::encrypt);
    CHECK(s.policies.back().child == 2);
}

ROW_TEST("row f.sticky: clear text ends at once where DNS is asked again") {
    Rig s(sticky_config());
    const Pair anna{ip("192.1.0.66"), kBob};
    const auto policy_of_anna = [&] {
        FlowState last = FlowState::none;
        for (const ApplyPolicy& p : s.policies)
            if (p.pair == anna) last = p.state;
        return last;
    };
    key_once(s, 1);
    s.seek({gateway(kSgB, 10)}, anna);
    s.fails(ike::Failure::silence);
    REQUIRE(policy_of_anna() == FlowState::pass);
    s.lifespan(anna);
    REQUIRE(s.state(anna) == "potential");
    CHECK(policy_of_anna() == FlowState::pass);  // unchanged until a conclusion
    key_once(s, 2);
    CHECK(s.state(anna) == "potential");
    CHECK(policy_of_anna() == FlowState::hold);
    s.pass(30s);  // and the hold ends in its bound
    CHECK(policy_of_anna() == FlowState::deny);
}

TEST_CASE("sticky: keying by ourselves holds nothing in between") {
    Rig s(sticky_config());
    key_once(s, 1);
    s.policies.clear();
    key_once(s, 2);
    REQUIRE(s.policies.size() == 1);
    CHECK(s.policies[0].state == FlowState::encrypt);
}
