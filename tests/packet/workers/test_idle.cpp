// dataplane.idle: a worker that may sleep does, is woken by control and by another
// worker, and costs little; one whose port cannot wake it naps, and that is said.
#include <rte_cycles.h>
#include <rte_ring_elem.h>

#include <chrono>

#include "bridge/bridge.hpp"
#include "catch.hpp"
#include "packet/gateway.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

/// Four workers, three ports: worker 3 receives from none, so that it may sleep.
constexpr unsigned kSleeper = 3;

struct Running {
    explicit Running(IdleMode idle) {
        by_hand.dataplane().stop();
        Options options;
        options.num_workers = 4;
        options.dataplane.idle = idle;
        options.dataplane.flows_per_worker = 1024;
        options.dataplane.sas_per_worker = 64;
        options.dataplane.held_per_worker = 64;
        auto started = Dataplane::start(Gateway::configuration(options), {1, 2});
        REQUIRE(started);
        plane = std::move(*started);
        const Route routes[] = {{*Prefix::parse("10.1.0.0/24"), {}, kInside},
                                {*Prefix::parse("10.3.0.0/16"), address("10.2.0.254"), kOutside}};
        REQUIRE(plane->tables().set_routes(routes));
        REQUIRE(plane->tables().set_classes({}, ClassKind::always_clear_text));
        for (int i = 0; i < 5000 && !(beats() > 2 && asleep()); ++i) rte_delay_us_sleep(1000);
    }
    std::uint64_t beats() const { return plane->links()[kSleeper].shared->heartbeat.load(); }
    bool asleep() const {
        return plane->observer().workers()[kSleeper].sleeps > 0 ||
               plane->parts().workers[kSleeper]->idle == IdleMode::busy;
    }
    Gateway by_hand;  // starts EAL and the wires
    std::unique_ptr<Dataplane> plane;
};

struct Nothing final : bridge::Inbox {
    void on_event(const Event&) override {}
    void on_punt(const Punt&, ByteView) override {}
    void on_snapshot(unsigned, const SnapshotRecord&) override {}
    void on_applied(unsigned, std::uint64_t) override {}
};

}  // namespace

TEST_CASE("idle: a sleeping worker is woken by control's commands") {
    Running running(IdleMode::interrupt);
    const WorkerLink& link = running.plane->links()[kSleeper];
    REQUIRE(link.wake_fd >= 0);
    bridge::Bridge bridge(running.plane->links());
    const auto from = std::chrono::steady_clock::now();
    constexpr unsigned kCommands = 100;
    for (unsigned i = 0; i < kCommands; ++i) {
        for (int wait = 0; wait < 1000 && !link.shared->asleep.load(); ++wait) rte_delay_us_sleep(20);
        const std::uint64_t sequence = bridge.post(kSleeper, Command(QueryUse{}));
        for (int wait = 0; wait < 50'000 && link.shared->applied.load() < sequence; ++wait)
            rte_delay_us_sleep(20);
        REQUIRE(link.shared->applied.load() == sequence);
    }
    // Without a bell each would wait for the end of its sleep, 25 ms in the mean.
    CHECK(std::chrono::steady_clock::now() - from < std::chrono::milliseconds(1500));
    CHECK(running.plane->observer().workers()[kSleeper].sleeps >= kCommands / 2);
    Nothing nothing;
    bridge.poll(nothing);
    running.plane->stop();
}

TEST_CASE("idle: a worker that hands over wakes the owner") {
    Running running(IdleMode::interrupt);
    DataplaneParts& parts = running.plane->parts();
    REQUIRE(running.plane->tables().set_neighbour(kOutside, address("10.2.0.254"), kRouter));
    unsigned i = 1;
    const auto pair = [&] { return Pair{address("10.1.0.2"), address("10.3.0." + std::to_string(i))}; };
    while (owner(*parts.workers[0], pair()) != kSleeper) ++i;
    const auto transmitted = [&] {
        std::uint64_t sum = 0;
        for (const WorkerStatus& w : running.plane->observer().workers()) sum += w.transmitted;
        return sum;
    };
    const auto from = std::chrono::steady_clock::now();
    for (std::uint64_t n = 1; n <= 60; ++n) {
        running.by_hand.in_of(parts.pool, kInside,
                              ethernet(running.plane->mac(kInside), 0x0800,
                                       udp({"10.1.0.2", pair().destination.text()}, 1, 2, {'x'})));
        for (int wait = 0; wait < 50'000 && transmitted() < n; ++wait) rte_delay_us_sleep(20);
        REQUIRE(transmitted() == n);
    }
    CHECK(std::chrono::steady_clock::now() - from < std::chrono::milliseconds(1000));
    CHECK(running.plane->observer().workers()[kSleeper].taken_over == 60);
    running.plane->stop();
}

TEST_CASE("idle: a port without interrupts makes its worker nap, and that is said") {
    Running running(IdleMode::interrupt);
    const auto& remarks = running.plane->remarks();
    REQUIRE(remarks.size() == 3);
    CHECK(remarks[0] == "worker 0 idles adaptively: device 'net_ring_inside' has no receive interrupts");
    CHECK(running.plane->parts().workers[0]->idle == IdleMode::adaptive);
    CHECK(running.plane->parts().workers[kSleeper]->idle == IdleMode::interrupt);
    CHECK(running.plane->links()[0].wake_fd < 0);
    // The sleeper turns some twenty times a second, the others thousands of times.
    const auto before = running.plane->observer().workers();
    rte_delay_us_sleep(500'000);
    const auto after = running.plane->observer().workers();
    CHECK(after[kSleeper].loops - before[kSleeper].loops < 4 * 500 / 50 * 70);
    CHECK(after[0].loops - before[0].loops > 4 * (after[kSleeper].loops - before[kSleeper].loops));
    running.plane->stop();
}
