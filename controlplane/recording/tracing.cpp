#include "recording/tracing.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace oegate::observe {
namespace {

/// Nothing comes after these.
bool is_last(Stage stage) {
    return stage == Stage::transmit || stage == Stage::drop || stage == Stage::punt;
}

}  // namespace

Result<std::uint32_t, std::string> Tracing::start(const TraceOrder& order, Time now) {
    if (running()) {
        const auto left = std::chrono::duration_cast<std::chrono::seconds>(ends_ - now).count() + 1;
        return fail(
            fmt::format("uid {} is tracing {}, for at most {} s more: wait, or end it with "
                        "`oegate trace stop`",
                        order_.user, order_.pair.text(), left));
    }
    order_ = order;
    order_.count = std::clamp(order.count, 1u, kMaxCount);
    order_.time = std::min(order.time, kMaxTime);
    ++token_;
    ends_ = now + order_.time;
    why_.clear();
    records_.clear();
    finished_.clear();
    for (unsigned worker = 0; worker < outside_.num_workers; ++worker)
        outside_.post(worker, Command(StartTrace{order_.pair, order_.protocol, order_.count, token_}));
    return token_;
}

void Tracing::end(std::string why, Time now) {
    why_ = std::move(why);
    quiet_ = now + kTail;
    for (unsigned worker = 0; worker < outside_.num_workers; ++worker)
        outside_.post(worker, Command(StopTrace{token_}));
}

bool Tracing::stop(Time now) {
    if (!running()) return false;
    end("stopped", now);
    return true;
}

void Tracing::on_record(const TraceRecord& record, Time now) {
    if (record.token != token_ || records_.size() >= kMaxRecords) return;
    // Several workers may each mark as many as were asked for.
    if (!running() && now >= quiet_) return;
    if (records_.empty()) first_ns_ = record.time_ns;
    records_.push_back(record);
    if (is_last(record.stage)) finished_.insert({record.worker, record.packet});
    if (!running()) return;
    if (finished_.size() >= order_.count)
        end("the datagrams are through", now);
    else if (records_.size() >= kMaxRecords)
        end("too many records", now);
}

std::optional<TracePortion> Tracing::read(std::uint32_t token, std::size_t from, Time now) const {
    if (token == 0 || token != token_) return std::nullopt;
    TracePortion portion;
    const std::size_t begin = std::min(from, records_.size());
    portion.next = std::min(begin + kPortion, records_.size());
    portion.records.assign(records_.begin() + static_cast<std::ptrdiff_t>(begin),
                           records_.begin() + static_cast<std::ptrdiff_t>(portion.next));
    portion.ended = !running() && now >= quiet_ && portion.next == records_.size();
    portion.why = why_;
    portion.lost = outside_.lost();
    return portion;
}

void Tracing::on_timer(Time now) {
    if (running() && ends_ <= now) end("its time is over", now);
}

Time Tracing::next_deadline() const {
    return running() ? ends_ : kNever;
}

}  // namespace oegate::observe
