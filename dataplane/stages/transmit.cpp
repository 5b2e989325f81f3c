#include "stages/transmit.hpp"

#include <rte_ethdev.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "net/checksum.hpp"
#include "observe/at_stage.hpp"
#include "stages/handoff.hpp"
#include "stages/parse.hpp"
#include "tables/neighbours.hpp"
#include "worker/waiting.hpp"

namespace oegate {
namespace {

constexpr unsigned kRecordsPerLoop = 16;
static_assert(kRecordsPerLoop >= kMaxRecords);
constexpr unsigned kTransmitTries = 4;
constexpr unsigned kLongestLink = sizeof(EthernetHeader) + sizeof(VlanTag);

constexpr unsigned kAddressesLen = 2 * sizeof(MacAddress);

/// Both MAC addresses as two words. Put together in registers: bytes that were stored
/// apart and are loaded as one word at once stop the processor.
struct LinkStart {
    std::uint64_t words;
    std::uint32_t tail;
    LinkStart(const MacAddress& destination, const MacAddress& source)
        : words(word_of(destination) | word_of(source) << 48),
          tail(static_cast<std::uint32_t>(word_of(source) >> 16)) {}

  private:
    static std::uint64_t word_of(const MacAddress& mac) {
        std::uint32_t low;
        std::uint16_t high;
        std::memcpy(&low, mac.bytes.data(), sizeof low);
        std::memcpy(&high, mac.bytes.data() + sizeof low, sizeof high);
        return low | std::uint64_t{high} << 32;
    }
};

/// What stands in front of every datagram of one family that leaves by one interface to one
/// neighbour, and what it takes to leave that way.
struct Link {
    LinkStart start;
    std::uint16_t vlan = 0;
    std::uint16_t len = sizeof(EthernetHeader);

    Link() : start({}, {}) {}
    Link(const InterfaceInfo& out, const MacAddress& to)
        : start(to, out.mac), vlan(out.vlan), len(out.vlan == 0 ? sizeof(EthernetHeader) : kLongestLink) {}
};

/// The Ethernet header and the interface's tag, before the packet's data. There is room.
void write_link(rte_mbuf* packet, const Link& link, EtherType type) {
    packet->data_off = static_cast<std::uint16_t>(packet->data_off - link.len);
    packet->data_len = static_cast<std::uint16_t>(packet->data_len + link.len);
    packet->pkt_len += link.len;
    std::uint8_t* at = data(packet);
    std::memcpy(at, &link.start.words, 8);
    std::memcpy(at + 8, &link.start.tail, 4);
    if (link.vlan != 0) {
        const Be16 tag_type(static_cast<std::uint16_t>(EtherType::vlan)), tci(link.vlan);
        std::memcpy(at + kAddressesLen, &tag_type, 2);
        std::memcpy(at + kAddressesLen + 2, &tci, 2);
        at += sizeof(VlanTag);
    }
    const Be16 wire_type(static_cast<std::uint16_t>(type));
    std::memcpy(at + kAddressesLen, &wire_type, 2);
}

/// Counted now, so that nothing is read again once the driver owns the frames.
void queue(Worker& worker, PortUse& port, InterfaceTally& tally, rte_mbuf* frame) {
    if (port.pending.room() == 0) [[unlikely]]
        flush(worker, port);
    ++tally.leaving_packets;
    tally.leaving_bytes += rte_pktmbuf_pkt_len(frame);
    port.pending.push(frame);
}

/// What depart needs of a way: the datagrams of a burst mostly share it.
class Departure {
  public:
    Departure(Worker& worker, Way way) : way_(way) {
        const NeighbourTable& neighbours = *worker.published->neighbours;
        const Adjacency to = neighbours.at(way.adjacency);
        if (way.generation != worker.way_generation || !to.resolved()) return;
        const InterfaceInfo& out = worker.interfaces[to.interface()];
        PortUse& port = worker.ports[out.port];
        if (!port.up || port.tx_queue == kNoQueue) return;
        // Who waits for a neighbour that was resolved just now goes first: by the long way.
        if (worker.waiting->size() != 0 &&
            worker.waiting->waited_for({neighbours.address(way.adjacency), to.interface()})) [[unlikely]]
            return;
        interface_ = to.interface();
        longest_ = out.mtu;
        link_ = Link(out, to.mac());
        port_ = &port;
        tally_ = &worker.tallies[interface_];
    }
    bool is_by(Way way) const { return way.adjacency == way_.adjacency && way.generation == way_.generation; }
    /// Whether this datagram may go; no datagram is empty.
    bool takes(const rte_mbuf* packet) const {
        return rte_pktmbuf_pkt_len(packet) <= longest_ && packet->data_off >= kLongestLink;
    }
    void send(Worker& worker, rte_mbuf* packet) const {
        Meta& m = meta(packet);
        const EtherType type = m.family == Family::ipv4 ? EtherType::ipv4 : EtherType::ipv6;
        m.out_interface = interface_;
        write_link(packet, link_, type);
        queue(worker, *port_, *tally_, packet);
    }

