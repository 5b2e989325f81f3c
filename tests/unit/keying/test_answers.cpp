// Rows p: what DNS said.
#include "unit/keying/rig.hpp"

ROW_TEST("row p.found") {
    r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
    REQUIRE(r.exchanges.size() == 1);
    CHECK(r.exchanges[0].request.gateway == kSgB);
    CHECK(r.exchanges[0].request.local == kSgA);
    CHECK(r.exchanges[0].request.pair == kPair);
    CHECK(r.exchanges[0].request.peer == Identity::of(kSgB));
    CHECK_FALSE(r.exchanges[0].request.configured);

    Rig named;  // what a gateway by name may call itself instead goes with it
    auto by_name = gateway(kSgB, 10);
    by_name.id = Identity::of_name("sg-b.example");
    by_name.also = {Identity::of(kSgB)};
    named.seek({by_name});
    REQUIRE(named.exchanges.size() == 1);
    CHECK(named.exchanges[0].request.also == by_name.also);
    CHECK(r.state() == "pending");
}

ROW_TEST("row p.key") {
    r.seek({gateway(kSgB, 10, false)});
    REQUIRE(r.key_lookups.size() == 1);
    CHECK(r.key_lookups[0].owner == Identity::of(kSgB));
    CHECK(r.state() == "potential");
    r.key_dns(keys(Outcome::usable));
    REQUIRE(r.exchanges.size() == 1);
    CHECK(r.exchanges[0].request.keys == std::vector{key(1)});
}

ROW_TEST("row p.no-key") {
    r.seek({gateway(kSgB, 10, false), gateway(kSgC, 20, false)});
    r.key_dns(keys(Outcome::none));
    CHECK(r.policies.empty());  // another gateway is left
    r.key_dns(keys(Outcome::none));
    CHECK(r.policy() == FlowState::pass);
}

ROW_TEST("row p.unusable") {
    r.miss();
    r.dns(answer(Outcome::unusable, {}, 20min));
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lifespan() == 20min);
}

ROW_TEST("row p.none") {
    r.miss();
    r.dns(answer(Outcome::none, {}, 15min));
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lifespan() == 15min);
}

ROW_TEST("row p.dnsfail") {
    r.miss(to("192.2.5.1"));
    r.dns(answer(Outcome::failed, {}, 0s));
    CHECK(r.policy() == FlowState::deny);
    CHECK(r.lifespan(to("192.2.5.1")) == 300s);  // RFC 9520
    for (const auto& [said, kept] : {std::pair{100s, 100s}, std::pair{400s, 300s}}) {
        Rig o;
        o.miss();
        o.dns(answer(Outcome::failed, {}, said));
        CHECK(o.lifespan() == kept);
    }
}

ROW_TEST("row p.bogus") {
    r.miss();  // permissive, and yet:
    r.dns(answer(Outcome::bogus, {}, 1h, Verdict::bogus));
    CHECK(r.policy() == FlowState::deny);
    CHECK(r.state() == "deny");
    CHECK(r.reason() == "p.bogus");
    CHECK(r.transitions.back().security);
}

ROW_TEST("row p.malformed") {
    r.miss();
    r.dns(answer(Outcome::malformed));
    CHECK(r.policy() == FlowState::deny);
    CHECK(r.transitions.back().security);
}
