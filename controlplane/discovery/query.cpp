#include "discovery/query.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace oegate::discovery {
namespace {

/// Bound of queries that one question may cost, whatever the timers say: four times
/// what five seconds of repetitions and two resolvers' detours come to.
constexpr unsigned kMaxAttempts = 24;
constexpr Duration kMinRetransmit = 10ms;
constexpr unsigned kRcodeRefused = 5;
constexpr unsigned kRcodeNotImp = 4;

}  // namespace

Query::Query(Outlet& outlet, Question question, const Address& source, Time now)
    : outlet_(outlet),
      question_(std::move(question)),
      source_(source),
      resolvers_(outlet.config.resolvers.size()),
      give_up_(now + outlet.config.timeout),
      repeat_(now) {
    for (ResolverState& state : resolvers_) state.checking_disabled = outlet.own_validation();
    if (resolvers_.empty()) conclude_without("no resolver is configured");
}

void Outlet::blame(std::size_t resolver, const Question& question, const std::string& why, Time now) {
    ++counters.forged;
    if (!health.forged(resolver, now)) return;
    complaints.push_back(
        {config.resolvers[resolver].address,
         fmt::format(
             "resolver {} gives answers that fail validation, another gives good ones: {} ({}); it, or "
             "the way to it, strips or forges signatures",
             config.resolvers[resolver].address.text(), question.name, why)});
}

void Query::avoid(const std::set<std::size_t>& resolvers) {
    for (const std::size_t resolver : resolvers) resolvers_[resolver].refused = true;
}

void Query::start(const Address& source, Time now) {
    if (started_ || reply_) return;
    started_ = true;
    source_ = source;
    order_ = outlet_.health.order(now);
    ask_next(now);
}

void Query::refuse(std::string why) {
    Reply reply;
    reply.refused = true;
    reply.lifetime = kRefusedLifetime;
    reply.detail = std::move(why);
    conclude(std::move(reply));
}

/// freed: it has just given a place back, which is still its own. A repetition that
/// finds no place takes that of the oldest one: of all its answers that is the least
/// likely still to come.
bool Query::take_place(bool freed) {
    if (freed ? outlet_.places.any_free() : outlet_.places.may_take(source_)) return true;
    const auto oldest = std::ranges::find(attempts_, false, &Attempt::tcp);
    if (oldest == attempts_.end()) return false;
    close(oldest);
    // Over its share, because others came since: the place is theirs.
    return outlet_.places.may_take(source_);
}

void Query::ask(std::size_t resolver, bool tcp, bool freed, Time now) {
    // Every attempt has an ID and a source port of its own (RFC 5452 §9).
    repeat_ = now + std::max(outlet_.config.retransmit, kMinRetransmit);
    if (num_asked_ >= kMaxAttempts || !take_place(freed)) return;
    ResolverState& state = resolvers_[resolver];
    Attempt attempt{++outlet_.last_id,
                    resolver,
                    static_cast<std::uint16_t>(outlet_.random.u32()),
                    tcp,
                    state.checking_disabled,
                    state.plain,
                    now};
    Bytes message = build_query(attempt.id, question_, attempt.checking_disabled, attempt.plain);
    if (message.empty()) return conclude_without("the name cannot be asked");
    ++num_asked_;
    ++state.times_asked;
    ++outlet_.counters.sent;
    outlet_.places.take(source_);
    attempts_.push_back(attempt);
    outlet_.in_flight.emplace(attempt.query, this);
    const config::Resolver& to = outlet_.config.resolvers[resolver];
    outlet_.actions.push_back(SendQuery{attempt.query, to.address, to.port, tcp, std::move(message)});
}

/// The next resolver that still may help, in turn.
void Query::ask_next(Time now) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const std::size_t at = (next_ + i) % order_.size();
        if (resolvers_[order_[at]].refused) continue;
        next_ = at + 1;
        ask(order_[at], false, false, now);
        return;
    }
    conclude_without(trouble_);
}

/// RFC 5452 §9.1. A server that cannot read EDNS may send back its header alone (RFC
/// 6891 §7); that says only to ask again without.
bool Query::is_match(const Attempt& attempt, const Message& message) const {
    if (!message.response || message.opcode != 0 || message.id != attempt.id) return false;
    if (message.rcode == kRcodeFormErr && message.questions.empty()) return !attempt.plain;
    return message.questions.size() == 1 && message.questions[0] == question_;
}

