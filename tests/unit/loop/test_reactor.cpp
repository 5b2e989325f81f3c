// The reactor and its crypto pool against the real kernel: order of timers, descriptors
// that vanish while their event is on its way, posts from threads, signals, pace.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "loop/reactor.hpp"
#include "loop/thread_pool.hpp"

using namespace oegate;
using namespace oegate::loop;

namespace {

struct SocketPair {
    int fds[2];
    SocketPair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0); }
    ~SocketPair() {
        close(fds[0]);
        close(fds[1]);
    }
    void send(const char* text) { REQUIRE(write(fds[1], text, 1) == 1); }
};

}  // namespace

TEST_CASE("timers run in order of time, then of arming, and not early") {
    Reactor reactor;
    std::string order;
    const Time start = monotonic_now();
    Time last{};
    reactor.arm(start + 10ms, [&](Time now) {
        order += 'c';
        last = now;
        reactor.stop();
    });
    reactor.arm(start + 2ms, [&](Time) { order += 'a'; });
    reactor.arm(start + 2ms, [&](Time) { order += 'b'; });
    const auto cancelled = reactor.arm(start + 3ms, [&](Time) { order += 'x'; });
    reactor.cancel(cancelled);
    reactor.run();
    CHECK(order == "abc");
    CHECK(last >= start + 10ms);
    reactor.cancel(cancelled);
}

TEST_CASE("a timer may cancel another that is due, and arming itself does not spin") {
    Reactor reactor;
    int runs = 0;
    Reactor::TimerId other = 0;
    const Time now = monotonic_now();
    std::function<void(Time)> again = [&](Time) {
        ++runs;
        reactor.cancel(other);
        reactor.arm(now, again);
    };
    reactor.arm(now, again);
    bool other_ran = false;
    other = reactor.arm(now, [&](Time) { other_ran = true; });
    reactor.run_once(0ms);
    CHECK(runs == 1);
    CHECK_FALSE(other_ran);
    reactor.run_once(0ms);
    CHECK(runs == 2);
}

TEST_CASE("a deadline source is run when its time has come") {
    Reactor reactor;
    Time deadline = monotonic_now() + 5ms;
    const Time wanted = deadline;
    Time ran{};
    reactor.add_deadline([&] { return deadline; },
                         [&](Time now) {
                             ran = now;
                             deadline = kNever;
                             reactor.stop();
                         });
    reactor.run();
    CHECK(ran >= wanted);
    CHECK(ran < wanted + 20s);  // however busy the machine
}

TEST_CASE("a deadline that stays in the past does not hold the thread") {
    Reactor reactor;
    int runs = 0;
    reactor.add_deadline([] { return Time{}; }, [&](Time) { ++runs; });
    reactor.run_once(0ms);
    CHECK(runs > 0);
    CHECK(runs < 100);
}

TEST_CASE("descriptors") {
    Reactor reactor;
    SocketPair a;
    SocketPair b;
    std::string seen;

    SECTION("level-triggered until read") {
        reactor.watch(a.fds[0], false, [&] { seen += 'a'; });
        a.send("1");
        reactor.run_once(0ms);
        reactor.run_once(0ms);
        CHECK(seen == "aa");
        reactor.unwatch(a.fds[0]);
        reactor.run_once(0ms);
        CHECK(seen == "aa");
    }
    SECTION("one callback may unwatch the other within the same round") {
        const auto one_of_two = [&](int own, int other) {
            return [&, own, other] {
                seen += 'x';
                reactor.unwatch(own);
                reactor.unwatch(other);
            };
        };
        reactor.watch(a.fds[0], false, one_of_two(a.fds[0], b.fds[0]));
        reactor.watch(b.fds[0], false, one_of_two(b.fds[0], a.fds[0]));
        a.send("1");
        b.send("1");
        reactor.run_once(0ms);
        CHECK(seen == "x");
    }
    SECTION("a descriptor that was replaced within the round gets no stale event") {
        reactor.watch(a.fds[0], false, [&] {
            seen += 'a';
            reactor.unwatch(a.fds[0]);
            reactor.watch(b.fds[0], false, [&] { seen += 'n'; });
        });
        reactor.watch(b.fds[0], false, [&] { seen += 'o'; });
        a.send("1");
        reactor.run_once(0ms);
        CHECK(seen == "a");
        b.send("1");
        reactor.run_once(0ms);
        CHECK(seen == "an");
    }
    SECTION("watching again changes what is waited for") {
        reactor.watch(a.fds[0], false, [&] { seen += 'r'; });
        reactor.watch(a.fds[0], true, [&] {
            seen += 'w';
            reactor.unwatch(a.fds[0]);
        });
        reactor.run_once(0ms);
        CHECK(seen == "w");
    }
    SECTION("hang-up is told") {
        reactor.watch(a.fds[0], false, [&] { seen += 'f'; });
        shutdown(a.fds[1], SHUT_RDWR);
        reactor.run_once(0ms);
        CHECK(seen == "f");
    }
    SECTION("a descriptor that cannot be watched is refused") {
        reactor.watch(-1, false, [] {});
        reactor.watch(4095, false, [] {});
        CHECK(reactor.num_refused_watches() == 2);
    }
    SECTION("a number that was closed without unwatch can be watched again") {
        const int fd = dup(a.fds[0]);
        reactor.watch(fd, false, [&] { seen += 'o'; });
        close(fd);
        REQUIRE(dup2(b.fds[0], fd) == fd);
        reactor.watch(fd, false, [&] { seen += 'n'; });
        b.send("1");
        reactor.run_once(0ms);
        CHECK(seen == "n");
        reactor.unwatch(fd);
        close(fd);
    }
}

