// All questions that are open: equal ones asked once, those that wait for a place,
// and with validation of our own the judgement of each answer, with the questions
// that it needs first. Owned by discovery, which knows the look-ups; sans-IO.
#pragma once

#include <memory>
#include <set>
#include <utility>

#include "discovery/bench.hpp"
#include "discovery/query.hpp"

namespace oegate::discovery {

class Questions {
  public:
    /// validator: may be null. elsewhere: its judgements are run by the caller
    /// (next_judgement), else here. outlet must outlive this.
    Questions(Outlet& outlet, std::shared_ptr<Validator> validator, bool elsewhere)
        : outlet_(outlet), bench_(std::move(validator)), elsewhere_(elsewhere) {}

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
    /// What is known should nothing better come any more: that it is bogus.
    std::optional<Reply> worst(const Question& question) const;

    /// To be run, at any time and place, and brought back.
    std::shared_ptr<Judgement> next_judgement() { return std::exchange(to_run_, nullptr); }
    void on_judged(const Judgement& judgement, Time now);
    std::size_t num_to_judge() const { return bench_.num_waiting(); }

  private:
    struct Asked {
        std::unique_ptr<Query> query;
        std::set<LookupId> lookups;
        std::set<Question> judged_by_it;                    // questions whose judgement needs this answer
        std::set<Question> wanted;                          // what its own judgement still needs
        std::map<Question, std::set<std::size_t>> told_by;  // what it needed, and the resolvers that answered
        std::set<Address> lines;                            // in which it waits
        std::uint64_t life = 0;  // no two have the same: a judgement may come back too late
        bool at_bench = false;   // waits for its judge, or is before him
        Address source;
        unsigned rounds = 0;     // of its judgement
        Time deadline = kNever;  // as in by_deadline_
    };
    using AskedAt = std::map<Question, Asked>::iterator;

    AskedAt open(const Question& question, const Address& source, Time now,
                 const std::set<std::size_t>& avoid = {});
    void queue(AskedAt at, const Address& source);
    void start(AskedAt at, const Address& source, Time now);
    void after(AskedAt at);
    void rearm(AskedAt at);
    void forget_unless_needed(AskedAt at);
    void forget(AskedAt at);
    void work(Time now);
    void settle(AskedAt at, Time now);
    void judge(AskedAt at);
    void judge_next(Time now);
    void take(const Judgement& judgement, Time now);
    bool ask_elsewhere(AskedAt at, const Question& suspect, const Reply& reply, Time now);
    void learnt(AskedAt at, Time now);
    void deliver(AskedAt at, Reply reply, Time now);

    Outlet& outlet_;
    Bench bench_;
    const bool elsewhere_;
    std::shared_ptr<Judgement> to_run_;
    std::uint64_t last_life_ = 0;
    std::map<Question, Asked> asked_;
    std::set<std::pair<Time, Question>> by_deadline_;
    std::deque<Question> ready_;  // with a reply, to be settled
    std::deque<Answer> answers_;
};

}  // namespace oegate::discovery
