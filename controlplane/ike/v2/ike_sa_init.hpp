// IKE_SA_INIT (RFC 7296 §1.2): keys between strangers, nothing proved yet. What is
// unprotected here decides nothing but which cookie or group to try again with.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// Retries with a cookie or another group, of one exchange (g.retry).
inline constexpr unsigned kMaxInitRetries = 4;

/// A fresh IKE SA for this request; its first child rides on IKE_AUTH.
void start_ike_sa_init(Core& core, const Initiate& request, Time deadline, Time now);
/// One for INITIAL_CONTACT only, without a child.
void start_greeting(Core& core, const Greet& request, Time now);
/// A request to us; makes no state before the bounds and the offer are checked.
void on_init_request(Core& core, const Endpoint& local, const Endpoint& remote, ByteView datagram,
                     const wire::Message& message, Time now);
/// An answer to ours: tells which event it is.
void on_init_answer(Core& core, IkeSa& sa, ByteView datagram, const wire::Message& message, Time now);

namespace init {
void send(Turn&);
void retry_with_cookie(Turn&);
void retry_with_group(Turn&);
void note_unprotected(Turn&);
void derive_and_sign(Turn&);
void leave_alone(Turn&);
void fail_crypto(Turn&);
void answer_request(Turn&);
void drop_half_open(Turn&);
void fail_silent(Turn&);
}  // namespace init

inline constexpr std::array kInitRows{
    SaRow{"RFC 7296 1.2", SaState::pairing, SaEvent::pair_made, {}, init::send, SaState::init_sent},
    SaRow{"g.silence", SaState::pairing, SaEvent::crypto_failed, {}, init::fail_crypto, SaState::lingering},
    SaRow{"g.retry",
          SaState::init_sent,
          SaEvent::cookie_wanted,
          {SaFact::retry_left, 0},
          init::retry_with_cookie,
          SaState::init_sent},
    SaRow{"g.retry",
          SaState::init_sent,
          SaEvent::cookie_wanted,
          {0, SaFact::retry_left},
          init::note_unprotected,
          SaState::init_sent},
    SaRow{"g.retry",
          SaState::init_sent,
          SaEvent::group_wanted,
          {SaFact::retry_left, 0},
          init::retry_with_group,
          SaState::pairing},
    SaRow{"g.retry",
          SaState::init_sent,
          SaEvent::group_wanted,
          {0, SaFact::retry_left},
          init::note_unprotected,
          SaState::init_sent},
    SaRow{"g.unprotected",
          SaState::init_sent,
          SaEvent::init_unprotected,
          {},
          init::note_unprotected,
          SaState::init_sent},
    SaRow{"RFC 7296 1.2",
          SaState::init_sent,
          SaEvent::init_answered,
          {0, SaFact::childless},
          init::derive_and_sign,
          SaState::deriving},
    SaRow{"RFC 6023",
          SaState::init_sent,
          SaEvent::init_answered,
          {SaFact::childless, SaFact::refuses_none},
          init::derive_and_sign,
          SaState::deriving},
    SaRow{"RFC 6023",
          SaState::init_sent,
          SaEvent::init_answered,
          {SaFact::childless | SaFact::refuses_none, 0},
          init::leave_alone,
          SaState::lingering},
    SaRow{"g.silence", SaState::pairing, SaEvent::silent, {}, init::fail_silent, SaState::lingering},
    SaRow{"g.silence", SaState::init_sent, SaEvent::silent, {}, init::fail_silent, SaState::lingering},
    SaRow{"RFC 7296 1.2",
          SaState::answering,
          SaEvent::secret_made,
          {},
          init::answer_request,
          SaState::half_open},
    SaRow{"RFC 7296 2.4",
          SaState::answering,
          SaEvent::crypto_failed,
          {},
          init::drop_half_open,
          SaState::lingering},
    SaRow{"r.threshold", SaState::answering, SaEvent::overdue, {}, init::drop_half_open, SaState::lingering},
    SaRow{"r.threshold", SaState::half_open, SaEvent::overdue, {}, init::drop_half_open, SaState::lingering},
};

}  // namespace oegate::ike::v2
