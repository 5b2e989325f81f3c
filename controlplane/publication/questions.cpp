#include "publication/questions.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace oegate::publication {

using discovery::QueryId;

std::string Server::text() const {
    return port == 53 ? address.text() : fmt::format("{}#{}", address.text(), port);
}

Questions::Questions(loop::Reactor& reactor, Random& random, Patience patience)
    : reactor_(reactor),
      random_(random),
      patience_(patience),
      transport_(
          reactor,
          [this](QueryId query, ByteView message) {
              arrivals_.push_back({query, Bytes(message.begin(), message.end())});
          },
          [this](QueryId query) {
              arrivals_.push_back({query, std::nullopt});
          }) {}

std::vector<Answer> Questions::ask(const std::vector<Ask>& asks) {
    asks_ = &asks;
    answers_.assign(asks.size(), {});
    tries_.assign(asks.size(), 0);
    std::size_t next = 0;
    while ((next < asks.size() || !attempts_.empty()) && !reactor_.stopped()) {
        while (next < asks.size() && attempts_.size() < patience_.in_flight) {
            if (hopeless(asks[next].server))
                answers_[next].trouble = "does not answer";
            else
                start(next, false);
            ++next;
        }
        Time first = kNever;
        for (const auto& [query, attempt] : attempts_) first = std::min(first, attempt.deadline);
        if (arrivals_.empty() && !attempts_.empty())
            reactor_.run_once(std::clamp<Duration>(first - loop::monotonic_now(), 0ms, 1s));
        while (!arrivals_.empty()) {
            const Arrival arrival = std::move(arrivals_.front());
            arrivals_.pop_front();
            take(arrival);
        }
        const Time now = loop::monotonic_now();
        std::vector<QueryId> over;
        for (const auto& [query, attempt] : attempts_)
            if (attempt.deadline <= now) over.push_back(query);
        for (const QueryId query : over) {
            const std::size_t ask = attempts_.at(query).ask;
            transport_.carry(discovery::CloseQuery{query});
            attempts_.erase(query);
            again(ask, "does not answer");
        }
    }
    for (const auto& [query, attempt] : attempts_) transport_.carry(discovery::CloseQuery{query});
    attempts_.clear();
    arrivals_.clear();
    asks_ = nullptr;
    return std::move(answers_);
}

bool Questions::hopeless(const Server& server) const {
    const auto at = conduct_.find(server);
    return at != conduct_.end() && !at->second.answered && at->second.silent >= patience_.silences;
}

void Questions::start(std::size_t ask, bool tcp) {
    const Ask& what = (*asks_)[ask];
    ++tries_[ask];
    const auto id = static_cast<std::uint16_t>(random_.u32());
    Bytes message = discovery::build_query(id, what.question, what.checking_disabled);
    if (message.empty())
        return conclude(ask, {Answer::State::malformed, {}, "no name that can be asked for"});
    if (!what.recursive) message[2] &= 0xfe;  // RD, RFC 1035 §4.1.1
    const QueryId query = ++last_query_;
    attempts_[query] = {ask, id, tcp, loop::monotonic_now() + (tcp ? patience_.tcp_wait : patience_.wait)};
    transport_.carry(
        discovery::SendQuery{query, what.server.address, what.server.port, tcp, std::move(message)});
}

void Questions::take(const Arrival& arrival) {
    const auto at = attempts_.find(arrival.query);
    if (at == attempts_.end()) return;
    const Attempt attempt = at->second;
    const auto close = [&] {
        transport_.carry(discovery::CloseQuery{arrival.query});
        attempts_.erase(arrival.query);
    };
    if (!arrival.message) {
        close();
        return again(attempt.ask, "cannot be reached");
    }
    auto message = discovery::parse_message(*arrival.message);
    const discovery::Question& asked = (*asks_)[attempt.ask].question;
    // What does not answer this question may come from anybody: wait on.
    if (message && (message->id != attempt.id || !message->response || message->opcode != 0 ||
                    message->questions.size() != 1 ||
                    discovery::canonical_name(asked.name) != message->questions[0].name ||
                    message->questions[0].type != asked.type))
        return;
    if (!message &&
        (arrival.message->size() < 2 || ((*arrival.message)[0] << 8 | (*arrival.message)[1]) != attempt.id))
        return;
    close();
    conduct_[(*asks_)[attempt.ask].server].answered = true;
    if (!message)
        return conclude(
            attempt.ask,
            {Answer::State::malformed, {}, fmt::format("sends nonsense: {}", to_text(message.error()))});
    if (message->truncated && !attempt.tcp) return start(attempt.ask, true);
    if (message->truncated)
        return conclude(attempt.ask, {Answer::State::malformed, {}, "sends a truncated answer over TCP"});
    conclude(attempt.ask, {Answer::State::answered, std::move(*message), {}});
}

void Questions::again(std::size_t ask, std::string trouble) {
    if (tries_[ask] < patience_.tries && !hopeless((*asks_)[ask].server)) return start(ask, false);
    ++conduct_[(*asks_)[ask].server].silent;
    conclude(ask, {Answer::State::silent, {}, std::move(trouble)});
}

void Questions::conclude(std::size_t ask, Answer answer) {
    answers_[ask] = std::move(answer);
}

}  // namespace oegate::publication
