// Soak: two launched workers under load from both sides while control does all at once
// what it does now and then: answers misses, rekeys every second, changes routes and
// neighbours, forgets flows and lets others age, takes snapshots, switches captures and
// traces on and off. At the end no buffer is missing, the ledger is even, memory has not
// grown, and every drop is one that was provoked. OEGATE_SOAK_SECONDS says how long (30).
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_mempool.h>
#include <rte_ring_elem.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>

#include "base/random.hpp"
#include "bridge/bridge.hpp"
#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "packet/workers/totals.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr unsigned kWorkers = 2, kTunnels = 32, kHosts = 3000, kReady = 64;
// So many hosts are talked to at a time, and every ten seconds half of them are others: the
// flows of the rest age (FlowCache::kIdle).
constexpr unsigned kBusyHosts = 600;
constexpr std::chrono::seconds kPatience{60};
constexpr unsigned kAgeingShown = 90;  // seconds until some must have gone by age

std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t all = 0, resident = 0;
    in >> all >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::string host(unsigned i) {
    return "10.3." + std::to_string(100 + i / 200) + "." + std::to_string(1 + i % 200);
}

Options options() {
    Options o;
    o.num_workers = kWorkers;
    o.dataplane.idle = IdleMode::adaptive;
    o.dataplane.flows_per_worker = 1024;  // fewer than there are pairs
    o.dataplane.sas_per_worker = 128;
    o.dataplane.held_per_worker = 256;
    o.dataplane.icmp_per_second = 1000;
    return o;
}

/// A pair that stays, with its SAs of now and the peer's packets, sealed beforehand.
struct Peer {
    Tunnel tunnel;
    unsigned worker = 0;
    std::uint32_t generation = 0;
    std::vector<Bytes> sealed;
    std::size_t next = 0;
};

class Soak final : public bridge::Inbox {
  public:
    Soak() {
        by_hand_.dataplane().stop();
        auto started = Dataplane::start(Gateway::configuration(options()), {0x1234, 0x5678});
        REQUIRE(started);
        plane_ = std::move(*started);
        bridge_ = std::make_unique<bridge::Bridge>(plane_->links());
        Tables& tables = plane_->tables();
        REQUIRE(tables.set_neighbour(kInside, address("10.1.0.2"), kAlice));
        REQUIRE(tables.set_neighbour(kOutside, address("10.2.0.254"), kRouter));
        set_routes(0);
        const ClassRule rules[] = {{*Prefix::parse("10.3.0.0/16"), ClassKind::oe_permissive}};
        REQUIRE(tables.set_classes(rules, ClassKind::deny));
        for (unsigned i = 0; i < kTunnels; ++i) {
            Peer peer;
            peer.tunnel.pair = {address("10.1.0.2"), address("10.3.1." + std::to_string(i + 1))};
            peer.worker =
                owner({0x1234, 0x5678}, peer.tunnel.pair.source, peer.tunnel.pair.destination, kWorkers);
            peers_.push_back(peer);
            rekey(i);
        }
    }

    void run(std::chrono::seconds how_long) {
        const auto from = SteadyClock::now();
        auto next_second = from;
        unsigned second = 0;
        std::size_t settled = 0;
        // How much happens in a second is the machine's: what must happen is waited for.
        while (SteadyClock::now() - from < how_long ||
               (!all_happened() && SteadyClock::now() - from < how_long + kPatience)) {
            for (int i = 0; i < 20; ++i) traffic();
            control();
            if (SteadyClock::now() < next_second) continue;
            next_second += std::chrono::seconds(1);
            set_routes(++second);
            for (unsigned i = 0; i < kTunnels; ++i) rekey(i);
            neighbour(second % 3 != 0);
            bridge_->post(second % kWorkers, Command(Snapshot{Snapshot::Table::flows, second, 500}));
            observe(second);
            first_host_ = second / 10 * (kBusyHosts / 2) % kHosts;
            if (second == 5) settled = resident_bytes();
        }
        finish();
        const std::size_t now = resident_bytes();
        if (settled != 0) CHECK(now < settled + (std::size_t{8} << 20));
        std::cout << second << " s: " << sent_ << " packets in, " << received_ << " out, " << rekeys_
                  << " rekeys, " << verdicts_ << " verdicts, " << removals_ << " flows forgotten, " << aged_
                  << " aged, " << snapshots_ << " snapshot records, " << copies_ << " captured in "
                  << captures_ << " captures (" << copies_lost_ << " lost), " << traces_
                  << " trace records; resident " << (settled >> 20) << " → " << (now >> 20) << " MiB\n";
        if (second > kAgeingShown) CHECK(aged_ > 0);
    }

  private:
    bool all_happened() const { return rekeys_ > 0 && verdicts_ > 1000 && copies_ > 0 && traces_ > 0; }

