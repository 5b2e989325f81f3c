#include "loop/thread_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace oegate::loop {

ThreadPool::ThreadPool(Reactor& reactor, unsigned num_threads) : reactor_(reactor) {
    for (unsigned i = 0; i < std::max(1u, num_threads); ++i) {
        threads_.emplace_back([this] { work(); });
        pthread_setname_np(threads_.back().native_handle(), "oegate-crypto");
    }
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard lock(lock_);
        stopping_ = true;
        jobs_.clear();
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::submit(ike::Job job) {
    {
        const std::lock_guard lock(lock_);
        jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
}

std::size_t ThreadPool::num_waiting() const {
    const std::lock_guard lock(lock_);
    return jobs_.size();
}

void ThreadPool::work() {
    for (;;) {
        ike::Job job;
        {
            std::unique_lock lock(lock_);
            wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
            if (stopping_) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job.work();
        job.work = nullptr;  // what it captured may be secret: gone before the completion waits
        reactor_.post([done = std::move(job.done)] { done(monotonic_now()); });
    }
}

}  // namespace oegate::loop
