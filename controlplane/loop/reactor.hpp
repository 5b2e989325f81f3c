// The control plane's one thread: waits for descriptors, timers, signals, posts
// from other threads, and looks into the workers' rings, which have no descriptor.
// Everything it calls runs here, one at a time, and must not block.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "loop/io.hpp"

namespace oegate::loop {

/// CLOCK_MONOTONIC, the time that every machine is handed as `now`.
Time monotonic_now();

/// How often the pollers run when no descriptor wakes the thread: `busy` after a
/// round that found work, then doubled with every empty round up to `idle`.
struct PollPace {
    Duration busy = 1ms;
    Duration idle = 8ms;
};

class Reactor final : public IoWatcher {
  public:
    using TimerId = std::uint64_t;
    using Timer = std::function<void(Time now)>;

    /// Blocks SIGTERM, SIGINT and SIGHUP in the calling thread and ignores SIGPIPE,
    /// so make it before any other thread starts. Throws std::system_error when the
    /// kernel refuses a descriptor: a start-up failure.
    explicit Reactor(PollPace pace = {});
    ~Reactor() override;
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    /// A descriptor that the kernel refuses (closed, a regular file) is counted and
    /// never ready.
    void watch(int fd, bool want_write, std::function<void()> ready) override;
    void unwatch(int fd) override;

    /// Runs once, not before `when`. Timers of the same instant run in the order in
    /// which they were set. cancel() of one that ran is harmless.
    TimerId arm(Time when, Timer timer);
    void cancel(TimerId timer);
    /// For a machine that keeps its own timers: `next` is asked before every wait
    /// (kNever: none), `run` is called once that time has come.
    void add_deadline(std::function<Time()> next, Timer run);
    /// Runs every round and at least at the pace; returns whether it found work. It
    /// bounds what it does in one call.
    void add_poller(std::function<bool(Time now)> poller);
    /// From any thread: runs `work` on this one, in the order of posting.
    void post(std::function<void()> work);
    /// SIGTERM or SIGINT; the default is stop(). SIGHUP is given to `on_hangup`,
    /// by default nothing happens.
    void on_terminate(std::function<void(int signal)> handler) { terminate_ = std::move(handler); }
    void on_hangup(std::function<void()> handler) { hangup_ = std::move(handler); }

    /// Until stop().
    void run();
    /// One round: waits at most max_wait, then runs everything that is due.
    void run_once(Duration max_wait);
    /// Ends run() after the present round. On this thread only; others post() it.
    void stop() { stopped_ = true; }
    bool stopped() const { return stopped_; }
    std::uint64_t num_refused_watches() const { return num_refused_watches_; }

  private:
    struct Watch {
        int fd;
        std::shared_ptr<std::function<void()>> ready;
    };
    struct Deadline {
        std::function<Time()> next;
        Timer run;
    };

    Duration wait_time(Time now, Duration max_wait) const;
    void dispatch_ready(Duration wait);
    void run_timers(Time now);
    void run_posts();
    void run_pollers(Time now);
    void read_signals();

    int epoll_ = -1;
    int wake_ = -1;
    int signals_ = -1;
    PollPace pace_;
    Duration tick_;
    Time next_poll_{};
    bool stopped_ = false;

    // A watch has a number of its own: a descriptor that was closed and opened again
    // within one round must not get its predecessor's event.
    std::uint64_t num_refused_watches_ = 0;
    std::uint64_t next_watch_ = 2;  // 0 and 1: wake_ and signals_
    std::unordered_map<std::uint64_t, Watch> watches_;
    std::unordered_map<int, std::uint64_t> watch_of_fd_;

    TimerId next_timer_ = 1;
    std::map<std::pair<Time, TimerId>, Timer> timers_;
    std::unordered_map<TimerId, Time> time_of_timer_;
    std::vector<Deadline> deadlines_;
    std::vector<std::function<bool(Time)>> pollers_;
    std::function<void(int)> terminate_;
    std::function<void()> hangup_;

    std::mutex posts_lock_;
    std::deque<std::function<void()>> posts_;
};

}  // namespace oegate::loop
