#include "stages/resolve.hpp"

#include <rte_prefetch.h>

#include "net/headers.hpp"
#include "stages/icmp.hpp"
#include "stages/transmit.hpp"
#include "stages/ways.hpp"
#include "tables/fib.hpp"
#include "tables/neighbours.hpp"
#include "tables/own_addresses.hpp"
#include "worker/waiting.hpp"

namespace oegate {
namespace {

WaitingRoom::Neighbour neighbour_of(const Worker& worker, const Meta& m) {
    const NextHop& next = worker.routes->next_hop(m.next_hop);
    return {next.connected ? m.pair.destination : next.gateway, next.interface};
}

constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// Screen has let it pass: the interface allows directed broadcast (RFC 2644).
bool is_broadcast(const Worker& worker, const Meta& m) {
    return worker.routes->next_hop(m.next_hop).connected &&
           worker.own->find(m.pair.destination) == OwnAddresses::Kind::broadcast;
}

void tell_use(Worker& worker) {
    const WaitingRoom& room = *worker.waiting;
    worker.ledger.waiting_neighbour.set(room.size());
    worker.ledger.waiting_one_neighbour.set(room.for_one_neighbour().get());
    worker.ledger.waiting_one_source.set(room.of_one_source().get());
}

void wait(Worker& worker, const WaitingRoom::Neighbour& neighbour, rte_mbuf* packet) {
    if (worker.watch.has(Watch::kTrace)) [[unlikely]]
        watch_packet(worker, Stage::wait, packet);
    switch (worker.waiting->put(neighbour, meta(packet).pair.source, packet, worker.now_ns)) {
        case WaitingRoom::Put::full:
            drop(worker, packet, Drop::neighbour_queue_full);
            return;
        case WaitingRoom::Put::waits_and_ask:
            post(worker, Event(NeighbourWanted{neighbour.address, neighbour.interface}));
            break;
        case WaitingRoom::Put::waits:
            break;
    }
    tell_use(worker);
}

/// Puts the Ethernet header and the interface's tag in front.
void frame(Worker& worker, rte_mbuf* packet, const MacAddress& to) {
    const Meta& m = meta(packet);
    const EtherType type = m.family == Family::ipv4 ? EtherType::ipv4 : EtherType::ipv6;
    transmit_datagram(worker, packet, m.out_interface, to, type);
}

void release(Worker& worker, const WaitingRoom::Neighbour& neighbour, const MacAddress* mac) {
    Burst& freed = worker.lanes.freed;
    bool more = true;
    while (more) {
        freed.clear();
        more = worker.waiting->take(neighbour, freed);
        for (rte_mbuf* packet : freed) {
            meta(packet).out_interface = neighbour.interface;
            if (mac != nullptr) {
                frame(worker, packet, *mac);
            } else {
                refuse(worker, packet, Drop::neighbour_failed, IcmpError::host_unreachable);
            }
        }
    }
    tell_use(worker);
}

/// The neighbour is published, but we are not told yet: who waited for it is not
/// overtaken.
void let_go_first(Worker& worker, const WaitingRoom::Neighbour& neighbour, const MacAddress& mac) {
    if (worker.waiting->waited_for(neighbour)) release(worker, neighbour, &mac);
}

}  // namespace

void resolve(Worker& worker, Burst& burst) {
    const NeighbourTable& table = *worker.published->neighbours;
    for (rte_mbuf* packet : burst) {
        const Adjacency to =
            table.at(adjacency_of(worker, meta(packet).next_hop, meta(packet).pair.destination));
        if (to.resolved()) [[likely]] {
            if (worker.waiting->size() != 0) [[unlikely]]
                let_go_first(worker, neighbour_of(worker, meta(packet)), to.mac());
            frame(worker, packet, to.mac());
        } else if (is_broadcast(worker, meta(packet))) {
            frame(worker, packet, kBroadcast);
        } else {
            wait(worker, neighbour_of(worker, meta(packet)), packet);
        }
    }
}

void neighbour_changed(Worker& worker, const NeighbourChanged& change) {
    const WaitingRoom::Neighbour neighbour{change.address, change.interface};
    const Adjacency to = worker.published->neighbours->resolve(change.interface, change.address);
    if (to.resolved()) {
        const MacAddress mac = to.mac();
        release(worker, neighbour, &mac);
    } else if (!change.resolved) {
        release(worker, neighbour, nullptr);
    }
}

void remind_neighbours(Worker& worker) {
    bool ask = false;
    const WaitingRoom::Neighbour* found = worker.waiting->next(worker.now_ns, ask);
    if (found == nullptr) return;
    const WaitingRoom::Neighbour neighbour = *found;
    const Adjacency to = worker.published->neighbours->resolve(neighbour.interface, neighbour.address);
    if (to.resolved()) {
        const MacAddress mac = to.mac();
        release(worker, neighbour, &mac);
    } else if (ask) {
        post(worker, Event(NeighbourWanted{neighbour.address, neighbour.interface}));
    }
}

}  // namespace oegate
