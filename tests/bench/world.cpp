#include "bench/world.hpp"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ring_elem.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "net/checksum.hpp"
#include "port/eal.hpp"
#include "worker/loop.hpp"
#include "worker/mailbox.hpp"
#include "worker/security_state.hpp"

namespace oegate::bench {
namespace {

constexpr unsigned kLeastFrames = 1024;
/// Most templates: more flows than that are written into them as they are received.
constexpr unsigned kMostFrames = 4096;
unsigned frames_for(const Case& c) {
    const unsigned wanted = std::max(kLeastFrames, c.path == Path::inbound ? c.sas : c.flows);
    const unsigned most = c.path == Path::inbound ? wanted : kMostFrames;
    return (std::min(wanted, most) + kReceiveBurst - 1) / kReceiveBurst * kReceiveBurst;
}

config::Config configuration(unsigned run, const std::string& pcap, const Case& c, unsigned frames) {
    config::Config config;
    config::Dataplane& d = config.dataplane;
    d.huge_pages = has_huge_pages() ? config::HugePages::automatic : config::HugePages::none;
    d.lcores = {0};
    d.routes = 1024;
    d.flows_per_worker = std::max(65536u, c.flows + c.flows / 8);
    d.sas_per_worker = std::max(1024u, c.sas);
    d.held_per_worker = frames + 4096;  // so that the pool has room for the templates
    const std::string source = fmt::format("net_pcap{},rx_pcap={},infinite_rx=1", run, pcap);
    const std::string sink = fmt::format("net_null{},no-rx=1", run);
    const bool in = c.path == Path::inbound;
    config.interfaces.resize(2);
    config.interfaces[0] = {"inside",
                            InterfaceRole::inside,
                            in ? sink : source,
                            0,
                            1500,
                            {{Address::ipv4(10, 1, 0, 1), *Prefix::parse("10.1.0.0/24")}}};
    config.interfaces[1] = {"outside",
                            InterfaceRole::outside,
                            in ? source : sink,
                            0,
                            1500,
                            {{kLocal, *Prefix::parse("10.2.0.0/24")}}};
    return config;
}

std::uint32_t spi_of(unsigned sa) {
    return Spi::make(0x5a, 0, sa);
}

}  // namespace

void give_up(const std::string& why) {
    std::fprintf(stderr, "bench: %s\n", why.c_str());
    std::exit(1);
}

namespace {

bool huge_pages = false;

/// 0: none, or none of that size.
std::size_t free_huge_bytes() {
    std::size_t pages = 0;
    std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> pages;
    return pages << 21;
}

}  // namespace

bool has_huge_pages() {
    return huge_pages;
}

void start_for(unsigned most_frames, unsigned most_flows) {
    Case largest;
    largest.path = Path::inbound;
    largest.sas = most_frames;
    largest.flows = most_flows;
    MemoryPlan plan = plan_memory(configuration(0, "none", largest, frames_for(largest)));
    plan.bytes += plan.bytes / 2;
    huge_pages = free_huge_bytes() >= plan.bytes;
    std::printf(huge_pages
                    ? "huge pages are used\n"
                    : "no huge pages are used, which costs much: free %zu of 2 MiB (vm.nr_hugepages)\n",
                (plan.bytes >> 21) + 1);
    const config::Config config = configuration(0, "none", largest, frames_for(largest));
    if (auto ok = start_eal(config, plan); !ok) give_up(ok.error());
}

/// SAs in turn; an SA's numbers begin with 1 in each pass.
void World::write_frames(const std::string& path, const MacAddress& to) {
    std::unique_ptr<Sealer> sealer;
    if (case_.path == Path::inbound) sealer = std::make_unique<Sealer>(case_.suite, true);
    mean_len_ = write_pcap(path, num_frames_, case_.size, [&](unsigned i, std::size_t len) {
        if (!sealer) return framed(to, udp_datagram(kInsideHost, host(i % case_.flows), len));
        const unsigned sa = i % case_.sas;
        return sealer->frame(to, spi_of(sa), i / case_.sas + 1, sa, len);
    });
}

std::uint16_t World::feed(std::uint16_t, std::uint16_t, rte_mbuf** packets, std::uint16_t count,
                          std::uint16_t, void* of) {
    Feed& feed = *static_cast<Feed*>(of);
    for (std::uint16_t i = 0; i < count; ++i) {
        std::uint8_t* ip = rte_pktmbuf_mtod_offset(packets[i], std::uint8_t*, 14);
        const std::uint32_t to = kHosts + feed.next;
        feed.next = feed.next + 1 == feed.count ? 0 : feed.next + 1;
        const unsigned len = ip[2] * 256u + ip[3];
        const Be16 sum(checksum_finish(feed.sum + len + (to >> 16) + (to & 0xffff)));
        const Be32 destination(to);
        std::memcpy(ip + 10, &sum, 2);
        std::memcpy(ip + 16, &destination, 4);
    }
    return count;
}

World::World(const Case& c) : case_(c), num_frames_(frames_for(c)) {
    static unsigned run = 0;
    const std::string pcap = fmt::format("/tmp/oegate-bench-{}-{}.pcap", getpid(), run);
    // The pcap driver's MAC address is "\2pcap" and a running number.
    const MacAddress mac{{0x02, 'p', 'c', 'a', 'p', static_cast<std::uint8_t>(run)}};
    write_frames(pcap, mac);
    const std::uint16_t source = c.path == Path::inbound ? 1 : 0;
    auto started =
        Dataplane::start(configuration(run++, pcap, c, num_frames_), {1, 2}, Dataplane::Workers::by_hand);
    unlink(pcap.c_str());
    if (!started) give_up(started.error());
    dataplane_ = std::move(*started);
    if (dataplane_->mac(source) != mac)
        give_up("the pcap driver has another MAC address than expected: " + dataplane_->mac(source).text());
    const Route routes[] = {{*Prefix::parse("10.1.0.0/24"), {}, 0},
                            {*Prefix::parse("10.2.0.0/24"), {}, 1},
                            {*Prefix::parse("10.128.0.0/9"), kRouter, 1},
                            {*Prefix::parse("10.4.0.0/16"), kRouter, 1}};
    Tables& tables = dataplane_->tables();
    if (!tables.set_routes(routes) || !tables.set_classes({}, ClassKind::oe_permissive) ||
        !tables.set_neighbour(1, kRouter, kRouterMac) || !tables.set_neighbour(0, kInsideHost, kInsideMac))
        give_up("no tables");
    install();
    if (c.path != Path::inbound && c.flows > num_frames_) {
        feed_.count = c.flows;
        Bytes header = udp_datagram(kInsideHost, Address::ipv4(0), 28);
        header[2] = header[3] = header[10] = header[11] = 0;
        feed_.sum = checksum_add(0, ByteView(header).first(20));
        callback_ = rte_eth_add_rx_callback(dataplane_->parts().ports[0].id, 0, feed, &feed_);
        if (callback_ == nullptr) give_up("no receive callback");
    }
}

World::~World() {
    if (callback_ != nullptr) rte_eth_remove_rx_callback(dataplane_->parts().ports[0].id, 0, callback_);
}

void World::command(Command command) {
    command.sequence = ++sequence_;
    while (rte_ring_enqueue_elem(dataplane_->links()[0].commands, &command, sizeof command) != 0) apply_all();
}

/// Without a turn of the loop, which would receive.
void World::apply_all() {
    worker().now_ns = cycles_to_ns(rte_rdtsc(), rte_get_tsc_hz());
    while (apply_commands(worker())) {
    }
}

/// Every pair in the flow cache: in pass, or encrypted through its SA.
void World::install() {
    for (unsigned i = 0; i < (case_.path == Path::clear ? 0 : case_.sas); ++i) {
        SaKey key;
        key.suite = case_.suite;
        if (case_.path == Path::inbound) {
            InstallInbound sa;
            sa.ref = {i, 1};
            sa.pair = {host(i), kInsideHost};
            sa.local = kLocal;
            sa.remote = kRemote;
            sa.spi = spi_of(i);
            sa.key = key;
            sa.replay_window = 1024;
            sa.esn = true;
            command(Command(sa));
        } else {
            InstallOutbound sa;
            sa.ref = {i, 1};
            sa.pair = {kInsideHost, host(i)};
            sa.local = kLocal;
            sa.remote = kRemote;
            sa.spi = 0x1000 + i;
            sa.key = key;
            sa.esn = true;
            command(Command(sa));
        }
    }
    for (unsigned i = 0; i < (case_.path == Path::inbound ? 0 : case_.flows); ++i) {
        SetPolicy policy;
        policy.pair = {kInsideHost, host(i)};
        policy.class_kind = ClassKind::oe_permissive;
        policy.state = case_.path == Path::clear ? FlowState::pass : FlowState::encrypt;
        if (policy.state == FlowState::encrypt) policy.outbound = {i % case_.sas, 1};
        command(Command(policy));
    }
    apply_all();
}

void World::forget_numbers() {
    Sad& sad = worker().security->sad;
    for (unsigned i = 0; i < case_.sas; ++i) {
        sad.inbound_at(i).replay.highest = 0;
        for (std::uint64_t& word : sad.bitmap(i)) word = 0;
    }
}

std::uint64_t World::pass_loop() {
    if (case_.path == Path::inbound) forget_numbers();
    const std::uint64_t hz = rte_get_tsc_hz(), before = worker().ledger.transmitted.get();
    const std::uint64_t start = rte_rdtsc();
    for (unsigned i = 0; i < num_frames_; i += kReceiveBurst)
        poll_once(worker(), cycles_to_ns(rte_rdtsc(), hz));
    const std::uint64_t cycles = rte_rdtsc() - start;
    if (worker().ledger.transmitted.get() - before != num_frames_) give_up("not everything is forwarded");
    return cycles;
}

std::vector<std::pair<std::string, double>> World::clock_stages(unsigned passes) {
    constexpr std::uint64_t kAsLongAsItTakes = 3'600'000'000'000;
    command(Command(MeasureStages{true, kAsLongAsItTakes}));
    apply_all();
    for (unsigned i = 0; i < passes; ++i) pass_loop();
    const std::vector<StageStatus> stages = dataplane_->observer().workers().at(0).stages;
    command(Command(MeasureStages{}));
    apply_all();
    std::vector<std::pair<std::string, double>> table;
    for (const StageStatus& stage : stages)
        if (stage.stage != Stage::idle && stage.cycles != 0)
            table.emplace_back(to_text(stage.stage), static_cast<double>(stage.cycles) /
                                                         (static_cast<double>(passes) * num_frames_));
    return table;
}

std::uint64_t World::pass_io() {
    rte_mbuf* packets[kReceiveBurst];
    const std::uint64_t start = rte_rdtsc();
    for (unsigned i = 0; i < num_frames_; i += kReceiveBurst) {
        const std::uint16_t n = rte_eth_rx_burst(source(), 0, packets, kReceiveBurst);
        if (rte_eth_tx_burst(sink(), 0, packets, n) != n) give_up("net_null is full");
    }
    return rte_rdtsc() - start;
}

std::uint64_t World::pass_bare(Bare& bare) {
    const std::uint64_t start = rte_rdtsc();
    for (unsigned i = 0; i < num_frames_; i += kReceiveBurst) bare.burst(source(), sink());
    return rte_rdtsc() - start;
}

std::uint16_t World::source() {
    return dataplane_->parts().ports[case_.path == Path::inbound ? 1 : 0].id;
}

std::uint16_t World::sink() {
    return dataplane_->parts().ports[case_.path == Path::inbound ? 0 : 1].id;
}

}  // namespace oegate::bench
