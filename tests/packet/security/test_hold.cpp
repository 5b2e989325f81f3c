// The datagram machine (OE draft §3.1) on a whole data plane: miss, hold, release,
// deny, clear text from outside, full tables; the ledger after each.
#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "stages/hold.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

Options small() {
    Options options;
    options.dataplane.flows_per_worker = 1024;
    options.dataplane.sas_per_worker = 64;
    options.dataplane.held_per_worker = 8;
    return options;
}

/// A gateway whose class towards 10.3/16 is `kind`, neighbours known.
struct Oe {
    explicit Oe(ClassKind kind, Options options = small()) : g(options) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("10.3.0.0/16"), kind},
                                   {*Prefix::parse("2001:db8:3::/48"), kind}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
    }
    ~Oe() { g.check_ledger(); }
    void send(const std::string& to, std::uint8_t payload, std::uint16_t port = 2000) {
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", to}, 1000, port, {payload})));
    }
    /// The payload bytes of UDP datagrams that left outside in the clear.
    Bytes clear_out() {
        Bytes payloads;
        for (const Bytes& frame : g.out(kOutside)) payloads.push_back(frame.at(14 + 28));
        return payloads;
    }
    void from_outside(const std::string& source) {
        g.in(kOutside, ethernet(g.mac(kOutside), kIpv4, udp({source, "10.1.0.2"}, 2000, 1000, {'x'})));
        g.turn();
    }
    Gateway g;
};

const Pair kPair{Address::ipv4(10, 1, 0, 2), Address::ipv4(10, 3, 0, 2)};

}  // namespace

TEST_CASE("hold: a burst of five keeps first and last, and three are replaced") {
    Oe oe(ClassKind::oe_permissive);
    for (std::uint8_t i = 1; i <= 5; ++i) oe.send("10.3.0.2", i);
    oe.g.turn();
    CHECK(oe.clear_out().empty());
    CHECK(oe.g.drops(Drop::hold_replaced) == 3);
    CHECK(oe.g.drops() == 3);
    CHECK(oe.g.sum().held == 2);
    oe.g.check_ledger();
    const auto events = oe.g.events();
    REQUIRE(events.size() == 1);
    REQUIRE(events[0].kind == Event::Kind::miss);
    const Miss& miss = events[0].miss;
    CHECK(miss.pair == kPair);
    CHECK(miss.class_kind == ClassKind::oe_permissive);
    CHECK(miss.protocol == 17);
    CHECK(miss.source_port == 1000);
    CHECK(miss.destination_port == 2000);
    CHECK_FALSE(miss.repeated);

    SECTION("pass lets first and last out, in order") {
        oe.g.command(0, Command(SetPolicy{kPair, FlowState::pass, ClassKind::oe_permissive, 1, {}, 0}));
        oe.g.turn();
        CHECK(oe.clear_out() == Bytes{1, 5});
        oe.send("10.3.0.2", 6);
        oe.g.turn();
        CHECK(oe.clear_out() == Bytes{6});
    }
    SECTION("encrypt sends first and last through the new SA, in order") {
        const Tunnel tunnel;
        establish(oe.g, tunnel);
        const auto frames = oe.g.out(kOutside);
        REQUIRE(frames.size() == 2);
        const std::uint8_t expected[] = {1, 5};
        for (unsigned i = 0; i < 2; ++i) {
            const auto opened = open(tunnel, without_link(frames[i]));
            REQUIRE(opened);
            CHECK(opened->sequence == i + 1);
            CHECK(opened->spi == tunnel.spi_out);
            CHECK(opened->inner.back() == expected[i]);
        }
    }
    SECTION("deny drops both, and what comes later") {
        oe.g.command(0, Command(SetPolicy{kPair, FlowState::deny, ClassKind::oe_paranoid, 1, {}, 0}));
        oe.g.turn();
        CHECK(oe.g.drops(Drop::hold_denied) == 2);
        oe.g.out(kInside);
        oe.send("10.3.0.2", 6);
        oe.g.turn();
        CHECK(oe.g.drops(Drop::policy_deny) == 1);
        const auto icmp_frames = oe.g.out(kInside);
        REQUIRE(icmp_frames.size() == 1);
        CHECK(icmp_frames[0].at(14 + 20) == 3);   // destination unreachable,
        CHECK(icmp_frames[0].at(14 + 21) == 13);  // administratively prohibited
        CHECK(oe.clear_out().empty());
    }
    SECTION("removing the pair lets them die, with final counts") {
        oe.g.command(0, Command(RemovePolicy{kPair}));
        oe.g.turn();
        CHECK(oe.g.drops(Drop::hold_expired) == 2);
        const auto report = oe.g.events();
        REQUIRE(report.size() == 1);
        REQUIRE(report[0].kind == Event::Kind::use_report);
        CHECK(report[0].use_report.removed);
        CHECK(report[0].use_report.state == FlowState::hold);
        CHECK(report[0].use_report.packets == 5);
        CHECK(report[0].use_report.bytes == 5 * 29);
        oe.send("10.3.0.2", 7);
        oe.g.turn();
        CHECK(of_kind(oe.g.events(), Event::Kind::miss).size() == 1);
    }
}

