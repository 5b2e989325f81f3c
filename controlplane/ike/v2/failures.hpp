// How exchanges end badly: which connections and children hear of it, and what is
// said to the operator. Called by the rows of every exchange.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// The initiator's exchange is over before the peer was authenticated: its
/// connection fails, so do those that wait behind the gateway for the same cause,
/// the others try again; the IKE SA is forgotten.
void fail_exchange(Turn& turn, Failure failure, const std::string& detail);

/// Tells the connection of a child once that it came to nothing.
void report_child(Turn& turn, Child& child, Failure failure, const std::string& detail);
/// The child that we asked for comes to nothing: reported, its SPI given back.
void fail_child(Turn& turn, Child& child, Failure failure, const std::string& detail);
/// A child is gone: told once if it had been announced; else its SPI goes back.
void end_child(Turn& turn, Child& child, ChildGone::Reason reason);
/// A channel without children closes after a while.
void note_idle(Turn& turn);
/// Of an exchange that was made for INITIAL_CONTACT only: it is over.
void end_greeting(Turn& turn, const std::string& why_not);

/// The IKE SA is gone and so are its children and what waited in its queue. Its
/// last answer is still repeated for a while.
void end_ike_sa(Turn& turn, ChildGone::Reason reason, Failure failure, const std::string& detail);

}  // namespace oegate::ike::v2
