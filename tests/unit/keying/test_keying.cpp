// The connection machine alone, in virtual time: one script for each row of groups
// n, p, g, s and r, and of those parts of k, l, f, e and x that exist. A script
// plays DNS, engine and worker.
#include <deque>
#include <set>

#include "catch.hpp"
#include "keying/keying.hpp"

using namespace oegate;
using namespace oegate::keying;
using discovery::Outcome;

namespace {

Address ip(const char* text) {
    return Address::parse(text).value();
}

const Address kAlice = ip("192.1.0.65");
const Address kBob = ip("192.2.0.66");
const Address kCarol = ip("192.2.0.67");
const Address kSgA = ip("192.1.1.5");
const Address kSgB = ip("192.2.1.7");
const Address kSgC = ip("192.2.1.8");
const Pair kPair{kAlice, kBob};

config::Config make_config() {
    config::Config c;
    c.interfaces.resize(2);
    c.interfaces[0].name = "in";
    c.interfaces[0].role = InterfaceRole::inside;
    c.interfaces[0].addresses = {{ip("192.1.0.1"), *Prefix::parse("192.1.0.0/24")}};
    c.interfaces[1].name = "out";
    c.interfaces[1].role = InterfaceRole::outside;
    c.interfaces[1].addresses = {{kSgA, *Prefix::parse("192.1.1.0/24")}};
    c.routes = {{*Prefix::parse("0.0.0.0/0"), ip("192.1.1.1")},
                {*Prefix::parse("10.9.0.0/16"), ip("192.1.0.2")}};
    c.classes = {{ClassKind::oe_permissive, {*Prefix::parse("192.2.0.0/16")}},
                 {ClassKind::oe_paranoid, {*Prefix::parse("192.2.5.0/24")}},
                 {ClassKind::always_clear_text, {*Prefix::parse("192.2.6.0/24")}},
                 {ClassKind::deny, {*Prefix::parse("192.2.7.0/24")}},
                 {ClassKind::oe_accept_only, {*Prefix::parse("192.2.8.0/24")}},
                 {ClassKind::configured, {*Prefix::parse("192.2.9.0/24")}}};
    c.default_class = ClassKind::deny;
    return c;
}

PublicKey key(std::uint8_t n) {
    return {PublicKey::Algorithm::rsa, {3, 1, 0, 1, n}};
}

discovery::Candidate gateway(const Address& a, unsigned precedence, bool with_key = true,
                             Verdict verdict = Verdict::secure) {
    discovery::Candidate c;
    c.gateway = a;
    c.id = Identity::of(a);
    c.precedence = precedence;
    c.verdict = verdict;
    if (with_key) c.keys = {key(1)};
    return c;
}

discovery::DelegationAnswer answer(Outcome outcome, std::vector<discovery::Candidate> candidates = {},
                                   Duration lifetime = 1h, Verdict verdict = Verdict::secure) {
    discovery::DelegationAnswer a;
    a.outcome = outcome;
    a.verdict = verdict;
    a.candidates = std::move(candidates);
    a.lifetime = lifetime;
    return a;
}

discovery::KeyAnswer keys(Outcome outcome, Verdict verdict = Verdict::secure) {
    discovery::KeyAnswer a;
    a.outcome = outcome;
    a.verdict = verdict;
    a.lifetime = 1h;
    if (outcome == Outcome::usable) a.keys = {key(1)};
    return a;
}

class Rig {
  public:
    explicit Rig(config::Config c = make_config())
        : config(std::move(c)), realm(config), keying(config, realm) {}

    config::Config config;
    Realm realm;
    Keying keying;
    Time now{1h};
    // what came out, newest last
    std::vector<LookUpDelegation> lookups;
    std::vector<LookUpKeys> key_lookups;
    std::vector<StartExchange> exchanges;
    std::vector<ForgetExchange> forgotten;
    std::vector<AbandonLookup> abandoned;
    std::vector<ApplyPolicy> policies;
    std::vector<DropPolicy> dropped;
    std::vector<AskUse> asked;
    std::vector<RekeyChild> rekeys;
    std::vector<DeleteChild> deletes;
    std::vector<CheckLiveness> checks;
    std::vector<AnswerPeerKeys> peer_keys;
    std::vector<AnswerAuthorization> authorizations;
    std::vector<Transition> transitions;