TEST_CASE("hold: the keying request is repeated below once a second") {
    Oe oe(ClassKind::oe_permissive);
    oe.send("10.3.0.2", 1);
    oe.g.turn();
    CHECK(oe.g.events().size() == 1);
    SECTION("by datagrams") {
        unsigned num_requests = 0;
        for (int i = 0; i < 100; ++i) {  // ten seconds
            oe.g.pass_time(100'000'000);
            oe.send("10.3.0.2", 2);
            oe.g.turn();
            for (const Event& event : oe.g.events()) {
                CHECK(event.miss.repeated);
                ++num_requests;
            }
        }
        CHECK((num_requests >= 8 && num_requests <= 9));
    }
    SECTION("without a further datagram") {
        unsigned num_requests = 0;
        for (int i = 0; i < 100; ++i) {
            oe.g.pass_time(100'000'000);
            oe.g.turn();
            num_requests += static_cast<unsigned>(oe.g.events().size());
        }
        CHECK((num_requests >= 8 && num_requests <= 9));
    }
    SECTION("never again once answered") {
        oe.g.command(0, Command(SetPolicy{kPair, FlowState::pass, ClassKind::oe_permissive, 1, {}, 0}));
        oe.g.turn();
        for (int i = 0; i < 100; ++i) {
            oe.g.pass_time(100'000'000);
            oe.send("10.3.0.2", 2);
            oe.g.turn();
        }
        CHECK(oe.g.events().empty());
        CHECK(oe.clear_out().size() == 101);
    }
}

