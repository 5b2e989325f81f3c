#include "discovery/discovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "discovery/cache.hpp"
#include "discovery/lookup.hpp"
#include "discovery/questions.hpp"

namespace oegate::discovery {
namespace {

/// "If there is more than one with strongest precedence, one is picked arbitrarily"
/// (OE draft §5.2): Fisher-Yates within each run of equals. The addresses of one gateway
/// by name are one choice, and keep their order.
void shuffle_equals(std::vector<Candidate>& candidates, Random& random) {
    std::vector<Candidate> out;
    for (auto begin = candidates.begin(); begin != candidates.end();) {
        std::vector<std::vector<Candidate>> equals;
        for (const unsigned precedence = begin->precedence;
             begin != candidates.end() && begin->precedence == precedence; ++begin) {
            if (equals.empty() || equals.back().front().id != begin->id) equals.emplace_back();
            equals.back().push_back(std::move(*begin));
        }
        for (std::size_t i = equals.size(); i > 1; --i) std::swap(equals[i - 1], equals[random.below(i)]);
        for (auto& gateway : equals) std::ranges::move(gateway, std::back_inserter(out));
    }
    candidates = std::move(out);
}

template <class Entry>
Answer as_of(const Entry& entry, Time now) {
    Answer answer = entry.answer;
    std::visit([&](auto& a) { a.lifetime = std::max<Duration>(a.lifetime - (now - entry.stored), 1s); },
               answer);
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

Outcome outcome_of(const Answer& answer) {
    return std::visit([](const auto& a) { return a.outcome; }, answer);
}

/// Trouble on the way is no reason to forget what is still good (RFC 8767 §4 goes
/// further); and only a secure answer replaces a secure one, which its signatures vouch for
/// until it is stale.
bool may_replace(const Answer& old, const Answer& fresh) {
    if (outcome_of(fresh) == Outcome::failed) return outcome_of(old) == Outcome::failed;
    const auto is_secure = [](const Answer& answer) {
        return std::visit([](const auto& a) { return a.verdict == Verdict::secure; }, answer);
    };
    return !is_secure(old) || is_secure(fresh);
}

std::vector<bool> trust(const config::Dns& config) {
    std::vector<bool> trusted;
    if (config.validation == config::Validation::own) return trusted;
    for (const config::Resolver& resolver : config.resolvers) trusted.push_back(resolver.trusted_path);
    return trusted;
}

/// A delegation is three questions, and every one of them may have to wait.
constexpr std::size_t kQuestionsPerLookup = 3;

}  // namespace

class Discovery::Impl {
  public:
    Impl(const config::Dns& config, Random& random, std::function<std::int64_t()> wall_seconds,
         std::unique_ptr<Validator> validator, const Surroundings& surroundings)
        : config_(config),
          surroundings_(surroundings),
          outlet_{config_,
                  random,
                  std::move(wall_seconds),
                  Places(config.max_queries, config.max_waiting * kQuestionsPerLookup),
                  Health(config.resolvers.size(), trust(config)),
                  {},
                  {},
                  0,
                  {},
                  {}},
          questions_(outlet_, config.validation == config::Validation::own ? std::move(validator) : nullptr,
                     surroundings.judge_elsewhere),
          cache_(config.cache_entries) {}

    LookupId look_up(Owner owner, const std::string& name, Time now, const Asker& asker);
    void abandon(LookupId lookup);
    void on_message(QueryId query, ByteView message, Time now);
    void on_transport_error(QueryId query, Time now);
    void on_judged(const Judgement& judgement, Time now);
    void on_timer(Time now);
    Time next_deadline() const;
    Load load() const;

    config::Dns config_;
    Surroundings surroundings_;
    Outlet outlet_;
    Questions questions_;
    std::deque<Completion> completions_;
    Cache<Owner, Answer> cache_;
    std::map<LookupId, Lookup> lookups_;

  private:
    void complete(LookupId id, const Owner& owner, Answer answer);
    void refuse(LookupId id, const Owner& owner, Outcome outcome, std::string why);
    void pump(Time now);
    void advance(LookupId id, Time now);
    void finish(LookupId id, Conclusion conclusion, Time now);
    void close(std::map<LookupId, Lookup>::iterator at);
    void rearm(LookupId id, Time deadline);

