#include "worker/loop.hpp"

#include <rte_ethdev.h>
#include <rte_rcu_qsbr.h>

#include <utility>

#include "net/headers.hpp"
#include "observe/at_stage.hpp"
#include "stages/handoff.hpp"
#include "stages/hold.hpp"
#include "stages/hop.hpp"
#include "stages/ip_options.hpp"
#include "stages/keep_good.hpp"
#include "stages/local.hpp"
#include "stages/mss.hpp"
#include "stages/parse.hpp"
#include "stages/reassemble.hpp"
#include "stages/recall.hpp"
#include "stages/resolve.hpp"
#include "stages/route.hpp"
#include "stages/screen.hpp"
#include "stages/source_check.hpp"
#include "stages/transmit.hpp"
#include "worker/leave.hpp"
#include "worker/mailbox.hpp"
#include "worker/security.hpp"

namespace oegate {
namespace {

/// Routed, ours to decide, leaving by an outside interface.
void leave_outside(Worker& worker, Burst& routed) {
    if (routed.empty()) return;
    Lanes& lanes = worker.lanes;
    lanes.pass.clear();
    lanes.encrypt.clear();
    {
        const AtStage at(worker, Stage::policy, routed);
        policy(worker, routed, lanes.pass, lanes.encrypt);
    }
    send(worker, lanes.pass);
    protect(worker, lanes.encrypt);
}

void enter_inside(Worker& worker, Burst& routed) {
    if (routed.empty()) return;
    {
        const AtStage at(worker, Stage::inbound_clear, routed);
        screen_inbound_clear(worker, routed);
    }
    send(worker, routed);
}

/// Sends each routed datagram its way: to policy, to the inbound check, or on; what
/// another worker owns goes there.
void divide(Worker& worker, Burst& transit) {
    Lanes& lanes = worker.lanes;
    lanes.direct.clear();
    lanes.outside.clear();
    lanes.inbound_clear.clear();
    for (rte_mbuf* packet : transit) {
        Meta& m = meta(packet);
        const bool to_outside = worker.interfaces[m.out_interface].role == InterfaceRole::outside;
        const bool from_outside = worker.interfaces[m.in_interface].role == InterfaceRole::outside;
        if (m.origin != Origin::received || (!to_outside && !from_outside)) {
            if (m.origin == Origin::decrypted && static_cast<Protocol>(m.protocol) == Protocol::tcp &&
                worker.interfaces[m.out_interface].mss_clamp)
                clamp_mss_inbound(worker, packet);
            lanes.direct.push(packet);
            continue;
        }
        const unsigned to = owner(worker, m);
        if (to != worker.index) {
            hand_over(worker, packet, to, Resume::forward);
        } else {
            (to_outside ? lanes.outside : lanes.inbound_clear).push(packet);
        }
    }
    send(worker, lanes.direct);
    leave_outside(worker, lanes.outside);
    enter_inside(worker, lanes.inbound_clear);
}

void forward(Worker& worker, Burst& transit) {
    {
        const AtStage at(worker, Stage::route, transit);
        route(worker, transit);
    }
    divide(worker, transit);
}

/// Out of a tunnel whose SA remembers the way: one hop less, and on. The others stay, and
/// so do those that the long way looks into: options, and SYNs to be clamped.
void send_known_inside(Worker& worker, Burst& inner) {
    const AtStage at(worker, Stage::recall, inner);
    Burst& known = worker.lanes.pass;
    known.clear();
    unsigned kept = 0;
    for (rte_mbuf* packet : inner) {
        if (meta(packet).way.generation == worker.way_generation && !has_options(packet) && !is_syn(packet) &&
            hop(packet)) [[likely]]
            known.push(packet);
        else
            inner.set(kept++, packet);
    }
    inner.truncate(kept);
    send_on(worker, known);
}

/// For us, for others, or not at all.
void sort_out(Worker& worker, Burst& datagrams, Burst& ours, Burst& transit) {
    const AtStage at(worker, Stage::screen, datagrams);
    screen(worker, datagrams, ours, transit);
}

void remember(Worker& worker, Burst& datagrams, Burst& pass, Burst& encrypt) {
    const AtStage at(worker, Stage::recall, datagrams);
    recall(worker, datagrams, pass, encrypt);
}

void check_sources(Worker& worker, Burst& datagrams, bool ours) {
    const AtStage at(worker, Stage::source_check, datagrams);
    source_check(worker, datagrams, ours);
}

void serve(Worker& worker, Burst& ours, Burst& esp) {
    const AtStage at(worker, Stage::local, ours);
    local(worker, ours, esp);
}

/// Options inside a tunnel are judged like those outside it; filters in place.
void judge_inner_options(Worker& worker, Burst& inner) {
    keep_good(worker, inner, [&](unsigned i) {
        return has_options(inner[i]) ? judge_options(worker, inner[i]) : Drop::kCount;
    });
}

/// What came out of an SA enters the pipeline again as a datagram of the tunnel.
void enter(Worker& worker) {
    Lanes& lanes = worker.lanes;
    send_known_inside(worker, lanes.inner);
    if (lanes.inner.empty()) return;
    judge_inner_options(worker, lanes.inner);
    lanes.ours.clear();
    lanes.transit.clear();
    sort_out(worker, lanes.inner, lanes.ours, lanes.transit);
    lanes.esp.clear();
    serve(worker, lanes.ours, lanes.esp);  // nothing of ours is served through a tunnel: stays empty
    forward(worker, lanes.transit);
}

void unseal(Worker& worker, Burst& esp, Burst& inner) {
    const AtStage at(worker, Stage::decrypt, esp);
    decrypt(worker, esp, inner);
}

/// ESP to us.
void open_tunnel(Worker& worker, Burst& esp) {
    if (esp.empty()) return;
    worker.lanes.inner.clear();
    unseal(worker, esp, worker.lanes.inner);
    enter(worker);
}

/// Likewise, where some may lie in large buffers.
void open_tunnel_large(Worker& worker, Burst& esp) {
    if (esp.empty()) return;
    worker.lanes.inner.clear();
    unseal(worker, esp, worker.lanes.inner);
    settle(worker, worker.lanes.inner);
    enter(worker);
}

/// Datagrams to us that their last fragment made whole.
void deliver_whole(Worker& worker) {
    Lanes& lanes = worker.lanes;
    if (lanes.whole.empty()) return;
    lanes.esp.clear();
    serve(worker, lanes.whole, lanes.esp);
    lanes.whole.clear();
    open_tunnel_large(worker, lanes.esp);
}

/// One port's frames through the whole pipeline.
void process(Worker& worker, PortUse& port, Burst& frames) {
    Lanes& lanes = worker.lanes;
    lanes.datagrams.clear();
    lanes.ours.clear();
    lanes.transit.clear();
    lanes.esp.clear();
    {
        const AtStage at(worker, Stage::parse, frames);
        parse(worker, port, frames, lanes.datagrams);
    }
    if (port.has_inside) {
        lanes.pass.clear();
        lanes.encrypt.clear();
        remember(worker, lanes.datagrams, lanes.pass, lanes.encrypt);
        send_on(worker, lanes.pass);
        protect(worker, lanes.encrypt);
        if (lanes.datagrams.empty()) return;
    }
    claim(worker, lanes.datagrams, lanes.esp);
    if (lanes.datagrams.empty()) return open_tunnel(worker, lanes.esp);
    sort_out(worker, lanes.datagrams, lanes.ours, lanes.transit);
    check_sources(worker, lanes.ours, true);
    check_sources(worker, lanes.transit, false);
    serve(worker, lanes.ours, lanes.esp);
    forward(worker, lanes.transit);
    open_tunnel(worker, lanes.esp);
    deliver_whole(worker);
}

/// What other workers left for us, each from the stage that it was taken out of.
bool process_handed(Worker& worker) {
    Lanes& lanes = worker.lanes;
    bool any = false;
    for (unsigned from = 0; from < worker.num_workers; ++from) {
        if (from == worker.index) continue;
        lanes.handed.clear();
        take_over(worker, from, lanes.handed);
        any |= !lanes.handed.empty();
        if (lanes.handed.empty()) continue;
        const AtStage at(worker, Stage::handed, lanes.handed);
        lanes.transit.clear();
        lanes.esp.clear();
        lanes.encrypt.clear();
        for (rte_mbuf* packet : lanes.handed) {
            switch (std::exchange(meta(packet).resume, Resume::none)) {
                case Resume::forward:
                    lanes.transit.push(packet);
                    break;
                case Resume::decrypt:
                    lanes.esp.push(packet);
                    break;
                case Resume::reassemble:
                    reassemble(worker, packet);
                    break;
                case Resume::encrypt:
                    lanes.encrypt.push(packet);
                    break;
                case Resume::transmit:
                    transmit_frame(worker, packet);
                    break;
                case Resume::answer:
                    if (worker.answers.room() == 0)
                        drop(worker, packet, Drop::icmp_rate_limited);
                    else
                        worker.answers.push(packet);
                    break;
                case Resume::hold:
                    hold_again(worker, packet);
                    break;
                case Resume::none:
                    drop(worker, packet, Drop::own_unserved);
                    break;
            }
        }
        // Next-hop numbers are another loop's, and the way may lead elsewhere by now.
        look_up_routes(worker, lanes.encrypt);
        protect(worker, lanes.encrypt);
        look_up_routes(worker, lanes.transit);
        worker.handed = true;
        divide(worker, lanes.transit);
        worker.handed = false;
        open_tunnel_large(worker, lanes.esp);
        deliver_whole(worker);
    }
    return any;
}

/// Datagrams that control wrote: exempt from policy.
bool send_from_control(Worker& worker) {
    Burst& datagrams = worker.lanes.datagrams;
    datagrams.clear();
    transmit_from_control(worker, datagrams);
    const bool any = !datagrams.empty();
    look_up_routes(worker, datagrams);
    send(worker, datagrams);
    return any;
}

/// Our own ICMP. About these no ICMP is made, so one pass empties it.
void send_generated(Worker& worker) {
    if (!worker.answers.empty()) [[unlikely]] {
        worker.lanes.encrypt.clear();
        find_way_back(worker, worker.answers, worker.lanes.encrypt);
        look_up_routes(worker, worker.lanes.encrypt);
        protect(worker, worker.lanes.encrypt);
    }
    if (worker.generated.empty()) return;
    look_up_routes(worker, worker.generated);
    settle(worker, worker.generated);  // an answer to a long echo request
    send(worker, worker.generated);
    worker.generated.clear();
}

void receive(Worker& worker, const PortUse& port, Burst& frames) {
    AtStage at(worker, Stage::receive);
    frames.clear();
    frames.truncate(rte_eth_rx_burst(port.port_id, port.rx_queue, frames.data(), kReceiveBurst));
    at.received(frames.size());
    if (worker.watch.has(Watch::kTrace | Watch::kInterfaces)) [[unlikely]]
        watch_received(worker, port, frames);
}

bool obey(Worker& worker) {
    const AtStage at(worker, Stage::commands);
    return apply_commands(worker);
}

bool look_after(Worker& worker) {
    const AtStage at(worker, Stage::tend);
    remind_neighbours(worker);
    forget_fragments(worker);
    const bool busy = tend(worker);
    if (worker.watch.on != 0) [[unlikely]]
        tend_observe(worker);
    return busy;
}

void begin(Worker& worker, std::uint64_t now_ns) {
    worker.now_ns = now_ns;
    worker.generation = worker.published->generation.load(std::memory_order_acquire);
    worker.routes = worker.published->routes;
    worker.way_generation = trust_ways(worker) ? worker.generation & 0xffff : Way::kNothing;
    for (std::size_t i = 0; i < worker.ports.size(); ++i)
        worker.ports[i].up = worker.link_up[i].load(std::memory_order_relaxed);
    worker.classes = worker.published->classes.load(std::memory_order_acquire);
    worker.own = worker.published->own.load(std::memory_order_acquire);
}

/// From here on no pointer into a published table is kept.
void end(Worker& worker) {
    worker.classes = nullptr;
    worker.own = nullptr;
    rte_rcu_qsbr_quiescent(worker.qsbr, worker.index);
}

}  // namespace

void send_released(Worker& worker) {
    if (worker.released_pass.empty() && worker.released_encrypt.empty()) [[likely]]
        return;
    look_up_routes(worker, worker.released_pass);
    send(worker, worker.released_pass);
    worker.released_pass.clear();
    look_up_routes(worker, worker.released_encrypt);
    protect(worker, worker.released_encrypt);
    worker.released_encrypt.clear();
}

bool poll_once(Worker& worker, std::uint64_t now_ns) {
    begin(worker, now_ns);
    const AtStage at(worker, Stage::loop);
    bool busy = obey(worker);
    send_released(worker);
    busy |= send_from_control(worker);
    busy |= process_handed(worker);
    for (PortUse& port : worker.ports) {
        if (port.rx_queue == kNoQueue) continue;
        Burst& frames = worker.lanes.frames;
        receive(worker, port, frames);
        if (frames.empty()) continue;
        busy = true;
        process(worker, port, frames);
    }
    busy |= look_after(worker);
    send_released(worker);
    send_generated(worker);
    for (PortUse& port : worker.ports) flush(worker, port);
    end(worker);
    worker.shared.heartbeat.store(worker.shared.heartbeat.load(std::memory_order_relaxed) + 1,
                                  std::memory_order_relaxed);
    return busy;
}

}  // namespace oegate
