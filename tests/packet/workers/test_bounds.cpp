// Bounds that hold whoever is slow or greedy: hold by source, events that are said once
// under a full event ring, ageing of a full flow cache, a snapshot of a large one.
#include <rte_cycles.h>
#include <rte_ring_elem.h>

#include <set>

#include "bridge/bridge.hpp"
#include "catch.hpp"
#include "manage/snapshots.hpp"
#include "packet/security/peer.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

Options small() {
    Options o;
    o.dataplane.flows_per_worker = 1024;
    o.dataplane.sas_per_worker = 64;
    o.dataplane.held_per_worker = 16;
    o.dataplane.held_per_source = 4;
    return o;
}

struct Oe {
    explicit Oe(const Options& options) : g(options) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("10.3.0.0/16"), ClassKind::oe_permissive}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
    }
    ~Oe() { g.check_ledger(); }
    void send(const std::string& from, const std::string& to) {
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({from, to}, 1, 2, {'x'})));
    }
    /// As `show memory` and `show limits` have it.
    std::uint64_t use(std::string_view what) {
        for (const MemoryStatus& m : g.dataplane().observer().memory())
            if (m.what == what) return m.used;
        FAIL("nobody tells of it");
        return 0;
    }
    Gateway g;
};

std::string host(unsigned i) {
    return "10.3." + std::to_string(1 + i / 200) + "." + std::to_string(1 + i % 200);
}

}  // namespace

TEST_CASE("hold: a host that scans spends its own share only") {
    Oe oe(small());
    for (unsigned i = 0; i < 20; ++i) oe.send("10.1.0.2", host(i));
    oe.g.turn();
    CHECK(oe.g.sum().held == 4);
    CHECK(oe.g.drops(Drop::hold_source_limit) == 16);
    CHECK(oe.use("held from one source") == 4);
    oe.send("10.1.0.2", host(0));  // nor a *last*
    for (unsigned n = 3; n < 6; ++n)
        for (unsigned i = 0; i < 4; ++i) oe.send("10.1.0." + std::to_string(n), host(100 + i));
    oe.g.turn();
    CHECK(oe.g.drops(Drop::hold_source_limit) == 17);
    CHECK(oe.g.drops(Drop::hold_limit) == 0);
    CHECK(oe.g.sum().held == 16);
    oe.send("10.1.0.9", host(0));  // now the room is full for everybody
    oe.g.turn();
    CHECK(oe.g.drops(Drop::hold_limit) == 1);
    oe.g.command(0,
                 Command(SetPolicy{{address("10.1.0.2"), address(host(0))}, FlowState::pass, {}, 0, {}, 0}));
    oe.send("10.1.0.2", host(19));
    oe.g.turn();
    CHECK(oe.g.drops(Drop::hold_source_limit) == 17);
    CHECK(oe.g.sum().held == 16);
    CHECK(oe.g.out(kOutside).size() == 1);
    for (unsigned n = 2; n < 6; ++n)
        for (unsigned i : {0u, 1u, 2u, 3u, 19u, 100u, 101u, 102u, 103u})
            oe.g.command(0,
                         Command(RemovePolicy{{address("10.1.0." + std::to_string(n)), address(host(i))}}));
    oe.g.turn();
    CHECK(oe.g.sum().held == 0);
    CHECK(oe.use("held from one source") == 0);
}

TEST_CASE("events: what is said once waits for room") {
    Oe oe(small());
    const auto pair = [](unsigned i) { return Pair{address("10.1.0.2"), address(host(i))}; };
    unsigned asked = 0;
    std::uint64_t last = 0;
    // Nobody listens: reports fill the ring, and commands stay in theirs.
    for (int round = 0; round < 6; ++round) {
        for (unsigned i = 0; i < 1000; ++i) {
            Command query(QueryUse{pair(asked % 500), {}});
            query.sequence = asked + 1;
            if (rte_ring_enqueue_elem(oe.g.parts().links[0].commands, &query, sizeof query) != 0) break;
            ++asked;
        }
        oe.g.turn();
    }
    REQUIRE(asked > kEventRing);
    const auto& applied = oe.g.worker().shared.applied;
    CHECK(applied.load() == kEventRing - 1);
    // A failed install is told, too, and its SA is not tried before.
    Tunnel tunnel;
    tunnel.out.slot = 5000;
    Command install(tunnel.outbound());
    install.sequence = asked + 1;
    const bool room = rte_ring_enqueue_elem(oe.g.parts().links[0].commands, &install, sizeof install) == 0;
    std::size_t reports = 0, expired = 0;
    for (int round = 0; round < 10; ++round) {
        for (const Event& event : oe.g.events()) {
            reports += event.kind == Event::Kind::use_report ? 1u : 0u;
            expired += event.kind == Event::Kind::sa_expired ? 1u : 0u;
        }
        oe.g.turn();
        CHECK(applied.load() >= last);
        last = applied.load();
    }
    CHECK(reports == asked);
    CHECK(expired == (room ? 1u : 0u));
}