  private:
    Way way_;
    std::uint16_t interface_ = 0;
    std::uint16_t longest_ = 0;  // 0: not resolved, or waited for, or its port takes no frames from us
    Link link_;
    PortUse* port_ = nullptr;
    InterfaceTally* tally_ = nullptr;
};

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

/// The records of one packet, some of them at the end of the ring's memory and some at its
/// beginning.
struct Records {
    const rte_ring_zc_data& place;
    unsigned first = 0;
    const Transmit& operator[](unsigned i) const {
        i += first;
        return i < place.n1 ? static_cast<const Transmit*>(place.ptr1)[i]
                            : static_cast<const Transmit*>(place.ptr2)[i - place.n1];
    }
};

/// An ordinary buffer, or a large one, with this packet in it; null when there is none.
rte_mbuf* gather(Worker& worker, const Records& records, std::uint16_t len) {
    rte_mbuf* packet = nullptr;
    if (len <= worker.buffer_len) {
        packet = make_packet(worker);
    } else if (worker.large_pool != nullptr) {
        packet = rte_pktmbuf_alloc(worker.large_pool);
        if (packet != nullptr) meta(packet) = Meta{};
    }
    if (packet == nullptr) return nullptr;
    auto* to = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, len));
    for (unsigned i = 0; i < records_of(len); ++i) {
        const std::size_t at = i * kMaxRecordBytes;
        std::memcpy(to + at, records[i].data.data(), std::min(len - at, kMaxRecordBytes));
    }
    return packet;
}

/// Control is the host that sends: its datagrams may be cut, if they do not say otherwise,
/// and then need an identification of their own (RFC 6864 §4).
void may_cut(Worker& worker, rte_mbuf* packet) {
    Meta& m = meta(packet);
    if (m.family == Family::ipv6) {
        m.dont_fragment = false;
        return;
    }
    auto* header = reinterpret_cast<Ipv4Header*>(data(packet));
    if (m.dont_fragment || header->identification.host() != 0) return;
    header->identification = Be16(worker.identification++);
    header->header_checksum = {};
    header->header_checksum = Be16(checksum({data(packet), header->header_len()}));
}

void take_records(Worker& worker, const Records& records, Burst& datagrams) {
    worker.ledger.generated.add();
    const Transmit& record = records[0];
    const bool frame = record.kind == Transmit::Kind::frame;
    if (record.interface >= worker.interfaces.size() ||
        record.len > (frame ? kMaxRecordBytes : kMaxPacketBytes)) {
        count_drop(worker, 0, Drop::frame_short);  // only a broken control plane writes such
        return;
    }
    rte_mbuf* packet = gather(worker, records, record.len);
    if (packet == nullptr) {
        count_drop(worker, record.interface, Drop::no_buffer);
        return;
    }
    Meta& m = meta(packet);
    m.origin = Origin::control;
    m.in_interface = m.out_interface = record.interface;
    if (record.kind == Transmit::Kind::datagram) {
        if (const Drop reason = parse_datagram(packet); reason != Drop::kCount) {
            drop(worker, packet, reason);
            return;
        }
        may_cut(worker, packet);
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
    if (packet->data_off < kLongestLink) {
        drop(worker, packet, Drop::no_buffer);
        return;
    }
    write_link(packet, Link(worker.interfaces[interface], to), type);
    transmit_frame(worker, packet);
}

void transmit_frame(Worker& worker, rte_mbuf* frame) {
    const std::uint16_t interface = meta(frame).out_interface;
    PortUse& port = worker.ports[worker.interfaces[interface].port];
    if (!port.up) {
        drop(worker, frame, Drop::interface_down);
        return;
    }
    if (port.tx_queue == kNoQueue) {
        hand_over(worker, frame, port.tx_owner, Resume::transmit);
        return;
    }
    queue(worker, port, worker.tallies[interface], frame);
}

void depart(Worker& worker, Burst& datagrams, Burst& rest) {
    Departure departure(worker, Way{});
    for (rte_mbuf* packet : datagrams) {
        if (!departure.is_by(meta(packet).way)) [[unlikely]]
            departure = Departure(worker, meta(packet).way);
        if (departure.takes(packet)) [[likely]]
            departure.send(worker, packet);
        else
            rest.push(packet);
    }
    datagrams.clear();
}

void flush(Worker& worker, PortUse& port) {
    rte_mbuf** frames = port.pending.data();
    const unsigned count = port.pending.size();
    if (count == 0) return;
    if (worker.watch.has(Watch::kTrace | Watch::kInterfaces)) [[unlikely]]
        watch_transmitted(worker, port.pending);
    const AtStage at(worker, Stage::transmit, count);
    unsigned sent = 0;
    for (unsigned tries = 0; sent < count && tries < kTransmitTries; ++tries)
        sent += rte_eth_tx_burst(port.port_id, port.tx_queue, frames + sent,
                                 static_cast<std::uint16_t>(count - sent));
    worker.ledger.transmitted.add(sent);
    for (unsigned i = sent; i < count; ++i) {
        InterfaceTally& tally = worker.tallies[meta(frames[i]).out_interface];
        --tally.leaving_packets;
        tally.leaving_bytes -= rte_pktmbuf_pkt_len(frames[i]);
        drop(worker, frames[i], Drop::transmit_full);
    }
    for (const std::uint16_t interface : port.interfaces) {
        InterfaceTally& tally = worker.tallies[interface];
        tally.transmitted_packets.add(std::exchange(tally.leaving_packets, 0));
        tally.transmitted_bytes.add(std::exchange(tally.leaving_bytes, 0));
    }
    port.pending.clear();
}

void transmit_from_control(Worker& worker, Burst& datagrams) {
    rte_ring_zc_data place{};
    const unsigned count = rte_ring_dequeue_zc_burst_elem_start(worker.link.transmits, sizeof(Transmit),
                                                                kRecordsPerLoop, &place, nullptr);
    if (count == 0) return;
    unsigned taken = 0;
    while (taken < count) {
        const Records records{place, taken};
        const auto num =
            static_cast<unsigned>(records_of(std::min<std::size_t>(records[0].len, kMaxPacketBytes)));
        if (taken + num > count) break;  // the rest of it comes with the next loop
        take_records(worker, records, datagrams);
        taken += num;
    }
    rte_ring_dequeue_zc_elem_finish(worker.link.transmits, taken);
}

}  // namespace oegate
