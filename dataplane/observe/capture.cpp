#include "observe/capture.hpp"

#include <rte_cycles.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include <cstring>

#include "net/headers.hpp"
#include "worker/loop.hpp"

namespace oegate {
namespace {

using Course = CaptureRecord::Direction;

struct Seen {
    std::uint16_t interface = 0;
    Course direction = Course::unknown;
    Drop reason = Drop::kCount;
    bool ethernet = true;
};

void lose(Worker& worker, const StartCapture& what) {
    auto& lost = worker.shared.captures_lost[what.slot];
    lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// Bytes from the segments of a packet; at most len.
std::size_t copy_out(const rte_mbuf* packet, std::uint8_t* to, std::size_t len) {
    std::size_t done = 0;
    for (; packet != nullptr && done < len; packet = packet->next) {
        const std::size_t part = std::min<std::size_t>(len - done, rte_pktmbuf_data_len(packet));
        std::memcpy(to + done, rte_pktmbuf_mtod(packet, const std::uint8_t*), part);
        done += part;
    }
    return done;
}

void copy(Worker& worker, Watch::Capture& capture, const rte_mbuf* packet, const Seen& seen) {
    const StartCapture& what = capture.what;
    if (capture.num_copied >= what.packets) return;
    ++capture.num_copied;
    rte_ring_zc_data place{};
    if (rte_ring_enqueue_zc_bulk_elem_start(worker.link.captures, sizeof(CaptureRecord), 1, &place,
                                            nullptr) != 1)
        return lose(worker, what);
    CaptureRecord& record = *static_cast<CaptureRecord*>(place.ptr1);
    record.time_ns = cycles_to_ns(rte_rdtsc(), rte_get_tsc_hz());
    record.token = what.token;
    record.len = rte_pktmbuf_pkt_len(packet);
    record.captured = static_cast<std::uint16_t>(
        copy_out(packet, record.data.data(), std::min<std::size_t>(what.snaplen, kMaxCaptureBytes)));
    record.interface = seen.interface;
    record.slot = what.slot;
    record.worker = static_cast<std::uint8_t>(worker.index);
    record.direction = seen.direction;
    record.reason = seen.reason;
    record.ethernet = seen.ethernet;
    rte_ring_enqueue_zc_elem_finish(worker.link.captures, 1);
}

template <class Wanted>
void for_captures(Worker& worker, StartCapture::What what, Wanted each) {
    for (Watch::Capture& capture : worker.watch.captures)
        if (capture.active && capture.what.what == what) each(capture);
}

/// As `parse` will find it; the first interface of the port for what belongs to none.
std::uint16_t interface_of(const PortUse& port, const rte_mbuf* frame) {
    const std::uint8_t* bytes = data(frame);
    if (rte_pktmbuf_data_len(frame) < sizeof(EthernetHeader) + sizeof(VlanTag)) return port.first_interface;
    const auto* ethernet = reinterpret_cast<const EthernetHeader*>(bytes);
    unsigned vlan = 0;
    if (static_cast<EtherType>(ethernet->ether_type.host()) == EtherType::vlan)
        vlan = reinterpret_cast<const VlanTag*>(bytes + sizeof(EthernetHeader))->tci.host() & 0xfff;
    const std::uint16_t interface = port.interface_of_vlan[vlan];
    return interface == kNoInterface ? port.first_interface : interface;
}

/// What dies before its link layer is cut off, or after it was put on.
bool dies_as_frame(const rte_mbuf* packet, Drop reason) {
    switch (reason) {
        case Drop::frame_short:
        case Drop::frame_not_for_us:
        case Drop::vlan_unknown:
        case Drop::frame_multi_segment:
        case Drop::interface_down:
        case Drop::transmit_full:
            return true;
        case Drop::handoff_full:
            return meta(packet).resume == Resume::transmit;
        default:
            return false;
    }
}

std::uint8_t bit_of(StartCapture::What what) {
    switch (what) {
        case StartCapture::What::interface:
            return Watch::kInterfaces;
        case StartCapture::What::drops:
            return Watch::kDrops;
        case StartCapture::What::decrypted:
            return Watch::kDecrypted;
    }
    return 0;
}

void set_bits(Watch& watch) {
    watch.on =
        static_cast<std::uint8_t>(watch.on & ~(Watch::kInterfaces | Watch::kDrops | Watch::kDecrypted));
    for (const Watch::Capture& capture : watch.captures)
        if (capture.active) watch.on |= bit_of(capture.what.what);
}

}  // namespace

void start_capture(Worker& worker, const StartCapture& command) {
    if (command.slot >= kMaxCaptures || command.interface >= worker.interfaces.size()) return;
    worker.watch.captures[command.slot] = {true, 0, command};
    worker.shared.captures_lost[command.slot].store(0, std::memory_order_relaxed);
    set_bits(worker.watch);
}

void stop_capture(Worker& worker, const StopCapture& command) {
    if (command.slot >= kMaxCaptures) return;
    Watch::Capture& capture = worker.watch.captures[command.slot];
    if (capture.what.token == command.token) capture.active = false;
    set_bits(worker.watch);
}

void capture_received(Worker& worker, const PortUse& port, Burst& frames) {
    for_captures(worker, StartCapture::What::interface, [&](Watch::Capture& capture) {
        for (const rte_mbuf* frame : frames) {
            const std::uint16_t interface = interface_of(port, frame);
            if (interface == capture.what.interface)
                copy(worker, capture, frame, {interface, Course::inbound, Drop::kCount, true});
        }
    });
}

void capture_transmitted(Worker& worker, Burst& frames) {
    for_captures(worker, StartCapture::What::interface, [&](Watch::Capture& capture) {
        for (const rte_mbuf* frame : frames) {
            const std::uint16_t interface = meta(frame).out_interface;
            if (interface == capture.what.interface)
                copy(worker, capture, frame, {interface, Course::outbound, Drop::kCount, true});
        }
    });
}

void capture_drop(Worker& worker, rte_mbuf* packet, Drop reason) {
    const Seen seen{meta(packet).in_interface, Course::unknown, reason, dies_as_frame(packet, reason)};
    for_captures(worker, StartCapture::What::drops, [&](Watch::Capture& capture) {
        if (capture.what.reason == Drop::kCount || capture.what.reason == reason)
            copy(worker, capture, packet, seen);
    });
}

void capture_inside(Worker& worker, Stage stage, Burst& burst) {
    if (stage != Stage::recall && stage != Stage::encrypt) return;
    for_captures(worker, StartCapture::What::decrypted, [&](Watch::Capture& capture) {
        const StartCapture& what = capture.what;
        for (const rte_mbuf* packet : burst) {
            const Meta& m = meta(packet);
            if (stage == Stage::recall && m.origin != Origin::decrypted) continue;
            if (what.one_pair && m.pair != what.pair && m.pair.reversed() != what.pair) continue;
            const Course direction = stage == Stage::encrypt ? Course::outbound : Course::inbound;
            const std::uint16_t interface = stage == Stage::encrypt ? m.out_interface : m.in_interface;
            copy(worker, capture, packet, {interface, direction, Drop::kCount, false});
        }
    });
}

}  // namespace oegate