    void drain() {
        while (auto action = keying.next_action())
            std::visit([this](auto& a) { take(std::move(a)); }, *action);
    }
    void pass(Duration d) {
        const Time until = now + d;
        while (keying.next_deadline() <= until) {
            now = keying.next_deadline();
            keying.on_timer(now);
            drain();
        }
        now = until;
        drain();
    }
    void miss(const Pair& pair = kPair) {
        keying.on_miss(Miss{pair}, now);
        drain();
    }
    void dns(const discovery::DelegationAnswer& a) {
        REQUIRE(!lookups.empty());
        keying.on_delegation(lookups.back().connection, a, now);
        drain();
    }
    void key_dns(const discovery::KeyAnswer& a) {
        REQUIRE(!key_lookups.empty());
        keying.on_keys(key_lookups.back().connection, a, now);
        drain();
    }
    void fails(ike::Failure failure) {
        REQUIRE(!exchanges.empty());
        keying.on_initiate_failed({exchanges.back().request.connection, failure, "scripted"}, now);
        drain();
    }
    NewChild child(ike::ChildId id, bool ours, std::uint8_t nonce = 5) {
        NewChild c;
        c.child = id;
        c.connection = ours && !exchanges.empty() ? exchanges.back().request.connection : 0;
        c.initiator = ours;
        c.pair = kPair;
        c.remote = kSgB;
        c.peer = Identity::of(kSgB);
        c.verdict = Verdict::secure;
        c.lowest_nonce = {nonce};
        return c;
    }
    void installed(const NewChild& c) {
        keying.on_child_installed(c, now);
        drain();
    }
    void gone(ike::ChildId id, ike::ChildGone::Reason reason) {
        keying.on_child_gone({id, reason}, now);
        drain();
    }
    void used(bool yes, const Pair& pair = kPair) {
        UseReport r;
        r.pair = pair;
        r.outbound_age_ns = yes ? 5'000'000'000 : kNeverUsed;
        keying.on_use_report(r, now);
        drain();
    }
    void removed(const Pair& pair = kPair) {
        UseReport r;
        r.pair = pair;
        r.removed = true;
        keying.on_use_report(r, now);
        drain();
    }
    /// pending, with the last exchange running
    void seek(std::vector<discovery::Candidate> g = {gateway(kSgB, 10)}, const Pair& pair = kPair) {
        miss(pair);
        dns(answer(Outcome::usable, std::move(g)));
    }
    /// keyed by our own exchange, child 1
    void key_pair() {
        seek();
        installed(child(1, true));
        REQUIRE(state() == "keyed");
    }
    void want_keys(ike::IkeSaId sa = 7, const Address& peer = kSgB) {
        keying.on_want_peer_keys({sa, Identity::of(peer), peer}, now);
        drain();
    }
    ike::WantAuthorization offer(const Address& source, const Address& destination = kAlice) {
        ike::WantAuthorization w;
        w.child = 40;
        w.sa = 7;
        w.pair = {source, destination};
        w.peer = Identity::of(kSgB);
        w.remote = kSgB;
        w.key = key(1);
        w.verdict = Verdict::secure;
        return w;
    }
    void ask(const ike::WantAuthorization& w) {
        keying.on_want_authorization(w, now);
        drain();
    }
    std::string state(const Pair& pair = kPair) const {
        const auto s = keying.find(pair);
        return s ? s->state : "none";
    }
    FlowState policy() const { return policies.empty() ? FlowState::none : policies.back().state; }
    std::string reason() const {
        return policies.empty() ? "" : std::string(reason_text(policies.back().reason));
    }
    std::uint64_t ran(Story s) const { return keying.counters().stories[static_cast<std::size_t>(s)]; }
    Duration lifespan(const Pair& pair = kPair) {
        // Measured, not read: until the pair is asked for again after being used.
        const Time start = now;
        while (state(pair) != "potential" && now - start < 13h) {
            const Time next = keying.next_deadline();
            if (next == kNever) return Duration::max();
            now = std::max(now, next);
            keying.on_timer(now);
            drain();
            used(true, pair);
        }
        return now - start;
    }

