#include "manage/snapshots.hpp"

#include <limits>
#include <utility>

namespace oegate::manage {

void Snapshots::ask(SnapshotRequest request, Done done, Time now) {
    // One place more than the queue: an answer that says "not complete" is due at
    // once, and comes from the timer like every late answer.
    const bool full = queue_.size() >= kMaxQueued;
    queue_.push_back({std::move(request), std::move(done), full ? now : now + kLongest});
    if (!running_) start(now);
}

void Snapshots::start(Time now) {
    if (queue_.empty()) return;
    running_ = true;
    answer_ = {};
    ended_.assign(num_workers_, false);
    num_ended_ = 0;
    ++token_;
    const SnapshotRequest& request = queue_.front().request;
    Snapshot command;
    command.table = request.table;
    command.token = token_;
    // A filter is applied here, so that the worker must show everything.
    command.max_records = request.keep ? std::numeric_limits<std::uint32_t>::max()
                                       : static_cast<std::uint32_t>(request.max_records);
    // The wait in the queue does not count: its turn begins now.
    if (queue_.front().deadline > now) {
        queue_.front().deadline = now + kDeadline;
        queue_.front().latest = now + kLongest;
    }
    for (unsigned worker = 0; worker < num_workers_; ++worker) post_(worker, Command(command));
}

void Snapshots::on_record(unsigned worker, const SnapshotRecord& record, Time now) {
    if (!running_ || record.token != token_ || worker >= num_workers_ || ended_[worker]) return;  // too late
    Request& front = queue_.front();
    front.deadline = std::max(front.deadline, std::min(now + kDeadline, front.latest));
    const SnapshotRequest& request = front.request;
    if (record.kind == SnapshotRecord::Kind::end) {
        answer_.truncated |= record.truncated;
        ended_[worker] = true;
        if (++num_ended_ == num_workers_) finish(true, now);
        return;
    }
    if (request.keep && !request.keep(record)) return;
    if (answer_.records.size() < request.max_records)
        answer_.records.push_back(record);
    else
        answer_.truncated = true;
}

void Snapshots::finish(bool complete, Time now) {
    Done done = std::move(queue_.front().done);
    queue_.pop_front();
    SnapshotAnswer answer = std::exchange(answer_, {});
    answer.complete = complete;
    running_ = false;
    start(now);
    done(std::move(answer));
}

void Snapshots::on_timer(Time now) {
    if (running_ && queue_.front().deadline <= now) finish(num_workers_ == 0, now);
    // Those that found the queue full, or waited for others beyond their time.
    for (std::size_t i = queue_.size(); i-- > 1;)
        if (queue_[i].deadline <= now) {
            Done done = std::move(queue_[i].done);
            queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(i));
            done({.records = {}, .truncated = false, .complete = false});
        }
}

Time Snapshots::next_deadline() const {
    Time next = kNever;
    for (const Request& request : queue_) next = std::min(next, request.deadline);
    return next;
}

}  // namespace oegate::manage
