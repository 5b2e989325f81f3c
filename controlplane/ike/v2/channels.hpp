// Which channel a connection is keyed over (p.channel): an established one of the
// same local address, gateway, identity, key and verdict; or one that is being made;
// or a fresh one, a single IKE_SA_INIT per gateway at a time.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// deadline: when the gateway timer of this request runs out.
void initiate(Core& core, const Initiate& request, Time deadline, Time now);
void greet(Core& core, const Greet& request, Time now);
void forget(Core& core, ConnectionId connection, Time now);
/// An exchange with this gateway is over: who waited is looked at again.
void serve_waiting(Core& core, const Address& gateway, Time now);
/// Our exchange with a gateway failed: who waited for the same fails too, others go on.
void fail_waiting(Core& core, const IkeSa& sa, Failure failure, const std::string& detail, Time now);
/// Those whose gateway timer ran out while they waited.
void expire_waiting(Core& core, Time now);

}  // namespace oegate::ike::v2