TEST_CASE("posts from another thread wake the reactor and keep their order") {
    Reactor reactor;
    std::vector<int> seen;
    std::thread other([&] {
        for (int i = 0; i < 1000; ++i) reactor.post([&, i] { seen.push_back(i); });
        reactor.post([&] { reactor.stop(); });
    });
    reactor.run();
    other.join();
    REQUIRE(seen.size() == 1000);
    for (int i = 0; i < 1000; ++i) CHECK(seen[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("pollers: busy pace while there is work, slower when idle") {
    Reactor reactor({.busy = 1ms, .idle = 16ms});
    int calls = 0;
    bool work = true;
    reactor.add_poller([&](Time) {
        if (++calls == 12) reactor.stop();
        return work;
    });
    const auto twelve = [&] {
        calls = 0;
        const Time from = monotonic_now();
        reactor.run();
        return monotonic_now() - from;
    };
    // The machine makes waits longer, never shorter: one quick turn is enough.
    constexpr auto kIdlePace = 6 * 16ms;  // it doubles up to that
    Duration busy = twelve();
    for (int i = 0; i < 100 && busy >= kIdlePace; ++i) busy = twelve();
    CHECK(busy < kIdlePace);
    work = false;
    CHECK(twelve() >= kIdlePace);
}

TEST_CASE("signals: terminate ends the loop in order, hang-up does not") {
    Reactor reactor;
    int hangups = 0;
    reactor.on_hangup([&] { ++hangups; });
    REQUIRE(raise(SIGHUP) == 0);
    reactor.run_once(100ms);
    CHECK(hangups == 1);
    CHECK_FALSE(reactor.stopped());
    SECTION("default") {
        REQUIRE(raise(SIGTERM) == 0);
        reactor.run_once(100ms);
        CHECK(reactor.stopped());
    }
    SECTION("own handler") {
        int got = 0;
        reactor.on_terminate([&](int signal) { got = signal; });
        REQUIRE(raise(SIGINT) == 0);
        reactor.run_once(100ms);
        CHECK(got == SIGINT);
        CHECK_FALSE(reactor.stopped());
    }
}

TEST_CASE("the pool works elsewhere and completes on the reactor's thread") {
    Reactor reactor;
    const auto control = std::this_thread::get_id();
    std::atomic<int> worked{0};
    std::atomic<bool> on_control{false};
    int completed = 0;
    {
        ThreadPool pool(reactor, 2);
        for (int i = 0; i < 50; ++i) {
            pool.submit({[&] {
                             if (std::this_thread::get_id() == control) on_control = true;
                             ++worked;
                         },
                         [&](Time now) {
                             CHECK(std::this_thread::get_id() == control);
                             CHECK(now > Time{});
                             if (++completed == 50) reactor.stop();
                         }});
            CHECK(completed == 0);  // never inside submit()
        }
        reactor.run();
    }
    CHECK(worked == 50);
    CHECK_FALSE(on_control);
    CHECK(completed == 50);
}

TEST_CASE("a pool that ends drops what waits and never completes it later") {
    Reactor reactor;
    std::atomic<bool> release{false};
    std::atomic<bool> started{false};
    bool second = false;
    {
        ThreadPool pool(reactor, 1);
        pool.submit({[&] {
                         started = true;
                         while (!release) std::this_thread::yield();
                     },
                     [](Time) {}});
        // The first ends once the second is dropped: before that the pool would take it.
        const std::shared_ptr<void> dropped(nullptr, [&](void*) { release = true; });
        pool.submit({[dropped] {}, [&](Time) { second = true; }});
        while (!started) std::this_thread::yield();
        CHECK(pool.num_waiting() == 1);
    }
    reactor.run_once(0ms);
    CHECK_FALSE(second);
}
