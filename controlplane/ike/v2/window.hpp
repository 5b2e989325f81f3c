// The two windows of an IKE SA, one request each (RFC 7296 §2.1-2.3): sending with
// exponential retransmission, answering with byte-identical repetition, and the
// queue of what waits for its turn. Knows no exchange's contents.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// Transmissions of one request on an authenticated IKE SA before the peer is dead:
/// 0.5 + 1 + 2 + 4 + 8 + 16 s with the default timer (RFC 7296 §2.4 leaves it to us).
inline constexpr unsigned kMaxTransmissions = 6;

/// A protected request in the next message ID. The window must be free.
void send_request(Turn& turn, wire::ExchangeType exchange, const wire::Payloads& payloads);
/// IKE_SA_INIT: unprotected, message ID 0; a retry with a cookie replaces the former.
void send_plain_request(Turn& turn, Bytes message);

/// The answer to the request that is being worked on; kept for repetition.
void answer(Turn& turn, const wire::Payloads& payloads);
void answer(Turn& turn, wire::NotifyType type);
void repeat_answer(Turn& turn);

/// The exchange in flight is over: the next task may begin.
void request_done(Turn& turn);
/// The task in flight begins again, not before this time (TEMPORARY_FAILURE).
void request_postponed(Turn& turn, Time not_before);
void enqueue(Turn& turn, Task task);
/// Begins the first task that is due, if the window is free.
void start_next(Turn& turn);

/// Timer. false: transmissions are exhausted.
bool retransmit(Turn& turn);

void send_datagram(Turn& turn, const Endpoint& local, const Endpoint& remote, Bytes bytes);

}  // namespace oegate::ike::v2
