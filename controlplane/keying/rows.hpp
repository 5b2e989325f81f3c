// THE state table of the connection machine (keying.md; OE draft §3.2-3.4) and of
// the responder's offers. A row is the specification: in state `from`, when `event`
// happens and the facts agree with `requires`, do `run` and go to `to`. step.cpp
// executes rows; docs/states.md is written from them. Order does not matter: a
// compile-time check proves that no two rows overlap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace oegate::keying {

// Row names, the stable reason codes of `show flows` and `explain`. Append only: the
// number is what a worker keeps. X(id, name, what it means to an operator)
#define OEGATE_STORIES(X)                                                                                 \
    X(unknown, "?", "no reason recorded")                                                                 \
    X(n_clear, "n.clear", "class always-clear-text")                                                      \
    X(n_deny, "n.deny", "class deny")                                                                     \
    X(n_accept_only, "n.accept-only", "class oe-accept-only never initiates")                             \
    X(n_configured, "n.configured", "class configured: keyed with the peer that the configuration names") \
    X(n_oe, "n.oe", "opportunistic: asking DNS who protects the destination")                             \
    X(n_none, "n.none", "no class matches: the administrator's default")                                  \
    X(n_limit, "n.limit", "too many pairs are being keyed for this source or in total")                   \
    X(n_full, "n.full", "bound of connections reached: answered without an instance")                     \
    X(n_repeat, "n.repeat", "the worker asks again while keying goes on")                                 \
    X(n_reapply, "n.reapply", "the worker had forgotten a policy: sent again")                            \
    X(p_found, "p.found", "DNS names a gateway and its key: keying started")                              \
    X(p_key, "p.key", "the gateway's record carries no key: looking it up at the gateway's name")         \
    X(p_no_key, "p.no-key", "no usable key is published for the gateway")                                 \
    X(p_unusable, "p.unusable", "DNS has only records that the rules ignore")                             \
    X(p_none, "p.none", "DNS names no gateway for the destination")                                       \
    X(p_dnsfail, "p.dnsfail", "DNS did not answer")                                                       \
    X(p_bogus, "p.bogus", "DNS answer is bogus: denied, whatever the class")                              \
    X(p_malformed, "p.malformed", "DNS has only malformed records: denied, whatever the class")           \
    X(p_channel, "p.channel", "a keying channel to this gateway is reused")                               \
    X(g_retry, "g.retry", "the gateway asked for another try (cookie, group, busy)")                      \
    X(g_unprotected, "g.unprotected", "unprotected error ignored while waiting")                          \
    X(g_silence, "g.silence", "the gateway does not answer")                                              \
    X(g_dead, "g.dead", "the reused channel is silent: a fresh exchange")                                 \
    X(g_signature, "g.signature", "the gateway's signature or identity is wrong")                         \
    X(g_refused, "g.refused", "the gateway does not accept our authentication")                           \
    X(g_child, "g.child", "the gateway refuses this pair")                                                \
    X(g_full, "g.full", "the channel takes no more pairs: a new one")                                     \
    X(g_limit, "g.limit", "our own bound of exchanges is reached")                                        \
    X(g_hold_limit, "g.hold-limit", "keying takes too long: held datagrams get their answer")             \
    X(g_keyed, "g.keyed", "SA pair installed")                                                            \
    X(g_late, "g.late", "a late exchange came to nothing")                                                \
    X(f_late, "f.late", "an exchange that we started succeeded late")                                     \
    X(f_peer, "f.peer", "an authorized peer keyed the pair")                                              \
    X(f_look, "f.look", "lifespan of the failure is over: is the pair still used?")                       \
    X(f_used, "f.used", "still used: asking DNS again")                                                   \
    X(f_idle, "f.idle", "no longer used: forgotten")                                                      \
    X(f_defer, "f.defer", "still used, but too many pairs are being keyed: later")                        \
    X(s_peer_first, "s.peer-first", "the peer's exchange finished first")                                 \
    X(s_both, "s.both", "both exchanges finished: the one with the lowest nonce is closed")               \
    X(k_soft, "k.soft", "rekeying in good time")                                                          \
    X(k_rekey_own, "k.rekey-own", "our rekey finished: moved at once")                                    \
    X(k_rekey_peer, "k.rekey-peer", "the peer rekeyed: we move on its first packet or delete")            \
    X(k_rekey_both, "k.rekey-both", "rekeys collided: the one with the lowest nonce is closed")           \
    X(k_rekey_fail, "k.rekey-fail", "rekey failed: the SA stays until its hard expiry")                   \
    X(k_move, "k.move", "outbound traffic moved to the new SA")                                           \
    X(k_old, "k.old", "an SA that is not in use any more is gone")                                        \
    X(k_hard, "k.hard", "SA expired: held, and keyed anew")                                               \
    X(k_delete, "k.delete", "the peer deleted the SA pair")                                               \
    X(k_hint, "k.hint", "hint that the peer lost its SAs: checking whether it lives")                     \
    X(k_dead, "k.dead", "the peer does not answer: held, and keyed anew")                                 \
    X(k_second, "k.second", "another delegated gateway keyed the pair")                                   \
    X(k_ike_gone, "k.ike-gone", "the keying channel is gone, and its SAs with it")                        \
    X(k_key_gone, "k.key-gone", "the peer's key is no longer published: authenticated anew, or closed")   \
    X(l_look, "l.look", "is the pair still used?")                                                        \
    X(l_ask, "l.ask", "the worker has not said yet whether the pair is used: asked again")                \
    X(l_used, "l.used", "still used")                                                                     \
    X(l_unused, "l.unused", "no longer used: closed")                                                     \
    X(l_stale, "l.stale", "DNS answer is stale: asking again, nothing changes meanwhile")                 \
    X(l_changed, "l.changed", "DNS answer changed: judged anew, nothing changes meanwhile")               \
    X(l_bad, "l.bad", "asking DNS again came to nothing: unchanged, tried again later")                   \
    X(e_close, "e.close", "closed, the worker's objects are removed")                                     \
    X(e_datagram, "e.datagram", "a datagram arrived while closing: a new instance")                       \
    X(x_shutdown, "x.shutdown", "orderly shutdown")                                                       \
    X(x_clear, "x.clear", "the operator cleared the pair")                                                \
    X(r_threshold, "r.threshold", "too many half-open exchanges: cookie")                                 \
    X(r_configured, "r.configured", "identity of a configured peer: the configuration alone decides")     \
    X(r_key, "r.key", "looking up the key of a peer that wants to talk to us")                            \
    X(r_wait, "r.wait", "the lookup for this peer runs already")                                          \
    X(r_no_key, "r.nokey", "no key of the peer is published")                                             \
    X(r_budget, "r.budget", "too many lookups for this peer or in total")                                 \
    X(r_auth, "r.auth", "a published key of the peer verifies")                                           \
    X(r_class, "r.class", "destination is not ours, or the class forbids it")                             \
    X(r_claim, "r.claim", "the peer claims an address that is ours or inside")                            \
    X(r_weaker, "r.weaker", "the pair is held under a stronger DNS verdict")                              \
    X(r_self, "r.self", "the peer speaks for its own address")                                            \
    X(r_source, "r.source", "looking up who may speak for the proposed source")                           \
    X(r_delegated, "r.delegated", "DNS delegates the proposed source to this peer and key")               \
    X(r_undelegated, "r.undelegated", "DNS does not delegate the proposed source to this peer")           \
    X(r_install, "r.install", "the peer keyed this pair")                                                 \
    X(r_identical, "r.identical", "the peer keyed the pair anew: the new SA pair replaces the old")       \
    X(p_insecure, "p.insecure", "DNSSEC does not secure the gateway, and the class requires it")          \
    X(l_same, "l.same", "asked DNS again: nothing has changed")                                           \
    X(f_sticky, "f.sticky", "was encrypted before: denied, whatever DNS says without proof")              \
    X(r_insecure, "r.insecure", "DNSSEC does not secure who the peer is, and the class requires it")      \
    X(r_own_source, "r.own-source", "DNS delegates the source to nobody: the peer speaks from it itself")