  private:
    void take(LookUpDelegation a) { lookups.push_back(a); }
    void take(LookUpKeys a) { key_lookups.push_back(a); }
    void take(AbandonLookup a) { abandoned.push_back(a); }
    void take(StartExchange a) { exchanges.push_back(std::move(a)); }
    void take(ForgetExchange a) { forgotten.push_back(a); }
    void take(ApplyPolicy a) { policies.push_back(a); }
    void take(DropPolicy a) { dropped.push_back(a); }
    void take(AskUse a) { asked.push_back(a); }
    void take(RekeyChild a) { rekeys.push_back(a); }
    void take(DeleteChild a) { deletes.push_back(a); }
    void take(CheckLiveness a) { checks.push_back(a); }
    void take(AnswerPeerKeys a) { peer_keys.push_back(std::move(a)); }
    void take(AnswerAuthorization a) { authorizations.push_back(a); }
    void take(Transition a) { transitions.push_back(std::move(a)); }
};

const Pair to(const char* destination) {
    return {kAlice, ip(destination)};
}

struct Script {
    Story story;
    void (*play)(Rig&);
};

const Script kScripts[] = {
    // ---- n
    {Story::n_clear,
     [](Rig& r) {
         r.miss(to("192.2.6.1"));
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lookups.empty());
     }},
    {Story::n_deny,
     [](Rig& r) {
         r.miss(to("192.2.7.1"));
         CHECK(r.policy() == FlowState::deny);
     }},
    {Story::n_accept_only,
     [](Rig& r) {
         r.miss(to("192.2.8.1"));
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lookups.empty());
     }},
    {Story::n_configured,
     [](Rig& r) {
         r.miss(to("192.2.9.1"));
         CHECK(r.policy() == FlowState::deny);  // failure never clears
     }},
    {Story::n_oe,
     [](Rig& r) {
         r.miss();
         REQUIRE(r.lookups.size() == 1);
         CHECK(r.lookups[0].owner == kBob);
         CHECK(r.state() == "potential");
         CHECK(r.policies.empty());  // the worker holds already
     }},
    {Story::n_none,
     [](Rig& r) {
         r.miss(to("198.51.100.1"));
         CHECK(r.policy() == FlowState::deny);
         CHECK(r.reason() == "n.none");
     }},
    {Story::n_limit,
     [](Rig& r) {
         r.config.limits.pending_per_source = 2;
         r.miss(to("192.2.0.1"));
         r.miss(to("192.2.0.2"));
         r.miss(to("192.2.0.3"));  // permissive
         CHECK(r.policy() == FlowState::pass);
         r.miss(to("192.2.5.3"));  // paranoid
         CHECK(r.policy() == FlowState::deny);
         r.miss({ip("192.1.0.99"), kBob});  // another host has its own budget
         CHECK(r.lookups.size() == 3);
         r.keying.on_delegation(r.lookups[0].connection, answer(Outcome::none), r.now);
         r.drain();
         r.miss(to("192.2.0.4"));
         CHECK(r.lookups.size() == 4);
     }},
    {Story::n_full,
     [](Rig& r) {
         r.config.limits.connections = 1;
         r.miss();
         r.miss({kAlice, kCarol});
         CHECK(r.policy() == FlowState::pass);
         REQUIRE(r.dropped.size() == 1);
         CHECK(r.dropped[0].pair.destination == kCarol);
         CHECK(r.keying.counters().connections == 1);
     }},
    {Story::n_repeat,
     [](Rig& r) {
         r.miss();
         r.miss();
         r.miss();
         CHECK(r.lookups.size() == 1);
     }},
    {Story::n_reapply,
     [](Rig& r) {
         r.key_pair();
         r.miss();
         CHECK(r.policies.size() == 2);
         CHECK(r.policy() == FlowState::encrypt);
     }},
    // ---- p
    {Story::p_found,
     [](Rig& r) {
         r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
         REQUIRE(r.exchanges.size() == 1);
         CHECK(r.exchanges[0].request.gateway == kSgB);
         CHECK(r.exchanges[0].request.local == kSgA);
         CHECK(r.state() == "pending");
     }},
    {Story::p_key,
     [](Rig& r) {
         r.seek({gateway(kSgB, 10, false)});
         REQUIRE(r.key_lookups.size() == 1);
         CHECK(r.key_lookups[0].owner == Identity::of(kSgB));
         CHECK(r.state() == "potential");
         r.key_dns(keys(Outcome::usable));
         REQUIRE(r.exchanges.size() == 1);
         CHECK(r.exchanges[0].request.keys == std::vector{key(1)});
     }},
    {Story::p_no_key,
     [](Rig& r) {
         r.seek({gateway(kSgB, 10, false), gateway(kSgC, 20, false)});
         r.key_dns(keys(Outcome::none));
         CHECK(r.policies.empty());  // another gateway is left
         r.key_dns(keys(Outcome::none));
         CHECK(r.policy() == FlowState::pass);
     }},
    {Story::p_unusable,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::unusable, {}, 20min));
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lifespan() == 20min);
     }},
    {Story::p_none,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::none, {}, 15min));
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lifespan() == 15min);
     }},
    {Story::p_dnsfail,
     [](Rig& r) {
         r.miss(to("192.2.5.1"));
         r.dns(answer(Outcome::failed, {}, 0s));
         CHECK(r.policy() == FlowState::deny);
         CHECK(r.lifespan(to("192.2.5.1")) == 300s);  // RFC 9520
     }},
    {Story::p_bogus,
     [](Rig& r) {
         r.miss();  // permissive, and yet:
         r.dns(answer(Outcome::bogus, {}, 1h, Verdict::bogus));
         CHECK(r.policy() == FlowState::deny);
         CHECK(r.state() == "deny");
         CHECK(r.reason() == "p.bogus");
         CHECK(r.transitions.back().security);
     }},
    {Story::p_malformed,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::malformed));
         CHECK(r.policy() == FlowState::deny);
         CHECK(r.transitions.back().security);
     }},
    // ---- g
    {Story::g_silence,
     [](Rig& r) {
         r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
         r.fails(ike::Failure::silence);
         REQUIRE(r.exchanges.size() == 2);
         CHECK(r.exchanges[1].request.gateway == kSgC);
         CHECK(r.policies.empty());  // not every gateway was tried yet
         r.fails(ike::Failure::silence);
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lifespan() == 10min);
     }},
    {Story::g_dead,
     [](Rig& r) {
         r.seek();
         r.fails(ike::Failure::dead_channel);
         REQUIRE(r.exchanges.size() == 2);
         CHECK(r.exchanges[1].request.fresh);
         CHECK(r.exchanges[1].request.gateway == kSgB);
         r.fails(ike::Failure::dead_channel);  // one fresh exchange, not for ever
         CHECK(r.exchanges.size() == 2);
         CHECK(r.policy() == FlowState::pass);
     }},
    {Story::g_signature,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::usable, {gateway(kSgB, 10), gateway(kSgC, 20)}, 30min));
         r.fails(ike::Failure::signature);
         CHECK(r.exchanges.size() == 2);
         r.fails(ike::Failure::signature);
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lifespan() == 30min);  // as long as DNS keeps the key
     }},
    {Story::g_refused,
     [](Rig& r) {
         r.miss(to("192.2.5.1"));
         r.dns(answer(Outcome::usable, {gateway(kSgB, 10), gateway(kSgC, 20)}, 24h));
         r.fails(ike::Failure::refused);
         r.fails(ike::Failure::refused);
         CHECK(r.policy() == FlowState::deny);
         CHECK(r.lifespan(to("192.2.5.1")) == 6h);
     }},
    {Story::g_child,
     [](Rig& r) {
         r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
         r.fails(ike::Failure::child_refused);
         r.fails(ike::Failure::silence);  // the shorter of the two lifespans counts
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lifespan() == 10min);
         Rig last;
         last.seek();
         last.fails(ike::Failure::child_refused);
         CHECK(last.reason() == "g.child");
         r.keying.on_delegation(r.lookups.back().connection, answer(Outcome::usable, {gateway(kSgB, 1)}),
                                r.now);
         r.drain();
         r.fails(ike::Failure::child_refused);
         CHECK(r.reason() == "g.child");
     }},
    {Story::g_full,
     [](Rig& r) {
         r.seek();
         r.fails(ike::Failure::full);
         REQUIRE(r.exchanges.size() == 2);
         CHECK(r.exchanges[1].request.fresh);
     }},
    {Story::g_limit,
     [](Rig& r) {
         r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
         r.fails(ike::Failure::too_many);
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.lifespan() == 10min);
     }},
    {Story::g_hold_limit,
     [](Rig& r) {
         r.seek();
         r.pass(29s);
         CHECK(r.policies.empty());
         r.pass(1s);
         CHECK(r.policy() == FlowState::pass);
         CHECK(r.forgotten.empty());  // the exchange goes on
         r.pass(60s);
         CHECK(r.forgotten.size() == 1);  // but not for ever
     }},
    {Story::g_keyed,
     [](Rig& r) {
         r.key_pair();
         REQUIRE(r.policies.size() == 1);
         CHECK(r.policies[0].state == FlowState::encrypt);
         CHECK(r.policies[0].child == 1);
         CHECK(r.reason() == "g.keyed");
     }},
    {Story::g_late,
     [](Rig& r) {
         r.seek({gateway(kSgB, 10), gateway(kSgC, 20)});
         r.pass(31s);
         r.fails(ike::Failure::silence);  // the walk goes on after the hold
         CHECK(r.exchanges.size() == 2);
         r.fails(ike::Failure::refused);
         CHECK(r.policies.size() == 1);
         CHECK(r.state() == "clear-text");
     }},
    // ---- s
    {Story::s_peer_first,
     [](Rig& r) {
         r.seek();
         r.installed(r.child(9, false));
         CHECK(r.state() == "keyed");
         CHECK(r.forgotten.size() == 1);
         CHECK(r.policies.empty());  // the peer may not have its inbound SA yet
         r.keying.on_first_esp(9, r.now);
         r.drain();
         CHECK(r.policy() == FlowState::encrypt);
         CHECK(r.policies.back().child == 9);
     }},
    {Story::s_both,
     [](Rig& r) {
         r.seek();
         r.installed(r.child(1, true, 3));
         r.installed(r.child(9, false, 8));  // ours has the lowest nonce: it goes
         r.pass(5s);
         CHECK(r.policies.back().child == 1);  // the peer may not have finished yet
         CHECK(r.deletes.empty());
         r.keying.on_first_esp(9, r.now);  // it has
         r.drain();
         CHECK(r.policies.back().child == 9);
         REQUIRE(r.deletes.size() == 1);
         CHECK(r.deletes[0].child == 1);

         Rig o;
         o.seek();
         o.installed(o.child(1, true, 8));
         o.installed(o.child(9, false, 3));
         o.pass(5s);
         CHECK(o.policies.back().child == 1);
         CHECK(o.deletes.empty());  // the peer closes what it made
         o.keying.on_first_esp(9, o.now);
         o.drain();
         CHECK(o.policies.back().child == 1);
         o.pass(5s);
         REQUIRE(o.checks.size() == 1);  // crossed, or a new life of the peer?
         CHECK(o.checks[0].child == 1);

         Rig q;  // the peer's exchange wins, but comes to nothing: ours is good enough
         q.seek();
         q.installed(q.child(9, false, 8));
         q.installed(q.child(1, true, 3));
         CHECK(q.policies.back().child == 1);
         q.pass(10s);
         REQUIRE(q.checks.size() == 1);
         CHECK(q.checks[0].child == 9);
         q.gone(9, ike::ChildGone::Reason::ike_dead);
         CHECK(q.state() == "keyed");
         CHECK(q.policies.back().child == 1);
         q.gone(1, ike::ChildGone::Reason::deleted_by_peer);
         CHECK(q.state() == "expired");

         Rig p;  // ours was given up for the peer's, and finishes all the same
         p.seek();
         p.installed(p.child(9, false, 3));
         p.installed(p.child(1, true, 8));
         CHECK(p.policies.back().child == 1);
         p.pass(5s);
         CHECK(p.policies.back().child == 1);
         p.gone(9, ike::ChildGone::Reason::deleted_by_peer);
         CHECK(p.state() == "keyed");
     }},
    // ---- r
    {Story::r_key,
     [](Rig& r) {
         r.want_keys();
         REQUIRE(r.key_lookups.size() == 1);
         CHECK(r.peer_keys.empty());
         r.key_dns(keys(Outcome::usable));
         REQUIRE(r.peer_keys.size() == 1);
         CHECK(r.peer_keys[0].sa == 7);
         CHECK(r.peer_keys[0].keys == std::vector{key(1)});
     }},
    {Story::r_wait,
     [](Rig& r) {
         r.want_keys();
         r.want_keys();
         CHECK(r.key_lookups.size() == 1);
         const auto w = r.offer(kBob);
         r.ask(w);
         r.ask(w);
         CHECK(r.lookups.size() == 1);
     }},
    {Story::r_no_key,
     [](Rig& r) {
         for (const Outcome o : {Outcome::none, Outcome::failed, Outcome::bogus, Outcome::malformed}) {
             r.want_keys();
             r.key_dns(keys(o));
             REQUIRE(!r.peer_keys.empty());
             CHECK(r.peer_keys.back().keys.empty());
         }
         CHECK(r.peer_keys.size() == 4);
     }},
    {Story::r_budget,
     [](Rig& r) {
         r.config.limits.pending_per_source = 2;
         r.want_keys(1);
         r.want_keys(2);
         r.want_keys(3);
         CHECK(r.key_lookups.size() == 2);
         REQUIRE(r.peer_keys.size() == 1);
         CHECK(r.peer_keys[0].keys.empty());
         r.want_keys(4, kSgC);  // another peer has its own
         CHECK(r.key_lookups.size() == 3);
         r.ask(r.offer(kBob));
         REQUIRE(r.authorizations.size() == 1);
         CHECK_FALSE(r.authorizations[0].allowed);
     }},
    {Story::r_class,
     [](Rig& r) {
         r.ask(r.offer(kBob, ip("198.51.100.1")));  // not behind us: no relay
         r.ask(r.offer(kBob, kSgA));                // ourselves
         r.ask(r.offer(ip("192.2.7.1")));           // class deny
         r.ask(r.offer(ip("192.2.6.1")));           // always-clear-text
         REQUIRE(r.authorizations.size() == 4);
         for (const auto& a : r.authorizations) CHECK_FALSE(a.allowed);
         CHECK(r.lookups.empty());
     }},
    {Story::r_claim,
     [](Rig& r) {
         r.ask(r.offer(ip("192.1.0.70")));  // inside
         r.ask(r.offer(ip("10.9.1.1")));    // inside, by a route
         r.ask(r.offer(kSgA));              // ours
         r.ask(r.offer(ip("127.0.0.1")));
         REQUIRE(r.authorizations.size() == 4);
         for (const auto& a : r.authorizations) CHECK_FALSE(a.allowed);
     }},
    {Story::r_weaker,
     [](Rig& r) {
         r.key_pair();
         auto w = r.offer(kBob);
         w.peer = Identity::of(kSgC);
         w.remote = kSgC;
         w.verdict = Verdict::insecure;
         r.ask(w);
         REQUIRE(r.authorizations.size() == 1);
         CHECK_FALSE(r.authorizations[0].allowed);
         CHECK(r.lookups.size() == 1);  // only our own

         Rig impostor;  // the same identity under a weaker verdict need not be the same peer
         impostor.key_pair();
         w = impostor.offer(kBob);
         w.verdict = Verdict::insecure;
         impostor.ask(w);
         REQUIRE(impostor.authorizations.size() == 1);
         CHECK_FALSE(impostor.authorizations[0].allowed);

         Rig raced;  // authorized before the stronger one was installed
         raced.key_pair();
         auto late = raced.child(9, false);
         late.peer = Identity::of(kSgC);
         late.verdict = Verdict::insecure;
         raced.installed(late);
         REQUIRE(raced.deletes.size() == 1);
         CHECK(raced.deletes[0].child == 9);
         raced.pass(1s);
         CHECK(raced.policies.back().child == 1);
     }},
    {Story::r_self,
     [](Rig& r) {
         r.ask(r.offer(kSgB));
         REQUIRE(r.authorizations.size() == 1);
         CHECK(r.authorizations[0].allowed);
         CHECK(r.lookups.empty());
         auto nat = r.offer(kSgB);
         nat.child = 41;
         nat.remote = kSgC;  // another address speaks for it: then DNS must say so
         r.ask(nat);
         CHECK(r.authorizations.size() == 1);
         CHECK(r.lookups.size() == 1);
     }},
    {Story::r_source,
     [](Rig& r) {
         r.ask(r.offer(kBob));
         REQUIRE(r.lookups.size() == 1);
         CHECK(r.lookups[0].owner == kBob);
         CHECK(r.authorizations.empty());
     }},
    {Story::r_delegated,
     [](Rig& r) {
         r.ask(r.offer(kBob));
         r.dns(answer(Outcome::usable, {gateway(kSgC, 10), gateway(kSgB, 20)}));
         REQUIRE(r.authorizations.size() == 1);
         CHECK(r.authorizations[0].allowed);

         Rig named;  // TXT =@FQDN: an identity to believe, not a place to go to
         auto w = named.offer(kBob);
         w.peer = Identity::of_name("sg-b.example");
         named.ask(w);
         auto a = answer(Outcome::unusable, {}, 1h);
         a.identities = {gateway(Address{}, 10)};
         a.identities[0].id = w.peer;
         named.dns(a);
         REQUIRE(named.authorizations.size() == 1);
         CHECK(named.authorizations[0].allowed);
         named.ask(w);
         a.identities[0].verdict = Verdict::insecure;
         a.verdict = Verdict::insecure;
         named.dns(a);
         CHECK_FALSE(named.authorizations.back().allowed);
     }},
    {Story::r_undelegated,
     [](Rig& r) {
         auto other_key = gateway(kSgB, 10);
         other_key.keys = {key(2)};
         const discovery::DelegationAnswer answers[] = {
             answer(Outcome::none),
             answer(Outcome::failed),
             answer(Outcome::bogus, {gateway(kSgB, 10)}),
             answer(Outcome::usable, {gateway(kSgC, 10)}),  // another gateway
             answer(Outcome::usable, {other_key}),          // another key
             answer(Outcome::usable, {gateway(kSgB, 10, true, Verdict::insecure)}, 1h, Verdict::insecure),
         };
         for (const auto& a : answers) {
             r.ask(r.offer(kBob));
             r.dns(a);
             REQUIRE(!r.authorizations.empty());
             CHECK_FALSE(r.authorizations.back().allowed);
         }
         CHECK(r.authorizations.size() == std::size(answers));
     }},
    {Story::r_install,
     [](Rig& r) {
         r.installed(r.child(9, false));
         CHECK(r.state() == "keyed");
         CHECK(r.policies.empty());
         r.pass(999ms);
         CHECK(r.policies.empty());
         r.pass(1ms);  // at the latest
         CHECK(r.policy() == FlowState::encrypt);
     }},
    {Story::r_identical,
     [](Rig& r) {
         r.key_pair();
         r.pass(45s);
         r.installed(r.child(9, false));
         CHECK(r.policies.back().child == 1);
         CHECK(r.deletes.empty());
         r.keying.on_first_esp(9, r.now);
         r.drain();
         CHECK(r.policies.back().child == 9);
         REQUIRE(r.deletes.size() == 1);
         CHECK(r.deletes[0].child == 1);
         r.gone(1, ike::ChildGone::Reason::deleted_by_us);
         CHECK(r.state() == "keyed");
     }},
    // ---- f
    {Story::f_late,
     [](Rig& r) {
         r.seek();
         r.pass(31s);
         CHECK(r.policy() == FlowState::pass);
         r.installed(r.child(1, true));
         CHECK(r.policy() == FlowState::encrypt);
         CHECK(r.state() == "keyed");
     }},
    {Story::f_peer,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::none));
         r.installed(r.child(9, false));
         CHECK(r.state() == "keyed");
         r.pass(1s);
         CHECK(r.policy() == FlowState::encrypt);
     }},
    {Story::f_used,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::none, {}, 50s));
         r.pass(50s);
         REQUIRE(r.asked.size() == 1);
         r.used(true);
         CHECK(r.state() == "potential");
         CHECK(r.policies.size() == 1);  // unchanged until a conclusion
         CHECK(r.lookups.size() == 2);
     }},
    {Story::f_idle,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::none, {}, 50s));
         r.pass(50s);
         r.used(false);
         CHECK(r.state() == "expired");
         REQUIRE(r.dropped.size() == 1);
         r.removed();
         CHECK(r.state() == "none");
     }},
    {Story::f_defer,
     [](Rig& r) {
         r.config.limits.pending_per_source = 1;
         r.miss();
         r.dns(answer(Outcome::none, {}, 50s));
         r.pass(49s);
         r.miss({kAlice, kCarol});
         r.pass(1s);
         r.used(true);
         CHECK(r.state() == "clear-text");
         CHECK(r.ran(Story::f_defer) == 1);
     }},
    // ---- k
    {Story::k_soft,
     [](Rig& r) {
         r.key_pair();
         r.keying.on_sa_expired(1, false, r.now);
         r.keying.on_sa_expired(1, false, r.now);
         r.drain();
         CHECK(r.rekeys.size() == 1);
         CHECK(r.state() == "keyed");
     }},
    {Story::k_rekey_own,
     [](Rig& r) {
         r.key_pair();
         r.keying.on_sa_expired(1, false, r.now);
         auto n = r.child(2, true);
         n.replaces = 1;
         r.installed(n);
         CHECK(r.policies.back().child == 2);
         REQUIRE(r.deletes.size() == 1);
         CHECK(r.deletes[0].child == 1);
         r.gone(1, ike::ChildGone::Reason::rekeyed);
         CHECK(r.state() == "keyed");
     }},
    {Story::k_rekey_peer,
     [](Rig& r) {
         r.key_pair();
         auto n = r.child(2, false);
         n.replaces = 1;
         r.installed(n);
         r.pass(5s);
         CHECK(r.policies.back().child == 1);
         r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
         CHECK(r.policies.back().child == 2);
         CHECK(r.state() == "keyed");
     }},
    {Story::k_rekey_both,
     [](Rig& r) {
         r.key_pair();
         r.keying.on_sa_expired(1, false, r.now);
         auto ours = r.child(2, true, 3);
         auto theirs = r.child(3, false, 8);
         ours.replaces = theirs.replaces = 1;
         r.installed(ours);
         CHECK(r.policies.back().child == 2);
         r.installed(theirs);
         r.pass(1s);
         CHECK(r.policies.back().child == 2);
         r.keying.on_first_esp(3, r.now);
         r.drain();
         CHECK(r.policies.back().child == 3);
         CHECK(r.deletes.back().child == 2);
         r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
         r.gone(2, ike::ChildGone::Reason::deleted_by_us);
         CHECK(r.state() == "keyed");
     }},
    {Story::k_rekey_fail,
     [](Rig& r) {
         r.key_pair();
         r.keying.on_sa_expired(1, false, r.now);
         r.keying.on_rekey_failed(1, r.now);
         r.drain();
         CHECK(r.state() == "keyed");
         r.keying.on_sa_expired(1, true, r.now);
         r.drain();
         CHECK(r.state() == "potential");
     }},
    {Story::k_move,
     [](Rig& r) {
         r.installed(r.child(9, false));
         r.keying.on_first_esp(9, r.now);
         r.drain();
         CHECK(r.policies.size() == 1);
         r.keying.on_first_esp(9, r.now);
         r.pass(2s);
         CHECK(r.policies.size() == 1);
     }},
    {Story::k_old,
     [](Rig& r) {
         r.key_pair();
         auto n = r.child(2, true);
         n.replaces = 1;
         r.installed(n);
         r.gone(1, ike::ChildGone::Reason::deleted_by_us);
         CHECK(r.state() == "keyed");
     }},
    {Story::k_hard,
     [](Rig& r) {
         r.key_pair();
         r.keying.on_sa_expired(1, true, r.now);
         r.drain();
         CHECK(r.state() == "potential");
         CHECK(r.policy() == FlowState::hold);
         CHECK(r.lookups.size() == 2);
         CHECK(r.deletes.size() == 1);
     }},
    {Story::k_delete,
     [](Rig& r) {
         r.key_pair();
         r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
         CHECK(r.state() == "expired");
         CHECK(r.dropped.size() == 1);

         Rig held;  // keyed by the peer and deleted again while our datagram waits
         held.miss();
         held.installed(held.child(9, false));
         held.gone(9, ike::ChildGone::Reason::deleted_by_peer);
         CHECK(held.state() == "potential");
         CHECK(held.dropped.empty());
         CHECK(held.lookups.size() == 2);
     }},
    {Story::k_dead,
     [](Rig& r) {
         r.key_pair();
         r.gone(1, ike::ChildGone::Reason::ike_dead);
         CHECK(r.policy() == FlowState::hold);
         CHECK(r.deletes.empty());
         r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
         CHECK(r.exchanges.back().request.fresh);
     }},
    {Story::k_hint,
     [](Rig& r) {
         r.key_pair();
         r.keying.on_peer_hint(kSgC, r.now);  // a stranger's hint means nothing
         r.keying.on_peer_hint(kSgB, r.now);
         r.keying.on_peer_hint(kSgB, r.now);
         r.keying.on_clear_text(kPair, r.now);
         r.drain();
         CHECK(r.checks.size() == 1);
         r.pass(60s);
         r.used(true);
         r.keying.on_clear_text(kPair, r.now);
         r.drain();
         CHECK(r.checks.size() == 2);
         CHECK(r.policy() == FlowState::encrypt);
     }},
    {Story::k_second,
     [](Rig& r) {
         r.key_pair();
         auto n = r.child(9, false);
         n.remote = kSgC;
         n.peer = Identity::of(kSgC);
         r.pass(45s);
         r.installed(n);
         r.pass(1s);
         CHECK(r.policies.back().child == 9);
         CHECK(r.deletes.empty());  // both inbound stay
     }},
    {Story::k_ike_gone,
     [](Rig& r) {
         r.key_pair();
         r.gone(1, ike::ChildGone::Reason::initial_contact);
         CHECK(r.state() == "expired");
     }},
    // ---- l, e, x
    {Story::l_used,
     [](Rig& r) {
         r.key_pair();
         r.pass(60s);
         CHECK(r.state() == "expiring-keyed");
         REQUIRE(r.asked.size() == 1);
         CHECK(r.asked[0].child == 1);
         r.used(true);
         CHECK(r.state() == "keyed");
         r.pass(20min - 1s);
         CHECK(r.asked.size() == 1);
         r.pass(1s);
         CHECK(r.asked.size() == 2);
     }},
    {Story::l_ask,
     [](Rig& r) {
         r.key_pair();
         r.pass(62s);
         CHECK(r.asked.size() == 2);
     }},
    {Story::l_unused,
     [](Rig& r) {
         r.key_pair();
         r.pass(60s);
         r.used(false);
         CHECK(r.state() == "expired");
         CHECK(r.deletes.size() == 1);
         r.gone(1, ike::ChildGone::Reason::deleted_by_us);
         r.removed();
         CHECK(r.state() == "none");
         CHECK(r.keying.counters().connections == 0);
         CHECK(r.keying.next_deadline() == kNever);
     }},
    {Story::l_stale,
     [](Rig& r) {
         r.miss();
         r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}, 30s));
         r.installed(r.child(1, true));
         r.pass(60s);
         r.used(true);
         CHECK(r.state() == "keyed");  // counted only: a later issue
     }},
    {Story::e_close,
     [](Rig& r) {
         r.key_pair();
         r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
         r.pass(5s);  // the report was lost
         CHECK(r.state() == "none");
     }},
    {Story::e_datagram,
     [](Rig& r) {
         r.key_pair();
         r.gone(1, ike::ChildGone::Reason::deleted_by_peer);
         r.miss();
         CHECK(r.state() == "potential");
         CHECK(r.lookups.size() == 2);
     }},
    {Story::x_clear,
     [](Rig& r) {
         r.key_pair();
         CHECK(r.keying.clear(kPair, r.now));
         r.drain();
         CHECK(r.state() == "expired");
         CHECK_FALSE(r.keying.clear({kAlice, kCarol}, r.now));
     }},
    {Story::x_shutdown,
     [](Rig& r) {
         r.key_pair();
         r.keying.shutdown(r.now);
         r.drain();
         CHECK(r.deletes.size() == 1);
         r.miss({kAlice, kCarol});
         r.want_keys();
         r.ask(r.offer(kBob));
         CHECK(r.lookups.size() == 1);  // offers are ignored
         REQUIRE(r.authorizations.size() == 1);
         CHECK_FALSE(r.authorizations[0].allowed);
     }},
};

}  // namespace

