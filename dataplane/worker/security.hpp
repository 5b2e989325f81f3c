// The seam between the forwarding pipeline and the security part (flow cache,
// SAs, ESP). Declared here, called by worker/loop.cpp, defined by esp/ and its
// stages. Every function runs on the worker's own core.
#pragma once

#include <string>

#include "base/result.hpp"
#include "config/config.hpp"
#include "worker/worker.hpp"

namespace oegate {

/// At start, with EAL up: everything that the hot path will ever need is allocated.
Result<SecurityPointer, std::string> make_security(const config::Config&, unsigned worker, OwnerSeed);
/// Ordinary or rte_malloc bytes that make_security takes for one worker, for the
/// huge-page computation (only what comes from rte_malloc counts).
std::size_t security_memory(const config::Config&);

/// Datagrams of Origin::received that `route` sends out of an outside interface and
/// whose owner we are. Every packet of `in` ends in `pass`, in `encrypt` (Meta::sa
/// set), in hold, or is dropped.
void policy(Worker&, Burst& in, Burst& pass, Burst& encrypt);

/// Largest inner datagram that fits the outbound SA: by its path's MTU and by that of the
/// interface that its outer datagrams leave by, wherever the inner route leads. 0 when there
/// is no such SA (encrypt then drops it as sa_missing). Finds the SA's way again when the
/// tables have changed; encrypt relies on that.
std::uint16_t inner_mtu(Worker&, SaRef);

/// Each becomes an outer ESP datagram in `out`, its Meta describing the outer header
/// (Origin::encrypted, next_hop to be found again), or is dropped.
void encrypt(Worker&, Burst& in, Burst& out);

/// Moves ESP that needs no screening to `esp`: its SA of ours stands between these two
/// addresses, and since the tables last changed a packet of it was screened and found
/// its way. The others stay.
void claim(Worker&, Burst& datagrams, Burst& esp);

/// ESP addressed to us, with the SPI's worker being us: each becomes its inner
/// datagram in `out` with Origin::decrypted, headers validated and Meta filled by
/// `parse_datagram` (stages/parse.hpp), selectors checked; or is dropped.
void decrypt(Worker&, Burst& in, Burst& out);

/// Our ICMP errors about datagrams that came out of a tunnel: each goes to `encrypt` with
/// the SA of the return traffic (RFC 4301 §6.2) in Meta::sa, to the worker that knows or
/// has that SA, or is dropped as icmp_no_sa. Empties `answers`.
void find_way_back(Worker&, Burst& answers, Burst& encrypt);

/// Clear text that came in from outside and will leave inside: filters in place
/// (architecture.md, "Clear text from outside to inside").
void screen_inbound_clear(Worker&, Burst&);

/// Commands that are not the forwarding part's (all but neighbour_changed). Released
/// datagrams go to Worker::released_pass and released_encrypt, at most two a command.
void apply(Worker&, const Command&);

/// Once a loop, bounded: false when no remembered way may be trusted in it.
bool trust_ways(Worker&);

/// Once a loop, bounded: repeat keying requests, answer snapshots, keep gauges. True
/// while there is more to do at once.
bool tend(Worker&);

}  // namespace oegate