TEST_CASE("hold: the bound of held datagrams; keying is asked all the same") {
    Oe oe(ClassKind::oe_permissive);
    for (unsigned i = 0; i < 12; ++i) oe.send("10.3.1." + std::to_string(i + 1), 1);
    oe.g.turn();
    CHECK(oe.g.sum().held == 8);
    CHECK(oe.g.drops(Drop::hold_limit) == 4);
    CHECK(oe.g.events().size() == 12);
    oe.send("10.3.1.1", 2);  // there is no room for a *last* either
    oe.g.turn();
    CHECK(oe.g.drops(Drop::hold_limit) == 5);
    // A hold without a datagram is asked for again too: its request may have been lost.
    oe.g.pass_time(1'200'000'000);
    for (int i = 0; i < 400; ++i) oe.g.turn();
    CHECK(oe.g.events().size() == 12);
    // Room again: the pairs that waited without a datagram may hold one now.
    oe.g.command(0, Command(SetPolicy{{kPair.source, address("10.3.1.1")}, FlowState::pass, {}, 0, {}, 0}));
    oe.send("10.3.1.12", 3);
    oe.g.turn();
    CHECK(oe.g.sum().held == 8);
    CHECK(oe.clear_out() == Bytes{1});
}

TEST_CASE("policy: a class that needs no keying makes no entry") {
    struct Row {
        ClassKind kind;
        Drop reason;
    };
    for (const Row& row :
         {Row{ClassKind::deny, Drop::class_deny}, Row{ClassKind::always_clear_text, Drop::kCount}}) {
        Oe oe(row.kind);
        oe.send("10.3.0.2", 1);
        oe.g.turn();
        CHECK(oe.g.events().empty());
        CHECK(oe.g.worker().security->flows.size() == 0);
        if (row.reason == Drop::kCount) {
            CHECK(oe.clear_out() == Bytes{1});
        } else {
            CHECK(oe.g.drops(row.reason) == 1);
            CHECK(oe.g.out(kInside).size() == 1);  // ICMP 3/13
        }
    }
    Oe oe(ClassKind::oe_permissive);
    REQUIRE(oe.g.dataplane().tables().set_classes({}, ClassKind::deny));
    oe.send("10.3.0.2", 1);
    oe.g.turn();
    CHECK(oe.g.drops(Drop::class_none) == 1);
}

TEST_CASE("policy: ICMP on deny is the administrator's choice") {
    Options options = small();
    options.dataplane.icmp_per_second = 10;
    for (const bool on : {true, false}) {
        options.dataplane.icmp_on_deny = on;
        Oe oe(ClassKind::deny, options);
        oe.send("10.3.0.2", 1);
        oe.g.turn();
        CHECK(oe.g.drops(Drop::class_deny) == 1);
        const auto v4 = oe.g.out(kInside);
        oe.g.in(kInside,
                ethernet(oe.g.mac(kInside), kIpv6, udp({"2001:db8:1::2", "2001:db8:3::2"}, 1000, 2000, {1})));
        oe.g.turn();
        CHECK(oe.g.drops(Drop::class_deny) == 2);
        const auto v6 = oe.g.out(kInside);
        REQUIRE(v4.size() == (on ? 1u : 0u));
        REQUIRE(v6.size() == (on ? 1u : 0u));
        if (!on) continue;
        CHECK(v4[0].at(14 + 20) == 3);
        CHECK(v4[0].at(14 + 21) == 13);
        CHECK(v6[0].at(14 + 40) == 1);
        CHECK(v6[0].at(14 + 41) == 1);
        // Whoever sends much hears little.
        for (std::uint8_t i = 0; i < 30; ++i) oe.send("10.3.0.2", i);
        oe.g.turn();
        CHECK(oe.g.drops(Drop::class_deny) == 32);
        CHECK(oe.g.out(kInside).size() <= 10);
    }
}

TEST_CASE("policy: a full flow cache drops, and evicts what is idle") {
    Options options = small();
    options.dataplane.held_per_worker = 2048;
    Oe oe(ClassKind::oe_permissive, options);
    const auto host = [](unsigned i) {
        return "10.3." + std::to_string(10 + i / 200) + "." + std::to_string(1 + i % 200);
    };
    for (unsigned i = 0; i < 1024; ++i) {
        oe.send(host(i), 1);
        if (i % 32 == 31) oe.g.turn();
    }
    oe.g.turn();
    oe.g.events();
    oe.send("10.3.99.1", 1);
    oe.g.turn();
    CHECK(oe.g.drops(Drop::flow_table_full) == 1);
    CHECK(oe.g.events().empty());
    // Holds are never evicted, but a pass that nobody uses is.
    oe.g.command(0, Command(SetPolicy{{kPair.source, address(host(5))}, FlowState::pass, {}, 0, {}, 0}));
    oe.g.turn();
    oe.g.pass_time(31'000'000'000);
    for (unsigned i = 0; i < 20; ++i) {  // the search is bounded: it may need some turns
        oe.send("10.3.99.1", 1);
        oe.g.turn();
    }
    CHECK(oe.g.worker().security->flows.find({kPair.source, address("10.3.99.1")}) != FlowCache::kNone);
    CHECK(oe.g.worker().security->flows.evicted() == 1);
}

TEST_CASE("policy: control may create every state before a datagram comes") {
    {
        Oe oe(ClassKind::oe_permissive);
        const Tunnel tunnel;
        establish(oe.g, tunnel);
        oe.send("10.3.0.2", 9);
        oe.g.turn();
        const auto frames = oe.g.out(kOutside);
        REQUIRE(frames.size() == 1);
        CHECK(open(tunnel, without_link(frames[0])));
        CHECK(oe.g.events().empty());
    }

    const Pair other{kPair.source, Address::ipv4(10, 3, 0, 9)};
    for (const FlowState state : {FlowState::pass, FlowState::deny, FlowState::hold}) {
        Oe made(ClassKind::oe_permissive);
        made.g.command(0, Command(SetPolicy{other, state, ClassKind::oe_permissive, 1, {}, 0}));
        made.g.turn();
        made.send("10.3.0.9", 3);
        made.g.turn();
        CHECK(made.clear_out() == (state == FlowState::pass ? Bytes{3} : Bytes{}));
        CHECK(made.g.drops(Drop::policy_deny) == (state == FlowState::deny ? 1u : 0u));
        CHECK(made.g.sum().held == (state == FlowState::hold ? 1u : 0u));
        CHECK((made.g.events().empty() || state == FlowState::hold));
    }
}

TEST_CASE("policy: our own traffic is under no class and no policy, whatever they say") {
    struct Row {
        const char *own, *peer;
        std::uint16_t type;
        std::uint8_t echo;
    };
    for (const Row& row :
         {Row{"10.2.0.1", "10.3.0.2", kIpv4, 8}, Row{"2001:db8:2::1", "2001:db8:3::2", kIpv6, 128}})
        for (const FlowState state : {FlowState::none, FlowState::deny, FlowState::hold}) {
            INFO(row.own << " " << to_text(state));
            Oe oe(ClassKind::deny);
            const Pair ours{address(row.own), address(row.peer)};
            for (const Pair& pair : {ours, ours.reversed()})
                if (state != FlowState::none)
                    oe.g.command(0, Command(SetPolicy{pair, state, ClassKind::oe_paranoid, 1, {}, 0}));
            oe.g.turn();
            const Bytes ike = udp({row.own, row.peer}, 500, 500, Bytes(300, 1));
            oe.g.transmit(0, ike);
            oe.g.turn();
            const auto sent = oe.g.out(kOutside);
            REQUIRE(sent.size() == 1);
            CHECK(without_link(sent[0]) == ike);
            oe.g.in(kOutside, ethernet(oe.g.mac(kOutside), row.type,
                                       udp({row.peer, row.own}, 500, 500, Bytes(100, 2))));
            oe.g.in(kOutside, ethernet(oe.g.mac(kOutside), row.type,
                                       icmp({row.peer, row.own}, row.echo, 0, Bytes(12, 3))));
            oe.g.turn();
            CHECK(oe.g.punts().size() == 1);
            CHECK(oe.g.out(kOutside).size() == 1);  // the echo's answer
            CHECK(oe.g.drops() == 0);
            CHECK(oe.g.events().empty());
            CHECK(oe.g.sum().held == 0);
        }
}

TEST_CASE("clear text from outside: the reverse pair decides, then the class") {
    struct Row {
        const char* story;
        ClassKind kind;
        FlowState state;  // none: no entry
        Drop reason;
    };
    const Row rows[] = {
        {"no entry, permissive", ClassKind::oe_permissive, FlowState::none, Drop::kCount},
        {"no entry, accept only", ClassKind::oe_accept_only, FlowState::none, Drop::kCount},
        {"no entry, always clear", ClassKind::always_clear_text, FlowState::none, Drop::kCount},
        {"no entry, paranoid", ClassKind::oe_paranoid, FlowState::none, Drop::clear_not_permitted},
        {"no entry, configured", ClassKind::configured, FlowState::none, Drop::clear_not_permitted},
        {"no entry, deny", ClassKind::deny, FlowState::none, Drop::class_deny},
        {"pass, permissive", ClassKind::oe_permissive, FlowState::pass, Drop::kCount},
        {"pass, paranoid", ClassKind::oe_paranoid, FlowState::pass, Drop::clear_not_permitted},
        {"deny, permissive", ClassKind::oe_permissive, FlowState::deny, Drop::clear_while_denied},
        {"hold, permissive", ClassKind::oe_permissive, FlowState::hold, Drop::kCount},
        {"hold, paranoid", ClassKind::oe_paranoid, FlowState::hold, Drop::clear_while_held},
        {"encrypt, permissive", ClassKind::oe_permissive, FlowState::encrypt, Drop::clear_while_encrypted},
        {"encrypt, paranoid", ClassKind::oe_paranoid, FlowState::encrypt, Drop::clear_while_encrypted},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        Oe oe(row.kind);
        if (row.state != FlowState::none)
            oe.g.command(0, Command(SetPolicy{kPair, row.state, row.kind, 0, {0, 0}, 0}));
        oe.g.turn();
        const std::uint32_t before = oe.g.worker().security->flows.size();
        oe.from_outside("10.3.0.2");
        CHECK(oe.g.out(kInside).size() == (row.reason == Drop::kCount ? 1u : 0u));
        if (row.reason != Drop::kCount) CHECK(oe.g.drops(row.reason) == 1);
        CHECK(oe.g.worker().security->flows.size() == before);
        CHECK(oe.g.sum().held == 0);
        const auto events = oe.g.events();
        CHECK(events.size() == (row.reason == Drop::clear_while_encrypted ? 1u : 0u));
        if (!events.empty()) {
            CHECK(events[0].kind == Event::Kind::clear_text);
            CHECK(events[0].clear_text.pair == kPair);
        }
    }
}

TEST_CASE("clear text from outside: grace for a fresh tunnel, and its event is rate-limited") {
    Oe oe(ClassKind::oe_permissive);
    const Tunnel tunnel;
    oe.g.command(0, Command(tunnel.outbound()));
    oe.g.command(0, Command(tunnel.encrypt(10'000)));
    oe.g.turn();
    oe.from_outside("10.3.0.2");
    CHECK(oe.g.out(kInside).size() == 1);
    oe.g.pass_time(9'900'000'000);
    oe.from_outside("10.3.0.2");
    CHECK(oe.g.out(kInside).size() == 1);
    oe.g.pass_time(200'000'000);
    for (int i = 0; i < 50; ++i) oe.from_outside("10.3.0.2");
    CHECK(oe.g.out(kInside).empty());
    CHECK(oe.g.drops(Drop::clear_while_encrypted) == 50);
    CHECK(oe.g.events().size() <= 10);
    // A rekey brings another SA, not another grace.
    Tunnel next = tunnel;
    next.out = {4, 8};
    oe.g.command(0, Command(next.outbound()));
    oe.g.command(0, Command(next.encrypt(10'000)));
    oe.g.turn();
    oe.from_outside("10.3.0.2");
    CHECK(oe.g.out(kInside).empty());
    CHECK(oe.g.drops(Drop::clear_while_encrypted) == 51);
}

TEST_CASE("clear text from outside: no grace where the class wants encryption") {
    Oe oe(GENERATE(ClassKind::oe_paranoid, ClassKind::configured));
    const Tunnel tunnel;
    oe.g.command(0, Command(tunnel.outbound()));
    oe.g.command(0, Command(tunnel.encrypt(10'000)));
    oe.g.turn();
    oe.from_outside("10.3.0.2");
    CHECK(oe.g.out(kInside).empty());
    CHECK(oe.g.drops(Drop::clear_not_permitted) == 1);
    CHECK(oe.g.events().empty());
}

TEST_CASE("commands: use is reported with its ages, and a snapshot copies every entry") {
    Oe oe(ClassKind::oe_permissive);
    Tunnel tunnel;
    establish(oe.g, tunnel);
    oe.send("10.3.0.2", 9);
    oe.send("10.3.0.7", 1);
    oe.g.turn();
    oe.g.events();
    oe.g.out(kOutside);
    oe.g.pass_time(5'000'000'000);
    oe.g.in(kOutside,
            ethernet(oe.g.mac(kOutside), kIpv4, seal(tunnel, udp({"10.3.0.2", "10.1.0.2"}, 1, 2, {'x'}))));
    oe.g.turn();
    oe.g.events();
    oe.g.pass_time(3'000'000'000);
    oe.g.command(0, Command(QueryUse{tunnel.pair, tunnel.in}));
    oe.g.turn();
    const auto events = of_kind(oe.g.events(), Event::Kind::use_report);
    REQUIRE(events.size() == 1);
    const UseReport& report = events[0].use_report;
    CHECK(report.state == FlowState::encrypt);
    CHECK(report.packets == 1);
    CHECK((report.outbound_age_ns > 7'900'000'000 && report.outbound_age_ns < 8'100'000'000));
    CHECK((report.inbound_age_ns > 2'900'000'000 && report.inbound_age_ns < 3'100'000'000));
    CHECK_FALSE(report.removed);

    const auto take = [&](Snapshot::Table table, std::uint32_t max_records) {
        oe.g.command(0, Command(Snapshot{table, 77, max_records}));
        for (int i = 0; i < 100; ++i) oe.g.turn();
        std::vector<SnapshotRecord> records;
        SnapshotRecord record;
        while (rte_ring_dequeue_elem(oe.g.parts().links[0].snapshots, &record, sizeof record) == 0)
            records.push_back(record);
        for (const SnapshotRecord& r : records) CHECK(r.token == 77);
        REQUIRE_FALSE(records.empty());
        CHECK(records.back().kind == SnapshotRecord::Kind::end);
        return records;
    };
    const auto flows = take(Snapshot::Table::flows, 100);
    REQUIRE(flows.size() == 3);
    CHECK_FALSE(flows.back().truncated);
    for (unsigned i = 0; i < 2; ++i) {
        const FlowRecord& flow = flows[i].flow;
        CHECK((flow.state == FlowState::encrypt || (flow.state == FlowState::hold && flow.num_held == 1)));
        if (flow.state == FlowState::encrypt) CHECK(flow.reason == 42);
    }
    CHECK(take(Snapshot::Table::flows, 1).size() == 2);
    CHECK(take(Snapshot::Table::flows, 1).back().truncated);
    const auto inbound = take(Snapshot::Table::inbound_sas, 100);
    REQUIRE(inbound.size() == 2);
    CHECK(inbound[0].sa.spi == tunnel.spi_in);
    CHECK(inbound[0].sa.packets == 1);
    CHECK(inbound[0].sa.ref == tunnel.in);
    CHECK(inbound[0].sa.pair == tunnel.pair.reversed());
    const auto outbound = take(Snapshot::Table::outbound_sas, 100);
    REQUIRE(outbound.size() == 2);
    CHECK(outbound[0].sa.sequence == 1);
    CHECK(outbound[0].sa.bytes == 29);
}
