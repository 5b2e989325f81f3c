#include "discovery/discovery.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "discovery/cache.hpp"
#include "discovery/delegation.hpp"
#include "discovery/query.hpp"

namespace oegate::discovery {
namespace {

constexpr std::size_t kCacheCapacity = 8192;
/// A failure is remembered only so long that a burst of look-ups asks once.
constexpr Duration kRememberFailure = 30s;
/// Questions that wait for a socket, in multiples of the sockets.
constexpr std::size_t kWaitingPerSlot = 8;

/// "If there is more than one with strongest precedence, one is picked arbitrarily"
/// (OE draft §5.2). Fisher-Yates within each run of equals.
void shuffle_equals(std::vector<Candidate>& candidates, Random& random) {
    for (std::size_t begin = 0, end = 0; begin < candidates.size(); begin = end) {
        while (end < candidates.size() && candidates[end].precedence == candidates[begin].precedence) ++end;
        for (std::size_t i = end - begin; i > 1; --i)
            std::swap(candidates[begin + i - 1], candidates[begin + random.below(i)]);
    }
}

template <class Entry>
auto as_of(const Entry& entry, Time now) {
    auto answer = entry.answer;
    answer.lifetime = std::max<Duration>(answer.lifetime - (now - entry.stored), 1s);
    return answer;
}

template <class T>
std::optional<T> take_front(std::deque<T>& queue) {
    std::optional<T> front;
    if (queue.empty()) return front;
    front = std::move(queue.front());
    queue.pop_front();
    return front;
}

template <class Answer>
Duration keep_for(const Answer& answer) {
    return answer.outcome == Outcome::failed ? std::min(answer.lifetime, kRememberFailure) : answer.lifetime;
}

}  // namespace

class Discovery::Impl {
  public:
    Impl(const config::Dns& config, Random& random, std::function<std::int64_t()> wall_seconds)
        : config_(config), outlet_{config_, random, std::move(wall_seconds), {}, {}, 0, 0, {}} {}

    LookupId look_up_delegation(const Address& owner, Time now, const Asker& asker);
    LookupId look_up_keys(const Identity& owner, Time now, const Asker& asker);
    void abandon(LookupId lookup);
    void on_message(QueryId query, ByteView message, Time now);
    void on_transport_error(QueryId query, Time now);
    void on_timer(Time now);
    Time next_deadline() const { return by_deadline_.empty() ? kNever : by_deadline_.begin()->first; }

    config::Dns config_;
    Outlet outlet_;
    std::deque<Completion> completions_;
    Cache<Address, DelegationAnswer> delegations_{kCacheCapacity};
    Cache<Identity, KeyAnswer> keys_{kCacheCapacity};

  private:
    struct Lookup {
        std::variant<Address, Identity> owner;
        std::array<Question, 3> questions;
        std::array<std::optional<Reply>, 3> replies;
    };
    /// A question and the look-ups that wait for it.
    struct Asked {
        std::unique_ptr<Query> query;
        std::set<LookupId> waiting;
        Time deadline = kNever;  // as in by_deadline_
    };

    LookupId begin(Lookup lookup, const std::string& name, Time now);
    void ask(LookupId id, const Question& question, Time now);
    void after(const Question& question, Time now);
    void deliver(const Question& question, Time now);
    void start_waiting(Time now);
    void rearm(const Question& question, Asked& asked);
    void leave(LookupId id, const Question& question);
    void forget(std::map<Question, Asked>::iterator at);
    void try_finish(LookupId id, Time now);
    void finish_delegation(LookupId id, const Lookup& lookup, Time now);
    void finish_keys(LookupId id, const Lookup& lookup, Time now);