enum class Story : std::uint16_t {
#define OEGATE_STORY_ENUM(id, name, help) id,
    OEGATE_STORIES(OEGATE_STORY_ENUM)
#undef OEGATE_STORY_ENUM
        kCount
};
inline constexpr std::size_t kNumStories = static_cast<std::size_t>(Story::kCount);

std::string_view to_text(Story);
/// One line for an operator.
std::string_view help(Story);
/// What an operator can do about it, one line; empty where nothing failed.
std::string_view advice(Story);
/// The inverse of to_text; unknown for anything else.
Story story_of(std::string_view name);
/// What a worker hands back in a flow record.
std::string_view reason_text(std::uint16_t reason);

/// States of a connection instance, and of a peer's offer. Expiring is a sub-state
/// of what it came from (OE draft §3.2.7), so it has one state for each.
enum class State : std::uint8_t {
    none,
    potential,
    pending,
    keyed,
    clear_text,
    deny,
    expiring_keyed,
    expiring_clear,
    expiring_deny,
    expired,
    gone,
    offered,   // offer: a peer's question has arrived
    waiting,   // offer: DNS is asked
    answered,  // offer: over
    kCount
};
std::string_view to_text(State);

enum class Event : std::uint8_t {
    request,           // keying request of a worker (§3.2.1)
    candidate,         // DNS gave a gateway with a key
    candidate_no_key,  // DNS gave a gateway, its key is elsewhere
    key_missing,       // the key lookup of a gateway gave none
    unusable,          // Outcome::unusable, or all gateways are refused
    absent,            // Outcome::none
    dns_failed,        // Outcome::failed
    bogus,             // Outcome::bogus
    malformed,         // Outcome::malformed
    insecure,          // usable, but not under a class that requires secure
    silence,           // ike::Failure, one event each
    dead_channel,
    bad_signature,
    refused,
    child_refused,
    channel_full,
    too_many,
    configured_peer,  // class configured: the gateway and its key
    no_tunnel,        // class configured, but we have no address or key for its gateway
    requery_same,     // DNS, asked again, says the same: no gateway, or the one in use
    requery_usable,   // as before, gateways with which keying had failed
    requery_differs,
    requery_bad,  // no answer, a bogus one, or one less secure than the SA pair
    ike_rekeyed,  // the channel goes on: is its key still published?
    key_gone,     // the gateway in use is still delegated to, under other keys
    sticky,       // a failure that would have been clear text, or is, in another pair of the host
    hold_timer,
    late_timer,
    lifespan_timer,
    look_timer,
    ask_timer,
    move_timer,   // a responder's outbound SA is used after 1 s at the latest
    probe_timer,  // exchanges crossed a while ago: does the winner's channel live?
    close_timer,
    used_report,     // answer of the worker
    removed_report,  // final counts
    child_installed,
    first_esp,
    soft_expiry,
    hard_expiry,
    rekey_failed,
    child_deleted,  // authenticated delete, by the peer or as our own
    child_dead,     // liveness unanswered
    ike_gone,       // IKE SA deleted, INITIAL_CONTACT
    hint,           // unknown SPI, ICMP, clear text from the peer's host
    clear,          // operator
    shutdown,
    want_keys,  // offers: ike::WantPeerKeys
    keys_found,
    keys_missing,
    want_source,  // offers: ike::WantAuthorization
    source_named,
    source_unnamed,
    kCount
};
std::string_view to_text(Event);

