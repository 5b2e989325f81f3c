// Cycles a packet costs in the worker loop, on one core, with in-memory ports: pcap
// with infinite_rx gives copies of the same frames, net_null swallows what is sent. "io"
// is those two drivers alone; the rest is the whole loop on top. Run by scripts/bench.
#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ring_elem.h>
#include <rte_version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/cursor.hpp"
#include "net/checksum.hpp"
#include "port/dataplane.hpp"
#include "port/parts.hpp"
#include "worker/loop.hpp"

using namespace oegate;

namespace {

constexpr unsigned kFlows = 256;
constexpr unsigned kRounds = 9;
constexpr std::uint64_t kPacketsPerRound = 200'000;

enum class Mode { io, clear, aes_128_gcm };

Address destination(unsigned i) {
    return Address::ipv4(10, 3, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
}
const Address kSource = Address::ipv4(10, 1, 0, 2);

/// A UDP datagram of len bytes, IP header included, to each flow, in its frame.
Bytes frame_to(unsigned flow, const MacAddress& to, std::size_t len) {
    Writer ip;
    ip.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(len)).u32(0).u8(64).u8(17).u16(0);
    ip.put(kSource.wire()).put(destination(flow).wire());
    ip.set_u16(10, checksum(ip.view()));
    ip.u16(1000).u16(2000).u16(static_cast<std::uint16_t>(len - 20)).u16(0).zeros(len - 28);
    Writer frame;
    frame.put(to.bytes).zeros(6).u16(0x0800).put(ip.view());
    return std::move(frame).take();
}

/// A pcap file (microseconds, Ethernet), little-endian as this machine.
void write_pcap(const std::string& path, const MacAddress& to, std::size_t len) {
    std::ofstream out(path, std::ios::binary);
    const auto word = [&out](std::uint32_t v) { out.write(reinterpret_cast<const char*>(&v), 4); };
    for (std::uint32_t v : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) word(v);
    for (unsigned i = 0; i < kFlows; ++i) {
        const Bytes frame = frame_to(i, to, len);
        for (std::size_t v : {std::size_t{0}, std::size_t{0}, frame.size(), frame.size()})
            word(static_cast<std::uint32_t>(v));
        out.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(frame.size()));
    }
}

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "bench: %s\n", why.c_str());
    std::exit(1);
}

config::Config configuration(unsigned run, const std::string& pcap) {
    config::Config c;
    c.dataplane.huge_pages =
        std::getenv("OEGATE_HUGE") != nullptr ? config::HugePages::automatic : config::HugePages::none;
    c.dataplane.lcores = {0};
    c.dataplane.routes = 1024;
    c.interfaces.resize(2);
    c.interfaces[0] = {"inside",
                       InterfaceRole::inside,
                       fmt::format("net_pcap{},rx_pcap={},infinite_rx=1", run, pcap),
                       0,
                       1500,
                       {{Address::ipv4(10, 1, 0, 1), *Prefix::parse("10.1.0.0/24")}}};
    c.interfaces[1] = {"outside",
                       InterfaceRole::outside,
                       fmt::format("net_null{},no-rx=1", run),
                       0,
                       1500,
                       {{Address::ipv4(10, 2, 0, 1), *Prefix::parse("10.2.0.0/24")}}};
    return c;
}

/// Every pair in the flow cache: in pass, or encrypted through an SA of its own.
void install(Dataplane& d, Mode mode) {
    std::uint64_t sequence = 0;
    const auto send = [&](Command command) {
        command.sequence = ++sequence;
        if (rte_ring_enqueue_elem(d.links()[0].commands, &command, sizeof command) != 0)
            give_up("command ring full");
        poll_once(*d.parts().workers[0], 1);
    };
    for (unsigned i = 0; i < kFlows; ++i) {
        SetPolicy policy;
        policy.pair = {kSource, destination(i)};
        policy.class_kind = ClassKind::oe_permissive;
        policy.state = FlowState::pass;
        if (mode == Mode::clear) {
            send(Command(policy));
            continue;
        }
        InstallOutbound sa;
        sa.ref = {i, 1};
        sa.pair = {kSource, destination(i)};
        sa.local = Address::ipv4(10, 2, 0, 1);
        sa.remote = Address::ipv4(10, 4, 0, 1);
        sa.spi = 0x1000 + i;
        sa.key.key.fill(static_cast<std::uint8_t>(i));
        send(Command(sa));
        policy.state = FlowState::encrypt;
        policy.outbound = sa.ref;
        send(Command(policy));
    }
}

