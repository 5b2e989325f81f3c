// Connects the parts: every question of one becomes a call of another, and its
// answer comes back in pump(), never from inside the call that asked. What is carried:
// answers.cpp towards keying, orders.cpp from it.
#include "gateway/compose.hpp"

#include "discovery/validate/own.hpp"

namespace oegate::gateway {
namespace {

ike::Settings settings_of(const config::Config& config, const keying::Realm& realm, bool key_log) {
    ike::Settings s;
    s.ike = config.ike;
    s.timers = config.timers;
    s.limits = config.limits;
    s.identities = realm.identities();
    s.key_log = key_log;
    return s;
}

/// Signatures cannot be judged without a clock: then discovery believes none.
std::unique_ptr<discovery::Validator> judge(const config::Config& config, const Options& options) {
    if (config.dns.validation != config::Validation::own || !options.wall_seconds) return {};
    return discovery::validate::make_validator(options.anchors, options.wall_seconds);
}

discovery::Surroundings surroundings(const config::Config& config, const keying::Realm& realm) {
    return {config.timers.dns_failure, realm.identity(Family::ipv4).has_value(),
            realm.identity(Family::ipv6).has_value(), true};
}

}  // namespace

Gateway::Impl::Impl(const config::Config& c, const ike::PrivateKey& key, Random& random,
                    ike::CryptoPool& below, const Options& options)
    : config(c),
      realm(c),
      outbox(options.num_workers),
      sa(c, options.seed, random, outbox),
      discovery(c.dns, random, options.wall_seconds, judge(c, options), surroundings(c, realm)),
      keying(c, realm, options.wall_seconds),
      pool(below, *this),
      engine(settings_of(c, realm, options.key_log), key, random, sa, pool),
      seed(options.seed),
      key_log_on(options.key_log),
      keep_state(options.keep_state),
      wall_seconds(options.wall_seconds) {
    remember_peers(options.stored.peers);
    for (const store::StickyRecord& s : options.stored.sticky)
        keying.restore_sticky({s.destination, s.times, s.last}, Time{});
}

void Gateway::Impl::Pool::submit(ike::Job job) {
    auto done = std::move(job.done);
    job.done = [this, done = std::move(done)](Time now) {
        done(now);
        impl_.pump(now);
    };
    below_.submit(std::move(job));
}

void Gateway::Impl::pump(Time now) {
    for (bool busy = true; busy;) {
        busy = false;
        while (auto done = discovery.next_completion()) {
            std::visit([&](auto& d) { carry(d, now); }, *done);
            busy = true;
        }
        while (const auto judgement = discovery.next_judgement())
            pool.submit({[judgement] { judgement->run(); },
                         [this, judgement](Time later) { discovery.on_judged(*judgement, later); }});
        while (auto complaint = discovery.next_complaint()) {
            std::vector<std::pair<std::string, std::string>> fields;
            if (complaint->resolver) fields.emplace_back("resolver", complaint->resolver->text());
            log(config::LogLevel::warning, true, std::move(complaint->text), std::move(fields),
                complaint->resolver ? "resolver" : "anchor");
        }
        while (auto event = engine.next_event()) {
            std::visit([&](auto& e) { carry(e, now); }, *event);
            busy = true;
        }
        while (auto child = sa.next_installed()) {
            if (auto node = installing.extract(*child)) {
                // keying first: what it makes of the child stands before the peer hears of it
                keying.on_child_installed(node.mapped(), now);
                engine.child_installed(*child, now);
            }
            busy = true;
        }
        busy |= obey(now);
    }
}

/// Does what keying wants. false: nothing.
bool Gateway::Impl::obey(Time now) {
    bool any = false;
    while (auto action = keying.next_action()) {
        std::visit([&](auto& a) { carry(a, now); }, *action);
        any = true;
    }
    return any;
}

void Gateway::Impl::log(config::LogLevel level, bool security, std::string text,
                        std::vector<std::pair<std::string, std::string>> fields, std::string kind) {
    if (logs.size() >= kMaxLogs) {
        ++logs_lost;
        return;
    }
    logs.push_back({level, security, std::move(text), std::move(fields), std::move(kind)});
}

unsigned Gateway::Impl::worker_of(const Pair& pair) const {
    return owner(seed, pair.source, pair.destination, outbox.num_workers());
}

}  // namespace oegate::gateway
