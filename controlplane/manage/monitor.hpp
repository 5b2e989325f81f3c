// `oegate monitor`: the transitions of connections as they happen, for readers that stay
// connected. Each reader has a queue of bounded length; while it is full, lines are lost
// and counted, and the next line that fits says how many. Nothing waits for a reader. Told
// by the daemon, read by the management server; knows no socket.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/view.hpp"
#include "manage/arguments.hpp"
#include "manage/protocol.hpp"
#include "manage/wall_time.hpp"

namespace oegate::manage {

class Monitor {
  public:
    static constexpr std::size_t kMaxReaders = 8;
    static constexpr std::size_t kMaxLines = 1000;  // that wait for one reader
    using ReaderId = std::uint64_t;

    /// One host, or a pair in either direction; empty: everything.
    struct Filter {
        std::optional<Address> source, destination;
        bool admits(const std::optional<Pair>& pair) const;
    };
    /// Of the arguments [SRC [DST]]; answers itself when they are wrong.
    static std::optional<Filter> filter_argument(const std::vector<std::string>& arguments,
                                                 const Reply& reply);

    explicit Monitor(WallClock wall) : wall_(std::move(wall)) {}

    /// nullopt: there are kMaxReaders. wake comes when the queue was empty and is no more,
    /// from within tell(): it must not close a reader.
    std::optional<ReaderId> open(Filter filter, bool json, std::function<void()> wake);
    void close(ReaderId id) { readers_.erase(id); }
    /// Somebody reads: only then is it worth making views.
    bool is_read() const { return !readers_.empty(); }
    void tell(const gateway::TransitionView& transition);
    /// The next line as the socket carries it, with its line feed.
    std::optional<std::string> next(ReaderId id);

    std::size_t num_readers() const { return readers_.size(); }
    std::uint64_t num_lost() const { return num_lost_; }
    std::uint64_t num_refused() const { return num_refused_; }

  private:
    struct Reader {
        Filter filter;
        bool json = false;
        std::function<void()> wake;
        std::deque<std::string> lines;
        std::uint64_t lost = 0;  // since the last line that fitted
    };
    void add(Reader& reader, const Response& line);

    WallClock wall_;
    ReaderId next_ = 1;
    std::map<ReaderId, Reader> readers_;
    std::uint64_t num_lost_ = 0;
    std::uint64_t num_refused_ = 0;
};

}  // namespace oegate::manage
