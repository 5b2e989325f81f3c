// A worker core's main function: turn after turn, and what it does when there is nothing
// to do (dataplane.idle). What a turn is, is loop.cpp's business.
#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>
#include <sys/prctl.h>
#include <time.h>

#include "worker/loop.hpp"

namespace oegate {

void run(Worker& worker, const std::atomic<bool>& stopping) {
    constexpr unsigned kEmptyPolls = 64;
    constexpr long kSleepNs = 50'000;
    if (worker.idle == IdleMode::adaptive) prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    const std::uint64_t hz = rte_get_tsc_hz();
    unsigned empty = 0;
    // What arrives while control starts waits in the ports: with empty tables it would die.
    while (!worker.published->ready.load(std::memory_order_acquire) &&
           !stopping.load(std::memory_order_relaxed))
        rte_delay_us_sleep(1000);
    std::uint64_t before = rte_rdtsc();
    rte_rcu_qsbr_thread_online(worker.qsbr, worker.index);
    while (!stopping.load(std::memory_order_relaxed)) {
        const std::uint64_t now = rte_rdtsc();
        const bool busy = poll_once(worker, cycles_to_ns(now, hz));
        const std::uint64_t after = rte_rdtsc();
        worker.ledger.loops.add();
        worker.ledger.cycles_total.add(after - before);
        before = after;
        if (busy) {
            worker.ledger.busy_loops.add();
            worker.ledger.cycles_busy.add(after - now);
            empty = 0;
        } else if (worker.idle == IdleMode::adaptive && ++empty >= kEmptyPolls) {
            empty = 0;
            const timespec pause{0, kSleepNs};
            rte_rcu_qsbr_thread_offline(worker.qsbr, worker.index);
            nanosleep(&pause, nullptr);
            worker.ledger.sleeps.add();
            rte_rcu_qsbr_thread_online(worker.qsbr, worker.index);
        }
    }
    rte_rcu_qsbr_thread_offline(worker.qsbr, worker.index);
}

}  // namespace oegate
