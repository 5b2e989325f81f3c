// One or two threads for public-key operations (RSA, Diffie-Hellman), so that a
// signature of milliseconds does not stop the control thread. Jobs start in the
// order of submission; completions run on the reactor.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "ike/engine.hpp"
#include "loop/reactor.hpp"

namespace oegate::loop {

class ThreadPool final : public ike::CryptoPool {
  public:
    /// The threads inherit the caller's signal mask and CPU affinity: make the pool
    /// after the reactor and, for cores of their own, before EAL pins the thread.
    /// The reactor must outlive the pool.
    explicit ThreadPool(Reactor& reactor, unsigned num_threads = 2);
    /// Waits for the jobs that run; those that wait are dropped without `done`.
    ~ThreadPool() override;
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    void submit(ike::Job job) override;
    /// Jobs submitted and not yet started.
    std::size_t num_waiting() const;

  private:
    void work();

    Reactor& reactor_;
    mutable std::mutex lock_;
    std::condition_variable wake_;
    std::deque<ike::Job> jobs_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace oegate::loop