/// Facts, computed before a row is looked for. The lowest three bits are the class.
using Facts = std::uint32_t;
enum class ClassGroup : std::uint8_t { deny, clear, oe, configured, accept_only };
inline constexpr Facts kClassMask = 7;
inline constexpr Facts class_fact(ClassGroup g) {
    return static_cast<Facts>(g);
}
inline constexpr Facts kByDefault = 1u << 3;     // no class matched
inline constexpr Facts kLimit = 1u << 4;         // a bound of pending connections or lookups is reached
inline constexpr Facts kFull = 1u << 5;          // the bound of connections is reached
inline constexpr Facts kMore = 1u << 6;          // another gateway can be tried
inline constexpr Facts kHolding = 1u << 7;       // the worker holds this pair
inline constexpr Facts kUsed = 1u << 8;          // used in the last 30 s, in either direction
inline constexpr Facts kOver = 1u << 9;          // the lifespan of a failure is over
inline constexpr Facts kInitiator = 1u << 10;    // we started the exchange of this child
inline constexpr Facts kRekey = 1u << 11;        // this child replaces another
inline constexpr Facts kCollide = 1u << 12;      // a rekey or an exchange of the peer's and ours crossed
inline constexpr Facts kSamePeer = 1u << 13;     // the pair's present peer
inline constexpr Facts kCurrent = 1u << 14;      // outbound traffic uses this child
inline constexpr Facts kOther = 1u << 15;        // another child of the pair can take over
inline constexpr Facts kRekeying = 1u << 16;     // a rekey of ours runs already
inline constexpr Facts kBetter = 1u << 17;       // this child may become the one in use
inline constexpr Facts kClaim = 1u << 18;        // offer: claims an inside or own address
inline constexpr Facts kClassOk = 1u << 19;      // offer: destination inside, class allows
inline constexpr Facts kWeaker = 1u << 20;       // offer: another peer's pair, stronger verdict
inline constexpr Facts kSelf = 1u << 21;         // offer: source is the authenticated address
inline constexpr Facts kStale = 1u << 22;        // the DNS answer that decided has outlived its TTL
inline constexpr Facts kReauth = 1u << 23;       // keyed anew because the key is gone
inline constexpr Facts kConfigured = 1u << 24;   // offer: identity of a configured peer
inline constexpr Facts kCovered = 1u << 25;      // offer: the pair's class is configured with that peer
inline constexpr Facts kInsecure = 1u << 26;     // offer: the class requires secure, and the peer is not
inline constexpr Facts kAsking = 1u << 27;       // DNS is being asked again
inline constexpr Facts kEncrypting = 1u << 28;   // the worker encrypts this pair
inline constexpr Facts kInitiates = 1u << 29;    // class opportunistic (not accept-only) or configured
inline constexpr Facts kRekeyFailed = 1u << 30;  // the SA pair in use could not be rekeyed
inline constexpr Facts kOwnSource = 1u << 31;    // offer: undelegated, and where the peer itself is

