#include "discovery/questions.hpp"

#include <algorithm>

namespace oegate::discovery {

Questions::AskedAt Questions::open(const Question& question, const Address& source, Time now) {
    const auto [at, fresh] = asked_.try_emplace(question);
    Asked& asked = at->second;
    if (!fresh) {
        ++outlet_.counters.merged;
        // Who joins brings a line of his own: another's must not hold him back.
        if (!asked.query->started() && !asked.query->reply()) queue(at, source);
        return at;
    }
    asked.source = source;
    asked.query = std::make_unique<Query>(outlet_, question, source, now);
    if (asked.query->reply())
        ready_.push_back(question);
    else if (outlet_.places.may_take(source))
        start(at, source, now);
    else
        queue(at, source);
    rearm(at);
    return at;
}

void Questions::queue(AskedAt at, const Address& source) {
    if (!at->second.lines.insert(source).second) return;
    const auto loser = outlet_.places.wait(source, at->first);
    if (!loser) return;
    const auto lost = asked_.find(loser->question);
    if (lost == asked_.end()) return;
    lost->second.lines.erase(loser->source);
    if (!lost->second.lines.empty()) return;  // it still waits in another's line
    ++outlet_.counters.refused;
    lost->second.query->refuse("too many questions wait");
    after(lost);
}

void Questions::start(AskedAt at, const Address& source, Time now) {
    for (const Address& line : at->second.lines) outlet_.places.stop_waiting(line, at->first);
    at->second.lines.clear();
    at->second.query->start(source, now);
    after(at);
}

void Questions::start_waiting(Time now) {
    while (const auto next = outlet_.places.next()) {
        const auto at = asked_.find(next->question);
        if (at == asked_.end()) continue;
        at->second.lines.erase(next->source);
        start(at, next->source, now);
    }
    work(now);
}

/// A question has seen an event: note its reply, or set its clock.
void Questions::after(AskedAt at) {
    rearm(at);
    if (at->second.query->reply()) ready_.push_back(at->first);
}

void Questions::rearm(AskedAt at) {
    Asked& asked = at->second;
    const Time deadline = asked.query->deadline();
    if (deadline == asked.deadline) return;
    if (asked.deadline != kNever) by_deadline_.erase({asked.deadline, at->first});
    asked.deadline = deadline;
    if (asked.deadline != kNever) by_deadline_.emplace(asked.deadline, at->first);
}

void Questions::forget(AskedAt at) {
    const std::set<Question> wanted = std::move(at->second.wanted);
    const Question question = at->first;
    if (at->second.deadline != kNever) by_deadline_.erase({at->second.deadline, question});
    for (const Address& line : at->second.lines) outlet_.places.stop_waiting(line, question);
    asked_.erase(at);
    for (const Question& need : wanted) {
        const auto needed = asked_.find(need);
        if (needed == asked_.end()) continue;
        needed->second.judged_by_it.erase(question);
        forget_unless_needed(needed);
    }
}

void Questions::forget_unless_needed(AskedAt at) {
    if (at->second.lookups.empty() && at->second.judged_by_it.empty()) forget(at);
}

void Questions::ask(LookupId lookup, const Question& question, const Address& source, Time now) {
    open(question, source, now)->second.lookups.insert(lookup);
    work(now);
}

void Questions::leave(LookupId lookup, const Question& question) {
    const auto at = asked_.find(question);
    if (at == asked_.end()) return;
    at->second.lookups.erase(lookup);
    forget_unless_needed(at);
}

void Questions::work(Time now) {
    while (!ready_.empty()) {
        const Question question = std::move(ready_.front());
        ready_.pop_front();
        const auto at = asked_.find(question);
        if (at != asked_.end() && at->second.query->reply()) settle(at, now);
    }
}

void Questions::settle(AskedAt at, Time now) {
    if (!at->second.wanted.empty()) return;  // its judgement is under way
    if (!at->second.judged_by_it.empty()) return learnt(at, now);
    const Reply& reply = *at->second.query->reply();
    const bool to_judge = reply.state == Reply::State::records || reply.state == Reply::State::absent;
    if (validator_ && to_judge)
        judge(at, now);
    else
        deliver(at, reply);
}

/// The answer to a question that the judge had.
void Questions::learnt(AskedAt at, Time now) {
    const Question question = at->first;
    const Reply::State state = at->second.query->reply()->state;
    const bool had = state == Reply::State::records || state == Reply::State::absent;
    validator_->learn(question, had ? std::optional<ByteView>(at->second.query->message()) : std::nullopt,
                      now);
    const std::set<Question> dependents = std::move(at->second.judged_by_it);
    at->second.judged_by_it.clear();
    // Gone before it may be wanted again.
    if (at->second.lookups.empty())
        forget(at);
    else
        ready_.push_back(question);
    for (const Question& dependent : dependents) {
        const auto waiting = asked_.find(dependent);
        if (waiting == asked_.end()) continue;
        waiting->second.wanted.erase(question);
        if (waiting->second.wanted.empty()) judge(waiting, now);
    }
}

void Questions::judge(AskedAt at, Time now) {
    Asked& asked = at->second;
    Reply reply = *asked.query->reply();
    const auto fail = [&](std::string why) {
        reply = Reply{};
        reply.detail = std::move(why);
        deliver(at, std::move(reply));
    };
    if (++asked.rounds > Validator::kMaxRounds) return fail("its signatures need too many questions");
    const Validator::Step step = validator_->judge(at->first, asked.query->message(), now);
    if (const auto* judged = std::get_if<Judged>(&step)) {
        if (!judged->verdict) return fail(judged->why);
        reply.verdict = *judged->verdict;
        reply.detail = judged->why;
        reply.no_such_name = reply.no_such_name && judged->no_such_name;
        if (reply.secure() && judged->name != reply.name) {
            reply.verdict = Verdict::bogus;
            reply.detail = "aliases that nobody signed lead to " + reply.name;
        }
        if (reply.verdict == Verdict::bogus) {
            reply.state = Reply::State::bogus;
            reply.rdata.clear();
            reply.lifetime = kFailureLifetime;
        }
        reply.lifetime = std::min(reply.lifetime, judged->lifetime);
        return deliver(at, std::move(reply));
    }
    for (const Question& need : std::get<std::vector<Question>>(step)) {
        if (need == at->first) continue;
        asked.wanted.insert(need);
        ++outlet_.counters.chain;
        open(need, asked.source, now)->second.judged_by_it.insert(at->first);
    }
    if (asked.wanted.empty()) fail("its signatures cannot be judged");
}

void Questions::deliver(AskedAt at, Reply reply) {
    if (!at->second.lookups.empty())
        answers_.push_back({at->first, std::move(reply), std::move(at->second.lookups)});
    forget(at);
}

std::optional<Questions::Answer> Questions::next_answer() {
    if (answers_.empty()) return std::nullopt;
    std::optional<Answer> answer(std::move(answers_.front()));
    answers_.pop_front();
    return answer;
}

void Questions::on_message(QueryId id, ByteView message, Time now) {
    const auto query = outlet_.in_flight.find(id);
    if (query == outlet_.in_flight.end()) return;  // a late answer to a closed question
    const auto at = asked_.find(query->second->question());
    at->second.query->on_message(id, message, now);
    after(at);
    start_waiting(now);
}

void Questions::on_transport_error(QueryId id, Time now) {
    const auto query = outlet_.in_flight.find(id);
    if (query == outlet_.in_flight.end()) return;
    const auto at = asked_.find(query->second->question());
    at->second.query->on_transport_error(id, now);
    after(at);
    start_waiting(now);
}

void Questions::on_timer(Time now) {
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
        const auto at = asked_.find(by_deadline_.begin()->second);
        at->second.query->on_timer(now);
        after(at);
    }
    start_waiting(now);
}

}  // namespace oegate::discovery
