#include "stages/punt.hpp"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include <algorithm>
#include <cstring>

namespace oegate {

void punt(Worker& worker, rte_mbuf* packet, Punt::Kind kind, std::size_t offset, std::size_t len) {
    if (worker.watch.has(Watch::kTrace)) [[unlikely]]
        watch_packet(worker, Stage::punt, packet);
    if (len > kMaxPacketBytes) {
        drop(worker, packet, Drop::punt_too_long);
        return;
    }
    // All records or none, seen by control at once.
    const auto count = static_cast<unsigned>(records_of(len));
    rte_ring_zc_data place{};
    if (rte_ring_enqueue_zc_bulk_elem_start(worker.link.punts, sizeof(Punt), count, &place, nullptr) !=
        count) {
        drop(worker, packet, Drop::punt_ring_full);
        return;
    }
    const auto record_at = [&place](unsigned i) -> Punt& {
        return i < place.n1 ? static_cast<Punt*>(place.ptr1)[i]
                            : static_cast<Punt*>(place.ptr2)[i - place.n1];
    };
    const Meta& m = meta(packet);
    Punt& record = record_at(0);
    record.kind = kind;
    record.worker = static_cast<std::uint8_t>(worker.index);
    record.interface = m.in_interface;
    record.len = static_cast<std::uint16_t>(len);
    record.source_port = m.source_port;
    record.source = m.pair.source;
    record.destination = m.pair.destination;
    record.source_mac = m.source_mac;
    const std::uint8_t* from = data(packet) + offset;
    for (unsigned i = 0; i < count; ++i) {
        const std::size_t at = i * kMaxRecordBytes;
        std::memcpy(record_at(i).data.data(), from + at, std::min(len - at, kMaxRecordBytes));
    }
    rte_ring_enqueue_zc_elem_finish(worker.link.punts, count);
    worker.ledger.consumed.add();
    rte_pktmbuf_free(packet);
}

}  // namespace oegate
