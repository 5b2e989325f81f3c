// One question's life: asked over UDP, repeated, asked of the next resolver, over
// TCP when truncated, and again with CD = 1 after SERVFAIL, until there is a reply
// or no time left. Owned by discovery; sans-IO.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include "base/random.hpp"
#include "config/config.hpp"
#include "discovery/discovery.hpp"
#include "discovery/reply.hpp"

namespace oegate::discovery {

class Query;

/// What all questions share: the way out, and the bound of sockets in flight.
struct Outlet {
    const config::Dns& config;
    Random& random;
    std::function<std::int64_t()> wall_seconds;  // may be empty
    std::deque<TransportAction> actions;
    std::map<QueryId, Query*> in_flight;
    QueryId last_id = 0;
    std::size_t preferred = 0;  // the resolver that answered last; where questions begin
    Counters counters;

    bool full() const { return in_flight.size() >= config.max_queries; }
};

class Query {
  public:
    /// Its time runs from now on, started or not.
    Query(Outlet& outlet, Question question, Time now);
    ~Query() { close_all(); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    const Question& question() const { return question_; }
    bool started() const { return started_; }
    void start(Time now);
    /// Ends it unasked.
    void refuse(std::string why) { conclude_without(Reply::State::failed, std::move(why)); }

    void on_message(QueryId id, ByteView message, Time now);
    void on_transport_error(QueryId id, Time now);
    void on_timer(Time now);
    Time deadline() const { return reply_ ? kNever : started_ ? std::min(give_up_, repeat_) : give_up_; }

    const std::optional<Reply>& reply() const { return reply_; }

  private:
    /// One socket.
    struct Attempt {
        QueryId query = 0;
        std::size_t resolver = 0;
        std::uint16_t id = 0;
        bool tcp = false;
        bool checking_disabled = false;
    };
    struct ResolverState {
        bool checking_disabled = false;  // it said SERVFAIL
        bool refused = false;            // nothing more to expect from it
        unsigned times_asked = 0;
    };
    using AttemptAt = std::vector<Attempt>::iterator;

    void ask(std::size_t resolver, bool tcp, Time now);
    void ask_next(Time now);
    bool is_match(const Attempt& attempt, const Message& message) const;
    void take(AttemptAt at, const Message& message, Time now);
    void servfail(AttemptAt at, Time now);
    void give_up_on(AttemptAt at, std::string why, bool for_good, Time now);
    void close(AttemptAt at);
    void close_all();
    void conclude(Reply reply);
    void conclude_without(Reply::State state, std::string detail);

    Outlet& outlet_;
    Question question_;
    std::vector<Attempt> attempts_;
    std::vector<ResolverState> resolvers_;
    std::size_t next_ = 0;
    unsigned num_asked_ = 0;
    Time give_up_;
    Time repeat_;
    bool started_ = false;
    std::string trouble_;  // the last one, for the detail of a failure
    std::optional<Reply> reply_;
};

}  // namespace oegate::discovery