/// The facts of `mask` must have `value`.
struct Requires {
    Facts mask = 0;
    Facts value = 0;
    constexpr bool holds(Facts facts) const { return (facts & mask) == value; }
};

/// What a row does: runs.cpp.
enum class Run : std::uint8_t {
    nothing,
    note,            // log and count only
    start_lookup,    // ask DNS, hold
    relookup,        // ask DNS, policy unchanged
    requery,         // ask DNS afresh, state and policy unchanged
    refresh,         // the answer holds on: new times
    retry_query,     // ask again after the re-query timer
    rejudge,         // what the re-query said decides; policy unchanged until then
    reauthenticate,  // the same, with a fresh channel
    answer_only,     // tell the worker and forget: no instance
    ask_key,         // key lookup of the present gateway
    start_exchange,  // with the present gateway
    fresh_exchange,  // the same gateway, no reuse of its channel
    next_gateway,    // give this one up, walk on
    conclude,        // tell the worker what this class means on failure; lifespan
    conclude_class,  // tell the worker what the class says; no lifespan
    hold_over,       // as conclude, but the exchange goes on
    forget_late,     // the late exchange is not waited for any longer
    adopt,           // a first child of this pair
    adopt_crossed,   // a child beside another one of the other side's making
    adopt_rekey,     // a child that replaces another
    adopt_new,       // the peer's new child replaces its old one
    move,            // outbound traffic to this child
    begin_rekey,
    end_rekey,    // a rekey failed
    drop_child,   // forget a child that is not in use
    fall_back,    // forget the child in use, another takes over
    rehold,       // forget the children, hold, key anew
    rehold_anew,  // the same, and the channel is closed
    hold_now,     // the child in use went while keying anew: hold
    resume,       // keying anew takes too long: as before, tried again later
    mark_sticky,
    hold_sticky,  // clear text that waits for something ends now
    check_liveness,
    ask_use,
    look_later,
    defer,
    reapply,
    close,  // remove everything from worker and peer
    gone,
    restart,        // forget this instance, begin a new one
    ask_peer_keys,  // offers
    give_keys,
    give_no_keys,
    allow,
    refuse,
    ask_source,
};
std::string_view to_text(Run);

/// Where a row leads. fail: clear text for oe-permissive unless a DNS chain was
/// bogus or malformed, else deny. back: what an expiring state came from.
enum class To : std::uint8_t {
    same,
    fail,
    back,
    expiring,
    potential,
    pending,
    keyed,
    clear_text,
    deny,
    expired,
    gone,
    waiting,
    answered,
};
std::string_view to_text(To);

using StateSet = std::uint32_t;
inline constexpr StateSet in(State s) {
    return 1u << static_cast<unsigned>(s);
}
template <class... S>
constexpr StateSet in(State s, S... more) {
    return in(s) | in(more...);
}

struct Row {
    Story story;
    StateSet from;
    Event event;
    Requires requires_;
    Run run;
    To to;
    bool security = false;  // a security event: logged as a warning
};

std::span<const Row> rows();

/// The one row that applies; nullptr: the event is refused in this state.
const Row* find_row(State state, Event event, Facts facts);

/// Rows that another room executes, for the page: {story, room}.
struct ForeignRow {
    Story story;
    std::string_view where;
};
std::span<const ForeignRow> foreign_rows();

/// docs/states.md.
std::string_view fact_text(unsigned bit);

}  // namespace oegate::keying