void Query::on_message(QueryId id, ByteView bytes, Time now) {
    const auto at = std::ranges::find(attempts_, id, &Attempt::query);
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
    take(at, *message, bytes, now);
}

void Query::take(AttemptAt at, const Message& message, ByteView bytes, Time now) {
    const config::Resolver& resolver = outlet_.config.resolvers[at->resolver];
    const bool knows_no_edns =
        message.rcode == kRcodeFormErr || message.rcode == kRcodeNotImp || message.rcode == kRcodeBadVers;
    if (knows_no_edns && !at->plain) return without_edns(at, now);
    if (message.rcode == kRcodeRefused)
        outlet_.health.troubled(at->resolver, now);
    else
        outlet_.health.answered(at->resolver, now);
    if (message.rcode == kRcodeServFail) return servfail(at, now);
    if (message.rcode != kRcodeNoError && message.rcode != kRcodeNxDomain)
        return give_up_on(at, fmt::format("{} answers rcode {}", name_of(at->resolver), message.rcode), true,
                          now);
    if (message.truncated) return over_tcp(at, now);
    std::optional<std::int64_t> wall;
    if (outlet_.wall_seconds) wall = outlet_.wall_seconds();
    const bool own = outlet_.own_validation();
    // The data is there and only its validation fails (RFC 4035 §5.5): tampered with.
    if (at->checking_disabled && !own) return unvouched(at->resolver, now);
    Reply reply =
        read_reply(message, question_, !own && resolver.trusted_path, wall, outlet_.config.longest_ttl);
    if (reply.state == Reply::State::failed)
        return give_up_on(at, name_of(at->resolver) + " answers with " + reply.detail, true, now);
    // Whoever does not validate sees nothing wrong; but one may take back what he said himself.
    const bool takes_back = resolvers_[at->resolver].unvouched && doubted_.empty();
    if (worst_ && !own && !reply.secure() && !takes_back)
        return give_up_on(at, name_of(at->resolver) + " does not vouch for it", true, now);
    if (own) message_.assign(bytes.begin(), bytes.end());
    answered_by_ = at->resolver;
    conclude(std::move(reply));
}

/// SERVFAIL, and now data: bogus, or did what was wrong pass between the two questions (a
/// zone that was mended, servers that did not answer for a moment)? Its judgement is asked
/// for once more; only when that fails again, or never comes, it is bogus.
void Query::unvouched(std::size_t index, Time now) {
    ResolverState& state = resolvers_[index];
    if (!worst_) worst_ = bogus_by(index);
    // What it still says to former repetitions is no news.
    for (auto old = attempts_.size(); old-- > 0;)
        if (attempts_[old].resolver == index) close(attempts_.begin() + static_cast<std::ptrdiff_t>(old));
    state.unvouched = true;
    state.checking_disabled = false;
    ++outlet_.counters.confirmations;
    ask(index, false, true, now);
}

Reply Query::bogus_by(std::size_t resolver) const {
    Reply reply;
    reply.state = Reply::State::bogus;
    reply.verdict = Verdict::bogus;
    reply.detail = name_of(resolver) + " cannot validate what it has";
    return reply;
}

/// One validating resolver says bogus. It may be the one that is deceived: its cache was
/// poisoned, its clock is wrong, its anchor old (RFC 6840 §5.9 weighs the same). The word
/// of another on a trusted path that the data is secure would have been believed had it
/// been asked first; nothing less outweighs this.
void Query::bogus(AttemptAt at, Time now) {
    doubted_.insert(at->resolver);
    for (std::size_t i = 0; i < resolvers_.size(); ++i)
        if (!outlet_.config.resolvers[i].trusted_path) resolvers_[i].refused = true;
    give_up_on(at, worst_->detail, true, now);
}

bool Query::any_left() const {
    return std::ranges::any_of(resolvers_, [](const ResolverState& r) { return !r.refused; });
}

