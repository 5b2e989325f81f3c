// All questions that are open: equal ones asked once, those that wait for a place,
// and with validation of our own the judgement of each answer, with the questions
// that it needs first. Owned by discovery, which knows the look-ups; sans-IO.
#pragma once

#include <memory>
#include <set>

#include "discovery/query.hpp"
#include "discovery/validator.hpp"

namespace oegate::discovery {

class Questions {
  public:
    /// validator: may be null. Both must outlive this.
    Questions(Outlet& outlet, Validator* validator) : outlet_(outlet), validator_(validator) {}

    /// The answer comes through next_answer, sometimes at once.
    void ask(LookupId lookup, const Question& question, const Address& source, Time now);
    /// The look-up does not wait for it any more.
    void leave(LookupId lookup, const Question& question);

    void on_message(QueryId query, ByteView message, Time now);
    void on_transport_error(QueryId query, Time now);
    void on_timer(Time now);
    Time next_deadline() const { return by_deadline_.empty() ? kNever : by_deadline_.begin()->first; }
    /// Starts those that wait while there are places.
    void start_waiting(Time now);

    struct Answer {
        Question question;
        Reply reply;
        std::set<LookupId> lookups;
    };
    std::optional<Answer> next_answer();

  private:
    struct Asked {
        std::unique_ptr<Query> query;
        std::set<LookupId> lookups;
        std::set<Question> judged_by_it;  // questions whose judgement needs this answer
        std::set<Question> wanted;        // what its own judgement still needs
        std::set<Address> lines;          // in which it waits
        Address source;
        unsigned rounds = 0;     // of its judgement
        Time deadline = kNever;  // as in by_deadline_
    };
    using AskedAt = std::map<Question, Asked>::iterator;

    AskedAt open(const Question& question, const Address& source, Time now);
    void queue(AskedAt at, const Address& source);
    void start(AskedAt at, const Address& source, Time now);
    void after(AskedAt at);
    void rearm(AskedAt at);
    void forget_unless_needed(AskedAt at);
    void forget(AskedAt at);
    void work(Time now);
    void settle(AskedAt at, Time now);
    void judge(AskedAt at, Time now);
    void learnt(AskedAt at, Time now);
    void deliver(AskedAt at, Reply reply);

    Outlet& outlet_;
    Validator* validator_;
    std::map<Question, Asked> asked_;
    std::set<std::pair<Time, Question>> by_deadline_;
    std::deque<Question> ready_;  // with a reply, to be settled
    std::deque<Answer> answers_;
};

}  // namespace oegate::discovery
