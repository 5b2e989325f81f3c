// Who may speak for a source that DNS delegates to nobody, and for a host that somebody
// else speaks for already.
#include <algorithm>

#include "unit/keying/rig.hpp"

namespace {

/// A laptop with a name, at its own address (OE draft §7).
ike::WantAuthorization laptop(Rig& r) {
    ike::WantAuthorization w = r.offer(kBob);
    w.peer = Identity::of_name("laptop.example");
    w.remote = kBob;
    return w;
}

NewChild of_laptop(Rig& r) {
    NewChild c = r.child(40, false);
    c.peer = Identity::of_name("laptop.example");
    c.remote = kBob;
    return c;
}

}  // namespace

ROW_TEST("row r.own-source: a host under a name speaks for the address that it comes from") {
    r.ask(laptop(r));
    r.dns(answer(Outcome::none));
    REQUIRE(r.authorizations.size() == 1);
    CHECK(r.authorizations[0].allowed);
    r.installed(of_laptop(r));
    r.pass(1s);
    const auto status = r.keying.find(kPair);
    REQUIRE(status);
    CHECK(status->state == "keyed");
    CHECK(status->verdict == Verdict::indeterminate);  // marked, though its key is secure
    const auto marked = [](const StoryLine& line) {
        return line.row == "r.install" && line.text.find("let in by r.own-source") != std::string::npos;
    };
    CHECK(std::ranges::any_of(status->story, marked));
}

TEST_CASE("row r.own-source: not for another address, nor through a translator, nor against DNS") {
    const auto allowed = [](auto&& change, const discovery::DelegationAnswer& a) {
        Rig r;
        auto w = laptop(r);
        change(w);
        r.ask(w);
        r.dns(a);
        REQUIRE(r.authorizations.size() == 1);
        return r.authorizations[0].allowed;
    };
    const auto same = [](auto&) {};
    CHECK(allowed(same, answer(Outcome::none, {}, 1h, Verdict::indeterminate)));
    CHECK_FALSE(allowed([](auto& w) { w.remote = kSgB; }, answer(Outcome::none)));
    CHECK_FALSE(allowed([](auto& w) { w.nat = true; }, answer(Outcome::none)));
    CHECK_FALSE(allowed([](auto& w) { w.peer = Identity::of(kSgB); }, answer(Outcome::none)));
    CHECK_FALSE(allowed(same, answer(Outcome::failed)));
    CHECK_FALSE(allowed(same, answer(Outcome::bogus)));
    CHECK_FALSE(allowed(same, answer(Outcome::malformed)));
    CHECK_FALSE(allowed(same, answer(Outcome::unusable)));
    CHECK_FALSE(allowed(same, answer(Outcome::usable, {gateway(kSgB, 10)})));  // somebody else's
}

TEST_CASE("row r.own-source: weaker than what DNS secures, in every respect") {
    config::Config c = make_config();
    c.classes[0].require_secure = true;
    Rig strict(c);
    strict.ask(laptop(strict));
    strict.dns(answer(Outcome::none));
    REQUIRE(strict.authorizations.size() == 1);
    CHECK_FALSE(strict.authorizations[0].allowed);

    Rig held;  // another pair of Bob's was keyed while DNS was asked
    held.ask(laptop(held));
    const auto question = held.lookups.back().connection;
    NewChild other = held.child(3, false);
    other.pair = {ip("192.1.0.66"), kBob};
    other.key = key(7);
    held.installed(other);
    held.keying.on_delegation(question, answer(Outcome::none), held.now);
    held.drain();
    REQUIRE(held.authorizations.size() == 1);
    CHECK_FALSE(held.authorizations[0].allowed);

    c = make_config();
    c.sticky.enabled = true;
    Rig sticky(c);
    sticky.ask(laptop(sticky));
    sticky.dns(answer(Outcome::none));
    sticky.installed(of_laptop(sticky));
    CHECK(sticky.remembered.empty());
}

