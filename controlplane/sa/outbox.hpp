// Commands on their way to the workers: numbered per worker, never lost, handed out
// in order. A worker reports the number of the last one that it applied; whoever
// must know waits for that. Everything that control says to a worker passes here,
// since the numbers are one row.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/secret.hpp"
#include "contract/command.hpp"

namespace oegate::sa {

struct WorkerCommand {
    unsigned worker = 0;
    Command command;
};

class Outbox {
  public:
    explicit Outbox(unsigned num_workers) : sent_(num_workers), applied_(num_workers) {}
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;
    ~Outbox() {
        for (WorkerCommand& c : queue_) wipe(c);
    }

    unsigned num_workers() const { return static_cast<unsigned>(sent_.size()); }
    /// The command's number.
    std::uint64_t post(unsigned worker, Command command) {
        command.sequence = ++sent_.at(worker);
        queue_.push_back({worker, command});
        const std::uint64_t sequence = command.sequence;
        zeroise({reinterpret_cast<std::uint8_t*>(&command), sizeof command});
        return sequence;
    }
    /// The caller's copy may hold a key: it is wiped by whoever copied it to a ring.
    std::optional<WorkerCommand> next() {
        if (queue_.empty()) return std::nullopt;
        WorkerCommand c = queue_.front();
        wipe(queue_.front());
        queue_.pop_front();
        return c;
    }
    void on_applied(unsigned worker, std::uint64_t sequence) {
        if (worker < applied_.size() && sequence > applied_[worker]) applied_[worker] = sequence;
    }
    std::uint64_t applied(unsigned worker) const { return applied_.at(worker); }
    std::uint64_t unapplied() const {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < sent_.size(); ++i) sum += sent_[i] - applied_[i];
        return sum;
    }

  private:
    static void wipe(WorkerCommand& c) {
        zeroise({reinterpret_cast<std::uint8_t*>(&c.command), sizeof c.command});
    }
    std::deque<WorkerCommand> queue_;
    std::vector<std::uint64_t> sent_;
    std::vector<std::uint64_t> applied_;
};

}  // namespace oegate::sa
