// What one worker is told to observe: the stage clock, a traced pair, captures. All is
// off at start and after its time; then a stage pays one test of `on`. Written by the
// worker's own core, by commands; the functions are in observe/trace.cpp and capture.cpp.
#pragma once

#include <array>

#include "contract/command.hpp"
#include "observe/stage_clock.hpp"

struct rte_mbuf;

namespace oegate {

struct Worker;
struct PortUse;
class Burst;

struct Watch {
    enum Bit : std::uint8_t {
        kClock = 1,       // the stage clock runs
        kTrace = 2,       // a pair is traced
        kDrops = 4,       // a capture wants drops
        kInterfaces = 8,  // a capture wants an interface
        kDecrypted = 16,  // a capture wants what is inside of tunnels
    };
    bool has(std::uint8_t bits) const { return (on & bits) != 0; }

    std::uint8_t on = 0;
    std::uint32_t num_marked = 0;   // of the trace
    std::uint64_t clock_until = 0;  // nanoseconds of Worker::now_ns
    StartTrace trace;
    struct Capture {
        bool active = false;
        std::uint32_t num_copied = 0;
        StartCapture what;
    };
    std::array<Capture, kMaxCaptures> captures;
    Counter measuring;  // 1 while the clock runs; for control
    StageClock clock;
};

/// The commands from measure_stages to stop_capture.
void apply_observe(Worker&, const Command&);

/// Once a loop while something is on: what has had its time ends.
void tend_observe(Worker&);

/// A burst comes to a stage: marks and traces, copies what is inside of tunnels. Only
/// called when Watch::on has kTrace or kDecrypted.
void watch_burst(Worker&, Stage, Burst&);
/// The same for one packet, on ways that are no stage's burst: hold, wait.
void watch_packet(Worker&, Stage, rte_mbuf*);
/// Before the packet is freed. Only called when Watch::on has kTrace or kDrops.
void watch_drop(Worker&, rte_mbuf*, Drop);
/// Whole frames, as received or about to be sent. Only called when Watch::on has
/// kTrace or kInterfaces.
void watch_received(Worker&, const PortUse&, Burst& frames);
void watch_transmitted(Worker&, Burst& frames);

}  // namespace oegate