TEST_CASE("each row does what keying.md says") {
    for (const Script& script : kScripts) {
        INFO("row " << to_text(script.story));
        Rig rig;
        script.play(rig);
        CHECK(rig.ran(script.story) > 0);
    }
}

TEST_CASE("every row of groups n, p, g, s and r has a script") {
    std::set<Story> scripted;
    for (const Script& script : kScripts) scripted.insert(script.story);
    for (const Row& row : rows()) {
        const char letter = to_text(row.story)[0];
        if (std::string_view("npgsr").find(letter) == std::string_view::npos) continue;
        INFO("row " << to_text(row.story));
        CHECK(scripted.contains(row.story));
    }
}

TEST_CASE("each row is found by its own facts, whatever the order") {
    for (const Row& row : rows())
        for (unsigned s = 0; s < static_cast<unsigned>(State::kCount); ++s)
            if ((row.from >> s & 1) != 0) {
                const Row* found = find_row(static_cast<State>(s), row.event, row.requires_.value);
                REQUIRE(found != nullptr);
                CHECK(found->story == row.story);
            }
}

TEST_CASE("a tampered zone is never taken for an absent one") {
    for (const char* destination : {"192.2.0.66", "192.2.5.66"}) {  // permissive, paranoid
        Rig r;
        r.miss(to(destination));
        r.dns(answer(Outcome::bogus, {}, 1h, Verdict::bogus));
        CHECK(r.policy() == FlowState::deny);
        // A bogus key of the only gateway denies as well: the chain is as weak as its weakest link.
        Rig k;
        k.seek({gateway(kSgB, 10, false)}, to(destination));
        k.key_dns(keys(Outcome::bogus, Verdict::bogus));
        CHECK(k.policy() == FlowState::deny);
    }
}

