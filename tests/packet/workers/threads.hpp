// Two workers on threads of their own and a control that never rests, for test_threads.cpp:
// the data plane with rings of two entries, and commands at random. Not the traffic.
#pragma once

#include <rte_cycles.h>

#include <array>
#include <deque>
#include <iostream>

#include "base/random.hpp"
#include "bridge/bridge.hpp"
#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "packet/workers/plain_ports.hpp"
#include "packet/workers/totals.hpp"

namespace oegate::packet_test::threads {

inline constexpr OwnerSeed kSeed{0x1234, 0x5678};
inline constexpr unsigned kWorkers = 2, kPairs = 8, kFlows = 16, kEntries = 2;

// By the third byte of Bob's address.
inline constexpr unsigned kOfPair = 1, kOfTunnel = 2, kClear = 3, kInbound = 4;

inline std::string host(unsigned net, unsigned i) {
    return "10.3." + std::to_string(net) + "." + std::to_string(i + 1);
}
inline unsigned owner_of(const std::string& bob) {
    return owner(kSeed, address("10.1.0.2"), address(bob), kWorkers);
}

inline Options options() {
    Options o;
    o.num_workers = kWorkers;
    o.handoff_entries = kEntries;
    o.source_check = SourceCheck::off;  // a peer's packets by an inside port: a second queue
    o.dataplane.idle = IdleMode::adaptive;
    o.dataplane.flows_per_worker = 1024;
    o.dataplane.sas_per_worker = 64;
    o.dataplane.held_per_worker = 64;
    return o;
}

/// The data plane, its workers not started.
struct Plane {
    Plane() {
        wires.dataplane().stop();
        use_plain_pools();
        auto started =
            Dataplane::start(Gateway::configuration(options()), kSeed, Dataplane::Workers::by_hand, kEntries);
        REQUIRE(started);
        plane = std::move(*started);
        use_plain_ports(plane->parts());
        Tables& tables = plane->tables();
        REQUIRE(tables.set_neighbour(kInside, address("10.1.0.2"), kAlice));
        REQUIRE(tables.set_neighbour(kOutside, address("10.2.0.254"), kRouter));
        set_routes(0);
        set_classes(0);
    }
    ~Plane() { stop(); }

    void start(unsigned worker) {
        threads.push_back(start_worker(*plane->parts().workers[worker], stopping));
    }
    void stop() {
        stopping.store(true);
        for (std::thread& thread : threads) thread.join();
        threads.clear();
        publish_frames(Publish::release);
    }
    void set_routes(unsigned round) const {
        std::vector<Route> routes{{*Prefix::parse("10.1.0.0/24"), {}, kInside},
                                  {*Prefix::parse("10.2.0.0/24"), {}, kOutside},
                                  {*Prefix::parse("10.3.0.0/16"), address("10.2.0.254"), kOutside}};
        for (unsigned i = 0; i < 20; ++i)
            routes.push_back({*Prefix::parse("10." + std::to_string(16 + (round * 7 + i) % 200) + ".0.0/16"),
                              address("10.2.0.254"), kOutside});
        if (!plane->tables().set_routes(routes)) std::abort();
    }
    void set_classes(unsigned round) const {
        std::vector<ClassRule> rules{{*Prefix::parse("10.3.0.0/16"), ClassKind::oe_permissive}};
        for (unsigned i = 0; i < round % 5; ++i)
            rules.push_back({*Prefix::parse("10." + std::to_string(16 + i) + ".0.0/16"), ClassKind::deny});
        if (!plane->tables().set_classes(rules, ClassKind::deny)) std::abort();
    }
    void give(std::uint16_t interface, const Bytes& datagram) {
        wires.in_of(plane->parts().pool, interface, ethernet(plane->mac(interface), kIpv4, datagram));
    }
    WorkerStatus sum() const { return sum_of(plane->observer()); }
    std::uint64_t drops(Drop reason) const { return drops_of(plane->observer(), reason); }

    Gateway wires;  // starts EAL
    std::unique_ptr<Dataplane> plane;
    std::atomic<bool> stopping{false};
    std::vector<std::thread> threads;
};

/// What control does, at random and without a pause, on a thread of its own.
class Control final : public bridge::Inbox {
  public:
    explicit Control(Plane& plane) : p_(plane), bridge_(plane.plane->links()) {
        for (unsigned i = 0; i < kPairs; ++i) rekey_pair(i);
        for (unsigned home = 0; home < kWorkers; ++home) {
            rekey_tunnel(home);
            rekey_inbound(home);
        }
    }