    // ---- control
    void on_event(const Event& event) override {
        if (event.kind != Event::Kind::miss) return;
        const Pair& pair = event.miss.pair;
        const FlowState states[] = {FlowState::pass, FlowState::pass, FlowState::deny};
        bridge_->post(event.worker,
                      Command(SetPolicy{pair, states[random_.below(3)], ClassKind::oe_permissive, 1, {}, 0}));
        ++verdicts_;
        flows_.push_back({event.worker, pair});
        if (flows_.size() <= 4000 && random_.below(4) != 0) return;
        bridge_->post(flows_.front().first, Command(RemovePolicy{flows_.front().second}));
        flows_.pop_front();
        ++removals_;
    }
    void on_punt(const Punt&, ByteView) override {}
    void on_snapshot(unsigned, const SnapshotRecord&) override { ++snapshots_; }
    void on_trace(const TraceRecord&) override { ++traces_; }
    void on_capture(const CaptureRecord& record) override {
        CHECK(record.captured <= record.len);
        ++copies_;
    }
    void on_applied(unsigned, std::uint64_t) override {}
    /// Of every kind, on for a second and off for the next.
    void observe(unsigned second) {
        const bool on = second % 2 == 1;
        for (std::uint8_t slot = 0; slot < 3; ++slot)
            if (!on) copies_lost_ += bridge_->captures_lost(slot);
        captures_ += on ? 3 : 0;
        capture_token_ = on ? second : capture_token_;
        trace_token_ = second;
        for (unsigned w = 0; w < kWorkers; ++w) {
            for (std::uint8_t slot = 0; slot < 3; ++slot) {
                StartCapture start;
                start.what = static_cast<StartCapture::What>(slot);
                start.slot = slot;
                start.interface = kOutside;
                start.snaplen = static_cast<std::uint16_t>(64 + second % 1400);
                start.packets = 1'000'000;
                start.token = capture_token_;
                bridge_->post(w, on ? Command(start) : Command(StopCapture{slot, capture_token_}));
            }
            bridge_->post(w, Command(StartTrace{peers_[second % kTunnels].tunnel.pair, 0, 20, second}));
        }
    }
    void control() {
        bridge_->poll(*this);
        plane_->tables().reclaim();
    }
    void set_routes(unsigned second) {
        std::vector<Route> routes{{*Prefix::parse("10.1.0.0/24"), {}, kInside},
                                  {*Prefix::parse("10.2.0.0/24"), {}, kOutside},
                                  {*Prefix::parse("10.3.0.0/16"), address("10.2.0.254"), kOutside}};
        for (unsigned i = 0; i < 200; ++i)
            routes.push_back({*Prefix::parse("10." + std::to_string(16 + (second * 7 + i) % 200) + ".0.0/16"),
                              address("10.2.0.254"), kOutside});
        REQUIRE(plane_->tables().set_routes(routes));
    }
    /// The router goes and comes back: who was waiting for it leaves.
    void neighbour(bool known) {
        const Address router = address("10.2.0.254");
        if (known)
            REQUIRE(plane_->tables().set_neighbour(kOutside, router, kRouter));
        else
            plane_->tables().remove_neighbour(kOutside, router);
        for (unsigned i = 0; known && i < kWorkers; ++i)
            bridge_->post(i, Command(NeighbourChanged{router, kOutside, true}));
    }
    /// Make before break: new SAs, then the policy, then the old ones go.
    void rekey(unsigned i) {
        Peer& peer = peers_[i];
        const Tunnel former = peer.tunnel;
        const std::uint32_t g = ++peer.generation;
        Tunnel& t = peer.tunnel;
        t.out = {2 * i + g % 2, g};
        t.in = {2 * i + g % 2, g};
        t.spi_out = i << 16 | (g & 0xffff);
        t.spi_in = Spi::make(static_cast<std::uint8_t>(1 + g % 255), peer.worker, t.in.slot);
        bridge_->post(peer.worker, Command(t.inbound()));
        bridge_->post(peer.worker, Command(t.outbound()));
        bridge_->post(peer.worker, Command(t.encrypt()));
        if (g > 1) {
            bridge_->post(peer.worker, Command(RemoveSa{Direction::outbound, former.out}));
            bridge_->post(peer.worker, Command(RemoveSa{Direction::inbound, former.in}));
            ++rekeys_;
        }
        peer.sealed.clear();
        peer.next = 0;
        for (std::uint32_t n = 1; n <= kReady; ++n)
            peer.sealed.push_back(
                ethernet(plane_->mac(kOutside), kIpv4,
                         seal(t, udp({t.pair.destination.text(), "10.1.0.2"}, 1, 2, Bytes(100 + n, 7)),
                              {.sequence = n})));
    }

