// What must hold after every event of a simulation, and the faults that a test puts in
// to see each of them fail: an invariant that cannot fail shows nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oegate::sim {

enum class Invariant : std::uint8_t {
    clear,         // no datagram in the clear that a policy, a keyed pair or stickiness forbids
    held,          // no held datagram is lost that could be sent; first goes before last
    one_outbound,  // one outbound SA for one pair
    settled,       // rivals of a crossing or a rekey are closed within a bound
    hold_bound,    // every hold ends within its bound
    agreed,        // both ends agree on a pair within a bound after the network heals, and
                   // nothing is encrypted for nobody for longer
    bounded,       // nothing is beyond its bound; what is idle and closed leaves nothing behind
    contract,      // what control tells a worker makes sense to it
    kCount
};
inline std::string_view to_text(Invariant i) {
    constexpr std::string_view names[] = {"clear",      "held",   "one-outbound", "settled",
                                          "hold-bound", "agreed", "bounded",      "contract"};
    return i < Invariant::kCount ? names[static_cast<std::size_t>(i)] : "?";
}

/// A fault of one gateway's data plane; none but in the tests of the invariants.
enum class Fault : std::uint8_t {
    none,
    leak,           // what is denied or held goes out in the clear
    lose_held,      // a hold that ends forgets its datagrams
    swap_held,      // the last goes before the first
    keep_outbound,  // outbound SAs are never removed
    keep_inbound,   // nor inbound ones
    stay_in_hold,   // orders that end a hold are not obeyed
    wrong_key,      // inbound SAs get another key
    keep_flows,     // policies are never removed
};

}  // namespace oegate::sim