    static Tunnel inbound_tunnel(unsigned home, std::uint32_t generation) {
        Tunnel t;
        t.pair = {address("10.1.0.0"), address("10.3.4.0")};
        t.in = {48 + 2 * home + generation % 2, generation};
        t.spi_in = Spi::make(static_cast<std::uint8_t>(1 + generation % 255), home, t.in.slot);
        t.source_bits = t.destination_bits = 120;
        return t;
    }
    /// The newest inbound SA of this worker that is in force.
    std::uint32_t inbound_generation(unsigned home) const { return ready_[home].load(); }

    void run(const std::atomic<bool>& done) {
        while (!done.load()) {
            turn();
            something();
            rte_delay_us_sleep(100);
        }
        if (!router_known_) set_router(true);
        for (unsigned home = 0; home < kWorkers; ++home) {  // SAs that live, so that hold empties
            while (busy()) turn();
            if (tunnel_[home] % 3 == 0) rekey_tunnel(home);
        }
    }
    void turn() {
        bridge_.poll(*this);
        p_.plane->tables().reclaim();
    }
    void report() const {
        std::cout << rekeys_ << " rekeys, " << removals_ << " removals, " << verdicts_ << " verdicts, "
                  << changes_ << " changes of tables, " << snapshots_ << " snapshots, " << traces_
                  << " trace records, " << copies_ << " copies of packets\n";
    }
    bool did_all() const {
        return rekeys_ > 10 && removals_ > 10 && verdicts_ > 10 && changes_ > 10 && snapshots_ > 1 &&
               traces_ > 10 && copies_ > 10;
    }

  private:
    struct Removal {
        RemoveSa command;
        unsigned home;
        std::array<std::uint64_t, kWorkers> after;  // applied everywhere
    };
    void on_event(const Event& event) override {
        if (event.kind != Event::Kind::miss) return;
        SetPolicy pass;
        pass.pair = event.miss.pair;
        pass.state = FlowState::pass;
        pass.class_kind = ClassKind::oe_permissive;
        post(event.worker, Command(pass));
        ++verdicts_;
    }
    void on_punt(const Punt&, ByteView) override {}
    void on_snapshot(unsigned, const SnapshotRecord& r) override {
        snapshots_ += r.kind == SnapshotRecord::Kind::end;
    }
    void on_trace(const TraceRecord&) override { ++traces_; }
    void on_capture(const CaptureRecord&) override { ++copies_; }
    void on_applied(unsigned worker, std::uint64_t sequence) override {
        applied_[worker] = sequence;
        const auto passed = [this](const auto& after) {
            for (unsigned w = 0; w < kWorkers; ++w)
                if (applied_[w] < after[w]) return false;
            return true;
        };
        while (!removals_due_.empty() && passed(removals_due_.front().after)) {
            const Removal due = removals_due_.front();
            removals_due_.pop_front();
            post(due.home, Command(due.command));
            ++removals_;
        }
        for (unsigned home = 0; home < kWorkers; ++home) {
            if (applied_[home] >= installed_[home]) ready_[home].store(inbound_[home]);
            if (flows_due_[home] == 0 || applied_[home] < flows_due_[home]) continue;
            flows_due_[home] = 0;
            move_flows(home);
        }
    }