ROW_TEST("row l.same: who speaks for its own address is looked at by its key") {
    r.ask(laptop(r));
    r.dns(answer(Outcome::none, {}, 30s));
    r.installed(of_laptop(r));
    r.pass(60s);
    r.used(true);  // l.stale
    REQUIRE(r.lookups.size() == 2);
    r.dns(answer(Outcome::none, {}, 30s));
    REQUIRE(r.key_lookups.size() == 1);
    CHECK(r.key_lookups[0].owner == Identity::of_name("laptop.example"));
    r.key_dns(keys(Outcome::usable));
    CHECK(r.state() == "keyed");
    CHECK(r.policy() == FlowState::encrypt);

    NewChild again = of_laptop(r);  // a rekey is what its predecessor was
    again.child = 41;
    again.replaces = 40;
    r.installed(again);
    r.gone(40, ike::ChildGone::Reason::rekeyed);
    r.pass(20min);
    r.used(true);
    REQUIRE(r.lookups.size() == 3);
    r.dns(answer(Outcome::none, {}, 30s));
    CHECK(r.key_lookups.size() == 2);
    r.key_dns(keys(Outcome::none));
    CHECK(r.ran(Story::k_key_gone) == 1);
}

ROW_TEST("row l.changed: who speaks for its own address, until DNS names another") {
    r.ask(laptop(r));
    r.dns(answer(Outcome::none, {}, 30s));
    r.installed(of_laptop(r));
    r.pass(60s);
    r.used(true);
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    REQUIRE(r.exchanges.size() == 1);
    CHECK(r.exchanges[0].request.gateway == kSgB);
    CHECK(r.policy() == FlowState::encrypt);  // until a conclusion
}

ROW_TEST("row r.weaker: nor another pair of a host that is held under a stronger verdict") {
    r.key_pair();
    const Address anna = ip("192.1.0.66");
    auto w = r.offer(kBob, anna);
    w.verdict = Verdict::insecure;
    w.key = key(7);
    r.ask(w);
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);

    w.key = key(1);  // who has the key is the one who holds the pair
    w.child = 41;
    r.ask(w);
    r.dns(answer(Outcome::usable, {gateway(kBob, 10)}));
    CHECK(r.ran(Story::r_weaker) == 1);
    CHECK(r.ran(Story::r_source) == 1);

    w.key = key(7);
    w.pair.source = kCarol;  // another host
    w.child = 42;
    r.ask(w);
    CHECK(r.ran(Story::r_source) == 2);

    r.keying.clear(kPair, r.now);  // nobody holds it any more
    r.drain();
    r.removed();
    w.pair.source = kBob;
    w.child = 43;
    r.ask(w);
    CHECK(r.ran(Story::r_weaker) == 1);
    CHECK(r.ran(Story::r_source) == 3);
}

TEST_CASE("row r.budget: what was said of a peer is kept until its child is there, and bounded") {
    config::Config c = make_config();
    c.limits.pending_total = 2;
    c.limits.pending_per_source = 2;
    Rig r(c);
    const auto let_in = [&](ike::ChildId id, const char* source) {
        auto w = r.offer(ip(source));
        w.child = id;
        r.ask(w);
        const std::size_t before = r.authorizations.size();
        if (!r.lookups.empty() && r.ran(Story::r_budget) == 0)
            r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 1h, Verdict::secure));
        return r.authorizations.size() > before ? r.authorizations.back().allowed : false;
    };
    CHECK(let_in(41, "192.2.0.71"));
    CHECK(let_in(42, "192.2.0.72"));
    CHECK_FALSE(let_in(43, "192.2.0.73"));
    CHECK(r.ran(Story::r_budget) == 1);
    r.pass(61s);  // neither came
    auto w = r.offer(ip("192.2.0.74"));
    w.child = 44;
    r.ask(w);
    CHECK(r.ran(Story::r_budget) == 1);
    CHECK(r.ran(Story::r_source) == 3);
}

ROW_TEST("row k.hint: told once, however often") {
    r.key_pair();
    for (int i = 0; i < 100; ++i) {
        r.pass(61s);
        r.used(true);
        r.keying.on_peer_hint(kSgB, r.now);
        r.drain();
    }
    CHECK(r.checks.size() >= 90);
    const auto status = r.keying.find(kPair);
    REQUIRE(status);
    CHECK(status->story.size() < 12);
    CHECK(status->story.front().row == "n.oe");  // the beginning is still told
    std::size_t hints = 0;
    for (const auto& line : status->story)
        if (line.row == "k.hint") {
            ++hints;
            CHECK(line.text.find("100 times in ") != std::string::npos);
        }
    CHECK(hints == 1);
}