    // ---- traffic
    void give(std::uint16_t interface, const Bytes& frame) {
        if (by_hand_.waiting_on_wire(interface) > 400) return take();
        by_hand_.in_of(plane_->parts().pool, interface, frame);
        ++sent_;
    }
    std::string busy_host() {
        return host((first_host_ + static_cast<unsigned>(random_.below(kBusyHosts))) % kHosts);
    }
    void traffic() {
        const auto inside = [&](const std::string& to) {
            give(kInside, ethernet(plane_->mac(kInside), kIpv4,
                                   udp({"10.1.0.2", to}, 1, 2, Bytes(random_.below(1200), 1))));
        };
        Peer& peer = peers_[random_.below(kTunnels)];
        inside(peer.tunnel.pair.destination.text());
        inside(busy_host());
        if (peer.next < peer.sealed.size()) give(kOutside, peer.sealed[peer.next++]);
        give(kOutside, ethernet(plane_->mac(kOutside), kIpv4, udp({busy_host(), "10.1.0.2"}, 1, 2, {'x'})));
        take();
    }
    void take() {
        received_ += by_hand_.out(kInside).size();
        received_ += by_hand_.out(kOutside).size();
    }

    // ---- the end
    WorkerStatus sum() const { return sum_of(plane_->observer()); }
    std::uint64_t drops(Drop reason) const { return drops_of(plane_->observer(), reason); }
    void finish() {
        neighbour(true);
        observe(0);
        for (unsigned w = 0; w < kWorkers; ++w) bridge_->post(w, Command(StopTrace{trace_token_}));
        while (!flows_.empty()) {
            bridge_->post(flows_.front().first, Command(RemovePolicy{flows_.front().second}));
            flows_.pop_front();
        }
        const auto until = SteadyClock::now() + kPatience;
        const auto settled = [this] {
            const WorkerStatus s = sum();
            return s.received == sent_ && s.transmitted == received_ && s.handed_over == s.taken_over &&
                   s.held == 0 && s.waiting_neighbour == 0 &&
                   rte_mempool_in_use_count(plane_->parts().pool) == 0;
        };
        while (!settled() && SteadyClock::now() < until) {
            control();
            take();
            rte_delay_us_sleep(1000);
        }
        const WorkerStatus s = sum();
        CAPTURE(s.received, s.generated, s.transmitted, s.dropped, s.consumed, s.held, s.waiting_neighbour);
        CHECK(s.received == sent_);
        CHECK(s.received + s.generated + s.fragments_made ==
              s.transmitted + s.dropped + s.consumed + s.merged + s.held + s.waiting_neighbour);
        CHECK(s.handed_over == s.taken_over);
        CHECK(s.transmitted == received_);
        CHECK(s.held == 0);
        CHECK(s.waiting_neighbour == 0);
        CHECK(rte_mempool_in_use_count(plane_->parts().pool) == 0);
        CHECK(all_happened());
        // Each of these is provoked; any other says that something is wrong.
        constexpr Drop kProvoked[] = {
            Drop::hold_replaced,     Drop::hold_denied,          Drop::hold_limit,
            Drop::hold_source_limit, Drop::hold_expired,         Drop::policy_deny,
            Drop::flow_table_full,   Drop::clear_while_denied,   Drop::clear_while_encrypted,
            Drop::esp_unknown_spi,   Drop::neighbour_queue_full, Drop::icmp_rate_limited,
            Drop::handoff_full,      Drop::transmit_full};
        std::uint64_t provoked = 0;
        for (const Drop reason : kProvoked) provoked += drops(reason);
        for (std::size_t i = 0; i < kNumDrops; ++i)
            if (drops(static_cast<Drop>(i)) != 0)
                std::cout << to_text(static_cast<Drop>(i)) << ' ' << drops(static_cast<Drop>(i)) << '\n';
        CHECK(provoked == s.dropped);
        plane_->parts().stopping.store(true);
        rte_eal_mp_wait_lcore();  // nobody else reads or writes from here on
        for (const auto& worker : plane_->parts().workers) {
            CHECK(worker->watch.on == 0);
            aged_ += worker->security->flows.evicted();
        }
        plane_->stop();
    }

    SeededRandom random_{42};
    Gateway by_hand_{options()};  // starts EAL and the wires
    std::unique_ptr<Dataplane> plane_;
    std::unique_ptr<bridge::Bridge> bridge_;
    std::vector<Peer> peers_;
    std::deque<std::pair<unsigned, Pair>> flows_;
    std::uint64_t sent_ = 0, received_ = 0, rekeys_ = 0, verdicts_ = 0, removals_ = 0, snapshots_ = 0;
    std::uint64_t copies_ = 0, copies_lost_ = 0, captures_ = 0, traces_ = 0, aged_ = 0;
    unsigned first_host_ = 0;
    std::uint32_t capture_token_ = 0, trace_token_ = 0;
};

}  // namespace

TEST_CASE("soak: nothing leaks and nothing dies unexplained") {
    const char* seconds = std::getenv("OEGATE_SOAK_SECONDS");
    Soak soak;
    soak.run(std::chrono::seconds(seconds == nullptr ? 30 : std::atoi(seconds)));
}