    std::map<LookupId, Lookup> lookups_;
    std::map<Question, Asked> asked_;
    std::deque<Question> waiting_;  // for a socket; may name questions that are gone
    std::set<std::pair<Time, Question>> by_deadline_;
    LookupId last_lookup_ = 0;
    Time last_seen_{};
};

LookupId Discovery::Impl::look_up_delegation(const Address& owner, Time now, const Asker& asker) {
    ++outlet_.counters.lookups;
    if (const auto* entry = asker.fresh ? nullptr : delegations_.find(owner, now)) {
        ++outlet_.counters.cache_hits;
        DelegationAnswer answer = as_of(*entry, now);
        shuffle_equals(answer.candidates, outlet_.random);
        completions_.push_back(DelegationDone{++last_lookup_, owner, std::move(answer)});
        return last_lookup_;
    }
    return begin({owner, {}, {}}, owner.reverse_name(), now);
}

LookupId Discovery::Impl::look_up_keys(const Identity& owner, Time now, const Asker& asker) {
    ++outlet_.counters.lookups;
    if (const auto* entry = asker.fresh ? nullptr : keys_.find(owner, now)) {
        ++outlet_.counters.cache_hits;
        completions_.push_back(KeysDone{++last_lookup_, owner, as_of(*entry, now)});
        return last_lookup_;
    }
    const bool is_address = owner.kind == Identity::Kind::address;
    const std::string name = is_address ? owner.address.reverse_name() : canonical_name(owner.name);
    if (name.empty() || name == ".") {
        // A peer chose it: an answer like any other, not an error.
        completions_.push_back(KeysDone{++last_lookup_,
                                        owner,
                                        {Outcome::unusable,
                                         Verdict::indeterminate,
                                         {},
                                         kFailureLifetime,
                                         "the identity is no domain name"}});
        return last_lookup_;
    }
    return begin({owner, {}, {}}, name, now);
}

LookupId Discovery::Impl::begin(Lookup lookup, const std::string& name, Time now) {
    const LookupId id = ++last_lookup_;
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        lookup.questions[i] = {name, static_cast<std::uint16_t>(kTypes[i])};
    const auto questions = lookup.questions;
    lookups_.emplace(id, std::move(lookup));
    for (const Question& question : questions) ask(id, question, now);
    for (const Question& question : questions) after(question, now);
    return id;
}

void Discovery::Impl::ask(LookupId id, const Question& question, Time now) {
    Asked& asked = asked_[question];
    asked.waiting.insert(id);
    if (asked.query) return;
    asked.query = std::make_unique<Query>(outlet_, question, now);
    if (!outlet_.full()) return asked.query->start(now);
    if (waiting_.size() >= kWaitingPerSlot * std::max<std::size_t>(config_.max_queries, 1)) {
        ++outlet_.counters.refused;
        return asked.query->refuse("too many questions wait");
    }
    waiting_.push_back(question);
}

/// A question has seen an event: deliver its reply, or set its clock.
void Discovery::Impl::after(const Question& question, Time now) {
    const auto at = asked_.find(question);
    if (at == asked_.end()) return;
    rearm(question, at->second);
    if (at->second.query->reply()) deliver(question, now);
    start_waiting(now);
}

void Discovery::Impl::deliver(const Question& question, Time now) {
    const auto at = asked_.find(question);
    const Reply reply = *at->second.query->reply();
    const std::set<LookupId> waiting = std::move(at->second.waiting);
    forget(at);
    for (LookupId id : waiting) {
        const auto lookup = lookups_.find(id);
        if (lookup == lookups_.end()) continue;
        for (std::size_t i = 0; i < 3; ++i)
            if (lookup->second.questions[i] == question) lookup->second.replies[i] = reply;
        try_finish(id, now);
    }
}

void Discovery::Impl::start_waiting(Time now) {
    last_seen_ = now;
    while (!waiting_.empty() && !outlet_.full()) {
        const Question question = std::move(waiting_.front());
        waiting_.pop_front();
        const auto at = asked_.find(question);
        if (at == asked_.end() || at->second.query->started() || at->second.query->reply()) continue;
        at->second.query->start(now);
        rearm(question, at->second);
        if (at->second.query->reply()) deliver(question, now);
    }
}

void Discovery::Impl::rearm(const Question& question, Asked& asked) {
    if (asked.deadline != kNever) by_deadline_.erase({asked.deadline, question});
    asked.deadline = asked.query->deadline();
    if (asked.deadline != kNever) by_deadline_.emplace(asked.deadline, question);
}

void Discovery::Impl::forget(std::map<Question, Asked>::iterator at) {
    if (at->second.deadline != kNever) by_deadline_.erase({at->second.deadline, at->first});
    asked_.erase(at);
}

void Discovery::Impl::leave(LookupId id, const Question& question) {
    const auto at = asked_.find(question);
    if (at == asked_.end()) return;
    at->second.waiting.erase(id);
    if (at->second.waiting.empty()) forget(at);
}

void Discovery::Impl::abandon(LookupId id) {
    const auto at = lookups_.find(id);
    if (at == lookups_.end()) {
        std::erase_if(completions_, [&](const Completion& done) {
            return std::visit([&](const auto& d) { return d.lookup == id; }, done);
        });
        return;
    }
    const auto questions = at->second.questions;
    lookups_.erase(at);
    for (const Question& question : questions) leave(id, question);
    start_waiting(last_seen_);
}

void Discovery::Impl::try_finish(LookupId id, Time now) {
    const auto at = lookups_.find(id);
    const Lookup& lookup = at->second;
    const bool complete = std::all_of(lookup.replies.begin(), lookup.replies.end(),
                                      [](const std::optional<Reply>& reply) { return reply.has_value(); });
    if (!complete) return;  // one verdict, after all have answered
    if (std::holds_alternative<Address>(lookup.owner))
        finish_delegation(id, lookup, now);
    else
        finish_keys(id, lookup, now);
    const auto questions = lookup.questions;
    lookups_.erase(at);
    for (const Question& question : questions) leave(id, question);
}

void Discovery::Impl::finish_delegation(LookupId id, const Lookup& lookup, Time now) {
    const Replies replies{*lookup.replies[0], *lookup.replies[1], *lookup.replies[2]};
    const Address owner = std::get<Address>(lookup.owner);
    DelegationAnswer answer = judge_delegation(owner, replies);
    delegations_.put(owner, answer, now, now + keep_for(answer));
    shuffle_equals(answer.candidates, outlet_.random);
    completions_.push_back(DelegationDone{id, owner, std::move(answer)});
}

void Discovery::Impl::finish_keys(LookupId id, const Lookup& lookup, Time now) {
    const Replies replies{*lookup.replies[0], *lookup.replies[1], *lookup.replies[2]};
    const Identity owner = std::get<Identity>(lookup.owner);
    KeyAnswer answer = judge_keys(owner, replies);
    keys_.put(owner, answer, now, now + keep_for(answer));
    completions_.push_back(KeysDone{id, owner, std::move(answer)});
}

void Discovery::Impl::on_message(QueryId id, ByteView message, Time now) {
    const auto at = outlet_.in_flight.find(id);
    if (at == outlet_.in_flight.end()) return;  // a late answer to a closed question
    const Question question = at->second->question();
    at->second->on_message(id, message, now);
    after(question, now);
}

void Discovery::Impl::on_transport_error(QueryId id, Time now) {
    const auto at = outlet_.in_flight.find(id);
    if (at == outlet_.in_flight.end()) return;
    const Question question = at->second->question();
    at->second->on_transport_error(id, now);
    after(question, now);
}

void Discovery::Impl::on_timer(Time now) {
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
        const Question question = by_deadline_.begin()->second;
        asked_.find(question)->second.query->on_timer(now);
        after(question, now);
    }
    start_waiting(now);
}