bool Query::doubt(Reply bogus, Time now) {
    resolvers_[answered_by_].refused = true;
    if (!any_left() || now >= give_up_) return false;
    doubt_others(std::move(bogus), {answered_by_}, now);
    reply_.reset();
    message_.clear();
    ask_next(now);
    return true;
}

void Query::doubt_others(Reply bogus, const std::set<std::size_t>& resolvers, Time now) {
    for (const std::size_t resolver : resolvers) outlet_.health.doubt(resolver, now);
    if (!worst_ || worst_->state == Reply::State::failed) worst_ = std::move(bogus);
    doubted_.insert(resolvers.begin(), resolvers.end());
}

/// RFC 6891 §6.2.2. What such a server says is not secure unless it validates itself.
void Query::without_edns(AttemptAt at, Time now) {
    const std::size_t index = at->resolver;
    close(at);
    if (resolvers_[index].plain) return;  // already being asked
    resolvers_[index].plain = true;
    ++outlet_.counters.plain;
    ask(index, false, true, now);
}

void Query::over_tcp(AttemptAt at, Time now) {
    if (at->tcp) return give_up_on(at, name_of(at->resolver) + " truncates over TCP", true, now);
    const std::size_t index = at->resolver;
    close(at);
    const bool under_way =
        std::ranges::any_of(attempts_, [&](const Attempt& a) { return a.tcp && a.resolver == index; });
    if (under_way) return;
    ++outlet_.counters.tcp;
    ask(index, true, true, now);
}

/// Bogus, or a server that is lame? Ask for the data without the judgement.
void Query::servfail(AttemptAt at, Time now) {
    ResolverState& state = resolvers_[at->resolver];
    const std::size_t index = at->resolver;
    if (state.unvouched) return bogus(at, now);
    if (at->checking_disabled) return give_up_on(at, name_of(index) + " answers SERVFAIL", true, now);
    close(at);
    if (state.checking_disabled) return;  // already being asked
    state.checking_disabled = true;
    ++outlet_.counters.servfail;
    ask(index, false, true, now);
}

void Query::on_transport_error(QueryId id, Time now) {
    const auto at = std::ranges::find(attempts_, id, &Attempt::query);
    if (at == attempts_.end() || reply_) return;
    outlet_.health.troubled(at->resolver, now);
    // Forgeable (ICMP) and often passing: the resolver is asked again in its turn.
    give_up_on(at, name_of(at->resolver) + " is unreachable", false, now);
}

void Query::give_up_on(AttemptAt at, std::string why, bool for_good, Time now) {
    trouble_ = std::move(why);
    if (for_good) resolvers_[at->resolver].refused = true;
    close(at);
    if (!any_left()) return conclude_without(trouble_);
    // At once to one that was never asked; others wait for their turn.
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const std::size_t place = (next_ + i) % order_.size();
        const ResolverState& state = resolvers_[order_[place]];
        if (state.refused || state.times_asked > 0) continue;
        next_ = place + 1;
        ask(order_[place], false, true, now);
        return;
    }
}

void Query::on_timer(Time now) {
    if (reply_) return;
    const bool over = now >= give_up_;
    if (!over && (!started_ || now < repeat_)) return;
    if (!attempts_.empty()) outlet_.health.silent(attempts_.back().resolver, attempts_.back().asked, now);
    if (over)
        conclude_without(trouble_.empty() ? "no answer in time" : "no answer in time; " + trouble_);
    else
        ask_next(now);
}

std::string Query::name_of(std::size_t resolver) const {
    return "resolver " + outlet_.config.resolvers[resolver].address.text();
}

void Query::close(AttemptAt at) {
    outlet_.actions.push_back(CloseQuery{at->query});
    outlet_.in_flight.erase(at->query);
    outlet_.places.give_back(source_);
    attempts_.erase(at);
}

void Query::close_all() {
    while (!attempts_.empty()) close(attempts_.end() - 1);
}

void Query::conclude(Reply reply) {
    reply_ = std::move(reply);
    close_all();
}

/// No answer; but what one resolver found bogus stays so when no other answers.
void Query::conclude_without(std::string detail) {
    Reply reply;
    reply.detail = std::move(detail);
    conclude(worst_ ? *worst_ : std::move(reply));
}

}  // namespace oegate::discovery
