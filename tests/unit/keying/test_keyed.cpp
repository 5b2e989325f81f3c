// Rows k: keyed pairs.
#include "unit/keying/rig.hpp"

ROW_TEST("row k.soft") {
    r.key_pair();
    r.keying.on_sa_expired(1, false, r.now);
    r.keying.on_sa_expired(1, false, r.now);
    r.drain();
    CHECK(r.rekeys.size() == 1);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row k.rekey-own") {
    r.key_pair();
    r.keying.on_sa_expired(1, false, r.now);
    auto n = r.child(2, true);
    n.replaces = 1;
    r.installed(n);
    CHECK(r.policies.back().child == 2);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 1);
    r.gone(1, ike::ChildGone::Reason::rekeyed);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row k.rekey-peer") {
    r.key_pair();
    auto n = r.child(2, false);
    n.replaces = 1;
    r.installed(n);
    r.pass(5s);
    CHECK(r.policies.back().child == 1);
    r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(r.policies.back().child == 2);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row k.rekey-both") {
    r.key_pair();
    r.keying.on_sa_expired(1, false, r.now);
    auto ours = r.child(2, true, 3);
    auto theirs = r.child(3, false, 8);
    ours.replaces = theirs.replaces = 1;
    r.installed(ours);
    CHECK(r.policies.back().child == 2);
    r.installed(theirs);
    r.pass(1s);
    CHECK(r.policies.back().child == 2);
    r.keying.on_first_esp(3, r.now);
    r.drain();
    CHECK(r.policies.back().child == 3);
    CHECK(r.deletes.back().child == 2);
    r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    r.gone(2, ike::ChildGone::Reason::deleted_by_us);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row k.rekey-fail") {
    r.key_pair();
    r.keying.on_sa_expired(1, false, r.now);
    r.keying.on_rekey_failed(1, r.now);
    r.drain();
    CHECK(r.state() == "keyed");
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    CHECK(r.state() == "potential");
}

ROW_TEST("row k.move") {
    r.installed(r.child(9, false));
    r.keying.on_first_esp(9, r.now);
    r.drain();
    CHECK(r.policies.size() == 1);
    r.keying.on_first_esp(9, r.now);
    r.pass(2s);
    CHECK(r.policies.size() == 1);
}

ROW_TEST("row k.old") {
    r.key_pair();
    auto n = r.child(2, true);
    n.replaces = 1;
    r.installed(n);
    r.gone(1, ike::ChildGone::Reason::deleted_by_us);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row k.hard") {
    r.key_pair();
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    CHECK(r.state() == "potential");
    CHECK(r.policy() == FlowState::hold);
    CHECK(r.lookups.size() == 2);
    CHECK(r.deletes.size() == 1);
}

