// CREATE_CHILD_SA for a child (RFC 7296 §1.3.1, §1.3.3, §2.8): further host pairs and
// rekeys of one, always with a Diffie-Hellman of their own.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// TEMPORARY_FAILURE and group changes, of one child.
inline constexpr unsigned kMaxChildAttempts = 5;
/// Children of one IKE SA; then NO_ADDITIONAL_SAS.
inline constexpr std::size_t kMaxChildren = 1024;
/// Why a child of a peer is refused beyond limits.children-per-source.
inline constexpr const char* kOverShare =
    "as many SA pairs of this source as limits.children-per-source allows";
/// Children of one pair that the peer has replaced and not deleted yet: each holds an
/// inbound SA, and only the peer would end it before its lifetime does.
inline constexpr std::ptrdiff_t kMaxSuperseded = 4;

/// A new child on this established IKE SA, queued.
Child& queue_child(Turn& turn, const Pair& pair, ConnectionId connection, std::optional<ChildId> replaces);
/// Its turn in the window.
void begin_child(Turn& turn, const Task& task);
void on_child_answer(Turn& turn, const wire::Payloads& payloads);
/// Responder: the child is installed.
void answer_child(Turn& turn, const Child& child);

namespace create {
void follow_auth(Turn&);
void make_pair(Turn&);
void send(Turn&);
void give_up_unsent(Turn&);
void postpone(Turn&);
void change_group(Turn&);
void on_request(Turn&);
void defer(Turn&);
}  // namespace create

inline constexpr std::array kCreateChildRows{
    ChildRow{
        "RFC 6023", ChildState::offered, ChildEvent::put_off, {}, create::follow_auth, ChildState::waiting},
    ChildRow{"p.channel", ChildState::waiting, ChildEvent::begin, {}, create::make_pair, ChildState::pairing},
    ChildRow{
        "RFC 7296 1.3.1", ChildState::pairing, ChildEvent::pair_made, {}, create::send, ChildState::offered},
    ChildRow{"RFC 7296 1.3.1",
             ChildState::pairing,
             ChildEvent::crypto_failed,
             {},
             create::give_up_unsent,
             ChildState::gone},
    ChildRow{"g.retry",
             ChildState::offered,
             ChildEvent::retry,
             {ChildFact::retry_left, 0},
             create::postpone,
             ChildState::waiting},
    ChildRow{"g.retry",
             ChildState::offered,
             ChildEvent::retry,
             {0, ChildFact::retry_left},
             create::give_up_unsent,
             ChildState::gone},
    ChildRow{"g.retry",
             ChildState::offered,
             ChildEvent::group_wanted,
             {ChildFact::retry_left, 0},
             create::change_group,
             ChildState::pairing},
    ChildRow{"g.retry",
             ChildState::offered,
             ChildEvent::group_wanted,
             {0, ChildFact::retry_left},
             create::give_up_unsent,
             ChildState::gone},
};

/// How the IKE SA takes CREATE_CHILD_SA requests for children (RFC 7296 §2.25).
inline constexpr std::array kCreateChildSaRows{
    SaRow{"RFC 7296 1.3.1",
          SaState::established,
          SaEvent::create_child_received,
          {0, SaFact::rekey_under_way},
          create::on_request,
          SaState::established},
    SaRow{"RFC 7296 2.25.2",
          SaState::established,
          SaEvent::create_child_received,
          {SaFact::rekey_under_way, 0},
          create::defer,
          SaState::established},
    SaRow{"RFC 7296 2.25.2",
          SaState::rekeyed,
          SaEvent::create_child_received,
          {},
          create::defer,
          SaState::rekeyed},
    SaRow{"RFC 7296 2.25.2",
          SaState::closing,
          SaEvent::create_child_received,
          {},
          create::defer,
          SaState::closing},
};

}  // namespace oegate::ike::v2