Discovery::Discovery(const config::Dns& config, Random& random, std::function<std::int64_t()> wall_seconds)
    : impl_(std::make_unique<Impl>(config, random, std::move(wall_seconds))) {}
Discovery::~Discovery() = default;

LookupId Discovery::look_up_delegation(const Address& owner, Time now, const Asker& asker) {
    return impl_->look_up_delegation(owner, now, asker);
}
LookupId Discovery::look_up_keys(const Identity& owner, Time now, const Asker& asker) {
    return impl_->look_up_keys(owner, now, asker);
}
void Discovery::abandon(LookupId lookup) {
    impl_->abandon(lookup);
}
void Discovery::on_message(QueryId query, ByteView message, Time now) {
    impl_->on_message(query, message, now);
}
void Discovery::on_transport_error(QueryId query, Time now) {
    impl_->on_transport_error(query, now);
}
void Discovery::on_timer(Time now) {
    impl_->on_timer(now);
}
Time Discovery::next_deadline() const {
    return impl_->next_deadline();
}

std::optional<TransportAction> Discovery::next_action() {
    return take_front(impl_->outlet_.actions);
}
std::optional<Completion> Discovery::next_completion() {
    return take_front(impl_->completions_);
}

std::vector<CachedAnswer> Discovery::cached(Time now) const {
    std::vector<CachedAnswer> answers;
    for (const auto& [owner, entry] : impl_->delegations_.entries())
        if (entry.expires > now) answers.push_back({owner, as_of(entry, now), entry.expires - now});
    return answers;
}

std::optional<CachedAnswer> Discovery::cached(const Address& owner, Time now) const {
    const auto* entry = impl_->delegations_.find(owner, now);
    if (!entry) return std::nullopt;
    return CachedAnswer{owner, as_of(*entry, now), entry->expires - now};
}

void Discovery::flush() {
    impl_->delegations_.clear();
    impl_->keys_.clear();
}

const Counters& Discovery::counters() const {
    return impl_->outlet_.counters;
}

}  // namespace oegate::discovery