TEST_CASE("events: a flood of misses leaves room for an answer") {
    Options big = small();
    big.dataplane.flows_per_worker = 8192;
    Oe flood(big);
    for (unsigned i = 0; i < 5000; ++i) {
        flood.send("10.1.0.2", host(i));
        if (i % 64 == 63) flood.g.turn();
    }
    flood.g.turn();
    CHECK(flood.g.worker().ledger.events_lost.get() > 0);
    flood.g.command(0, Command(QueryUse{{address("10.1.0.2"), address(host(1))}, {}}));
    flood.g.turn();
    CHECK(of_kind(flood.g.events(), Event::Kind::use_report).size() == 1);
}

TEST_CASE("flow cache: a nearly full one is thinned in the background") {
    Oe oe(small());
    FlowCache& flows = oe.g.worker().security->flows;
    const auto fill = [&](unsigned from, unsigned to, FlowState state) {
        for (unsigned i = from; i < to; ++i) {
            oe.g.command(0, Command(SetPolicy{{address("10.1.0.2"), address(host(i))}, state, {}, 0, {}, 0}));
            if (i % 500 == 499) oe.g.turn();
        }
        oe.g.turn();
    };
    fill(0, 300, FlowState::deny);
    fill(300, 600, FlowState::hold);
    fill(600, 900, FlowState::pass);
    REQUIRE(flows.size() == 900);
    const auto live = [&](unsigned seconds) {
        for (unsigned i = 0; i < 4000; ++i) {
            oe.g.pass_time(seconds * 250'000ull);
            oe.g.poll(0);
        }
    };
    live(20);
    CHECK(flows.size() == 900);  // in use, all of them
    live(20);
    CHECK(flows.size() <= 896);                      // 7/8 of 1,024: no more is taken than is needed,
    CHECK(flows.size() > 896 - FlowCache::kBucket);  // but a bucket at a time
    CHECK(flows.count(FlowState::hold) == 300);
    CHECK(flows.count(FlowState::deny) == 300);
    fill(900, 1024, FlowState::hold);
    live(1);
    CHECK(flows.size() <= 896);
    CHECK(flows.size() > 896 - FlowCache::kBucket);
    CHECK(flows.count(FlowState::hold) == 424);
    oe.g.events();
}

TEST_CASE("clear text from the peer keeps a pass in use") {
    Oe oe(small());
    const Pair pair{address("10.1.0.2"), address("10.3.0.2")};
    oe.g.command(0, Command(SetPolicy{pair, FlowState::pass, ClassKind::oe_permissive, 0, {}, 0}));
    oe.g.turn();
    const auto report = [&] {
        oe.g.command(0, Command(QueryUse{pair, {}}));
        oe.g.turn();
        const auto events = of_kind(oe.g.events(), Event::Kind::use_report);
        REQUIRE(events.size() == 1);
        return events[0].use_report;
    };
    CHECK(report().inbound_age_ns == kNeverUsed);
    oe.g.in(kOutside, ethernet(oe.g.mac(kOutside), kIpv4, udp({"10.3.0.2", "10.1.0.2"}, 1, 2, {'x'})));
    oe.g.turn();
    CHECK(oe.g.out(kInside).size() == 1);
    oe.g.pass_time(7'000'000'000);
    CHECK(report().inbound_age_ns / 100'000'000 == 69);  // seven seconds, in ticks of 16.8 ms
    CHECK(report().outbound_age_ns == kNeverUsed);
    CHECK(report().packets == 0);
}

TEST_CASE("snapshot: four million flows are copied a little a turn") {
    Options options = small();
    options.dataplane.flows_per_worker = 4'000'000;
    Oe oe(options);
    FlowCache& flows = oe.g.worker().security->flows;
    constexpr std::uint32_t kFlows = 1'000'000;
    for (std::uint32_t i = 0; i < kFlows; ++i) {
        const Pair pair{Address::ipv4(0x0a010002), Address::ipv4(0x0a030000 + i)};
        const auto made = flows.make(flows.hash(pair), pair, 1);
        REQUIRE(made.index != FlowCache::kNone);
        flows.set_state(made.index, FlowState::pass);
    }
    oe.g.command(0, Command(Snapshot{Snapshot::Table::flows, 7, UINT32_MAX}));
    std::uint64_t records = 0, turns = 0, longest = 0;
    bool ended = false;
    while (!ended) {
        const std::uint64_t from = rte_rdtsc();
        oe.g.poll(0);
        longest = std::max(longest, rte_rdtsc() - from);
        ++turns;
        SnapshotRecord record;
        while (rte_ring_dequeue_elem(oe.g.parts().links[0].snapshots, &record, sizeof record) == 0) {
            CHECK(record.token == 7);
            if (record.kind == SnapshotRecord::Kind::end) {
                ended = true;
                CHECK_FALSE(record.truncated);
            } else {
                ++records;
            }
        }
    }
    CHECK(records == kFlows);
    CHECK(turns >= kFlows / 16);  // at most so many records a turn,
    CHECK(turns <= kFlows / 2);   // and empty stretches are skipped quickly
    // As `show flows SOURCE` has it: control looks once a millisecond, the worker turns
    // sixty times in one, which is slow. One pair of a million, within its patience.
    struct Inbox final : bridge::Inbox {
        explicit Inbox(manage::Snapshots& to) : snapshots(to) {}
        void on_event(const Event&) override {}
        void on_punt(const Punt&, ByteView) override {}
        void on_applied(unsigned, std::uint64_t) override {}
        void on_snapshot(unsigned worker, const SnapshotRecord& record) override {
            snapshots.on_record(worker, record, now);
        }
        manage::Snapshots& snapshots;
        Time now{1000s};
    };
    bridge::Bridge bridge(oe.g.parts().links);
    manage::Snapshots snapshots(
        1, [&](unsigned worker, const Command& command) { bridge.post(worker, command); });
    Inbox inbox(snapshots);
    const Pair wanted{Address::ipv4(0x0a010002), Address::ipv4(0x0a030000 + 777'777)};
    std::vector<manage::SnapshotAnswer> answers;
    snapshots.ask(
        {Snapshot::Table::flows, [&](const SnapshotRecord& r) { return r.flow.pair == wanted; }},
        [&](manage::SnapshotAnswer answer) { answers.push_back(std::move(answer)); }, inbox.now);
    while (answers.empty()) {
        for (int i = 0; i < 60; ++i) oe.g.poll(0);
        bridge.poll(inbox);
        inbox.now += 1ms;
        snapshots.on_timer(inbox.now);
    }
    CHECK(answers[0].complete);
    CHECK_FALSE(answers[0].truncated);
    REQUIRE(answers[0].records.size() == 1);
    CHECK(answers[0].records[0].flow.pair == wanted);
    // Nobody reads: the ring fills and the worker goes on with its packets.
    oe.g.command(0, Command(Snapshot{Snapshot::Table::flows, 8, UINT32_MAX}));
    for (int i = 0; i < 1000; ++i) oe.g.poll(0);
    CHECK(rte_ring_count(oe.g.parts().links[0].snapshots) == kSnapshotRing - 1);
    // Control has enough: the next request ends the former.
    oe.g.command(0, Command(Snapshot{Snapshot::Table::inbound_sas, 9, 1}));
    std::vector<std::uint32_t> ends;
    for (int i = 0; i < 10; ++i) {
        oe.g.poll(0);
        SnapshotRecord record;
        while (rte_ring_dequeue_elem(oe.g.parts().links[0].snapshots, &record, sizeof record) == 0)
            if (record.kind == SnapshotRecord::Kind::end) ends.push_back(record.token);
    }
    CHECK(ends == std::vector<std::uint32_t>{9});
}