ROW_TEST("row k.delete") {
    r.key_pair();
    r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(r.state() == "expired");
    CHECK(r.dropped.size() == 1);

    Rig held;  // keyed by the peer and deleted again while our datagram waits
    held.miss();
    held.installed(held.child(9, false));
    held.gone(9, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(held.state() == "potential");
    CHECK(held.dropped.empty());
    CHECK(held.lookups.size() == 2);
}

ROW_TEST("row k.delete: the peer has lost the SA pair: the next datagram is held and keyed anew") {
    r.key_pair();
    r.gone(1, ike::ChildGone::Reason::lost_by_peer);
    CHECK(r.state() == "expired");
    CHECK(r.dropped.size() == 1);
    const auto story = r.keying.find(kPair)->story;
    CHECK(story.back().row == "k.delete");
    CHECK(story.back().text.find("INVALID_SPI") != std::string::npos);
    r.miss();
    CHECK(r.state() == "potential");
    CHECK(r.lookups.size() == 2);
}

ROW_TEST("row k.dead") {
    r.key_pair();
    r.gone(1, ike::ChildGone::Reason::ike_dead);
    CHECK(r.policy() == FlowState::hold);
    CHECK(r.deletes.empty());
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    CHECK(r.exchanges.back().request.fresh);
}

ROW_TEST("row k.hint") {
    r.key_pair();
    r.keying.on_peer_hint(kSgC, r.now);  // a stranger's hint means nothing
    r.keying.on_peer_hint(kSgB, r.now);
    r.keying.on_peer_hint(kSgB, r.now);
    r.keying.on_clear_text(kPair, r.now);
    r.drain();
    CHECK(r.checks.size() == 1);
    r.pass(60s);
    r.used(true);
    r.keying.on_clear_text(kPair, r.now);
    r.drain();
    CHECK(r.checks.size() == 2);
    CHECK(r.policy() == FlowState::encrypt);
}

ROW_TEST("row k.hint: what is sent and never answered") {
    r.key_pair();
    const auto report = [&](Duration out, std::optional<Duration> in) {
        UseReport use;
        use.pair = kPair;
        use.outbound_age_ns = static_cast<std::uint64_t>(out.count());
        use.inbound_age_ns = in ? static_cast<std::uint64_t>(in->count()) : kNeverUsed;
        r.keying.on_use_report(use, r.now);
        r.drain();
    };
    report(1s, std::nullopt);  // a fresh SA pair: its answers may be under way
    CHECK(r.checks.empty());
    const std::size_t asked = r.asked.size();
    r.pass(60s);
    CHECK(r.asked.size() > asked);  // the worker is asked by itself
    report(1s, 5s);                 // answered
    report(70s, std::nullopt);      // nothing was sent lately
    CHECK(r.checks.empty());
    report(1s, 61s);
    REQUIRE(r.checks.size() == 1);
    report(1s, 62s);  // once in a liveness interval
    CHECK(r.checks.size() == 1);
    CHECK(r.policy() == FlowState::encrypt);
    r.gone(1, ike::ChildGone::Reason::ike_dead);
    CHECK(r.policy() == FlowState::hold);
}

ROW_TEST("row g.hold-limit: no longer than the hold timer, though the pair was nearly keyed in between") {
    r.seek();
    r.pass(20s);
    r.installed(r.child(2, false));  // s.peer-first: outbound waits for the peer's first ESP
    CHECK(r.state() == "keyed");
    r.gone(2, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(r.state() == "potential");
    r.pass(9s);
    CHECK(r.policy() == FlowState::hold);
    r.pass(1s);
    CHECK(r.policy() == FlowState::pass);
}

ROW_TEST("row k.second") {
    r.key_pair();
    auto n = r.child(9, false);
    n.remote = kSgC;
    n.peer = Identity::of(kSgC);
    r.pass(45s);
    r.installed(n);
    r.pass(1s);
    CHECK(r.policies.back().child == 9);
    CHECK(r.deletes.empty());  // both inbound stay
}

ROW_TEST("row k.ike-gone") {
    r.key_pair();
    r.gone(1, ike::ChildGone::Reason::initial_contact);
    CHECK(r.state() == "expired");
}

namespace {

using Reason = ike::ChildGone::Reason;

/// keyed by the peer alone, child 9; the class never initiates
Pair accept_only(Rig& r) {
    auto c = r.child(9, false);
    c.pair = to("192.2.8.1");
    r.installed(c);
    REQUIRE(r.state(c.pair) == "keyed");
    return c.pair;
}

/// child 1 in use, child 2 of the peer's rekey waiting for its first packet
void rekeyed_by_peer(Rig& r) {
    r.key_pair();
    auto n = r.child(2, false);
    n.replaces = 1;
    r.installed(n);
}

}  // namespace

ROW_TEST("row k.hard: class oe-accept-only never initiates, it closes") {
    const Pair pair = accept_only(r);
    r.keying.on_sa_expired(9, true, r.now);
    r.drain();
    CHECK(r.state(pair) == "expired");
    CHECK(r.lookups.empty());
}

ROW_TEST("row k.dead: class oe-accept-only never initiates, it closes") {
    const Pair pair = accept_only(r);
    r.gone(9, Reason::ike_dead);
    CHECK(r.state(pair) == "expired");
    CHECK(r.lookups.empty());
}

ROW_TEST("row k.delete: class oe-accept-only closes though a datagram waits") {
    const Pair pair = accept_only(r);
    r.miss(pair);  // outbound has not moved yet
    r.gone(9, Reason::deleted_by_peer);
    CHECK(r.state(pair) == "expired");
    CHECK(r.lookups.empty());
}

ROW_TEST("row k.ike-gone: held datagrams are keyed anew, but not by class oe-accept-only") {
    const Pair pair = accept_only(r);
    r.miss(pair);
    r.gone(9, Reason::ike_gone);
    CHECK(r.state(pair) == "expired");

    Rig held;
    held.miss();
    held.installed(held.child(9, false));
    held.gone(9, Reason::ike_gone);
    CHECK(held.state() == "potential");
    CHECK(held.lookups.size() == 2);
}

ROW_TEST("row k.ike-gone: a new channel's SA pair takes over") {
    rekeyed_by_peer(r);
    r.gone(1, Reason::ike_gone);
    CHECK(r.policies.back().child == 2);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row k.hard: what the peer's rekey made takes over") {
    rekeyed_by_peer(r);
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    CHECK(r.policies.back().child == 2);
    CHECK(r.state() == "keyed");
}

ROW_TEST("row k.old: an SA pair that is not in use ends quietly, however") {
    using End = void (*)(Rig&);
    const End ends[] = {[](Rig& o) { o.gone(2, Reason::deleted_by_peer); },
                        [](Rig& o) { o.gone(2, Reason::ike_dead); },
                        [](Rig& o) { o.gone(2, Reason::ike_gone); },
                        [](Rig& o) {
                            o.keying.on_sa_expired(2, false, o.now);
                            o.keying.on_sa_expired(2, true, o.now);
                            o.drain();
                        }};
    for (const End end : ends) {
        Rig o;
        rekeyed_by_peer(o);
        end(o);
        CHECK(o.state() == "keyed");
        CHECK(o.policies.size() == 1);
        CHECK(o.rekeys.empty());
    }
}

ROW_TEST("row k.rekey-fail: at the hard expiry the channel is closed as well (RFC 7296 §2.8)") {
    r.key_pair();
    r.keying.on_sa_expired(1, false, r.now);
    r.keying.on_rekey_failed(1, r.now);
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    CHECK(r.policy() == FlowState::hold);
    REQUIRE(r.closed.size() == 1);
    CHECK(r.closed[0].channel == 77);

    Rig late;  // the peer's rekey came through after all
    late.key_pair();
    late.keying.on_sa_expired(1, false, late.now);
    late.keying.on_rekey_failed(1, late.now);
    auto n = late.child(2, false);
    n.replaces = 1;
    late.installed(n);
    late.gone(1, Reason::deleted_by_peer);
    late.keying.on_sa_expired(2, true, late.now);
    late.drain();
    CHECK(late.state() == "potential");
    CHECK(late.closed.empty());
}
