// One question's life: asked over UDP, repeated, asked of the next resolver, over
// TCP when truncated, without EDNS where that is not known, and again with CD = 1
// after SERVFAIL, until there is a reply or no time left. What is bogus from one resolver
// is asked of it once more, and of the others, before that is believed. Owned by
// questions; sans-IO.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "base/random.hpp"
#include "config/config.hpp"
#include "discovery/discovery.hpp"
#include "discovery/health.hpp"
#include "discovery/places.hpp"
#include "discovery/reply.hpp"

namespace oegate::discovery {

class Query;

/// What all questions share: the way out, and the bound of queries in flight.
struct Outlet {
    const config::Dns& config;
    Random& random;
    std::function<std::int64_t()> wall_seconds;  // may be empty
    Places places;
    Health health;
    std::deque<TransportAction> actions;
    std::map<QueryId, Query*> in_flight;
    QueryId last_id = 0;
    Counters counters;

    std::deque<Complaint> complaints;

    bool own_validation() const { return config.validation == config::Validation::own; }
    /// Its answer to this question was bogus (why), and another's was not.
    void blame(std::size_t resolver, const Question& question, const std::string& why, Time now);
};

class Query {
  public:
    /// Its time runs from now on, started or not. source: whose places it takes.
    Query(Outlet& outlet, Question question, const Address& source, Time now);
    ~Query() { close_all(); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    const Question& question() const { return question_; }
    bool started() const { return started_; }
    /// These are not asked. Before start.
    void avoid(const std::set<std::size_t>& resolvers);
    /// A place must be free for source.
    void start(const Address& source, Time now);
    /// Ends it unasked.
    void refuse(std::string why);

    void on_message(QueryId id, ByteView message, Time now);
    void on_transport_error(QueryId id, Time now);
    void on_timer(Time now);
    Time deadline() const { return reply_ ? kNever : started_ ? std::min(give_up_, repeat_) : give_up_; }

    const std::optional<Reply>& reply() const { return reply_; }
    /// With validation of our own: the message behind a reply of records or absence.
    const Bytes& message() const { return message_; }
    /// Who gave it.
    std::size_t answered_by() const { return answered_by_; }

    /// The reply is bogus, or cannot be read. Another resolver is asked instead, while
    /// there is one that was not yet and time is left; false: there is none, the reply
    /// stands.
    bool doubt(Reply bogus, Time now);
    /// The same, where the fault lies in an answer to another question (DNSKEY, DS) that
    /// these resolvers gave.
    void doubt_others(Reply bogus, const std::set<std::size_t>& resolvers, Time now);
    /// What one of them made of it, while another is being asked.
    const std::optional<Reply>& worst() const { return worst_; }
    const std::set<std::size_t>& doubted() const { return doubted_; }

  private:
    /// One socket.
    struct Attempt {
        QueryId query = 0;
        std::size_t resolver = 0;
        std::uint16_t id = 0;
        bool tcp = false;
        bool checking_disabled = false;
        bool plain = false;  // without EDNS
        Time asked{};
    };
    struct ResolverState {
        bool checking_disabled = false;  // it said SERVFAIL, or we judge ourselves
        bool plain = false;              // it said FORMERR
        bool refused = false;            // nothing more to expect from it
        bool unvouched = false;          // it had data, and said SERVFAIL to the question for its judgement
        unsigned times_asked = 0;
    };
    using AttemptAt = std::vector<Attempt>::iterator;

    bool take_place(bool freed);
    void ask(std::size_t resolver, bool tcp, bool freed, Time now);
    void ask_next(Time now);
    bool is_match(const Attempt& attempt, const Message& message) const;
    void take(AttemptAt at, const Message& message, ByteView bytes, Time now);
    void without_edns(AttemptAt at, Time now);
    void over_tcp(AttemptAt at, Time now);
    void servfail(AttemptAt at, Time now);
    void unvouched(std::size_t index, Time now);
    void bogus(AttemptAt at, Time now);
    Reply bogus_by(std::size_t resolver) const;
    bool any_left() const;
    void give_up_on(AttemptAt at, std::string why, bool for_good, Time now);
    std::string name_of(std::size_t resolver) const;
    void close(AttemptAt at);
    void close_all();
    void conclude(Reply reply);
    void conclude_without(std::string detail);

    Outlet& outlet_;
    Question question_;
    Address source_;
    std::vector<Attempt> attempts_;
    std::vector<ResolverState> resolvers_;
    std::vector<std::size_t> order_;
    std::size_t next_ = 0;  // in order_
    unsigned num_asked_ = 0;
    Time give_up_;
    Time repeat_;
    bool started_ = false;
    std::string trouble_;  // the last one, for the detail of a failure
    std::optional<Reply> reply_;
    Bytes message_;
    std::size_t answered_by_ = 0;
    std::optional<Reply> worst_;
    std::set<std::size_t> doubted_;
};

}  // namespace oegate::discovery