TEST_CASE("a responder never skips the source check") {
    Rig r;
    r.ask(r.offer(kBob));
    CHECK(r.authorizations.empty());
    r.dns(answer(Outcome::none));
    REQUIRE(r.authorizations.size() == 1);
    CHECK_FALSE(r.authorizations[0].allowed);
    CHECK(r.ran(Story::r_undelegated) == 1);
}

TEST_CASE("gateways that are our own, inside, special-use or unsecured are refused") {
    const auto refused = [](const Address& a, Verdict verdict = Verdict::secure) {
        Rig r;
        r.miss();
        r.dns(answer(Outcome::usable, {gateway(a, 10, true, verdict)}, 1h, verdict));
        CHECK(r.reason() == "p.unusable");
        return r.exchanges.empty();
    };
    CHECK(refused(kSgA));
    CHECK(refused(ip("192.1.0.1")));
    CHECK(refused(ip("192.1.0.80")));
    CHECK(refused(ip("10.9.0.3")));
    CHECK(refused(ip("127.0.0.1")));
    CHECK(refused(ip("224.0.0.5")));
    CHECK(refused(ip("0.0.0.0")));
    CHECK(refused(ip("255.255.255.255")));
    CHECK(refused(ip("169.254.0.9")));
    CHECK(refused(ip("2001:db8::7")));  // we have no IPv6 outside address
    CHECK(refused(kSgB, Verdict::insecure));
    Rig self;  // unsigned, but naming itself
    self.seek({gateway(kBob, 10, true, Verdict::insecure)});
    CHECK(self.exchanges.size() == 1);
    Rig mixed;  // what remains decides
    mixed.seek({gateway(kSgA, 1), gateway(kSgB, 2)});
    REQUIRE(mixed.exchanges.size() == 1);
    CHECK(mixed.exchanges[0].request.gateway == kSgB);
}

