#include "store/writer.hpp"

#include <pthread.h>

#include <chrono>
#include <utility>

namespace oegate::store {
namespace {

constexpr std::size_t kMaxBatch = 512;       // records of one transaction
constexpr std::size_t kMaxWaiting = 262144;  // beyond the bounds of peers and sticky destinations
/// Between transactions: a storm of new peers costs ten fsyncs a second, not one each.
constexpr auto kPause = std::chrono::milliseconds(100);
constexpr auto kRetryAfter = std::chrono::seconds(10);

}  // namespace

Writer::Writer(std::unique_ptr<File> file) : file_(std::move(file)), thread_([this] { work(); }) {
    pthread_setname_np(thread_.native_handle(), "oegate-store");
}

Writer::~Writer() {
    {
        const std::lock_guard lock(lock_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

Writer::Key Writer::key_of(const Action& action) {
    struct Name {
        Key operator()(const PutPeer& a) const {
            return {0, a.record.own.text() + " " + a.record.peer.text()};
        }
        Key operator()(const RemovePeer& a) const { return {0, a.own.text() + " " + a.peer.text()}; }
        Key operator()(const PutSticky& a) const { return {1, a.record.destination.text()}; }
        Key operator()(const RemoveSticky& a) const { return {1, a.destination.text()}; }
    };
    return std::visit(Name{}, action);
}

void Writer::submit(Action action) {
    Key key = key_of(action);
    {
        const std::lock_guard lock(lock_);
        if (waiting_.size() >= kMaxWaiting && !waiting_.contains(key)) {
            ++num_lost_;
            return;
        }
        waiting_.insert_or_assign(std::move(key), std::move(action));
    }
    wake_.notify_one();
}

std::size_t Writer::num_waiting() const {
    const std::lock_guard lock(lock_);
    return waiting_.size();
}

std::uint64_t Writer::num_written() const {
    const std::lock_guard lock(lock_);
    return num_written_;
}

std::string Writer::trouble() const {
    const std::lock_guard lock(lock_);
    return num_lost_ == 0 ? trouble_ : trouble_ + "; " + std::to_string(num_lost_) + " records were given up";
}

Writer::Records Writer::take_batch() {
    Records batch;
    while (!waiting_.empty() && batch.size() < kMaxBatch) batch.insert(waiting_.extract(waiting_.begin()));
    return batch;
}

/// What was said meanwhile of the same record is newer.
void Writer::put_back(Records batch) {
    waiting_.merge(batch);
}

void Writer::work() {
    std::unique_lock lock(lock_);
    for (;;) {
        wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        Records batch = take_batch();
        lock.unlock();
        std::vector<Action> actions;
        for (const auto& [key, action] : batch) actions.push_back(action);
        const auto written = file_->write(actions);
        lock.lock();
        trouble_ = written ? std::string() : written.error().text;
        if (written) {
            num_written_ += batch.size();
        } else {
            put_back(std::move(batch));
            if (stopping_) return;
        }
        if (!stopping_) wake_.wait_for(lock, written ? kPause : kRetryAfter, [this] { return stopping_; });
    }
}

}  // namespace oegate::store
