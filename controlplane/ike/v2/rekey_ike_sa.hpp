// CREATE_CHILD_SA for the IKE SA itself (RFC 7296 §1.3.2, §2.8, §2.18): a successor
// with new keys inherits the children, the queue and the public handle. Whoever
// asked deletes the old one; collisions are settled by the lowest nonce (§2.8.1).
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// Attempts before the lifetime runs out; then the channel is closed (k.rekey-fail).
inline constexpr unsigned kMaxIkeRekeyAttempts = 5;

/// Our rekey, queued.
void queue_ike_rekey(Turn& turn);
void begin_ike_rekey(Turn& turn, const Task& task);
void on_ike_rekey_answer(Turn& turn, const wire::Payloads& payloads);

/// The peer deletes the old IKE SA while ours is under way: its successor, when we
/// hold one, has won (RFC 7296 §2.25.2).
void adopt_held_successor(Turn& turn);

namespace rekey {
void send(Turn&);
void take_answer(Turn&);
void finish_ours(Turn&);
void give_up(Turn&);
void on_request(Turn&);
void defer(Turn&);
void answer_and_adopt(Turn&);
void answer_and_hold(Turn&);
void refuse_crypto(Turn&);
void step_back(Turn&);
void take_over(Turn&);
}  // namespace rekey

inline constexpr std::array kRekeyRows{
    // The successor that we ask for.
    SaRow{"RFC 7296 1.3.2", SaState::succ_pairing, SaEvent::pair_made, {}, rekey::send, SaState::succ_sent},
    SaRow{"k.rekey-fail",
          SaState::succ_pairing,
          SaEvent::crypto_failed,
          {},
          rekey::give_up,
          SaState::lingering},
    SaRow{"RFC 7296 1.3.2",
          SaState::succ_sent,
          SaEvent::rekey_answered,
          {},
          rekey::take_answer,
          SaState::succ_deriving},
    SaRow{
        "k.rekey-fail", SaState::succ_sent, SaEvent::rekey_declined, {}, rekey::give_up, SaState::lingering},
    SaRow{"RFC 7296 2.18",
          SaState::succ_deriving,
          SaEvent::secret_made,
          {},
          rekey::finish_ours,
          SaState::succ_held},
    SaRow{"k.rekey-fail",
          SaState::succ_deriving,
          SaEvent::crypto_failed,
          {},
          rekey::give_up,
          SaState::lingering},
    // The successor that the peer asks for.
    SaRow{"RFC 7296 1.3.2",
          SaState::succ_answering,
          SaEvent::secret_made,
          {0, SaFact::rekey_under_way},
          rekey::answer_and_adopt,
          SaState::succ_held},
    SaRow{"RFC 7296 2.8.1",
          SaState::succ_answering,
          SaEvent::secret_made,
          {SaFact::rekey_under_way, 0},
          rekey::answer_and_hold,
          SaState::succ_held},
    SaRow{"RFC 7296 2.21",
          SaState::succ_answering,
          SaEvent::crypto_failed,
          {},
          rekey::refuse_crypto,
          SaState::lingering},
    SaRow{"RFC 7296 2.8", SaState::succ_held, SaEvent::adopted, {}, rekey::take_over, SaState::established},
    // The old one.
    SaRow{"RFC 7296 2.8",
          SaState::established,
          SaEvent::rekey_ike_received,
          {0, SaFact::child_busy},
          rekey::on_request,
          SaState::established},
    SaRow{"RFC 7296 2.25.2",
          SaState::established,
          SaEvent::rekey_ike_received,
          {SaFact::child_busy, 0},
          rekey::defer,
          SaState::established},
    SaRow{
        "RFC 7296 2.25.2", SaState::closing, SaEvent::rekey_ike_received, {}, rekey::defer, SaState::closing},
    SaRow{
        "RFC 7296 2.25.2", SaState::rekeyed, SaEvent::rekey_ike_received, {}, rekey::defer, SaState::rekeyed},
    SaRow{"RFC 7296 2.25.2", SaState::lingering, SaEvent::superseded, {}, nullptr, SaState::lingering},
    SaRow{"RFC 7296 2.8", SaState::established, SaEvent::superseded, {}, rekey::step_back, SaState::rekeyed},
};

}  // namespace oegate::ike::v2
