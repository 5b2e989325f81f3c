// IPv4 options (RFC 791 §3.1, RFC 7126): whether they are well-formed, and which are let
// through. Called for the rare header that is longer than 20 bytes.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// `header` is a whole IPv4 header whose checksum is right and that has options.
/// Drop::kCount when each lies within it and none stands twice that may stand once.
Drop check_options(ByteView header);

/// Whether a datagram with well-formed options may go on, by the configuration of the
/// interface that it came in on. Those to ourselves may: control and local ignore them;
/// but nobody says its own way to us (RFC 7126 §4.3, §4.4).
Drop judge_options(const Worker&, const rte_mbuf* packet);

inline bool has_options(const rte_mbuf* packet) {
    const Meta& m = meta(packet);
    return m.family == Family::ipv4 && m.header_len > 20;
}

}  // namespace oegate
