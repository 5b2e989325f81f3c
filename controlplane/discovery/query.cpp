#include "discovery/query.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace oegate::discovery {
namespace {

/// Bound of sockets that one question may use, whatever the timers say.
constexpr unsigned kMaxAttempts = 24;
constexpr Duration kMinRetransmit = 10ms;

}  // namespace

Query::Query(Outlet& outlet, Question question, Time now)
    : outlet_(outlet),
      question_(std::move(question)),
      resolvers_(outlet.config.resolvers.size()),
      give_up_(now + outlet.config.timeout),
      repeat_(now) {
    if (resolvers_.empty()) conclude_without(Reply::State::failed, "no resolver is configured");
}

void Query::start(Time now) {
    if (started_ || reply_) return;
    started_ = true;
    next_ = outlet_.preferred % resolvers_.size();
    ask_next(now);
}

void Query::ask(std::size_t resolver, bool tcp, Time now) {
    // Every attempt has an ID and a source port of its own (RFC 5452 §9).
    repeat_ = now + std::max(outlet_.config.retransmit, kMinRetransmit);
    if (outlet_.full() || num_asked_ >= kMaxAttempts) return;
    Attempt attempt{++outlet_.last_id, resolver, static_cast<std::uint16_t>(outlet_.random.u32()), tcp,
                    resolvers_[resolver].checking_disabled};
    Bytes message = build_query(attempt.id, question_, attempt.checking_disabled);
    if (message.empty()) return conclude_without(Reply::State::failed, "the name cannot be asked");
    ++num_asked_;
    ++resolvers_[resolver].times_asked;
    ++outlet_.counters.sent;
    attempts_.push_back(attempt);
    outlet_.in_flight.emplace(attempt.query, this);
    const config::Resolver& to = outlet_.config.resolvers[resolver];
    outlet_.actions.push_back(SendQuery{attempt.query, to.address, to.port, tcp, std::move(message)});
}

/// The next resolver that still may help, in turn.
void Query::ask_next(Time now) {
    for (std::size_t i = 0; i < resolvers_.size(); ++i) {
        const std::size_t resolver = (next_ + i) % resolvers_.size();
        if (resolvers_[resolver].refused) continue;
        next_ = resolver + 1;
        ask(resolver, false, now);
        return;
    }
    conclude_without(Reply::State::failed, trouble_);
}

bool Query::is_match(const Attempt& attempt, const Message& message) const {
    return message.response && message.opcode == 0 && message.id == attempt.id &&
           message.questions.size() == 1 && message.questions[0] == question_;
}

void Query::on_message(QueryId id, ByteView bytes, Time now) {
    const auto at =
        std::find_if(attempts_.begin(), attempts_.end(), [&](const Attempt& a) { return a.query == id; });
    if (at == attempts_.end() || reply_) return;
    const auto message = parse_message(bytes);
    if (!message || !is_match(*at, *message)) {
        // Over UDP anybody may have sent it: go on waiting for the real one.
        ++outlet_.counters.mismatched;
        if (at->tcp)
            give_up_on(at, message ? "answer to another question" : std::string(to_text(message.error())),
                       true, now);
        return;
    }
    ++outlet_.counters.received;
    take(at, *message, now);
}

void Query::take(AttemptAt at, const Message& message, Time now) {
    const config::Resolver& resolver = outlet_.config.resolvers[at->resolver];
    if (message.rcode == kRcodeServFail) return servfail(at, now);
    if (message.rcode != kRcodeNoError && message.rcode != kRcodeNxDomain)
        return give_up_on(at,
                          fmt::format("resolver {} answers rcode {}", resolver.address.text(), message.rcode),
                          true, now);
    if (message.truncated) {
        if (at->tcp)
            return give_up_on(at, fmt::format("resolver {} truncates over TCP", resolver.address.text()),
                              true, now);
        const std::size_t index = at->resolver;
        close(at);
        const bool under_way = std::any_of(attempts_.begin(), attempts_.end(),
                                           [&](const Attempt& a) { return a.tcp && a.resolver == index; });
        if (!under_way) {
            ++outlet_.counters.tcp;
            ask(index, true, now);
        }
        return;
    }
    outlet_.preferred = resolver.trusted_path == outlet_.config.resolvers[0].trusted_path ? at->resolver : 0;
    // The data is there and only its validation fails (RFC 4035 §5.5): tampered with.
    if (at->checking_disabled)
        return conclude_without(Reply::State::bogus, fmt::format("resolver {} cannot validate what it has",
                                                                 resolver.address.text()));
    std::optional<std::int64_t> wall;
    if (outlet_.wall_seconds) wall = outlet_.wall_seconds();
    conclude(read_reply(message, question_, resolver.trusted_path, wall));
}

/// Bogus, or a server that is lame? Ask for the data without the judgement.
void Query::servfail(AttemptAt at, Time now) {
    ResolverState& state = resolvers_[at->resolver];
    const std::size_t index = at->resolver;
    if (at->checking_disabled)
        return give_up_on(
            at, fmt::format("resolver {} answers SERVFAIL", outlet_.config.resolvers[index].address.text()),
            true, now);
    close(at);
    if (state.checking_disabled) return;  // already being asked
    state.checking_disabled = true;
    ++outlet_.counters.servfail;
    ask(index, false, now);
}

void Query::on_transport_error(QueryId id, Time now) {
    const auto at =
        std::find_if(attempts_.begin(), attempts_.end(), [&](const Attempt& a) { return a.query == id; });
    if (at == attempts_.end() || reply_) return;
    // Forgeable (ICMP) and often passing: the resolver is asked again in its turn.
    give_up_on(
        at, fmt::format("resolver {} is unreachable", outlet_.config.resolvers[at->resolver].address.text()),
        false, now);
}

void Query::give_up_on(AttemptAt at, std::string why, bool for_good, Time now) {
    trouble_ = std::move(why);
    if (for_good) resolvers_[at->resolver].refused = true;
    close(at);
    const bool any_left =
        std::any_of(resolvers_.begin(), resolvers_.end(), [](const ResolverState& r) { return !r.refused; });
    if (!any_left) return conclude_without(Reply::State::failed, trouble_);
    // At once to one that was never asked; others wait for their turn.
    for (std::size_t i = 0; i < resolvers_.size(); ++i) {
        const std::size_t resolver = (next_ + i) % resolvers_.size();
        if (resolvers_[resolver].refused || resolvers_[resolver].times_asked > 0) continue;
        next_ = resolver + 1;
        ask(resolver, false, now);
        return;
    }
}

void Query::on_timer(Time now) {
    if (reply_) return;
    if (now >= give_up_)
        conclude_without(Reply::State::failed,
                         trouble_.empty() ? "no answer in time" : "no answer in time; " + trouble_);
    else if (started_ && now >= repeat_)
        ask_next(now);
}

void Query::close(AttemptAt at) {
    outlet_.actions.push_back(CloseQuery{at->query});
    outlet_.in_flight.erase(at->query);
    attempts_.erase(at);
}

void Query::close_all() {
    while (!attempts_.empty()) close(attempts_.end() - 1);
}

void Query::conclude(Reply reply) {
    reply_ = std::move(reply);
    close_all();
}

void Query::conclude_without(Reply::State state, std::string detail) {
    Reply reply;
    reply.state = state;
    if (state == Reply::State::bogus) reply.verdict = Verdict::bogus;
    reply.detail = std::move(detail);
    conclude(std::move(reply));
}

}  // namespace oegate::discovery
