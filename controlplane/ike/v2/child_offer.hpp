// The negotiation of a child SA pair (RFC 7296 §1.3, §2.9): its selectors and its ESP
// proposal, on either side and whichever exchange carries them. Host pairs in tunnel
// mode only. Judges and takes over; which row follows is its caller's matter.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// Responder: the one host pair that TSi and TSr allow, as the peer sees it. A list
/// may open with the packet that made the peer ask (RFC 7296 §2.9). nullopt when
/// there is no host in it or a protocol or port would have to be kept.
std::optional<Pair> narrow_to_pair(const wire::Payloads& payloads);
/// TSi and TSr of exactly this pair; pair.source is the exchange initiator's host.
void add_selectors(wire::Payloads& payloads, const Pair& pair);

/// Initiator: takes over what the peer accepted, and says which event that is:
/// accepted or unacceptable (detail says why).
ChildEvent judge_answer(Turn& turn, Child& child, const wire::Payloads& payloads);
/// Initiator: a protected refusal: declined, retry or group_wanted.
ChildEvent judge_refusal(Turn& turn, const Child& child, const wire::Notify& refusal);
/// The failure that a refusal means for the connection.
Failure failure_of(wire::NotifyType type);

/// Responder: is the offer acceptable, and then what do we answer with (child.answer,
/// suite, spi_out)? Without room for an inbound SA: NO_ADDITIONAL_SAS.
wire::NotifyType accept_offer(Turn& turn, Child& child);

}  // namespace oegate::ike::v2
