// The names of rows, states, events and what a row does, as operators and docs see
// them.
#include "base/word_table.hpp"
#include "keying/rows.hpp"

namespace oegate::keying {
namespace {

struct StoryText {
    std::string_view name, help;
};
constexpr std::array<StoryText, kNumStories> kStoryTexts{{
#define OEGATE_STORY_TEXT(id, name, help) {name, help},
    OEGATE_STORIES(OEGATE_STORY_TEXT)
#undef OEGATE_STORY_TEXT
}};

/// For rows that fail somebody or something; the rest have none.
constexpr std::array kAdvice{
    Word{Story::n_configured,
         "configure the peer's key (peers[].keys), and for us an outside address of its family"},
    Word{
        Story::n_limit,
        "`show flows` tells which host opens so many pairs; limits.pending-per-source, limits.pending-total"},
    Word{Story::n_full,
         "`show flows` tells who opens so many pairs; raise limits.connections if it is right so"},
    Word{Story::p_no_key, "the owner of the gateway publishes its key at the gateway's reverse name"},
    Word{Story::p_unusable, "`explain` says which record is ignored and why; its owner corrects or signs it"},
    Word{Story::p_insecure, "the owner of the destination signs its reverse zone, or drop require-secure"},
    Word{Story::p_none,
         "nothing, unless the destination is to be protected, or denied by its class: then its owner "
         "publishes an IPSECKEY"},
    Word{Story::p_dnsfail, "check the resolvers (dns.resolvers) and the way to them"},
    Word{Story::p_bogus,
         "somebody tampers, or the zone is signed wrongly; class always-clear-text overrides"},
    Word{Story::p_malformed,
         "the owner of the destination corrects its records; class always-clear-text overrides"},
    Word{Story::g_silence, "check that UDP 500 and 4500 reach the gateway and that it runs"},
    Word{Story::g_signature,
         "the gateway's key in DNS is not the one that it uses, or it is not the gateway"},
    Word{Story::g_refused, "check what DNS says of our own key: `oegate dns verify`"},
    Word{Story::g_child,
         "the gateway's operator allows the pair, or our delegation is missing: `oegate dns verify`"},
    Word{Story::g_limit,
         "`show limits` tells which: ike.max-exchanges, limits.ike-sas or limits.ike-sas-per-peer"},
    Word{Story::g_hold_limit, "nothing: the exchange goes on; timers.hold if it is always so slow"},
    Word{Story::f_sticky, "if the destination gave encryption up for good: `oegate sticky clear`"},
    Word{Story::f_defer, "`show flows` tells which host opens so many pairs; limits.pending-per-source"},
    Word{Story::k_rekey_fail, "nothing: keyed anew at the hard expiry; the peer may refuse to rekey"},
    Word{Story::k_dead, "nothing: keyed anew; check the peer if it comes back"},
    Word{Story::k_key_gone, "if the key was not rolled over, ask the peer's operator"},
    Word{Story::l_bad,
         "check the resolvers (dns.resolvers); a bogus answer means tampering or a broken zone"},
    Word{Story::r_no_key, "the peer's operator publishes its key at its identity's name"},
    Word{Story::r_budget,
         "`show limits` tells which: limits.peer-lookups or limits.peer-lookups-per-source; the peer may ask "
         "again"},
    Word{Story::r_class,
         "a class that lets the peer's host in, if it should be; the destination must be inside"},
    Word{Story::r_claim, "the peer claims what is ours or a configured tunnel's: ask its operator"},
    Word{Story::r_weaker, "the pair is held under a stronger verdict: the peer's owner signs its zone"},
    Word{Story::r_insecure, "the peer's owner signs its reverse zone, or drop require-secure"},
    Word{Story::r_undelegated, "the owner of the peer's host delegates it to this identity and key"},
    Word{Story::r_configured, "a class configured with this peer, if it should key the pair"},
};

constexpr std::array kStateNames{
    Word{State::none, "none"},
    Word{State::potential, "potential"},
    Word{State::pending, "pending"},
    Word{State::keyed, "keyed"},
    Word{State::clear_text, "clear-text"},
    Word{State::deny, "deny"},
    Word{State::expiring_keyed, "expiring-keyed"},
    Word{State::expiring_clear, "expiring-clear"},
    Word{State::expiring_deny, "expiring-deny"},
    Word{State::expired, "expired"},
    Word{State::gone, "gone"},
    Word{State::offered, "offered"},
    Word{State::waiting, "waiting"},
    Word{State::answered, "answered"},
};
static_assert(kStateNames.size() == static_cast<std::size_t>(State::kCount));
constexpr std::array kEventNames{
    Word{Event::request, "request"},
    Word{Event::candidate, "candidate"},
    Word{Event::candidate_no_key, "candidate-no-key"},
    Word{Event::key_missing, "key-missing"},
    Word{Event::unusable, "unusable"},
    Word{Event::absent, "absent"},
    Word{Event::dns_failed, "dns-failed"},
    Word{Event::bogus, "bogus"},
    Word{Event::malformed, "malformed"},
    Word{Event::insecure, "insecure"},
    Word{Event::silence, "silence"},
    Word{Event::dead_channel, "dead-channel"},
    Word{Event::bad_signature, "bad-signature"},
    Word{Event::refused, "refused"},
    Word{Event::child_refused, "child-refused"},
    Word{Event::channel_full, "channel-full"},
    Word{Event::too_many, "too-many"},
    Word{Event::configured_peer, "configured-peer"},
    Word{Event::requery_same, "requery-same"},
    Word{Event::requery_usable, "requery-usable"},
    Word{Event::requery_differs, "requery-differs"},
    Word{Event::requery_bad, "requery-bad"},
    Word{Event::ike_rekeyed, "ike-rekeyed"},
    Word{Event::key_gone, "key-gone"},
    Word{Event::sticky, "sticky"},
    Word{Event::no_tunnel, "no-tunnel"},
    Word{Event::hold_timer, "hold-timer"},
    Word{Event::late_timer, "late-timer"},
    Word{Event::lifespan_timer, "lifespan-timer"},
    Word{Event::look_timer, "look-timer"},
    Word{Event::ask_timer, "ask-timer"},
    Word{Event::move_timer, "move-timer"},
    Word{Event::probe_timer, "probe-timer"},
    Word{Event::close_timer, "close-timer"},
    Word{Event::used_report, "used-report"},
    Word{Event::removed_report, "removed-report"},
    Word{Event::child_installed, "child-installed"},
    Word{Event::first_esp, "first-esp"},
    Word{Event::soft_expiry, "soft-expiry"},
    Word{Event::hard_expiry, "hard-expiry"},
    Word{Event::rekey_failed, "rekey-failed"},
    Word{Event::child_deleted, "child-deleted"},
    Word{Event::child_dead, "child-dead"},
    Word{Event::ike_gone, "ike-gone"},
    Word{Event::hint, "hint"},
    Word{Event::clear, "clear"},
    Word{Event::shutdown, "shutdown"},
    Word{Event::want_keys, "want-keys"},
    Word{Event::keys_found, "keys-found"},
    Word{Event::keys_missing, "keys-missing"},
    Word{Event::want_source, "want-source"},
    Word{Event::source_named, "source-named"},
    Word{Event::source_unnamed, "source-unnamed"},
};
static_assert(kEventNames.size() == static_cast<std::size_t>(Event::kCount));
constexpr std::array kRunNames{
    Word{Run::nothing, "nothing"},
    Word{Run::note, "note"},
    Word{Run::start_lookup, "start lookup"},
    Word{Run::relookup, "look up again"},
    Word{Run::requery, "ask DNS again"},
    Word{Run::refresh, "new times"},
    Word{Run::retry_query, "ask again later"},
    Word{Run::rejudge, "judge anew"},
    Word{Run::reauthenticate, "judge anew, fresh channel"},
    Word{Run::rehold_anew, "hold again, close the channel"},
    Word{Run::hold_now, "hold"},
    Word{Run::resume, "go on as before"},
    Word{Run::mark_sticky, "say that it is sticky"},
    Word{Run::hold_sticky, "hold what goes in the clear"},
    Word{Run::answer_only, "answer only"},
    Word{Run::ask_key, "ask key"},
    Word{Run::start_exchange, "start exchange"},
    Word{Run::fresh_exchange, "fresh exchange"},
    Word{Run::next_gateway, "next gateway"},
    Word{Run::conclude, "conclude"},
    Word{Run::conclude_class, "conclude by class"},
    Word{Run::hold_over, "hold over"},
    Word{Run::forget_late, "forget late"},
    Word{Run::adopt, "adopt"},
    Word{Run::adopt_crossed, "adopt crossed"},
    Word{Run::adopt_rekey, "adopt rekey"},
    Word{Run::adopt_new, "adopt new"},
    Word{Run::move, "move"},
    Word{Run::begin_rekey, "begin rekey"},
    Word{Run::end_rekey, "end rekey"},
    Word{Run::drop_child, "drop child"},
    Word{Run::fall_back, "fall back"},
    Word{Run::rehold, "hold again"},
    Word{Run::check_liveness, "check liveness"},
    Word{Run::ask_use, "ask use"},
    Word{Run::look_later, "look later"},
    Word{Run::defer, "defer"},
    Word{Run::reapply, "reapply"},
    Word{Run::close, "close"},
    Word{Run::gone, "gone"},
    Word{Run::restart, "restart"},
    Word{Run::ask_peer_keys, "ask peer keys"},
    Word{Run::give_keys, "give keys"},
    Word{Run::give_no_keys, "give no keys"},
    Word{Run::allow, "allow"},
    Word{Run::refuse, "refuse"},
    Word{Run::ask_source, "ask source"},
};
constexpr std::array kToNames{
    Word{To::same, "same"},           Word{To::fail, "fail"},
    Word{To::back, "back"},           Word{To::expiring, "expiring"},
    Word{To::potential, "potential"}, Word{To::pending, "pending"},
    Word{To::keyed, "keyed"},         Word{To::clear_text, "clear-text"},
    Word{To::deny, "deny"},           Word{To::expired, "expired"},
    Word{To::gone, "gone"},           Word{To::waiting, "waiting"},
    Word{To::answered, "answered"},
};
constexpr std::array<std::string_view, 32> kFactNames{"class",
                                                      "class",
                                                      "class",
                                                      "by default",
                                                      "bound reached",
                                                      "connections full",
                                                      "more gateways",
                                                      "held",
                                                      "used",
                                                      "lifespan over",
                                                      "ours",
                                                      "rekey",
                                                      "crossed",
                                                      "same peer",
                                                      "in use",
                                                      "another SA pair",
                                                      "rekeying",
                                                      "better",
                                                      "claims ours",
                                                      "class allows",
                                                      "weaker verdict",
                                                      "own address",
                                                      "DNS answer stale",
                                                      "key gone",
                                                      "configured peer",
                                                      "configured for it",
                                                      "less than required",
                                                      "DNS asked again",
                                                      "encrypted",
                                                      "class initiates",
                                                      "rekey failed",
                                                      "where the peer is"};

}  // namespace

std::string_view to_text(Story s) {
    const auto i = static_cast<std::size_t>(s);
    return i < kNumStories ? kStoryTexts[i].name : "?";
}
std::string_view help(Story s) {
    const auto i = static_cast<std::size_t>(s);
    return i < kNumStories ? kStoryTexts[i].help : "?";
}
std::string_view advice(Story s) {
    for (const auto& word : kAdvice)
        if (word.value == s) return word.text;
    return {};
}
Story story_of(std::string_view name) {
    for (std::size_t i = 0; i < kNumStories; ++i)
        if (kStoryTexts[i].name == name) return static_cast<Story>(i);
    return Story::unknown;
}
std::string_view reason_text(std::uint16_t reason) {
    return to_text(static_cast<Story>(reason));
}
std::string_view to_text(State s) {
    return word_of(kStateNames, s);
}
std::string_view to_text(Event e) {
    return word_of(kEventNames, e);
}
std::string_view to_text(Run r) {
    return word_of(kRunNames, r);
}
std::string_view to_text(To t) {
    return word_of(kToNames, t);
}
std::string_view fact_text(unsigned bit) {
    return bit < kFactNames.size() ? kFactNames[bit] : "?";
}

}  // namespace oegate::keying
