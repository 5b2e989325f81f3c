// A worker core's main function: turn after turn, and what it does when there is nothing
// to do (dataplane.idle). What a turn is, is loop.cpp's business.
//
// busy: the next turn. adaptive: a nap of 50 µs after 64 empty turns. interrupt: sleep
// until a receive queue, control (bridge) or another worker (hand_over) wakes it; only
// where every receive queue of the worker has an interrupt (port/dataplane.cpp).
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_rcu_qsbr.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "stages/handoff.hpp"
#include "worker/loop.hpp"

namespace oegate {
namespace {

constexpr unsigned kEmptyPolls = 64;
constexpr long kNapNs = 50'000;
/// However deep the sleep: time limits of SAs, and a heartbeat for who looks for stalls.
constexpr int kLongestSleepMs = 50;
/// While something waits that a turn repeats or times out.
constexpr int kShortSleepMs = 1;

/// Turned into by a worker that sleeps; the descriptor lives as long as its run().
class Bed {
  public:
    explicit Bed(const Worker& worker) {
        if (worker.idle != IdleMode::interrupt) return;
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        add(worker.link.wake_fd);
        for (const PortUse& port : worker.ports)
            if (port.rx_queue != kNoQueue) add(port.interrupt_fd);
    }
    ~Bed() {
        if (epoll_ >= 0) close(epoll_);
    }
    Bed(const Bed&) = delete;
    Bed& operator=(const Bed&) = delete;

    bool usable() const { return epoll_ >= 0; }
    void sleep(int milliseconds) const {
        epoll_event event;
        epoll_wait(epoll_, &event, 1, milliseconds);
    }

  private:
    /// Edges: a counter that is never read wakes with each write to it.
    void add(int fd) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) return;
        close(epoll_);
        epoll_ = -1;
    }
    int epoll_ = -1;
};

void set_interrupts(const Worker& worker, bool on) {
    for (const PortUse& port : worker.ports) {
        if (port.rx_queue == kNoQueue) continue;
        // A driver without these has a descriptor that is always on.
        static_cast<void>(on ? rte_eth_dev_rx_intr_enable(port.port_id, port.rx_queue)
                             : rte_eth_dev_rx_intr_disable(port.port_id, port.rx_queue));
    }
}

/// Offline, so that no table is kept for a worker that does not look at it.
template <class Rest>
void rest(Worker& worker, Rest&& how) {
    rte_rcu_qsbr_thread_offline(worker.qsbr, worker.index);
    how();
    worker.ledger.sleeps.add();
    rte_rcu_qsbr_thread_online(worker.qsbr, worker.index);
}

bool something_waits(const Worker& worker) {
    return worker.ledger.held.get() != 0 || worker.ledger.waiting_neighbour.get() != 0 ||
           worker.ledger.flows_by_state[static_cast<unsigned>(FlowState::hold)].get() != 0;
}

/// One turn with its accounts.
bool turn(Worker& worker, std::uint64_t hz, std::uint64_t& before) {
    const std::uint64_t now = rte_rdtsc();
    const bool busy = poll_once(worker, cycles_to_ns(now, hz));
    const std::uint64_t after = rte_rdtsc();
    worker.ledger.loops.add();
    worker.ledger.cycles_total.add(after - before);
    before = after;
    if (worker.woken != 0) wake_others(worker);
    if (!busy) return false;
    worker.ledger.busy_loops.add();
    worker.ledger.cycles_busy.add(after - now);
    return true;
}

/// What came before the flag is found by one more turn, what comes behind it rings.
void sleep(Worker& worker, const Bed& bed, std::uint64_t hz, std::uint64_t& before) {
    set_interrupts(worker, true);
    worker.shared.asleep.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!turn(worker, hz, before))
        rest(worker, [&] { bed.sleep(something_waits(worker) ? kShortSleepMs : kLongestSleepMs); });
    worker.shared.asleep.store(false, std::memory_order_relaxed);
    set_interrupts(worker, false);
}

}  // namespace

void run(Worker& worker, const std::atomic<bool>& stopping) {
    const Bed bed(worker);
    const bool naps =
        worker.idle == IdleMode::adaptive || (worker.idle == IdleMode::interrupt && !bed.usable());
    if (naps) prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    const std::uint64_t hz = rte_get_tsc_hz();
    unsigned empty = 0;
    // What arrives while control starts waits in the ports: with empty tables it would die.
    while (!worker.published->ready.load(std::memory_order_acquire) &&
           !stopping.load(std::memory_order_relaxed))
        rte_delay_us_sleep(1000);
    std::uint64_t before = rte_rdtsc();
    rte_rcu_qsbr_thread_online(worker.qsbr, worker.index);
    while (!stopping.load(std::memory_order_relaxed)) {
        if (turn(worker, hz, before)) {
            empty = 0;
        } else if (worker.idle != IdleMode::busy && ++empty >= kEmptyPolls) {
            empty = 0;
            const timespec nap{0, kNapNs};
            if (naps)
                rest(worker, [&nap] { nanosleep(&nap, nullptr); });
            else
                sleep(worker, bed, hz, before);
        }
    }
    rte_rcu_qsbr_thread_offline(worker.qsbr, worker.index);
}

}  // namespace oegate
