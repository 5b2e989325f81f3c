// INFORMATIONAL (RFC 7296 §1.4, §2.4): deletes of children and of the IKE SA in both
// directions, liveness; and what ends an established IKE SA otherwise.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

void send_child_delete(Turn& turn, const Task& task);
void send_ike_delete(Turn& turn);
void send_liveness(Turn& turn);
void on_informational_answer(Turn& turn);
/// Something that anybody could have forged says that the peer may have lost this IKE
/// SA (k.hint): asks the peer itself, rate-limited (RFC 7296 §2.4).
void hint(Turn& turn);

namespace info {
void on_request(Turn&);
void on_ike_delete(Turn&);
void answer_empty(Turn&);
void refuse_malformed(Turn&);
void answer_unsupported(Turn&);
void die(Turn&);
void close(Turn&);
void finish_close(Turn&);
void close_unheard(Turn&);
void abandon(Turn&);
void drop_responder(Turn&);
void give_way(Turn&);
void oust(Turn&);
}  // namespace info

inline constexpr std::array kInformationalRows{
    SaRow{"RFC 7296 1.4",
          SaState::established,
          SaEvent::informational_received,
          {},
          info::on_request,
          SaState::established},
    SaRow{"RFC 7296 1.4",
          SaState::rekeyed,
          SaEvent::informational_received,
          {},
          info::on_request,
          SaState::rekeyed},
    SaRow{"RFC 7296 1.4",
          SaState::closing,
          SaEvent::informational_received,
          {},
          info::on_request,
          SaState::closing},
    SaRow{"k.ike-gone",
          SaState::established,
          SaEvent::ike_delete_received,
          {},
          info::on_ike_delete,
          SaState::lingering},
    SaRow{"RFC 7296 2.8",
          SaState::rekeyed,
          SaEvent::ike_delete_received,
          {},
          info::on_ike_delete,
          SaState::lingering},
    SaRow{"RFC 7296 2.25.2",
          SaState::closing,
          SaEvent::ike_delete_received,
          {},
          info::on_ike_delete,
          SaState::lingering},
    SaRow{"RFC 7296 1.4.1",
          SaState::lingering,
          SaEvent::informational_received,
          {},
          info::answer_empty,
          SaState::lingering},
    SaRow{"RFC 7296 1.4.1",
          SaState::lingering,
          SaEvent::ike_delete_received,
          {},
          info::answer_empty,
          SaState::lingering},
    SaRow{"RFC 7296 2.21.3",
          SaState::established,
          SaEvent::malformed_inside,
          {SaFact::fatal, 0},
          info::refuse_malformed,
          SaState::lingering},
    SaRow{"RFC 7296 2.5",
          SaState::established,
          SaEvent::malformed_inside,
          {0, SaFact::fatal},
          info::answer_unsupported,
          SaState::established},
    SaRow{"k.dead", SaState::established, SaEvent::silent, {}, info::die, SaState::lingering},
    SaRow{"RFC 7296 2.4", SaState::closing, SaEvent::silent, {}, info::close_unheard, SaState::lingering},
    SaRow{"RFC 7296 2.4", SaState::rekeyed, SaEvent::silent, {}, info::finish_close, SaState::lingering},
    SaRow{"e.close", SaState::closing, SaEvent::delete_answered, {}, info::finish_close, SaState::lingering},
    SaRow{"RFC 7296 2.8",
          SaState::rekeyed,
          SaEvent::delete_answered,
          {},
          info::finish_close,
          SaState::lingering},
    SaRow{"e.close", SaState::established, SaEvent::close_asked, {}, info::close, SaState::closing},
    SaRow{"e.close", SaState::closing, SaEvent::close_asked, {}, nullptr, SaState::closing},
    SaRow{"e.close", SaState::rekeyed, SaEvent::close_asked, {}, nullptr, SaState::rekeyed},
    SaRow{"e.close", SaState::lingering, SaEvent::close_asked, {}, nullptr, SaState::lingering},
    SaRow{"x.shutdown", SaState::pairing, SaEvent::close_asked, {}, info::abandon, SaState::lingering},
    SaRow{"x.shutdown", SaState::init_sent, SaEvent::close_asked, {}, info::abandon, SaState::lingering},
    SaRow{"x.shutdown", SaState::deriving, SaEvent::close_asked, {}, info::abandon, SaState::lingering},
    SaRow{"x.shutdown", SaState::auth_sent, SaEvent::close_asked, {}, info::abandon, SaState::lingering},
    SaRow{"x.shutdown", SaState::proving, SaEvent::close_asked, {}, info::abandon, SaState::lingering},
    SaRow{
        "x.shutdown", SaState::answering, SaEvent::close_asked, {}, info::drop_responder, SaState::lingering},
    SaRow{
        "x.shutdown", SaState::half_open, SaEvent::close_asked, {}, info::drop_responder, SaState::lingering},
    SaRow{"x.shutdown",
          SaState::finding_keys,
          SaEvent::close_asked,
          {},
          info::drop_responder,
          SaState::lingering},
    SaRow{
        "x.shutdown", SaState::checking, SaEvent::close_asked, {}, info::drop_responder, SaState::lingering},
    SaRow{"x.shutdown",
          SaState::first_child,
          SaEvent::close_asked,
          {},
          info::drop_responder,
          SaState::lingering},
    SaRow{
        "k.ike-gone", SaState::established, SaEvent::peer_restarted, {}, info::give_way, SaState::lingering},
    SaRow{"r.threshold", SaState::established, SaEvent::ousted, {}, info::oust, SaState::lingering},
};

}  // namespace oegate::ike::v2
