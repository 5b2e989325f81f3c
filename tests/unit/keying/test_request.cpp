// Rows n: a keying request for a pair.
#include "unit/keying/rig.hpp"

ROW_TEST("row n.clear") {
    r.miss(to("192.2.6.1"));
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lookups.empty());
}

ROW_TEST("row n.deny") {
    r.miss(to("192.2.7.1"));
    CHECK(r.policy() == FlowState::deny);
}

ROW_TEST("row n.accept-only") {
    r.miss(to("192.2.8.1"));
    CHECK(r.policy() == FlowState::pass);
    CHECK(r.lookups.empty());
}

ROW_TEST("row n.oe") {
    r.miss();
    REQUIRE(r.lookups.size() == 1);
    CHECK(r.lookups[0].owner == kBob);
    CHECK(r.state() == "potential");
    CHECK(r.policies.empty());  // the worker holds already
}

ROW_TEST("row n.none") {
    r.miss(to("198.51.100.1"));
    CHECK(r.policy() == FlowState::deny);
    CHECK(r.reason() == "n.none");
}

ROW_TEST("row n.limit") {
    r.config.limits.pending_per_source = 2;
    r.miss(to("192.2.0.1"));
    r.miss(to("192.2.0.2"));
    r.miss(to("192.2.0.3"));  // permissive
    CHECK(r.policy() == FlowState::pass);
    r.miss(to("192.2.5.3"));  // paranoid
    CHECK(r.policy() == FlowState::deny);
    r.miss({ip("192.1.0.99"), kBob});  // another host has its own budget
    CHECK(r.lookups.size() == 3);
    r.keying.on_delegation(r.lookups[0].connection, answer(Outcome::none), r.now);
    r.drain();
    r.miss(to("192.2.0.4"));
    CHECK(r.lookups.size() == 4);

    Rig all;  // and there is a bound of all hosts
    all.config.limits.pending_total = 2;
    all.miss();
    all.miss({ip("192.1.0.98"), kBob});
    all.miss({ip("192.1.0.99"), kBob});
    CHECK(all.lookups.size() == 2);
    CHECK(all.reason() == "n.limit");
}

ROW_TEST("row n.full") {
    r.config.limits.connections = 1;
    r.miss();
    r.miss({kAlice, kCarol});
    CHECK(r.policy() == FlowState::pass);
    REQUIRE(r.dropped.size() == 1);
    CHECK(r.dropped[0].pair.destination == kCarol);
    CHECK(r.keying.counters().connections == 1);
    auto peers = r.child(9, false);  // nor does a peer get one more
    peers.pair = {kAlice, kCarol};
    r.installed(peers);
    REQUIRE(r.deletes.size() == 1);
    CHECK(r.deletes[0].child == 9);
    CHECK(r.keying.counters().connections == 1);
    CHECK(r.ran(Story::n_full) == 2);
}

ROW_TEST("row n.full: who scans leaves room for the others") {
    r.config.limits.connections = 64;
    r.config.limits.pending_per_source = 4;
    for (unsigned i = 1; i <= 200; ++i) r.miss({kAlice, Address::ipv4(0xC0020100u + i)});
    CHECK(r.keying.counters().connections == 48);
    CHECK(r.ran(Story::n_full) == 152);
    // A host that comes new is keyed, up to a share that leaves room for the next one.
    for (unsigned host = 0; host < 3; ++host)
        for (unsigned i = 1; i <= 200; ++i)
            r.miss({Address::ipv4(0xC0010064u + host), Address::ipv4(0xC0020100u + i)});
    CHECK(r.keying.counters().connections == 48 + 5 + 4 + 3);
    const std::size_t lookups = r.lookups.size();
    CHECK(lookups == 4 + 4 + 4 + 3);
    // As the first one's are forgotten there is room again.
    for (unsigned i = 1; i <= 48; ++i) r.keying.clear({kAlice, Address::ipv4(0xC0020100u + i)}, r.now);
    r.pass(60s);
    r.miss({ip("192.1.0.99"), kBob});
    CHECK(r.lookups.size() == lookups + 1);
}

ROW_TEST("row n.repeat") {
    r.miss();
    r.miss();
    r.miss();
    CHECK(r.lookups.size() == 1);
}

ROW_TEST("row n.reapply") {
    r.key_pair();
    r.miss();
    CHECK(r.policies.size() == 2);
    CHECK(r.policy() == FlowState::encrypt);
}

ROW_TEST("row n.none: whatever class the administrator made the default") {
    const std::pair<ClassKind, FlowState> kinds[] = {{ClassKind::always_clear_text, FlowState::pass},
                                                     {ClassKind::deny, FlowState::deny},
                                                     {ClassKind::oe_accept_only, FlowState::pass}};
    for (const auto& [kind, policy] : kinds) {
        config::Config c = make_config();
        c.default_class = kind;
        Rig o(c);
        o.miss(to("198.51.100.1"));
        CHECK(o.policy() == policy);
        CHECK(o.reason() == "n.none");
    }
    config::Config c = make_config();
    c.default_class = ClassKind::oe_paranoid;
    Rig o(c);
    o.miss(to("198.51.100.1"));
    CHECK(o.lookups.size() == 1);
    CHECK(o.state(to("198.51.100.1")) == "potential");
}

ROW_TEST("row n.limit: the resolver's own address and ours end in a bound like any other") {
    // Our questions do not go through our policies, so a hold of the resolver's address
    // cannot keep the answer away; should the answer not come at all, the hold still ends.
    config::Config c = make_config();
    c.dns.resolvers = {{ip("192.2.0.53")}};
    c.limits.pending_per_source = 2;
    Rig o(c);
    o.miss(to("192.2.0.53"));
    o.miss({kAlice, kSgA});  // default class: deny
    o.miss(to("192.2.0.54"));
    REQUIRE(o.lookups.size() == 2);
    CHECK(o.lookups[0].owner == ip("192.2.0.53"));
    o.miss(to("192.2.0.55"));  // beyond the budget
    CHECK(o.reason() == "n.limit");
    o.keying.on_delegation(o.lookups[0].connection, answer(Outcome::failed, {}, 0s), o.now);
    o.drain();
    CHECK(o.state(to("192.2.0.53")) == "clear-text");
    CHECK(o.reason() == "p.dnsfail");
    o.pass(30s);
    CHECK(o.state(to("192.2.0.54")) == "clear-text");
    CHECK(o.reason() == "g.hold-limit");
}

ROW_TEST("row p.unusable: a zone that names us as the gateway") {
    r.miss();
    r.dns(answer(Outcome::usable, {gateway(kSgA, 10), gateway(ip("192.1.0.1"), 20)}));
    CHECK(r.exchanges.empty());
    CHECK(r.reason() == "p.unusable");
}
