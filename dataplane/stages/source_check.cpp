#include "stages/source_check.hpp"

#include <algorithm>

#include "net/headers.hpp"
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

/// Next hops towards the sources of up to kLookupBurst packets, one bulk lookup a family.
void look_back(const RouteTable& routes, rte_mbuf* const* packets, unsigned count, std::uint32_t* back) {
    std::uint32_t ipv4[RouteTable::kLookupBurst], found[RouteTable::kLookupBurst];
    alignas(16) Address ipv6[RouteTable::kLookupBurst];
    unsigned num_ipv4 = 0, num_ipv6 = 0;
    for (unsigned i = 0; i < count; ++i) {
        const Meta& m = meta(packets[i]);
        if (m.family == Family::ipv4)
            ipv4[num_ipv4++] = m.pair.source.ipv4_host();
        else
            ipv6[num_ipv6++] = m.pair.source;
    }
    const auto store = [&](Family family) {
        for (unsigned i = 0, k = 0; i < count; ++i)
            if (meta(packets[i]).family == family) back[i] = found[k++];
    };
    if (num_ipv4 > 0) {
        routes.lookup_ipv4({ipv4, num_ipv4}, found);
        store(Family::ipv4);
    }
    if (num_ipv6 > 0) {
        routes.lookup_ipv6({ipv6, num_ipv6}, found);
        store(Family::ipv6);
    }
}

}  // namespace

void source_check(Worker& worker, Burst& burst, bool ours) {
    unsigned kept = 0;
    std::uint32_t back[RouteTable::kLookupBurst];
    for (unsigned from = 0; from < burst.size(); from += RouteTable::kLookupBurst) {
        const unsigned count = std::min(RouteTable::kLookupBurst, burst.size() - from);
        look_back(*worker.routes, burst.data() + from, count, back);
        for (unsigned i = 0; i < count; ++i) {
            rte_mbuf* packet = burst[from + i];
            const Meta& m = meta(packet);
            const Drop reason = is_spared(worker, m, ours) ? Drop::kCount : judge(worker, m, back[i]);
            if (reason == Drop::kCount)
                burst.set(kept++, packet);
            else
                drop(worker, packet, reason);
        }
    }
    burst.truncate(kept);
}

}  // namespace oegate