    bool busy() const { return !removals_due_.empty() || flows_due_[0] + flows_due_[1] != 0; }
    std::uint64_t post(unsigned worker, const Command& command) {
        return posted_[worker] = bridge_.post(worker, command);
    }
    void remove_later(Direction direction, SaRef ref, unsigned home) {
        removals_due_.push_back({{direction, ref}, home, posted_});
        ++rekeys_;
    }
    void rekey_pair(unsigned i) {
        const unsigned home = owner_of(host(kOfPair, i));
        const auto of = [i](std::uint32_t g) {
            Tunnel t;
            t.pair = {address("10.1.0.2"), address(host(kOfPair, i))};
            t.out = {2 * i + g % 2, g};
            t.spi_out = kOfPair << 24 | i << 16 | (g & 0xffff);
            return t;
        };
        const Tunnel t = of(++pair_[i]);
        post(home, Command(t.outbound()));
        post(home, Command(t.encrypt()));
        if (pair_[i] > 1) remove_later(Direction::outbound, of(pair_[i] - 1).out, home);
    }
    static Tunnel tunnel_of(unsigned home, std::uint32_t generation) {
        Tunnel t;
        t.pair = {address("10.1.0.0"), address("10.3.2.0")};
        t.out = {32 + 2 * home + generation % 2, generation};
        t.spi_out = kOfTunnel << 24 | home << 16 | (generation & 0xffff);
        if (generation % 3 == 0) t.out_limits.hard_packets = 5;  // its flows return to hold
        return t;
    }
    /// One SA, its flows on both workers: they may name it when its worker has it.
    void rekey_tunnel(unsigned home) {
        const Tunnel t = tunnel_of(home, ++tunnel_[home]);
        flows_due_[home] = post(home, Command(t.outbound()));
    }
    void move_flows(unsigned home) {
        const Tunnel t = tunnel_of(home, tunnel_[home]);
        for (unsigned i = home; i < kFlows; i += kWorkers) {
            SetPolicy policy = t.encrypt();
            policy.pair = {address("10.1.0.2"), address(host(kOfTunnel, i))};
            policy.sa_worker = static_cast<std::uint8_t>(home);
            post(owner_of(host(kOfTunnel, i)), Command(policy));
        }
        if (tunnel_[home] > 1)
            remove_later(Direction::outbound, tunnel_of(home, tunnel_[home] - 1).out, home);
    }
    void rekey_inbound(unsigned home) {
        const std::uint32_t g = ++inbound_[home];
        installed_[home] = post(home, Command(inbound_tunnel(home, g).inbound()));
        if (g > 1) remove_later(Direction::inbound, inbound_tunnel(home, g - 1).in, home);
    }
    void set_router(bool known) {
        Tables& tables = p_.plane->tables();
        const Address router = address("10.2.0.254");
        router_known_ = known;
        if (!known) return tables.remove_neighbour(kOutside, router);
        if (!tables.set_neighbour(kOutside, router, random_.below(2) == 0 ? kRouter : kBob)) std::abort();
        for (unsigned w = 0; w < kWorkers; ++w) post(w, Command(NeighbourChanged{router, kOutside, true}));
    }
    StartCapture capture(std::uint8_t slot) {
        StartCapture start;
        start.what = static_cast<StartCapture::What>(random_.below(3));
        start.slot = slot;
        start.interface = static_cast<std::uint16_t>(random_.below(2));
        start.snaplen = 200;
        start.packets = 50;
        start.token = changes_ + 1;
        return start;
    }
    void observe() {
        const unsigned worker = static_cast<unsigned>(random_.below(kWorkers));
        const auto slot = static_cast<std::uint8_t>(random_.below(kMaxCaptures));
        switch (random_.below(5)) {
            case 0:
                post(worker, Command(Snapshot{static_cast<Snapshot::Table>(random_.below(3)), 1, 500}));
                break;
            case 1:
                for (unsigned w = 0; w < kWorkers; ++w) post(w, Command(capture(slot)));
                break;
            case 2:
                for (unsigned w = 0; w < kWorkers; ++w) post(w, Command(StopCapture{slot, 0}));
                break;
            case 3:
                post(worker, Command(MeasureStages{random_.below(2) == 0, 1'000'000'000}));
                post(worker,
                     Command(StartTrace{{address("10.1.0.2"), address(host(kOfTunnel, 1))}, 0, 3, 9}));
                break;
            default:
                observed_ += p_.sum().received + p_.plane->observer().memory().size();
        }
    }
    void something() {
        const unsigned flow = static_cast<unsigned>(random_.below(kFlows));
        ++changes_;
        // A slot is used again when who named its former tenant names another.
        const bool room = !busy();
        switch (random_.below(8)) {
            case 0:
                if (room) rekey_pair(flow % kPairs);
                break;
            case 1:
                // Seldom, so that those with a limit reach it.
                if (room && random_.below(8) == 0) rekey_tunnel(flow % kWorkers);
                break;
            case 2:
                if (room) rekey_inbound(flow % kWorkers);
                break;
            case 3:
                p_.set_routes(changes_);
                break;
            case 4:
                p_.set_classes(changes_);
                break;
            case 5:
                set_router(random_.below(8) != 0);
                break;
            case 6: {
                const Pair pair{address("10.1.0.2"), address(host(kClear, flow))};
                post(owner_of(host(kClear, flow)), Command(RemovePolicy{pair}));
                break;
            }
            default:
                observe();
        }
    }

    Plane& p_;
    bridge::Bridge bridge_;
    SeededRandom random_{7};
    std::array<std::uint32_t, kPairs> pair_{};
    std::array<std::uint32_t, kWorkers> tunnel_{}, inbound_{};
    std::array<std::uint64_t, kWorkers> posted_{}, applied_{}, installed_{}, flows_due_{};
    std::array<std::atomic<std::uint32_t>, kWorkers> ready_{};
    std::deque<Removal> removals_due_;
    bool router_known_ = true;
    // The traffic's thread reads them while this one counts.
    std::atomic<std::uint64_t> rekeys_ = 0, removals_ = 0, verdicts_ = 0, snapshots_ = 0, traces_ = 0,
                               copies_ = 0;
    std::atomic<unsigned> changes_ = 0;
    std::uint64_t observed_ = 0;
};

}  // namespace oegate::packet_test::threads