TEST_CASE("lost and late DNS answers: each hold ends in a bound") {
    Rig lost;
    lost.miss();
    lost.pass(30s);  // discovery itself would say `failed` after 5 s
    CHECK(lost.policy() == FlowState::pass);
    CHECK(lost.abandoned.size() == 1);
    lost.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));  // after all that
    CHECK(lost.exchanges.empty());
    CHECK(lost.keying.counters().stray_answers == 1);

    Rig paranoid;
    paranoid.miss(to("192.2.5.1"));
    paranoid.pass(30s);
    CHECK(paranoid.policy() == FlowState::deny);

    Rig key_lost;
    key_lost.seek({gateway(kSgB, 10, false)});
    key_lost.pass(30s);
    CHECK(key_lost.policy() == FlowState::pass);
    key_lost.pass(5s);
    key_lost.key_dns(keys(Outcome::usable));  // late, but still waited for
    CHECK(key_lost.exchanges.size() == 1);
    key_lost.installed(key_lost.child(1, true));
    CHECK(key_lost.state() == "keyed");

    Rig twice;
    twice.seek();
    twice.dns(answer(Outcome::bogus));  // a second answer to the same question
    CHECK(twice.state() == "pending");
    CHECK(twice.keying.counters().stray_answers == 1);
}

