// Plays DNS, engine and worker against the connection machine, in virtual time; and
// the list of row tests, from which coverage.cpp tells what no test executes.
#pragma once

#include <deque>
#include <set>
#include <vector>

#include "catch.hpp"
#include "keying/keying.hpp"

using namespace oegate;
using namespace oegate::keying;
using discovery::Outcome;

/// What the Rigs of the running test executed, by index in rows().
void note_rows(const Counters& counters);

/// A test of one row: named "row NAME" or "row NAME: what about it", and on the list
/// of coverage.cpp, which demands that it executes that row.
class RowTest {
  public:
    RowTest(const char* name, void (*play)());
};
#define OEGATE_JOIN_(a, b) a##b
#define OEGATE_JOIN(a, b) OEGATE_JOIN_(a, b)
#define ROW_TEST(name)                                                                      \
    static void OEGATE_JOIN(play_, __LINE__)(Rig & r);                                      \
    static void OEGATE_JOIN(run_, __LINE__)() {                                             \
        Rig rig;                                                                            \
        OEGATE_JOIN(play_, __LINE__)(rig);                                                  \
    }                                                                                       \
    static const RowTest OEGATE_JOIN(listed_, __LINE__)(name, OEGATE_JOIN(run_, __LINE__)); \
    TEST_CASE(name) {                                                                       \
        OEGATE_JOIN(run_, __LINE__)();                                                      \
    }                                                                                       \
    static void OEGATE_JOIN(play_, __LINE__)([[maybe_unused]] Rig & r)

inline Address ip(const char* text) {
    return Address::parse(text).value();
}

inline const Address kAlice = ip("192.1.0.65");
inline const Address kBob = ip("192.2.0.66");
inline const Address kCarol = ip("192.2.0.67");
inline const Address kSgA = ip("192.1.1.5");
inline const Address kSgB = ip("192.2.1.7");
inline const Address kSgC = ip("192.2.1.8");
inline const Pair kPair{kAlice, kBob};

inline const Address kSgD = ip("192.2.1.9");  // the configured peer

inline PublicKey key(std::uint8_t n) {
    return {PublicKey::Algorithm::rsa, {3, 1, 0, 1, n}};
}

inline config::Config make_config() {
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
    c.classes[5].peer = "branch";
    c.peers = {{"branch", kSgD, "Branch.Example.", {to_base64(key(9).data)}},
               {"office", ip("192.2.1.10"), "", {to_base64(key(8).data)}}};
    c.default_class = ClassKind::deny;
    return c;
}

inline discovery::Candidate gateway(const Address& a, unsigned precedence, bool with_key = true,
                                    Verdict verdict = Verdict::secure) {
    discovery::Candidate c;
    c.gateway = a;
    c.id = Identity::of(a);
    c.precedence = precedence;
    c.verdict = verdict;
    if (with_key) c.keys = {key(1)};
    return c;
}

inline discovery::DelegationAnswer answer(Outcome outcome, std::vector<discovery::Candidate> candidates = {},
                                          Duration lifetime = 1h, Verdict verdict = Verdict::secure) {
    discovery::DelegationAnswer a;
    a.outcome = outcome;
    a.verdict = verdict;
    a.candidates = std::move(candidates);
    a.lifetime = lifetime;
    return a;
}

inline discovery::KeyAnswer keys(Outcome outcome, Verdict verdict = Verdict::secure) {
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
        : config(std::move(c)), realm(config), keying(config, realm, [this] { return wall; }) {}
    ~Rig() { note_rows(keying.counters()); }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    std::int64_t wall = 1'800'000'000;  // seconds of the calendar
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
    std::vector<CloseChannel> closed;
    std::vector<AnswerPeerKeys> peer_keys;
    std::vector<AnswerAuthorization> authorizations;
    std::vector<StickyEntry> remembered;
    std::vector<Address> released;
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
    /// used, and the DNS answer stale: asked again
    void go_stale() {
        pass(60s);
        used(true);
        REQUIRE(lookups.size() == 2);
        CHECK(lookups.back().fresh);
        CHECK(state() == "expiring-keyed");
    }
    NewChild child(ike::ChildId id, bool ours, std::uint8_t nonce = 5) {
        NewChild c;
        c.child = id;
        c.channel = 77;
        c.connection = ours && !exchanges.empty() ? exchanges.back().request.connection : 0;
        c.initiator = ours;
        c.pair = kPair;
        c.remote = kSgB;
        c.peer = Identity::of(kSgB);
        c.key = key(1);
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
    /// keyed by our own exchange, child 1; DNS says so for `lifetime`
    void key_pair(Duration lifetime = 1h, const Pair& pair = kPair) {
        miss(pair);
        dns(answer(Outcome::usable, {gateway(kSgB, 10)}, lifetime));
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
        // Measured, not read: until DNS is asked for it again, the pair being in use.
        const Time start = now;
        const std::size_t asked_before = lookups.size();
        while (state(pair) != "potential" && lookups.size() == asked_before && now - start < 13h) {
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
    void take(CloseChannel a) { closed.push_back(a); }
    void take(CheckLiveness a) { checks.push_back(a); }
    void take(AnswerPeerKeys a) { peer_keys.push_back(std::move(a)); }
    void take(AnswerAuthorization a) { authorizations.push_back(a); }
    void take(RememberSticky a) { remembered.push_back(a.entry); }
    void take(ForgetSticky a) { released.push_back(a.destination); }
    void take(Transition a) { transitions.push_back(std::move(a)); }
};

inline Pair to(const char* destination) {
    return {kAlice, ip(destination)};
}
