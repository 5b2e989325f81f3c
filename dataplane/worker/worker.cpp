#include "worker/worker.hpp"

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "tables/own_addresses.hpp"
#include "tables/reassembly.hpp"
#include "worker/waiting.hpp"

namespace oegate {

Worker::Worker() = default;
Worker::~Worker() = default;

bool TokenBucket::take(std::uint64_t now_ns) {
    const std::uint64_t elapsed_us = (now_ns - filled_ns) / 1000;
    const std::uint64_t earned = elapsed_us * rate_per_second / 1000;
    if (earned > 0) {
        tokens_milli = std::min(depth * 1000, tokens_milli + earned);
        filled_ns = now_ns;
    }
    if (tokens_milli < 1000) return false;
    tokens_milli -= 1000;
    return true;
}

void count_drop(Worker& worker, std::uint16_t interface, Drop reason) {
    worker.tallies[interface].drops[static_cast<std::size_t>(reason)].add();
    worker.ledger.dropped.add();
}

void drop(Worker& worker, rte_mbuf* packet, Drop reason) {
    if (worker.watch.has(Watch::kTrace | Watch::kDrops)) [[unlikely]]
        watch_drop(worker, packet, reason);
    count_drop(worker, meta(packet).in_interface, reason);
    rte_pktmbuf_free(packet);
}

namespace {

/// Of the event ring, for what is said once (can_post): a scan of misses must not
/// keep control from hearing that its commands are done.
constexpr unsigned kReserved = 256;

bool is_repeated(Event::Kind kind) {
    switch (kind) {
        case Event::Kind::sa_expired:
        case Event::Kind::first_esp:
        case Event::Kind::use_report:
            return false;
        default:
            return true;
    }
}

}  // namespace

void post(Worker& worker, const Event& event) {
    if (is_repeated(event.kind) && rte_ring_free_count(worker.link.events) <= kReserved)
        return worker.ledger.events_lost.add();
    Event stamped = event;
    stamped.worker = static_cast<std::uint8_t>(worker.index);
    if (rte_ring_sp_enqueue_elem(worker.link.events, &stamped, sizeof stamped) != 0)
        worker.ledger.events_lost.add();
}

bool can_post(const Worker& worker) {
    return rte_ring_full(worker.link.events) == 0;
}

rte_mbuf* make_packet(Worker& worker) {
    rte_mbuf* packet = rte_pktmbuf_alloc(worker.pool);
    if (packet != nullptr) meta(packet) = Meta{};
    return packet;
}

}  // namespace oegate