TEST_CASE("an SA pair that traffic has left is never moved back to") {
    // A rekey of ours finishes when the pair has expired and was keyed anew: the former
    // rekey takes over; when it goes, the one between may not begin again.
    Rig r;
    r.key_pair();
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    r.dns(answer(Outcome::usable, {gateway(kSgB, 10)}));
    r.installed(r.child(2, true));
    auto late = r.child(3, true);
    late.replaces = 1;
    r.installed(late);
    CHECK(r.ran(Story::k_rekey_own) == 0);
    CHECK(r.policies.back().child == 3);
    const std::size_t num_policies = r.policies.size();
    r.gone(3, ike::ChildGone::Reason::deleted_by_peer);
    CHECK(r.policies.size() == num_policies);
    CHECK(r.state() == "expired");
}

TEST_CASE("an event without a row is counted and named") {
    Rig r;
    r.key_pair();
    UseReport report;
    report.pair = kPair;
    r.seek({gateway(kSgB, 10)}, {kAlice, kCarol});
    const auto before = r.keying.counters().refused_events;
    r.keying.on_rekey_failed(1, r.now);
    CHECK(r.keying.counters().refused_events == before);
    r.installed(r.child(1, true));  // the same child again: nothing
    r.keying.on_sa_expired(1, true, r.now);
    r.drain();
    r.keying.on_rekey_failed(1, r.now);  // its child is forgotten
    r.drain();
    CHECK(r.state() == "potential");
}

TEST_CASE("longest destination prefix decides the class, inside-ness too") {
    const config::Config c = make_config();
    const Realm realm(c);
    CHECK(realm.class_of(ip("192.2.4.1")).kind == ClassKind::oe_permissive);
    CHECK(realm.class_of(ip("192.2.5.1")).kind == ClassKind::oe_paranoid);
    CHECK(realm.class_of(ip("192.3.5.1")).kind == ClassKind::deny);
    CHECK_FALSE(realm.class_of(ip("192.3.5.1")).prefix);
    CHECK(realm.inside(ip("192.1.0.9")));
    CHECK(realm.inside(ip("10.9.255.1")));
    CHECK_FALSE(realm.inside(ip("192.1.0.1")));  // ours
    CHECK_FALSE(realm.inside(ip("192.1.1.9")));
    CHECK_FALSE(realm.inside(ip("8.8.8.8")));
    CHECK_FALSE(realm.inside(ip("2001:db8::1")));
    CHECK(realm.identity(Family::ipv4) == kSgA);
    CHECK_FALSE(realm.identity(Family::ipv6));
}
