// dataplane.idle: a worker that may sleep does, is woken by control and by another
// worker; one whose port cannot wake it naps, and that is said.
#include <rte_cycles.h>
#include <rte_ring_elem.h>

#include <chrono>

#include "bridge/bridge.hpp"
#include "catch.hpp"
#include "packet/gateway.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

using SteadyClock = std::chrono::steady_clock;

/// Waits for it; false when a minute was not enough.
template <class Condition>
bool wait_for(Condition&& condition) {
    const auto until = SteadyClock::now() + std::chrono::minutes(1);
    while (!condition()) {
        if (SteadyClock::now() > until) return false;
        rte_delay_us_sleep(20);
    }
    return true;
}

/// How soon what was begun at the start of a sleep was done. Without a bell that is the
/// end of the sleep, 50 ms, nearly always; with one a busy machine is now and then as slow.
class Soon {
  public:
    template <class Condition>
    void wait(Condition&& condition) {
        const auto from = SteadyClock::now();
        REQUIRE(wait_for(condition));
        ++num_;
        num_soon_ += SteadyClock::now() - from < std::chrono::milliseconds(25);
    }
    bool often() const { return num_soon_ >= num_ / 4; }

  private:
    unsigned num_ = 0, num_soon_ = 0;
};

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
        REQUIRE(wait_for([&] { return beats() > 2 && asleep(); }));
    }
    void wait_for_sleep() const {
        REQUIRE(wait_for([&] { return plane->links()[kSleeper].shared->asleep.load(); }));
    }
    std::uint64_t sleeps() const { return plane->observer().workers()[kSleeper].sleeps; }
    std::uint64_t beats() const { return plane->links()[kSleeper].shared->heartbeat.load(); }
    bool asleep() const { return sleeps() > 0 || plane->parts().workers[kSleeper]->idle == IdleMode::busy; }
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
    constexpr unsigned kCommands = 100;
    Soon soon;
    for (unsigned i = 0; i < kCommands; ++i) {
        running.wait_for_sleep();
        const std::uint64_t sequence = bridge.post(kSleeper, Command(QueryUse{}));
        soon.wait([&] { return link.shared->applied.load() == sequence; });
    }
    CHECK(soon.often());
    CHECK(running.sleeps() >= kCommands / 2);  // some it finds while it falls asleep
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
    Soon soon;
    for (std::uint64_t n = 1; n <= 60; ++n) {
        running.wait_for_sleep();
        running.by_hand.in_of(parts.pool, kInside,
                              ethernet(running.plane->mac(kInside), 0x0800,
                                       udp({"10.1.0.2", pair().destination.text()}, 1, 2, {'x'})));
        soon.wait([&] { return transmitted() == n; });
    }
    CHECK(soon.often());
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
    const auto from = SteadyClock::now();
    rte_delay_us_sleep(500'000);
    const auto after = running.plane->observer().workers();
    const auto sleeps =
        static_cast<std::uint64_t>((SteadyClock::now() - from) / std::chrono::milliseconds(50));
    CHECK(after[kSleeper].loops - before[kSleeper].loops < 4 * sleeps * 70);
    CHECK(after[0].loops - before[0].loops > 4 * (after[kSleeper].loops - before[kSleeper].loops));
    running.plane->stop();
}
