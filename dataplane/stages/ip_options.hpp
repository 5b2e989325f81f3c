// IPv4 options (RFC 791 §3.1, RFC 7126): the one place that says which are let
// through. Called by parse for the rare header that is longer than 20 bytes.
#pragma once

#include "worker/worker.hpp"

namespace oegate {

/// `header` is a whole IPv4 header whose checksum is right and that has options.
/// Drop::kCount when the datagram may go on.
Drop judge_options(ByteView header);

}  // namespace oegate
