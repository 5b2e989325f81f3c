#include "stages/transmit.hpp"

#include <rte_ethdev.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include <cstring>

#include "stages/handoff.hpp"
#include "stages/parse.hpp"

namespace oegate {
namespace {

constexpr unsigned kRecordsPerLoop = 16;
constexpr unsigned kTransmitTries = 4;

/// Makes room behind the two MAC addresses and writes the tag (IEEE 802.1Q).
bool insert_tag(rte_mbuf* frame, std::uint16_t vlan) {
    constexpr std::size_t kAddresses = 12;
    const std::uint8_t* old = data(frame);
    auto* bytes = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(frame, sizeof(VlanTag)));
    if (bytes == nullptr) return false;
    std::memmove(bytes, old, kAddresses);
    const Be16 tag_type(static_cast<std::uint16_t>(EtherType::vlan)), tci(vlan);
    std::memcpy(bytes + kAddresses, &tag_type, 2);
    std::memcpy(bytes + kAddresses + 2, &tci, 2);
    return true;
}

void take_record(Worker& worker, const Transmit& record, Burst& datagrams) {
    worker.ledger.generated.add();
    if (record.interface >= worker.interfaces.size() || record.len > kMaxRecordBytes) {
        count_drop(worker, 0, Drop::frame_short);  // only a broken control plane writes such
        return;
    }
    rte_mbuf* packet = make_packet(worker);
    if (packet == nullptr) {
        count_drop(worker, record.interface, Drop::no_buffer);
        return;
    }
    std::memcpy(rte_pktmbuf_append(packet, record.len), record.data.data(), record.len);
    Meta& m = meta(packet);
    m.origin = Origin::control;
    m.in_interface = m.out_interface = record.interface;
    if (record.kind == Transmit::Kind::datagram) {
        if (const Drop reason = parse_datagram(packet); reason != Drop::kCount) {
            drop(worker, packet, reason);
            return;
        }
        datagrams.push(packet);
        return;
    }
    const std::uint16_t vlan = worker.interfaces[record.interface].vlan;
    if (record.len < sizeof(EthernetHeader) || (vlan != 0 && !insert_tag(packet, vlan))) {
        drop(worker, packet, Drop::frame_short);
        return;
    }
    transmit_frame(worker, packet);
}

}  // namespace

void transmit_datagram(Worker& worker, rte_mbuf* packet, std::uint16_t interface, const MacAddress& to,
                       EtherType type) {
    const InterfaceInfo& out = worker.interfaces[interface];
    const std::size_t link_len = sizeof(EthernetHeader) + (out.vlan != 0 ? sizeof(VlanTag) : 0);
    char* front = rte_pktmbuf_prepend(packet, static_cast<std::uint16_t>(link_len));
    if (front == nullptr) {
        drop(worker, packet, Drop::no_buffer);
        return;
    }
    EthernetHeader header;
    header.destination = to;
    header.source = out.mac;
    header.ether_type = Be16(static_cast<std::uint16_t>(out.vlan != 0 ? EtherType::vlan : type));
    std::memcpy(front, &header, sizeof header);
    if (out.vlan != 0) {
        const VlanTag tag{Be16(out.vlan), Be16(static_cast<std::uint16_t>(type))};
        std::memcpy(front + sizeof header, &tag, sizeof tag);
    }
    transmit_frame(worker, packet);
}

void transmit_frame(Worker& worker, rte_mbuf* frame) {
    const std::uint16_t at = worker.interfaces[meta(frame).out_interface].port;
    PortUse& port = worker.ports[at];
    if (!worker.link_up[at].load(std::memory_order_relaxed)) {
        drop(worker, frame, Drop::interface_down);
        return;
    }
    if (port.tx_queue == kNoQueue) {
        hand_over(worker, frame, port.tx_owner, Resume::transmit);
        return;
    }
    if (port.pending.room() == 0) flush(worker, port);
    port.pending.push(frame);
}

void flush(Worker& worker, PortUse& port) {
    rte_mbuf** frames = port.pending.data();
    const unsigned count = port.pending.size();
    if (count == 0) return;
    // Who is counted must be read before the driver owns the mbufs.
    std::uint16_t interfaces[kBurstRoom];
    std::uint16_t lens[kBurstRoom];
    for (unsigned i = 0; i < count; ++i) {
        interfaces[i] = meta(frames[i]).out_interface;
        lens[i] = static_cast<std::uint16_t>(rte_pktmbuf_pkt_len(frames[i]));
    }
    unsigned sent = 0;
    for (unsigned tries = 0; sent < count && tries < kTransmitTries; ++tries)
        sent += rte_eth_tx_burst(port.port_id, port.tx_queue, frames + sent,
                                 static_cast<std::uint16_t>(count - sent));
    for (unsigned i = 0; i < sent; ++i) {
        worker.tallies[interfaces[i]].transmitted_packets.add();
        worker.tallies[interfaces[i]].transmitted_bytes.add(lens[i]);
    }
    worker.ledger.transmitted.add(sent);
    for (unsigned i = sent; i < count; ++i) drop(worker, frames[i], Drop::transmit_full);
    port.pending.clear();
}

void transmit_from_control(Worker& worker, Burst& datagrams) {
    rte_ring_zc_data place{};
    const unsigned count = rte_ring_dequeue_zc_burst_elem_start(worker.link.transmits, sizeof(Transmit),
                                                                kRecordsPerLoop, &place, nullptr);
    if (count == 0) return;
    for (unsigned i = 0; i < count; ++i) {
        const auto* record = i < place.n1 ? static_cast<const Transmit*>(place.ptr1) + i
                                          : static_cast<const Transmit*>(place.ptr2) + (i - place.n1);
        take_record(worker, *record, datagrams);
    }
    rte_ring_dequeue_zc_elem_finish(worker.link.transmits, count);
}

}  // namespace oegate
