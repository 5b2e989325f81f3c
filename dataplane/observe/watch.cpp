#include "observe/watch.hpp"

#include "observe/capture.hpp"
#include "observe/trace.hpp"
#include "worker/worker.hpp"

namespace oegate {
namespace {

void measure(Worker& worker, const MeasureStages& command) {
    Watch& watch = worker.watch;
    watch.on = static_cast<std::uint8_t>(watch.on & ~Watch::kClock);
    if (command.on) {
        watch.clock.start();
        watch.clock_until = worker.now_ns + command.ns;
        watch.on |= Watch::kClock;
    }
    watch.measuring.set(command.on ? 1 : 0);
}

}  // namespace

void apply_observe(Worker& worker, const Command& command) {
    switch (command.kind) {
        case Command::Kind::measure_stages:
            return measure(worker, command.measure_stages);
        case Command::Kind::start_trace:
            return start_trace(worker, command.start_trace);
        case Command::Kind::stop_trace:
            return stop_trace(worker, command.stop_trace);
        case Command::Kind::start_capture:
            return start_capture(worker, command.start_capture);
        case Command::Kind::stop_capture:
            return stop_capture(worker, command.stop_capture);
        default:
            return;
    }
}

void tend_observe(Worker& worker) {
    if (worker.watch.has(Watch::kClock) && worker.now_ns >= worker.watch.clock_until) measure(worker, {});
}

void watch_burst(Worker& worker, Stage stage, Burst& burst) {
    if (worker.watch.has(Watch::kTrace)) trace_burst(worker, stage, burst);
    if (worker.watch.has(Watch::kDecrypted)) capture_inside(worker, stage, burst);
}

void watch_packet(Worker& worker, Stage stage, rte_mbuf* packet) {
    if (worker.watch.has(Watch::kTrace)) trace_packet(worker, stage, packet);
}

void watch_drop(Worker& worker, rte_mbuf* packet, Drop reason) {
    if (worker.watch.has(Watch::kTrace)) trace_drop(worker, packet, reason);
    if (worker.watch.has(Watch::kDrops)) capture_drop(worker, packet, reason);
}

void watch_received(Worker& worker, const PortUse& port, Burst& frames) {
    if (worker.watch.has(Watch::kTrace)) unmark(frames);
    if (worker.watch.has(Watch::kInterfaces)) capture_received(worker, port, frames);
}

void watch_transmitted(Worker& worker, Burst& frames) {
    if (worker.watch.has(Watch::kTrace)) trace_burst(worker, Stage::transmit, frames);
    if (worker.watch.has(Watch::kInterfaces)) capture_transmitted(worker, frames);
}

}  // namespace oegate
