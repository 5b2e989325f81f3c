#include "worker/leave.hpp"

#include <algorithm>
#include <utility>

#include "observe/at_stage.hpp"
#include "stages/fragment.hpp"
#include "stages/mss.hpp"
#include "stages/resolve.hpp"
#include "stages/route.hpp"
#include "stages/transmit.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

void find_neighbours(Worker& worker, Burst& fitted) {
    const AtStage at(worker, Stage::resolve, fitted);
    resolve(worker, fitted);
}

void seal(Worker& worker, Burst& inner, Burst& outer) {
    const AtStage at(worker, Stage::encrypt, inner);
    encrypt(worker, inner, outer);
}

void encrypt_and_send(Worker& worker, Burst& fitting) {
    if (fitting.empty()) return;
    Burst& outer = worker.lanes.outer;
    outer.clear();
    seal(worker, fitting, outer);
    send_on(worker, outer);
}

/// Whether the outer datagram is to be cut instead of this inner one: the least that an
/// IPv6 sender can send (RFC 8200 §5, RFC 2473 §7.1), or where the policy says that DF
/// inside means nothing outside (RFC 4301 §8.1).
bool cut_outside(const Worker& worker, const rte_mbuf* packet, std::uint16_t room) {
    const Meta& m = meta(packet);
    const std::size_t len = rte_pktmbuf_data_len(packet);
    if (len <= room || !m.dont_fragment) return false;
    if (m.family == Family::ipv6) return len <= kMinMtuIpv6;
    return worker.df == DfPolicy::clear;
}

/// inner_mtu, by what the SA knows already when it knows its way.
std::uint16_t room_inside(Worker& worker, const SaRef& ref) {
    const OutboundSa* sa = std::as_const(worker.security->sad).outbound(ref);
    if (sa == nullptr || sa->way.generation != worker.generation) [[unlikely]]
        return inner_mtu(worker, ref);
    return sa->inner_mtu(sa->way.mtu);
}

/// What an SA with this room does not take as it is: SYNs to be clamped, datagrams to be
/// cut inside or outside or refused, and those without an SA.
void fit_inside(Worker& worker, rte_mbuf* packet, std::uint16_t room, Burst& fitting, Burst& too_long) {
    const Meta& m = meta(packet);
    const std::uint16_t mtu = m.family == Family::ipv6 ? std::max(room, kMinMtuIpv6) : room;
    if (worker.interfaces[m.in_interface].mss_clamp) clamp_mss(packet, mtu);
    if (room == 0) {
        fitting.push(packet);  // encrypt knows why
    } else if (cut_outside(worker, packet, room)) {
        too_long.push(packet);
    } else {
        fit(worker, packet, mtu, fitting);
    }
}

/// Encrypted first, then cut. A path's MTU is unknown here: over IPv6 the least that any
/// has, over IPv4 the interface's, since routers cut on.
void encrypt_and_cut(Worker& worker, Burst& too_long) {
    if (too_long.empty()) return;
    Lanes& lanes = worker.lanes;
    lanes.outer.clear();
    seal(worker, too_long, lanes.outer);
    look_up_routes(worker, lanes.outer);
    lanes.fitted.clear();
    for (rte_mbuf* packet : lanes.outer) {
        const Meta& m = meta(packet);
        const std::uint16_t mtu = worker.interfaces[m.out_interface].mtu;
        allow_cut(packet);
        fit(worker, packet, m.family == Family::ipv6 ? std::min(mtu, kMinMtuIpv6) : mtu, lanes.fitted);
        if (lanes.fitted.room() < kMaxFragments) {
            find_neighbours(worker, lanes.fitted);
            lanes.fitted.clear();
        }
    }
    find_neighbours(worker, lanes.fitted);
}

}  // namespace

void look_up_routes(Worker& worker, Burst& burst) {
    if (burst.empty()) return;
    const AtStage at(worker, Stage::route, burst);
    find_routes(worker, burst);
}

void send(Worker& worker, Burst& routed) {
    if (routed.empty()) return;
    Burst& fitted = worker.lanes.fitted;
    fitted.clear();
    const AtStage at(worker, Stage::fit, routed);
    for (rte_mbuf* packet : routed) {
        fit(worker, packet, worker.interfaces[meta(packet).out_interface].mtu, fitted);
        if (fitted.room() < kMaxFragments) {
            find_neighbours(worker, fitted);
            fitted.clear();
        }
    }
    find_neighbours(worker, fitted);
}

void send_on(Worker& worker, Burst& known) {
    if (known.empty()) return;
    Burst& rest = worker.lanes.rest;
    rest.clear();
    {
        const AtStage at(worker, Stage::resolve, known);
        depart(worker, known, rest);
    }
    if (rest.empty()) [[likely]]
        return;
    look_up_routes(worker, rest);
    send(worker, rest);
}

void protect(Worker& worker, Burst& inner) {
    if (inner.empty()) return;
    Burst& fitting = worker.lanes.for_sa;
    Burst& too_long = worker.lanes.too_long;
    fitting.clear();
    too_long.clear();
    const AtStage at(worker, Stage::fit, inner);
    for (rte_mbuf* packet : inner) {
        const Meta& m = meta(packet);
        const std::uint16_t room = room_inside(worker, m.sa);
        if (rte_pktmbuf_data_len(packet) <= room && !is_syn(packet)) [[likely]]
            fitting.push(packet);
        else
            fit_inside(worker, packet, room, fitting, too_long);
        if (fitting.room() < kMaxFragments) [[unlikely]] {
            encrypt_and_send(worker, fitting);
            fitting.clear();
        }
    }
    encrypt_and_send(worker, fitting);
    encrypt_and_cut(worker, too_long);
}

}  // namespace oegate
