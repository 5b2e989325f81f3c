// Collects the workers' tables for `show`: asks every worker over its command ring,
// takes the records as they come, answers when all have ended or nothing more has come
// for a while. One request at a time, so that a worker never copies two tables at once.
// Sans-IO: told of records and time, given the function that posts a command.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "base/clock.hpp"
#include "manage/provider.hpp"

namespace oegate::manage {

class Snapshots {
  public:
    using Post = std::function<void(unsigned worker, const Command& command)>;
    using Done = std::function<void(SnapshotAnswer)>;

    /// Without a record: a large table takes its time, a worker that hangs shows none.
    static constexpr Duration kDeadline = 2s;
    /// From its beginning, or in the queue: below the command's own patience (10 s), so that
    /// what came by then is shown.
    static constexpr Duration kLongest = 8s;
    static constexpr std::size_t kMaxQueued = 64;

    Snapshots(unsigned num_workers, Post post) : num_workers_(num_workers), post_(std::move(post)) {}

    void ask(SnapshotRequest request, Done done, Time now);
    void on_record(unsigned worker, const SnapshotRecord& record, Time now);
    void on_timer(Time now);
    Time next_deadline() const;

  private:
    struct Request {
        SnapshotRequest request;
        Done done;
        Time deadline;
        Time latest{};
    };
    void start(Time now);
    void finish(bool complete, Time now);

    unsigned num_workers_;
    Post post_;
    std::deque<Request> queue_;  // the first one is being answered
    SnapshotAnswer answer_;
    std::vector<bool> ended_;
    unsigned num_ended_ = 0;
    std::uint32_t token_ = 0;
    bool running_ = false;
};

}  // namespace oegate::manage
