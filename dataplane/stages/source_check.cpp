#include "stages/source_check.hpp"

#include <algorithm>

#include "net/headers.hpp"
#include "stages/keep_good.hpp"
#include "stages/route.hpp"
#include "tables/fib.hpp"

namespace oegate {
namespace {

bool is_esp(const Meta& m) {
    const auto protocol = static_cast<Protocol>(m.protocol);
    return protocol == Protocol::esp || (protocol == Protocol::udp && m.destination_port == kIkeNatTPort);
}

bool is_spared(const Worker& worker, const Meta& m, bool ours) {
    return worker.interfaces[m.in_interface].source_check == SourceCheck::off ||
           m.origin != Origin::received || m.pair.source.is_link_local() || m.pair.source.is_unspecified() ||
           (ours && is_esp(m));
}

/// back: next hop towards the source. Drop::kCount: it may come from there.
Drop judge(const Worker& worker, const Meta& m, std::uint32_t back) {
    if (back == kNoNextHop) return Drop::source_check;
    const InterfaceInfo& in = worker.interfaces[m.in_interface];
    const InterfaceInfo& way = worker.interfaces[worker.routes->next_hop(back).interface];
    if (way.index == in.index) return Drop::kCount;
    if (in.role == InterfaceRole::outside && way.role == InterfaceRole::inside)
        return Drop::ip_spoofed_inside;
    return in.source_check == SourceCheck::strict ? Drop::source_check : Drop::kCount;
}

}  // namespace

void source_check(Worker& worker, Burst& burst, bool ours) {
    const unsigned count = burst.size();
    std::uint32_t back[kBurstRoom];
    for (unsigned from = 0; from < count; from += RouteTable::kLookupBurst)
        look_up(*worker.routes, burst.data() + from, std::min(RouteTable::kLookupBurst, count - from),
                &Pair::source, back + from);
    keep_good(worker, burst, [&](unsigned i) {
        const Meta& m = meta(burst[i]);
        return is_spared(worker, m, ours) ? Drop::kCount : judge(worker, m, back[i]);
    });
}

}  // namespace oegate
