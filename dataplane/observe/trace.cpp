#include "observe/trace.hpp"

#include <rte_cycles.h>
#include <rte_mbuf_dyn.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "net/headers.hpp"
#include "tables/fib.hpp"
#include "worker/loop.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

// The mark lives in the mbuf itself, not in Meta: it must survive encryption and
// decryption, which write a new Meta. Registered once, before any worker runs.
std::uint64_t mark_flag = 0;
int mark_offset = -1;

std::uint32_t& number_of(rte_mbuf* packet) {
    return *RTE_MBUF_DYNFIELD(packet, mark_offset, std::uint32_t*);
}

/// The trace's token (12 bits), the worker that marked (4), its number (16). What an
/// earlier trace marked and is still held is not ours.
constexpr unsigned kTokenShift = 20, kWorkerShift = 16;
constexpr std::uint32_t kNumberMask = (1u << kTokenShift) - 1;

std::uint32_t mark_of(const Worker& worker, std::uint32_t number) {
    return worker.watch.trace.token << kTokenShift | worker.index << kWorkerShift | number;
}

bool is_marked(const Worker& worker, rte_mbuf* packet) {
    return (packet->ol_flags & mark_flag) != 0 &&
           number_of(packet) >> kTokenShift == mark_of(worker, 0) >> kTokenShift;
}

bool matches(const StartTrace& wanted, const Pair& pair) {
    return pair == wanted.pair || pair.reversed() == wanted.pair;
}

const EspHeader* esp_in_front(rte_mbuf* packet) {
    const Meta& m = meta(packet);
    if (m.protocol != static_cast<std::uint8_t>(Protocol::esp) || m.later_fragment ||
        rte_pktmbuf_data_len(packet) < m.header_len + sizeof(EspHeader))
        return nullptr;
    return reinterpret_cast<const EspHeader*>(data(packet) + m.header_len);
}

/// Before decryption only the SPI tells whose datagram is inside.
bool carries(const Worker& worker, rte_mbuf* packet) {
    const EspHeader* esp = esp_in_front(packet);
    if (esp == nullptr) return false;
    const InboundSa* sa = worker.security->sad.inbound(esp->spi.host());
    return sa != nullptr && matches(worker.watch.trace, sa->pair);
}

bool wanted(const Worker& worker, Stage stage, rte_mbuf* packet) {
    const StartTrace& trace = worker.watch.trace;
    if (stage == Stage::decrypt) return carries(worker, packet);
    const Meta& m = meta(packet);
    return matches(trace, m.pair) && (trace.protocol == 0 || trace.protocol == m.protocol);
}

void fill_outbound_sa(const Worker& worker, const Meta& m, TraceRecord& record) {
    const OutboundSa* sa = std::as_const(worker.security->sad).outbound(m.sa);
    if (sa == nullptr) return;
    record.sa_slot = m.sa.slot;
    record.spi = sa->spi;
}

/// In a frame the datagram stands behind the link layer, where Meta does not look.
bool is_frame(Stage stage) {
    return stage == Stage::transmit;
}

void report(Worker& worker, Stage stage, rte_mbuf* packet, Drop reason) {
    const Meta& m = meta(packet);
    TraceRecord record;
    record.time_ns = cycles_to_ns(rte_rdtsc(), rte_get_tsc_hz());
    record.token = worker.watch.trace.token;
    record.packet = number_of(packet) & kNumberMask;
    record.worker = static_cast<std::uint8_t>(worker.index);
    record.stage = stage;
    record.reason = reason;
    record.protocol = m.protocol;
    record.pair = m.pair;
    record.source_port = m.source_port;
    record.destination_port = m.destination_port;
    record.in_interface = m.in_interface;
    // Generated and control's datagrams say their own interface; others' is known after `route`.
    if (m.next_hop != kNoNextHop || is_frame(stage)) record.out_interface = m.out_interface;
    if (stage == Stage::resolve || stage == Stage::wait) {
        const NextHop& next = worker.routes->next_hop(m.next_hop);
        record.next_hop = next.connected ? m.pair.destination : next.gateway;
    }
    record.len = rte_pktmbuf_pkt_len(packet);
    if (!is_frame(stage) && stage != Stage::drop) {
        if (const EspHeader* esp = esp_in_front(packet); esp != nullptr) {
            record.spi = esp->spi.host();
            record.sequence = esp->sequence.host();
        }
    }
    if (stage == Stage::encrypt) fill_outbound_sa(worker, m, record);
    if (rte_ring_sp_enqueue_elem(worker.link.traces, &record, sizeof record) != 0) {
        auto& lost = worker.shared.traces_lost;
        lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
}

bool mark(Worker& worker, Stage stage, rte_mbuf* packet) {
    Watch& watch = worker.watch;
    if (watch.num_marked >= watch.trace.count || !wanted(worker, stage, packet)) return false;
    packet->ol_flags |= mark_flag;
    number_of(packet) = mark_of(worker, ++watch.num_marked);
    if ((stage == Stage::screen || stage == Stage::recall) && meta(packet).origin == Origin::received)
        report(worker, Stage::parse, packet, Drop::kCount);
    return true;
}

}  // namespace

bool prepare_trace() {
    if (mark_flag != 0) return true;
    static const rte_mbuf_dynflag kFlag{.name = "oegate_trace", .flags = 0};
    static const rte_mbuf_dynfield kField{.name = "oegate_trace_number",
                                          .size = sizeof(std::uint32_t),
                                          .align = alignof(std::uint32_t),
                                          .flags = 0};
    mark_offset = rte_mbuf_dynfield_register(&kField);
    const int bit = rte_mbuf_dynflag_register(&kFlag);
    if (mark_offset < 0 || bit < 0) return false;
    mark_flag = std::uint64_t{1} << bit;
    return true;
}

void start_trace(Worker& worker, const StartTrace& command) {
    Watch& watch = worker.watch;
    if (mark_flag == 0) return;
    watch.trace = command;
    watch.trace.count = std::min(command.count, 0xffffu);
    watch.num_marked = 0;
    worker.shared.traces_lost.store(0, std::memory_order_relaxed);
    watch.on |= Watch::kTrace;
}

void stop_trace(Worker& worker, const StopTrace& command) {
    if (worker.watch.trace.token == command.token)
        worker.watch.on = static_cast<std::uint8_t>(worker.watch.on & ~Watch::kTrace);
}

void trace_packet(Worker& worker, Stage stage, rte_mbuf* packet) {
    if (is_marked(worker, packet) || (!is_frame(stage) && mark(worker, stage, packet)))
        report(worker, stage, packet, Drop::kCount);
}

void unmark(Burst& frames) {
    for (rte_mbuf* packet : frames) packet->ol_flags &= ~mark_flag;
}

void trace_burst(Worker& worker, Stage stage, Burst& burst) {
    if (stage == Stage::parse) return;  // no Meta yet, and no telling whose it is
    for (rte_mbuf* packet : burst) trace_packet(worker, stage, packet);
}

void trace_drop(Worker& worker, rte_mbuf* packet, Drop reason) {
    if (is_marked(worker, packet)) report(worker, Stage::drop, packet, reason);
}

}  // namespace oegate
