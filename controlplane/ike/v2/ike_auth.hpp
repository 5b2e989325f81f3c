// IKE_AUTH (RFC 7296 §1.2, §2.15; keying.md rows r.*): both sides prove that they
// hold a key that DNS gives for their identity; the first host pair rides along.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// Initiator: shared secret, keys and our signature, in the pool.
void compute_initiator_auth(Turn& turn);
/// Messages that decrypted.
void on_auth_request(Turn& turn, const wire::Payloads& payloads);
void on_auth_answer(Turn& turn, const wire::Payloads& payloads);
/// Is the first child's offer, kept in auth_payloads, acceptable? (SaFact::offer_ok)
bool first_offer_ok(Core& core, const IkeSa& sa);

/// Both sides have authenticated each other.
void establish(Turn& turn);
/// No other one with this peer is established. While there is one the peer has not lost what it
/// knows of us, and INITIAL_CONTACT would make it end that one (RFC 7296 §2.4).
bool is_only_channel(Core& core, const IkeSa& sa);
/// The peer has said INITIAL_CONTACT on this, its newest IKE SA (RFC 7296 §2.4).
void honour_initial_contact(Turn& turn);

/// Rekey and end of an IKE SA, from now. Its initiator rekeys first, so that the two
/// sides seldom do it at once (RFC 7296 §2.8).
void set_lifetimes(Core& core, IkeSa& sa, Time now);

namespace auth {
void send(Turn&);
void fail_crypto(Turn&);
void verify(Turn&);
void fail_refused(Turn&);
void complete(Turn&);
void fail_signature(Turn&);
void report_overdue(Turn&);
void fail_late(Turn&);
void ask_keys(Turn&);
void refuse(Turn&);
void refuse_peer(Turn&);
void check(Turn&);
void open_first_child(Turn&);
void refuse_first_child(Turn&);
void refuse_full(Turn&);
void put_off(Turn&);
void answer_request(Turn&);
void drop(Turn&);
}  // namespace auth

inline constexpr std::array kAuthRows{
    // Initiator.
    SaRow{"RFC 7296 1.2", SaState::deriving, SaEvent::secret_made, {}, auth::send, SaState::auth_sent},
    SaRow{"g.silence", SaState::deriving, SaEvent::crypto_failed, {}, auth::fail_crypto, SaState::lingering},
    SaRow{"RFC 7296 2.15", SaState::auth_sent, SaEvent::auth_answered, {}, auth::verify, SaState::proving},
    SaRow{"g.refused", SaState::auth_sent, SaEvent::auth_refused, {}, auth::fail_refused, SaState::lingering},
    SaRow{"g.keyed", SaState::proving, SaEvent::proved, {}, auth::complete, SaState::established},
    SaRow{"g.signature", SaState::proving, SaEvent::disproved, {}, auth::fail_signature, SaState::closing},
    SaRow{"g.silence", SaState::deriving, SaEvent::overdue, {}, auth::report_overdue, SaState::deriving},
    SaRow{"g.silence", SaState::auth_sent, SaEvent::overdue, {}, auth::report_overdue, SaState::auth_sent},
    SaRow{"g.silence", SaState::proving, SaEvent::overdue, {}, auth::report_overdue, SaState::proving},
    SaRow{"f.late", SaState::deriving, SaEvent::silent, {}, auth::fail_late, SaState::lingering},
    SaRow{"f.late", SaState::auth_sent, SaEvent::silent, {}, auth::fail_late, SaState::lingering},
    SaRow{"f.late", SaState::proving, SaEvent::silent, {}, auth::fail_late, SaState::lingering},

    // Responder.
    SaRow{"r.key", SaState::half_open, SaEvent::auth_received, {}, auth::ask_keys, SaState::finding_keys},
    SaRow{
        "RFC 7296 2.21.2", SaState::half_open, SaEvent::auth_unusable, {}, auth::refuse, SaState::lingering},
    SaRow{"RFC 7296 2.21.2",
          SaState::half_open,
          SaEvent::malformed_inside,
          {},
          auth::refuse,
          SaState::lingering},
    SaRow{"r.auth",
          SaState::finding_keys,
          SaEvent::keys_found,
          {SaFact::may_verify, 0},
          auth::check,
          SaState::checking},
    SaRow{"r.threshold",
          SaState::finding_keys,
          SaEvent::keys_found,
          {0, SaFact::may_verify},
          auth::put_off,
          SaState::half_open},
    SaRow{"r.nokey", SaState::finding_keys, SaEvent::keys_missing, {}, auth::refuse_peer, SaState::lingering},
    SaRow{"r.auth", SaState::checking, SaEvent::disproved, {}, auth::refuse_peer, SaState::lingering},
    SaRow{"r.auth",
          SaState::checking,
          SaEvent::proved,
          {SaFact::room | SaFact::offer_ok, SaFact::childless},
          auth::open_first_child,
          SaState::first_child},
    SaRow{"RFC 7296 2.21.2",
          SaState::checking,
          SaEvent::proved,
          {SaFact::room, SaFact::offer_ok | SaFact::childless},
          auth::refuse_first_child,
          SaState::established},
    SaRow{"RFC 6023",
          SaState::checking,
          SaEvent::proved,
          {SaFact::room | SaFact::childless, 0},
          auth::answer_request,
          SaState::established},
    SaRow{"r.threshold",
          SaState::checking,
          SaEvent::proved,
          {0, SaFact::room},
          auth::refuse_full,
          SaState::lingering},
    SaRow{"r.install, r.class",
          SaState::first_child,
          SaEvent::child_settled,
          {},
          auth::answer_request,
          SaState::established},
    SaRow{"r.nokey", SaState::finding_keys, SaEvent::overdue, {}, auth::drop, SaState::lingering},
    SaRow{"RFC 7296 2.4", SaState::checking, SaEvent::overdue, {}, auth::drop, SaState::lingering},
    SaRow{"RFC 7296 2.4", SaState::first_child, SaEvent::overdue, {}, auth::drop, SaState::lingering},
};

}  // namespace oegate::ike::v2