double round_of(Dataplane& d, Mode mode) {
    DataplaneParts& parts = d.parts();
    Worker& worker = *parts.workers[0];
    std::uint64_t done = 0;
    const std::uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc();
    if (mode == Mode::io) {
        rte_mbuf* packets[kReceiveBurst];
        while (done < kPacketsPerRound) {
            const std::uint16_t n = rte_eth_rx_burst(parts.ports[0].id, 0, packets, kReceiveBurst);
            done += rte_eth_tx_burst(parts.ports[1].id, 0, packets, n);
        }
    } else {
        const std::uint64_t before = worker.ledger.transmitted.get();
        for (std::uint64_t polls = 0; done < kPacketsPerRound; ++polls) {
            poll_once(worker, cycles_to_ns(rte_rdtsc(), hz));
            done = worker.ledger.transmitted.get() - before;
            if (polls > kPacketsPerRound) give_up("nothing is forwarded");
        }
    }
    return static_cast<double>(rte_rdtsc() - start) / static_cast<double>(done);
}

struct Spread {
    double least, median, most;
};

Spread measure(Mode mode, std::size_t len) {
    static unsigned run = 0;
    const std::string pcap = fmt::format("/tmp/oegate-bench-{}-{}.pcap", getpid(), run);
    // The pcap driver's MAC address is "\2pcap" and a running number.
    const MacAddress mac{{0x02, 'p', 'c', 'a', 'p', static_cast<std::uint8_t>(run)}};
    write_pcap(pcap, mac, len);
    auto started = Dataplane::start(configuration(run++, pcap), {1, 2}, Dataplane::Workers::by_hand);
    unlink(pcap.c_str());
    if (!started) give_up(started.error());
    Dataplane& d = **started;
    if (d.mac(0) != mac) give_up("the pcap driver has another MAC address than expected: " + d.mac(0).text());
    const Address router = Address::ipv4(10, 2, 0, 254);
    const Route routes[] = {{*Prefix::parse("10.1.0.0/24"), {}, 0},
                            {*Prefix::parse("10.2.0.0/24"), {}, 1},
                            {*Prefix::parse("10.3.0.0/16"), router, 1},
                            {*Prefix::parse("10.4.0.0/16"), router, 1}};
    if (!d.tables().set_routes(routes) || !d.tables().set_classes({}, ClassKind::oe_permissive) ||
        !d.tables().set_neighbour(1, router, {{2, 0, 0, 0, 0, 1}}))
        give_up("no tables");
    if (mode != Mode::io) install(d, mode);
    round_of(d, mode);  // warm
    const std::uint64_t dropped = d.parts().workers[0]->ledger.dropped.get();
    std::vector<double> cycles;
    for (unsigned i = 0; i < kRounds; ++i) cycles.push_back(round_of(d, mode));
    std::sort(cycles.begin(), cycles.end());
    if (d.parts().workers[0]->ledger.dropped.get() != dropped) give_up("packets were dropped");
    return {cycles.front(), cycles[kRounds / 2], cycles.back()};
}

}  // namespace

int main() {
    struct Line {
        Mode mode;
        const char* name;
    };
    std::printf("%-14s %6s %10s %10s %10s   cycles a packet over %u rounds of %lu, %s\n", "path", "IP len",
                "least", "median", "most", kRounds, static_cast<unsigned long>(kPacketsPerRound),
                rte_version());
    for (const Line& line :
         {Line{Mode::io, "io alone"}, Line{Mode::clear, "clear"}, Line{Mode::aes_128_gcm, "aes-128-gcm"}})
        for (std::size_t len : {64u, 512u, 1420u}) {
            const Spread s = measure(line.mode, len);
            std::printf("%-14s %6zu %10.0f %10.0f %10.0f\n", line.name, len, s.least, s.median, s.most);
            std::fflush(stdout);
        }
    std::printf("TSC %.0f MHz\n", static_cast<double>(rte_get_tsc_hz()) / 1e6);
    leave_eal();
    return 0;
}
