// The trace that runs, or the last one: one at a time for all operators, bounded in
// datagrams, records and time. Collects what the workers report; `oegate trace` reads it
// portion by portion. Control thread only; workers are reached through `post`.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "contract/command.hpp"

namespace oegate::observe {

struct TraceOrder {
    Pair pair;
    std::uint8_t protocol = 0;  // 0: any
    std::uint32_t count = 1;    // datagrams
    Duration time = 30s;
    unsigned user = 0;  // who asks, for the next one who does
};

struct TracePortion {
    std::vector<TraceRecord> records;  // in the order of time within each datagram
    std::size_t next = 0;              // where the next portion begins
    bool ended = false;                // and there is no more
    std::string why;                   // it ended
    std::uint64_t lost = 0;
};

class Tracing {
  public:
    struct Outside {
        unsigned num_workers = 1;
        std::function<void(unsigned worker, const Command&)> post;
        std::function<std::uint64_t()> lost;  // records without room, of all workers
    };
    static constexpr std::size_t kMaxRecords = 20'000;
    static constexpr std::size_t kPortion = 500;
    static constexpr std::uint32_t kMaxCount = 1000;
    static constexpr Duration kMaxTime = 1h;
    /// What workers reported just before they stopped is still taken in.
    static constexpr Duration kTail = 100ms;

    explicit Tracing(Outside outside) : outside_(std::move(outside)) {}

    /// The number to read it with, or a sentence that says who is tracing and for how long.
    Result<std::uint32_t, std::string> start(const TraceOrder& order, Time now);
    /// False: none runs.
    bool stop(Time now);
    /// nullopt: another trace has begun since.
    std::optional<TracePortion> read(std::uint32_t token, std::size_t from, Time now) const;

    /// When the first record was made, on the records' clock.
    std::uint64_t first_ns() const { return first_ns_; }

    void on_record(const TraceRecord& record, Time now);
    void on_timer(Time now);
    Time next_deadline() const;

  private:
    bool running() const { return token_ != 0 && why_.empty(); }
    void end(std::string why, Time now);

    Outside outside_;
    TraceOrder order_;
    std::uint32_t token_ = 0;  // 0: never one
    Time ends_{};
    Time quiet_{};  // ended: no record is taken in from then on
    std::string why_;
    std::uint64_t first_ns_ = 0;
    std::vector<TraceRecord> records_;
    using Packet = std::pair<std::uint8_t, std::uint32_t>;  // worker, number
    std::set<Packet> finished_;
};

}  // namespace oegate::observe
