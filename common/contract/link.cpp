#include "contract/link.hpp"

#include <sys/eventfd.h>

namespace oegate {

void wake(const WorkerLink& link) {
    if (link.wake_fd < 0) return;
    // The ring's new tail before the flag: the worker sets the flag before it looks at
    // the ring for the last time, so that one of the two sees the other.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!link.shared->asleep.load(std::memory_order_relaxed)) return;
    if (!link.shared->asleep.exchange(false, std::memory_order_relaxed)) return;
    eventfd_write(link.wake_fd, 1);
}

}  // namespace oegate
