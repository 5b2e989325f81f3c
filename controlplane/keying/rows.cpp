// The rows themselves, and the proof that they do not overlap.
#include "keying/rows.hpp"

#include <array>

namespace oegate::keying {
namespace {

constexpr Requires operator&(Requires a, Requires b) {
    return {a.mask | b.mask, a.value | b.value};
}
constexpr Requires has(Facts f) {
    return {f, f};
}
constexpr Requires lacks(Facts f) {
    return {f, 0};
}
constexpr Requires is_class(ClassGroup g) {
    return {kClassMask, class_fact(g)};
}
constexpr Requires kAlways{};

constexpr StateSet kNone = in(State::none);
constexpr StateSet kPotential = in(State::potential);
constexpr StateSet kPending = in(State::pending);
constexpr StateSet kSeeking = in(State::potential, State::pending);
constexpr StateSet kKeyed = in(State::keyed, State::expiring_keyed);
constexpr StateSet kFailed = in(State::clear_text, State::deny, State::expiring_clear, State::expiring_deny);
constexpr StateSet kExpiringFailed = in(State::expiring_clear, State::expiring_deny);
constexpr StateSet kExpired = in(State::expired);
constexpr StateSet kLive = kSeeking | kKeyed | kFailed;
constexpr StateSet kServing = kKeyed | kSeeking;  // an SA pair may be in use
constexpr StateSet kOffered = in(State::offered);
constexpr StateSet kWaiting = in(State::waiting);

using enum ClassGroup;

constexpr Requires kMayStart = lacks(kFull) & lacks(kLimit);
constexpr Requires kKnownClass = lacks(kByDefault) & lacks(kFull);
constexpr Requires kDefaultClass = has(kByDefault) & lacks(kFull);
constexpr Requires kSole = has(kCurrent) & lacks(kOther);
constexpr Requires kReplaceable = has(kCurrent) & has(kOther);
constexpr Requires kFresh = lacks(kRekey) & lacks(kCollide);
constexpr Requires kLast = lacks(kMore) & lacks(kReauth);
constexpr Requires kNoReauth = lacks(kMore) & has(kReauth);
constexpr Requires kInUse = kSole & has(kEncrypting);
constexpr Requires kLapsed = kSole & has(kInitiates);
constexpr Requires kOpportunist = lacks(kConfigured);
constexpr Requires kMayAsk = kOpportunist & lacks(kClaim) & has(kClassOk) & lacks(kWeaker);
constexpr Requires kHonest = kMayAsk & lacks(kInsecure);

constexpr std::array kRows{
    // n: a keying request for a pair without an instance (§3.2.1), or once more for one with
    Row{Story::n_clear, kNone, Event::request, is_class(clear) & kKnownClass, Run::conclude_class,
        To::clear_text},
    Row{Story::n_deny, kNone, Event::request, is_class(ClassGroup::deny) & kKnownClass, Run::conclude_class,
        To::deny},
    Row{Story::n_accept_only, kNone, Event::request, is_class(accept_only) & kKnownClass, Run::conclude_class,
        To::clear_text},
    Row{Story::n_configured, kNone, Event::request, is_class(configured) & lacks(kFull), Run::start_lookup,
        To::pending},
    Row{Story::n_configured, kSeeking, Event::configured_peer, kAlways, Run::start_exchange, To::pending},
    Row{Story::n_configured, kSeeking, Event::no_tunnel, kAlways, Run::conclude, To::fail},
    Row{Story::n_oe, kNone, Event::request, is_class(oe) & kMayStart& lacks(kByDefault), Run::start_lookup,
        To::potential},
    Row{Story::n_none, kNone, Event::request, is_class(clear) & kDefaultClass, Run::conclude_class,
        To::clear_text},
    Row{Story::n_none, kNone, Event::request, is_class(ClassGroup::deny) & kDefaultClass, Run::conclude_class,
        To::deny},
    Row{Story::n_none, kNone, Event::request, is_class(accept_only) & kDefaultClass, Run::conclude_class,
        To::clear_text},
    Row{Story::n_none, kNone, Event::request, is_class(oe) & kMayStart& has(kByDefault), Run::start_lookup,
        To::potential},
    Row{Story::n_limit, kNone, Event::request, is_class(oe) & lacks(kFull) & has(kLimit), Run::conclude,
        To::fail},
    Row{Story::n_full, kNone, Event::request, has(kFull), Run::answer_only, To::gone},
    Row{Story::n_repeat, kSeeking, Event::request, kAlways, Run::nothing, To::same},
    Row{Story::n_reapply, kKeyed | kFailed, Event::request, kAlways, Run::reapply, To::same},

    // p: what DNS said (§3.2.4)
    Row{Story::p_found, kSeeking, Event::candidate, kAlways, Run::start_exchange, To::pending},
    Row{Story::p_found, kFailed, Event::candidate, kAlways, Run::start_exchange, To::same},
    Row{Story::p_key, kSeeking | kFailed, Event::candidate_no_key, kAlways, Run::ask_key, To::same},
    Row{Story::p_no_key, kSeeking | kFailed, Event::key_missing, has(kMore), Run::next_gateway, To::same},
    Row{Story::p_no_key, kSeeking, Event::key_missing, kLast, Run::conclude, To::fail},
    Row{Story::p_unusable, kPotential, Event::unusable, kAlways, Run::conclude, To::fail},
    Row{Story::p_insecure, kPotential, Event::insecure, kAlways, Run::conclude, To::fail},
    Row{Story::p_none, kPotential, Event::absent, kAlways, Run::conclude, To::fail},
    Row{Story::p_dnsfail, kPotential, Event::dns_failed, kAlways, Run::conclude, To::fail},
    Row{Story::p_bogus, kPotential, Event::bogus, kAlways, Run::conclude, To::deny, true},
    Row{Story::p_malformed, kPotential, Event::malformed, kAlways, Run::conclude, To::deny, true},

    // g: what the gateway said (§3.2.5); failure only after the last gateway
    Row{Story::g_silence, kPending | kFailed, Event::silence, has(kMore), Run::next_gateway, To::same},
    Row{Story::g_silence, kPending, Event::silence, kLast, Run::conclude, To::fail},
    Row{Story::g_dead, kPending | kFailed, Event::dead_channel, kAlways, Run::fresh_exchange, To::same},
    Row{Story::g_signature, kPending | kFailed, Event::bad_signature, has(kMore), Run::next_gateway, To::same,
        true},
    Row{Story::g_signature, kPending, Event::bad_signature, kLast, Run::conclude, To::fail, true},
    Row{Story::g_refused, kPending | kFailed, Event::refused, has(kMore), Run::next_gateway, To::same},
    Row{Story::g_refused, kPending, Event::refused, kLast, Run::conclude, To::fail},
    Row{Story::g_child, kPending | kFailed, Event::child_refused, has(kMore), Run::next_gateway, To::same},
    Row{Story::g_child, kPending, Event::child_refused, kLast, Run::conclude, To::fail},
    Row{Story::g_full, kPending | kFailed, Event::channel_full, kAlways, Run::fresh_exchange, To::same},
    Row{Story::g_limit, kPending, Event::too_many, lacks(kReauth), Run::conclude, To::fail},
    Row{Story::g_hold_limit, kSeeking, Event::hold_timer, lacks(kEncrypting), Run::hold_over, To::fail},
    Row{Story::g_keyed, kSeeking, Event::child_installed, has(kInitiator) & lacks(kRekey), Run::adopt,
        To::keyed},
    Row{Story::g_late, kFailed, Event::key_missing, lacks(kMore), Run::forget_late, To::same},
    Row{Story::g_late, kFailed, Event::silence, lacks(kMore), Run::forget_late, To::same},
    Row{Story::g_late, kFailed, Event::bad_signature, lacks(kMore), Run::forget_late, To::same, true},
    Row{Story::g_late, kFailed, Event::refused, lacks(kMore), Run::forget_late, To::same},
    Row{Story::g_late, kFailed, Event::child_refused, lacks(kMore), Run::forget_late, To::same},
    Row{Story::g_late, kFailed, Event::too_many, kAlways, Run::forget_late, To::same},
    Row{Story::g_late, kFailed | kKeyed, Event::late_timer, kAlways, Run::forget_late, To::same},

    // f: a failure is looked at again (§3.2.7)
    Row{Story::f_late, kFailed | kNone | kExpired, Event::child_installed, has(kInitiator), Run::adopt,
        To::keyed},
    Row{Story::f_peer, kFailed, Event::child_installed, lacks(kInitiator), Run::adopt, To::keyed},
    Row{Story::f_look, in(State::clear_text, State::deny), Event::lifespan_timer, kAlways, Run::ask_use,
        To::expiring},
    Row{Story::f_used, kExpiringFailed, Event::used_report,
        has(kUsed) & has(kOver) & lacks(kLimit) & lacks(kStale), Run::relookup, To::potential},
    Row{Story::f_used, kExpiringFailed, Event::requery_usable, kAlways, Run::rejudge, To::potential},
    Row{Story::f_defer, kExpiringFailed, Event::used_report, has(kUsed) & has(kOver) & has(kLimit),
        Run::defer, To::back},
    Row{Story::f_idle, kExpiringFailed, Event::used_report, lacks(kUsed) & has(kOver), Run::close,
        To::expired},

    Row{Story::f_sticky, in(State::deny), Event::sticky, kAlways, Run::mark_sticky, To::same},
    Row{Story::f_sticky, in(State::clear_text, State::expiring_clear), Event::sticky, kAlways,
        Run::mark_sticky, To::deny},
    Row{Story::f_sticky, kServing, Event::sticky, kAlways, Run::hold_sticky, To::same},

    // s: crossed initiation (RFC 7296 §2.8.1)
    Row{Story::s_peer_first, kSeeking, Event::child_installed, lacks(kInitiator) & lacks(kRekey), Run::adopt,
        To::keyed},
    Row{Story::s_both, kKeyed, Event::child_installed, lacks(kRekey) & has(kCollide), Run::adopt_crossed,
        To::same},

    // k: keyed (§3.2.6); kSeeking too, where a pair is keyed anew while its SA pair serves
    Row{Story::k_soft, kKeyed, Event::soft_expiry, has(kCurrent) & lacks(kRekeying), Run::begin_rekey,
        To::same},
    Row{Story::k_soft, kKeyed, Event::soft_expiry, has(kCurrent) & has(kRekeying), Run::nothing, To::same},
    Row{Story::k_soft, kSeeking, Event::soft_expiry, has(kCurrent), Run::nothing, To::same},
    Row{Story::k_old, kServing, Event::soft_expiry, lacks(kCurrent), Run::nothing, To::same},
    Row{Story::k_rekey_own, kServing, Event::child_installed, has(kRekey) & lacks(kCollide) & has(kInitiator),
        Run::adopt_rekey, To::same},
    Row{Story::k_rekey_peer, kServing, Event::child_installed,
        has(kRekey) & lacks(kCollide) & lacks(kInitiator), Run::adopt_rekey, To::same},
    Row{Story::k_rekey_both, kServing, Event::child_installed, has(kRekey) & has(kCollide),
        Run::adopt_crossed, To::same},
    Row{Story::k_rekey_fail, kServing, Event::rekey_failed, kAlways, Run::end_rekey, To::same},
    Row{Story::k_move, kServing, Event::first_esp, has(kBetter), Run::move, To::same},
    Row{Story::k_move, kServing, Event::first_esp, lacks(kBetter), Run::nothing, To::same},
    Row{Story::k_move, kServing, Event::move_timer, has(kBetter), Run::move, To::same},
    Row{Story::k_hard, kKeyed, Event::hard_expiry, kLapsed& lacks(kRekeyFailed), Run::rehold, To::potential},
    Row{Story::k_rekey_fail, kKeyed, Event::hard_expiry, kLapsed& has(kRekeyFailed), Run::rehold_anew,
        To::potential},
    Row{Story::k_hard, kKeyed, Event::hard_expiry, kSole& lacks(kInitiates), Run::close, To::expired},
    Row{Story::k_hard, kServing, Event::hard_expiry, kReplaceable, Run::fall_back, To::same},
    Row{Story::k_hard, kSeeking, Event::hard_expiry, kInUse, Run::hold_now, To::same},
    Row{Story::k_delete, kKeyed, Event::child_deleted, kSole& lacks(kHolding), Run::close, To::expired},
    Row{Story::k_delete, kKeyed, Event::child_deleted, kLapsed& has(kHolding), Run::rehold, To::potential},
    Row{Story::k_delete, kKeyed, Event::child_deleted, kSole& has(kHolding) & lacks(kInitiates), Run::close,
        To::expired},
    Row{Story::k_delete, kSeeking, Event::child_deleted, kInUse, Run::hold_now, To::same},
    Row{Story::k_rekey_peer, kServing, Event::child_deleted, kReplaceable, Run::fall_back, To::same},
    Row{Story::k_hint, kServing, Event::hint, kAlways, Run::check_liveness, To::same},
    Row{Story::k_hint, kServing, Event::probe_timer, has(kCurrent), Run::check_liveness, To::same},
    Row{Story::k_hint, kServing, Event::probe_timer, lacks(kCurrent) & has(kBetter), Run::check_liveness,
        To::same},
    Row{Story::s_both, kServing, Event::probe_timer, lacks(kCurrent) & lacks(kBetter), Run::drop_child,
        To::same},
    Row{Story::k_dead, kKeyed, Event::child_dead, kLapsed, Run::rehold, To::potential},
    Row{Story::k_dead, kKeyed, Event::child_dead, kSole& lacks(kInitiates), Run::close, To::expired},
    Row{Story::k_dead, kServing, Event::child_dead, kReplaceable, Run::fall_back, To::same},
    Row{Story::k_dead, kSeeking, Event::child_dead, kInUse, Run::hold_now, To::same},
    Row{Story::k_second, kKeyed, Event::child_installed, kFresh& lacks(kSamePeer), Run::adopt_new, To::same},
    Row{Story::k_ike_gone, kKeyed, Event::ike_gone, kSole& lacks(kHolding), Run::close, To::expired},
    Row{Story::k_ike_gone, kKeyed, Event::ike_gone, kLapsed& has(kHolding), Run::rehold, To::potential},
    Row{Story::k_ike_gone, kKeyed, Event::ike_gone, kSole& has(kHolding) & lacks(kInitiates), Run::close,
        To::expired},
    Row{Story::k_ike_gone, kServing, Event::ike_gone, kReplaceable, Run::fall_back, To::same},
    Row{Story::k_ike_gone, kSeeking, Event::ike_gone, kInUse, Run::hold_now, To::same},
    Row{Story::k_key_gone, in(State::expiring_keyed), Event::key_gone, has(kInitiates), Run::reauthenticate,
        To::potential, true},
    Row{Story::k_key_gone, in(State::expiring_keyed), Event::key_gone, lacks(kInitiates), Run::close,
        To::expired, true},
    Row{Story::k_key_gone, kSeeking, Event::key_missing, kNoReauth, Run::close, To::expired, true},
    Row{Story::k_key_gone, kPending, Event::silence, kNoReauth, Run::close, To::expired, true},
    Row{Story::k_key_gone, kPending, Event::bad_signature, kNoReauth, Run::close, To::expired, true},
    Row{Story::k_key_gone, kPending, Event::refused, kNoReauth, Run::close, To::expired, true},
    Row{Story::k_key_gone, kPending, Event::child_refused, kNoReauth, Run::close, To::expired, true},
    Row{Story::k_key_gone, kPending, Event::too_many, has(kReauth), Run::close, To::expired, true},

    // l: looked at now and then (§3.4.1), and DNS asked again when its answer is stale (§3.2.7)
    Row{Story::l_look, in(State::keyed, State::clear_text, State::deny), Event::look_timer, kAlways,
        Run::ask_use, To::expiring},
    Row{Story::l_ask, in(State::expiring_keyed) | kExpiringFailed, Event::ask_timer, lacks(kAsking),
        Run::ask_use, To::same},
    Row{Story::l_used, in(State::expiring_keyed), Event::used_report, has(kUsed) & lacks(kStale),
        Run::look_later, To::back},
    Row{Story::l_used, kExpiringFailed, Event::used_report, has(kUsed) & lacks(kOver), Run::look_later,
        To::back},
    Row{Story::l_unused, in(State::expiring_keyed), Event::used_report, lacks(kUsed), Run::close,
        To::expired},
    Row{Story::l_unused, kExpiringFailed, Event::used_report, lacks(kUsed) & lacks(kOver), Run::close,
        To::expired},
    Row{Story::l_stale, in(State::expiring_keyed), Event::used_report, has(kUsed) & has(kStale), Run::requery,
        To::same},
    Row{Story::l_stale, in(State::keyed), Event::ike_rekeyed, kAlways, Run::requery, To::expiring},
    Row{Story::l_stale, kExpiringFailed, Event::used_report,
        has(kUsed) & has(kOver) & lacks(kLimit) & has(kStale), Run::requery, To::same},
    Row{Story::l_same, in(State::expiring_keyed) | kExpiringFailed, Event::requery_same, kAlways,
        Run::refresh, To::back},
    Row{Story::l_changed, in(State::expiring_keyed), Event::requery_differs, has(kInitiates), Run::rejudge,
        To::potential},
    Row{Story::l_changed, in(State::expiring_keyed), Event::requery_differs, lacks(kInitiates), Run::close,
        To::expired},
    Row{Story::l_changed, kExpiringFailed, Event::requery_differs, kAlways, Run::rejudge, To::potential},
    Row{Story::l_bad, in(State::expiring_keyed) | kExpiringFailed, Event::requery_bad, kAlways,
        Run::retry_query, To::back},
    Row{Story::l_bad, in(State::expiring_keyed) | kExpiringFailed, Event::ask_timer, has(kAsking),
        Run::retry_query, To::back},
    Row{Story::l_bad, kSeeking, Event::hold_timer, has(kEncrypting), Run::resume, To::keyed},

    // e: closing (§3.2.8)
    Row{Story::e_close, kExpired, Event::removed_report, kAlways, Run::gone, To::gone},
    Row{Story::e_close, kExpired, Event::close_timer, kAlways, Run::gone, To::gone},
    Row{Story::e_close, kLive, Event::removed_report, kAlways, Run::nothing, To::same},
    Row{Story::e_datagram, kExpired, Event::request, kAlways, Run::restart, To::gone},

    // x
    Row{Story::x_clear, kLive, Event::clear, kAlways, Run::close, To::expired},
    Row{Story::x_clear, kExpired, Event::clear, kAlways, Run::nothing, To::same},
    Row{Story::x_shutdown, kLive, Event::shutdown, kAlways, Run::close, To::expired},
    Row{Story::x_shutdown, kExpired, Event::shutdown, kAlways, Run::nothing, To::same},

    // what an engine still says of exchanges and children that do not matter any more
    Row{Story::k_old, kSeeking, Event::child_deleted, kSole& lacks(kEncrypting), Run::drop_child, To::same},
    Row{Story::k_old, kServing, Event::child_deleted, lacks(kCurrent), Run::drop_child, To::same},
    Row{Story::k_old, kSeeking, Event::child_dead, kSole& lacks(kEncrypting), Run::drop_child, To::same},
    Row{Story::k_old, kServing, Event::child_dead, lacks(kCurrent), Run::drop_child, To::same},
    Row{Story::k_old, kSeeking, Event::ike_gone, kSole& lacks(kEncrypting), Run::drop_child, To::same},
    Row{Story::k_old, kServing, Event::ike_gone, lacks(kCurrent), Run::drop_child, To::same},
    Row{Story::k_old, kSeeking, Event::hard_expiry, kSole& lacks(kEncrypting), Run::drop_child, To::same},
    Row{Story::k_old, kServing, Event::hard_expiry, lacks(kCurrent), Run::drop_child, To::same},
    Row{Story::g_late, kKeyed | kExpired | kPotential, Event::silence, kAlways, Run::nothing, To::same},
    Row{Story::g_late, kKeyed | kExpired | kPotential, Event::dead_channel, kAlways, Run::nothing, To::same},
    Row{Story::g_late, kKeyed | kExpired | kPotential, Event::bad_signature, kAlways, Run::nothing, To::same},
    Row{Story::g_late, kKeyed | kExpired | kPotential, Event::refused, kAlways, Run::nothing, To::same},
    Row{Story::g_late, kKeyed | kExpired | kPotential, Event::child_refused, kAlways, Run::nothing, To::same},
    Row{Story::g_late, kKeyed | kExpired | kPotential, Event::channel_full, kAlways, Run::nothing, To::same},
    Row{Story::g_late, kKeyed | kExpired | kPotential, Event::too_many, kAlways, Run::nothing, To::same},

    // r: a peer offers (§3.3); first its key, then its right to speak for a source
    Row{Story::r_configured, kOffered, Event::want_keys, has(kConfigured), Run::give_keys, To::answered},
    Row{Story::r_key, kOffered, Event::want_keys, kOpportunist& lacks(kLimit), Run::ask_peer_keys,
        To::waiting},
    Row{Story::r_budget, kOffered, Event::want_keys, kOpportunist& has(kLimit), Run::give_no_keys,
        To::answered},
    Row{Story::r_wait, kWaiting, Event::want_keys, kAlways, Run::nothing, To::same},
    Row{Story::r_key, kWaiting, Event::keys_found, kAlways, Run::give_keys, To::answered},
    Row{Story::r_no_key, kWaiting, Event::keys_missing, kAlways, Run::give_no_keys, To::answered},
    Row{Story::r_configured, kOffered, Event::want_source, has(kConfigured) & has(kCovered), Run::allow,
        To::answered},
    Row{Story::r_configured, kOffered, Event::want_source, has(kConfigured) & lacks(kCovered), Run::refuse,
        To::answered, true},
    Row{Story::r_claim, kOffered, Event::want_source, kOpportunist& has(kClaim), Run::refuse, To::answered,
        true},
    Row{Story::r_class, kOffered, Event::want_source, kOpportunist& lacks(kClaim) & lacks(kClassOk),
        Run::refuse, To::answered},
    Row{Story::r_weaker, kOffered, Event::want_source,
        kOpportunist& lacks(kClaim) & has(kClassOk) & has(kWeaker), Run::refuse, To::answered, true},
    Row{Story::r_insecure, kOffered, Event::want_source, kMayAsk& has(kInsecure), Run::refuse, To::answered},
    Row{Story::r_self, kOffered, Event::want_source, kHonest& has(kSelf), Run::allow, To::answered},
    Row{Story::r_source, kOffered, Event::want_source, kHonest& lacks(kSelf) & lacks(kLimit), Run::ask_source,
        To::waiting},
    Row{Story::r_budget, kOffered, Event::want_source, kHonest& lacks(kSelf) & has(kLimit), Run::refuse,
        To::answered},
    Row{Story::r_wait, kWaiting, Event::want_source, kAlways, Run::nothing, To::same},
    Row{Story::r_delegated, kWaiting, Event::source_named, kAlways, Run::allow, To::answered},
    Row{Story::r_own_source, kWaiting, Event::source_unnamed, has(kOwnSource), Run::allow, To::answered},
    Row{Story::r_undelegated, kWaiting, Event::source_unnamed, lacks(kOwnSource), Run::refuse, To::answered,
        true},
    Row{Story::r_install, kNone | kExpired, Event::child_installed, lacks(kInitiator), Run::adopt, To::keyed},
    Row{Story::r_identical, kKeyed, Event::child_installed, kFresh& has(kSamePeer), Run::adopt_new, To::same},
};

constexpr bool overlap(const Row& a, const Row& b) {
    return (a.from & b.from) != 0 && a.event == b.event &&
           ((a.requires_.value ^ b.requires_.value) & a.requires_.mask & b.requires_.mask) == 0;
}
constexpr bool disjoint() {
    for (std::size_t i = 0; i < kRows.size(); ++i)
        for (std::size_t j = i + 1; j < kRows.size(); ++j)
            if (overlap(kRows[i], kRows[j])) return false;
    return true;
}
static_assert(disjoint(),
              "two rows of the connection machine apply to one event: which one would depend on order");

constexpr bool sane() {
    for (const Row& row : kRows)
        if (row.from == 0 || (row.requires_.value & ~row.requires_.mask) != 0) return false;
    return true;
}
static_assert(sane(), "a row demands a fact both ways, or starts nowhere");

constexpr std::array kForeign{
    ForeignRow{Story::p_channel,
               "ike: an established channel with the same identity, key and verdict is reused"},
    ForeignRow{Story::g_retry,
               "ike: COOKIE, INVALID_KE_PAYLOAD and TEMPORARY_FAILURE are tried again, bounded"},
    ForeignRow{Story::g_unprotected, "ike: counted; never decides and never shortens the wait"},
    ForeignRow{Story::r_threshold, "ike: cookie beyond the half-open bounds"},
    ForeignRow{Story::r_auth, "ike: any of the published keys verifies the signature"},
};

}  // namespace

std::span<const Row> rows() {
    return kRows;
}
std::span<const ForeignRow> foreign_rows() {
    return kForeign;
}

const Row* find_row(State state, Event event, Facts facts) {
    for (const Row& row : kRows)
        if ((row.from & in(state)) != 0 && row.event == event && row.requires_.holds(facts)) return &row;
    return nullptr;
}

}  // namespace oegate::keying
