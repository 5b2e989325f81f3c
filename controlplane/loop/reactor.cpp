#include "loop/reactor.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

namespace oegate::loop {
namespace {

constexpr std::uint64_t kWakeWatch = 0;
constexpr std::uint64_t kSignalWatch = 1;
constexpr int kMaxEvents = 64;            // one round; level-triggered, so the rest follows
constexpr int kMaxDeadlineRuns = 16;      // a machine whose deadline stays in the past must not spin
constexpr Duration kLongestWait = 3600s;  // keeps the sum now + wait far from overflow

int checked(int fd, const char* what) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
    return fd;
}

bool add_to_epoll(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t watch) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = watch;
    return epoll_ctl(epoll, operation, fd, &event) == 0;
}

std::uint32_t epoll_mask(bool want_write) {
    return EPOLLIN | EPOLLRDHUP | (want_write ? EPOLLOUT : 0u);
}

}  // namespace

Time monotonic_now() {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return Time(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
}

Reactor::Reactor(PollPace pace) : pace_(pace), tick_(pace.busy) {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0)
        throw std::system_error(error, std::generic_category(), "pthread_sigmask");
    std::signal(SIGPIPE, SIG_IGN);  // a client that went away is a failed write
    epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    wake_ = checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
    signals_ = checked(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
    if (!add_to_epoll(epoll_, EPOLL_CTL_ADD, wake_, EPOLLIN, kWakeWatch) ||
        !add_to_epoll(epoll_, EPOLL_CTL_ADD, signals_, EPOLLIN, kSignalWatch))
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

Reactor::~Reactor() {
    for (int fd : {signals_, wake_, epoll_}) close(fd);
}

void Reactor::watch(int fd, bool want_write, std::function<void()> ready) {
    const std::uint64_t watch = next_watch_++;
    const std::uint32_t mask = epoll_mask(want_write);
    const auto known = watch_of_fd_.find(fd);
    bool accepted = false;
    if (known != watch_of_fd_.end()) {
        accepted = add_to_epoll(epoll_, EPOLL_CTL_MOD, fd, mask, watch);
        watches_.erase(known->second);
        watch_of_fd_.erase(known);
    }
    // A modification fails when the descriptor was closed without unwatch() and its
    // number came back: the kernel has forgotten it, so it is added.
    if (!accepted && !add_to_epoll(epoll_, EPOLL_CTL_ADD, fd, mask, watch)) {
        ++num_refused_watches_;
        return;
    }
    watch_of_fd_.emplace(fd, watch);
    watches_.emplace(watch, Watch{fd, std::make_shared<std::function<void()>>(std::move(ready))});
}

void Reactor::unwatch(int fd) {
    const auto known = watch_of_fd_.find(fd);
    if (known == watch_of_fd_.end()) return;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    watches_.erase(known->second);
    watch_of_fd_.erase(known);
}

Reactor::TimerId Reactor::arm(Time when, Timer timer) {
    const TimerId id = next_timer_++;
    timers_.emplace(std::pair{when, id}, std::move(timer));
    time_of_timer_.emplace(id, when);
    return id;
}

void Reactor::cancel(TimerId timer) {
    const auto known = time_of_timer_.find(timer);
    if (known == time_of_timer_.end()) return;
    timers_.erase({known->second, timer});
    time_of_timer_.erase(known);
}

void Reactor::add_deadline(std::function<Time()> next, Timer run) {
    deadlines_.push_back({std::move(next), std::move(run)});
}

void Reactor::add_poller(std::function<bool(Time)> poller) {
    pollers_.push_back(std::move(poller));
}

void Reactor::post(std::function<void()> work) {
    {
        const std::lock_guard lock(posts_lock_);
        posts_.push_back(std::move(work));
    }
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the thread is being woken anyway.
    [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
}

void Reactor::run() {
    stopped_ = false;
    while (!stopped_) run_once(kLongestWait);
}

void Reactor::run_once(Duration max_wait) {
    dispatch_ready(wait_time(monotonic_now(), max_wait));
    run_posts();
    run_timers(monotonic_now());
    run_pollers(monotonic_now());
}

Duration Reactor::wait_time(Time now, Duration max_wait) const {
    Time next = now + std::clamp<Duration>(max_wait, Duration::zero(), kLongestWait);
    if (!timers_.empty()) next = std::min(next, timers_.begin()->first.first);
    if (!pollers_.empty()) next = std::min(next, next_poll_);
    for (const Deadline& deadline : deadlines_) next = std::min(next, deadline.next());
    return std::max<Duration>(next - now, Duration::zero());
}

void Reactor::dispatch_ready(Duration wait) {
    std::array<epoll_event, kMaxEvents> events;
    const timespec timeout{static_cast<time_t>(wait / 1s), static_cast<long>((wait % 1s).count())};
    const int num_events = epoll_pwait2(epoll_, events.data(), kMaxEvents, &timeout, nullptr);
    for (int i = 0; i < num_events; ++i) {
        const std::uint64_t number = events[static_cast<std::size_t>(i)].data.u64;
        if (number == kWakeWatch) {
            std::uint64_t count;
            [[maybe_unused]] const auto got = read(wake_, &count, sizeof count);
            continue;
        }
        if (number == kSignalWatch) {
            read_signals();
            continue;
        }
        const auto watch = watches_.find(number);
        if (watch == watches_.end()) continue;   // unwatched by an earlier callback of this round
        const auto ready = watch->second.ready;  // it may unwatch itself
        (*ready)();
    }
}

void Reactor::run_timers(Time now) {
    // Only those set before this round, so that a timer that arms itself for now
    // does not keep the thread.
    const TimerId limit = next_timer_;
    for (auto it = timers_.begin(); it != timers_.end() && it->first.first <= now;) {
        if (it->first.second >= limit) {
            ++it;
            continue;
        }
        const Timer timer = std::move(it->second);
        time_of_timer_.erase(it->first.second);
        timers_.erase(it);
        timer(now);
        it = timers_.begin();  // the timer may have changed the map
    }
    for (std::size_t i = 0; i < deadlines_.size(); ++i)
        for (int runs = 0; runs < kMaxDeadlineRuns && deadlines_[i].next() <= now; ++runs)
            deadlines_[i].run(now);
}

void Reactor::run_posts() {
    std::deque<std::function<void()>> posts;
    {
        const std::lock_guard lock(posts_lock_);
        posts.swap(posts_);
    }
    for (const auto& work : posts) work();
}

void Reactor::run_pollers(Time now) {
    if (pollers_.empty()) return;
    bool found_work = false;
    for (std::size_t i = 0; i < pollers_.size(); ++i) found_work |= pollers_[i](now);
    if (found_work) {
        tick_ = pace_.busy;
    } else if (now >= next_poll_) {
        tick_ = std::min(tick_ * 2, pace_.idle);  // rounds that a descriptor caused do not count
    }
    if (found_work || now >= next_poll_) next_poll_ = now + tick_;
}

void Reactor::read_signals() {
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof info) == sizeof info) {
        const int signal = static_cast<int>(info.ssi_signo);
        if (signal == SIGHUP) {
            if (hangup_) hangup_();
        } else if (terminate_) {
            terminate_(signal);
        } else {
            stop();
        }
    }
}

}  // namespace oegate::loop
