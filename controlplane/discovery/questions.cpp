#include "discovery/questions.hpp"

#include <algorithm>

namespace oegate::discovery {

Questions::AskedAt Questions::open(const Question& question, const Address& source, Time now,
                                   const std::set<std::size_t>& avoid) {
    const auto [at, fresh] = asked_.try_emplace(question);
    Asked& asked = at->second;
    if (!fresh) {
        ++outlet_.counters.merged;
        // Who joins brings a line of his own: another's must not hold him back.
        if (!asked.query->started() && !asked.query->reply()) queue(at, source);
        return at;
    }
    asked.source = source;
    asked.life = ++last_life_;
    asked.query = std::make_unique<Query>(outlet_, question, source, now);
    asked.query->avoid(avoid);
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
    ++outlet_.counters.queued;
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
    for (bool busy = true; busy;) {
        busy = false;
        while (!ready_.empty()) {
            const Question question = std::move(ready_.front());
            ready_.pop_front();
            const auto at = asked_.find(question);
            if (at != asked_.end() && at->second.query->reply()) settle(at, now);
        }
        while (const auto question = bench_.next()) {
            const auto at = asked_.find(*question);
            if (at == asked_.end() || !at->second.at_bench) continue;  // nobody waits any more
            auto judgement = bench_.begin(*question, at->second.life, at->second.query->message(), now);
            if (elsewhere_) {
                to_run_ = std::move(judgement);
                return;
            }
            judgement->run();
            bench_.ended();
            take(*judgement, now);
            busy = true;
            break;
        }
    }
}

void Questions::on_judged(const Judgement& judgement, Time now) {
    bench_.ended();
    take(judgement, now);
    start_waiting(now);
}

void Questions::settle(AskedAt at, Time now) {
    if (!at->second.wanted.empty() || at->second.at_bench) return;  // its judgement is under way
    if (!at->second.judged_by_it.empty()) return learnt(at, now);
    const Reply& reply = *at->second.query->reply();
    const bool to_judge = reply.state == Reply::State::records || reply.state == Reply::State::absent;
    if (bench_.has_judge() && to_judge)
        judge(at);
    else
        deliver(at, reply, now);
}

/// The answer to a question that the judge had.
void Questions::learnt(AskedAt at, Time now) {
    const Question question = at->first;
    const Query& query = *at->second.query;
    const Reply::State state = query.reply()->state;
    const bool had = state == Reply::State::records || state == Reply::State::absent;
    const std::size_t resolver = query.answered_by();
    bench_.tell(
        [question, now, message = had ? std::optional(query.message()) : std::nullopt](Validator& judge) {
            judge.learn(question, message ? std::optional<ByteView>(*message) : std::nullopt, now);
        });
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
        if (had) waiting->second.told_by[question].insert(resolver);
        if (waiting->second.wanted.empty()) judge(waiting);
    }
}

void Questions::judge(AskedAt at) {
    if (at->second.at_bench) return;
    at->second.at_bench = true;
    bench_.wait(at->second.source, at->first);
}

void Questions::take(const Judgement& judgement, Time now) {
    for (const Notice& notice : judgement.notices()) {
        ++outlet_.counters.unanchored;
        if (notice.news) outlet_.complaints.push_back({std::nullopt, notice.text});
    }
    const auto at = asked_.find(judgement.question());
    if (at == asked_.end() || at->second.life != judgement.life()) return;  // nobody waits any more
    Asked& asked = at->second;
    asked.at_bench = false;
    Reply reply = *asked.query->reply();
    const auto fail = [&](std::string why) {
        reply = Reply{};
        reply.detail = std::move(why);
    };
    ++asked.rounds;
    if (const auto* judged = std::get_if<Judged>(&judgement.step())) {
        std::optional<Question> suspect = judged->suspect;
        if (!judged->verdict) {
            fail(judged->why);
        } else {
            reply.verdict = *judged->verdict;
            reply.detail = judged->why;
            reply.lifetime = std::min(reply.lifetime, judged->lifetime);
            reply.no_such_name = reply.no_such_name && judged->no_such_name;
            if (reply.secure() && judged->name != reply.name) {
                reply.verdict = Verdict::bogus;
                reply.detail = "aliases that nobody signed lead to " + reply.name;
                suspect = at->first;
            }
        }
        if (reply.verdict == Verdict::bogus) {
            reply.state = Reply::State::bogus;
            reply.rdata.clear();
        }
        if (suspect && ask_elsewhere(at, *suspect, reply, now)) return;
        return deliver(at, std::move(reply), now);
    }
    if (asked.rounds >= Validator::kMaxRounds) {
        fail("its signatures need too many questions");
        return deliver(at, std::move(reply), now);
    }
    for (const Question& need : std::get<std::vector<Question>>(judgement.step())) {
        if (need == at->first) continue;
        asked.wanted.insert(need);
        ++outlet_.counters.chain;
        open(need, asked.source, now)->second.judged_by_it.insert(at->first);
    }
    if (!asked.wanted.empty()) return;
    fail("its signatures cannot be judged");
    deliver(at, std::move(reply), now);
}

/// One resolver that strips or forges signatures must not decide: the suspect answer is
/// asked of the others, each once, while there is time. false: all have been heard.
bool Questions::ask_elsewhere(AskedAt at, const Question& suspect, const Reply& reply, Time now) {
    Asked& asked = at->second;
    if (suspect == at->first) {
        if (!asked.query->doubt(reply, now)) return false;
        after(at);
        return true;
    }
    const std::set<std::size_t> tried = asked.told_by[suspect];
    if (tried.size() >= outlet_.config.resolvers.size()) {
        bench_.tell([suspect](Validator& judge) { judge.stands(suspect); });
        return false;
    }
    asked.query->doubt_others(reply, tried, now);
    bench_.tell([suspect](Validator& judge) { judge.forget(suspect); });
    asked.wanted.insert(suspect);
    ++outlet_.counters.chain;
    open(suspect, asked.source, now, tried)->second.judged_by_it.insert(at->first);
    return true;
}

void Questions::deliver(AskedAt at, Reply reply, Time now) {
    const Query& query = *at->second.query;
    if (reply.state == Reply::State::failed && query.worst()) reply = *query.worst();
    if (reply.state == Reply::State::records || reply.state == Reply::State::absent)
        for (const std::size_t resolver : query.doubted())
            outlet_.blame(resolver, at->first, query.worst() ? query.worst()->detail : "", now);
    if (!at->second.lookups.empty())
        answers_.push_back({at->first, std::move(reply), std::move(at->second.lookups)});
    forget(at);
}

std::optional<Reply> Questions::worst(const Question& question) const {
    const auto at = asked_.find(question);
    return at == asked_.end() ? std::nullopt : at->second.query->worst();
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
