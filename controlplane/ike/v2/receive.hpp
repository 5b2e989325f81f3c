// What arrives from the network (receive.cpp).
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// payload: of UDP, without the non-ESP marker. Anything may be in it.
void receive(Core& core, const Endpoint& local, const Endpoint& remote, ByteView payload, Time now);

}  // namespace oegate::ike::v2