    std::map<Address, std::size_t> by_source_;  // open look-ups
    std::map<LookupId, Time> deadlines_;
    std::set<std::pair<Time, LookupId>> by_deadline_;
    LookupId last_lookup_ = 0;
    Time last_seen_{};
};

void Discovery::Impl::complete(LookupId id, const Owner& owner, Answer answer) {
    if (auto* delegation = std::get_if<DelegationAnswer>(&answer)) {
        shuffle_equals(delegation->candidates, outlet_.random);
        completions_.push_back(DelegationDone{id, std::get<Address>(owner), std::move(*delegation)});
    } else {
        completions_.push_back(
            KeysDone{id, std::get<Identity>(owner), std::get<KeyAnswer>(std::move(answer))});
    }
}

void Discovery::Impl::refuse(LookupId id, const Owner& owner, Outcome outcome, std::string why) {
    const Duration lifetime = outcome == Outcome::failed ? kRefusedLifetime : surroundings_.failure;
    if (std::holds_alternative<Address>(owner))
        return complete(
            id, owner,
            DelegationAnswer{outcome, Verdict::indeterminate, {}, {}, lifetime, std::move(why), {}});
    complete(id, owner, KeyAnswer{outcome, Verdict::indeterminate, {}, lifetime, std::move(why)});
}

LookupId Discovery::Impl::look_up(Owner owner, const std::string& name, Time now, const Asker& asker) {
    const LookupId id = ++last_lookup_;
    ++outlet_.counters.lookups;
    if (const auto* entry = asker.fresh ? nullptr : cache_.find(owner, now)) {
        ++outlet_.counters.cache_hits;
        complete(id, owner, as_of(*entry, now));
        return id;
    }
    if (name.empty() || name == ".") {
        // A peer chose it: an answer like any other, not an error.
        refuse(id, owner, Outcome::unusable, "the identity is no domain name");
        return id;
    }
    const Address source = source_of(asker.on_behalf);
    if (!source.is_unspecified()) {
        std::size_t& open = by_source_[source];
        if (open >= config_.per_source) {
            ++outlet_.counters.over_share;
            refuse(id, owner, Outcome::failed,
                   fmt::format("{} look-ups for {} are under way already", open, source.text()));
            return id;
        }
        ++open;
    }
    lookups_.emplace(id, Lookup(std::move(owner), name, config_, surroundings_, source, now));
    advance(id, now);
    pump(now);
    return id;
}

Load Discovery::Impl::load() const {
    const Places& places = outlet_.places;
    Load load{lookups_.size(),      places.taken(),
              places.waiting(),     config_.max_waiting * kQuestionsPerLookup,
              places.num_sources(), questions_.num_to_judge(),
              cache_.size(),        0};
    for (const auto& [source, open] : by_source_) load.most = std::max(load.most, open);
    return load;
}

/// Concludes it, or asks what it wants to know next.
void Discovery::Impl::advance(LookupId id, Time now) {
    const auto at = lookups_.find(id);
    if (at == lookups_.end()) return;
    Lookup& lookup = at->second;
    if (auto conclusion = lookup.conclude(now)) return finish(id, std::move(*conclusion), now);
    for (const Question& question : lookup.take_questions())
        questions_.ask(id, question, lookup.source(), now);
    rearm(id, lookup.deadline(now));
}

void Discovery::Impl::finish(LookupId id, Conclusion conclusion, Time now) {
    const auto at = lookups_.find(id);
    const Owner owner = at->second.owner();
    if (!at->second.unanswered().empty()) ++outlet_.counters.early;
    close(at);
    if (conclusion.keep > Duration::zero()) {
        const auto* old = cache_.peek(owner, now);
        if (!old || may_replace(old->answer, conclusion.answer))
            outlet_.counters.evicted += cache_.put(owner, conclusion.answer, now, now + conclusion.keep);
    }
    complete(id, owner, std::move(conclusion.answer));
}

void Discovery::Impl::close(std::map<LookupId, Lookup>::iterator at) {
    const LookupId id = at->first;
    for (const Question& question : at->second.unanswered()) questions_.leave(id, question);
    if (const auto source = by_source_.find(at->second.source()); source != by_source_.end())
        if (--source->second == 0) by_source_.erase(source);
    rearm(id, kNever);
    lookups_.erase(at);
}

void Discovery::Impl::rearm(LookupId id, Time deadline) {
    if (const auto old = deadlines_.find(id); old != deadlines_.end()) {
        if (old->second == deadline) return;
        by_deadline_.erase({old->second, id});
        deadlines_.erase(old);
    }
    if (deadline == kNever) return;
    deadlines_.emplace(id, deadline);
    by_deadline_.emplace(deadline, id);
}

/// Brings the answers to the look-ups that wait for them.
void Discovery::Impl::pump(Time now) {
    last_seen_ = now;
    for (std::set<LookupId> told;; told.clear()) {
        questions_.start_waiting(now);
        while (const auto answer = questions_.next_answer())
            for (const LookupId id : answer->lookups) {
                const auto at = lookups_.find(id);
                if (at == lookups_.end()) continue;
                at->second.take(answer->question, answer->reply);
                told.insert(id);
            }
        if (told.empty()) return;
        for (const LookupId id : told) advance(id, now);
    }
}

void Discovery::Impl::abandon(LookupId id) {
    if (const auto at = lookups_.find(id); at != lookups_.end()) {
        close(at);
        return pump(last_seen_);
    }
    std::erase_if(completions_, [&](const Completion& done) {
        return std::visit([&](const auto& d) { return d.lookup == id; }, done);
    });
}

void Discovery::Impl::on_message(QueryId id, ByteView message, Time now) {
    questions_.on_message(id, message, now);
    pump(now);
}

void Discovery::Impl::on_transport_error(QueryId id, Time now) {
    questions_.on_transport_error(id, now);
    pump(now);
}

void Discovery::Impl::on_judged(const Judgement& judgement, Time now) {
    questions_.on_judged(judgement, now);
    pump(now);
}

void Discovery::Impl::on_timer(Time now) {
    questions_.on_timer(now);  // first: they can say why there is no answer
    pump(now);
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
        const LookupId id = by_deadline_.begin()->second;
        Lookup& lookup = lookups_.at(id);
        // Bogus by one resolver, and no better word in time from another, is bogus.
        if (lookup.is_over(now))
            for (const Question& question : lookup.unanswered())
                if (const auto worst = questions_.worst(question)) {
                    questions_.leave(id, question);
                    lookup.take(question, *worst);
                }
        advance(id, now);
    }
    pump(now);
}

Time Discovery::Impl::next_deadline() const {
    const Time lookups = by_deadline_.empty() ? kNever : by_deadline_.begin()->first;
    return std::min(lookups, questions_.next_deadline());
}

Discovery::Discovery(const config::Dns& config, Random& random, std::function<std::int64_t()> wall_seconds,
                     std::unique_ptr<Validator> validator, const Surroundings& surroundings)
    : impl_(std::make_unique<Impl>(config, random, std::move(wall_seconds), std::move(validator),
                                   surroundings)) {}
Discovery::~Discovery() = default;

LookupId Discovery::look_up_delegation(const Address& owner, Time now, const Asker& asker) {
    return impl_->look_up(owner, owner.reverse_name(), now, asker);
}
LookupId Discovery::look_up_keys(const Identity& owner, Time now, const Asker& asker) {
    const bool is_address = owner.kind == Identity::Kind::address;
    return impl_->look_up(owner, is_address ? owner.address.reverse_name() : canonical_name(owner.name), now,
                          asker);
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

std::optional<Complaint> Discovery::next_complaint() {
    return take_front(impl_->outlet_.complaints);
}
std::shared_ptr<Judgement> Discovery::next_judgement() {
    return impl_->questions_.next_judgement();
}
void Discovery::on_judged(const Judgement& judgement, Time now) {
    impl_->on_judged(judgement, now);
}

std::vector<ResolverStatus> Discovery::resolvers(Time now) const {
    std::vector<ResolverStatus> all;
    const Health& health = impl_->outlet_.health;
    for (std::size_t i = 0; i < impl_->config_.resolvers.size(); ++i) {
        const config::Resolver& resolver = impl_->config_.resolvers[i];
        all.push_back({resolver.address, resolver.port, resolver.trusted_path, health.answers(i),
                       health.forgeries(i), health.rests(i, now)});
    }
    return all;
}

std::vector<CachedAnswer> Discovery::cached(Time now) const {
    std::vector<CachedAnswer> answers;
    for (const auto& [owner, entry] : impl_->cache_.entries())
        if (const auto* address = std::get_if<Address>(&owner); address && entry.expires > now)
            answers.push_back({*address, std::get<DelegationAnswer>(as_of(entry, now)), entry.expires - now});
    return answers;
}

std::optional<CachedAnswer> Discovery::cached(const Address& owner, Time now) const {
    const auto* entry = impl_->cache_.peek(owner, now);
    if (!entry) return std::nullopt;
    return CachedAnswer{owner, std::get<DelegationAnswer>(as_of(*entry, now)), entry->expires - now};
}

void Discovery::flush() {
    impl_->cache_.clear();
}

const Counters& Discovery::counters() const {
    return impl_->outlet_.counters;
}

Load Discovery::load() const {
    return impl_->load();
}

}  // namespace oegate::discovery
