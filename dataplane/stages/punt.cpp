#include "stages/punt.hpp"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include <cstring>

namespace oegate {

void punt(Worker& worker, rte_mbuf* packet, Punt::Kind kind, std::size_t offset, std::size_t len) {
    if (worker.watch.has(Watch::kTrace)) [[unlikely]]
        watch_packet(worker, Stage::punt, packet);
    if (len > kMaxRecordBytes) {
        drop(worker, packet, Drop::punt_too_long);
        return;
    }
    rte_ring_zc_data place{};
    if (rte_ring_enqueue_zc_bulk_elem_start(worker.link.punts, sizeof(Punt), 1, &place, nullptr) != 1) {
        drop(worker, packet, Drop::punt_ring_full);
        return;
    }
    const Meta& m = meta(packet);
    Punt& record = *static_cast<Punt*>(place.ptr1);
    record.kind = kind;
    record.worker = static_cast<std::uint8_t>(worker.index);
    record.interface = m.in_interface;
    record.len = static_cast<std::uint16_t>(len);
    record.source_port = m.source_port;
    record.source = m.pair.source;
    record.destination = m.pair.destination;
    record.source_mac = m.source_mac;
    std::memcpy(record.data.data(), data(packet) + offset, len);
    rte_ring_enqueue_zc_elem_finish(worker.link.punts, 1);
    worker.ledger.consumed.add();
    rte_pktmbuf_free(packet);
}

}  // namespace oegate
