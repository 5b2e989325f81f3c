#include "port/dataplane.hpp"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "observe/trace.hpp"
#include "port/devices.hpp"
#include "port/eal.hpp"
#include "port/parts.hpp"
#include "stages/reassemble.hpp"
#include "tables/reassembly.hpp"
#include "worker/loop.hpp"
#include "worker/security.hpp"
#include "worker/waiting.hpp"

namespace oegate {
namespace {

using Status = Result<void, std::string>;

/// Names of DPDK objects are global to the process.
std::string fresh_name(const char* what) {
    static std::atomic<unsigned> count{0};
    return fmt::format("{}{}", what, count.fetch_add(1));
}

/// fe80:: and the modified EUI-64 of the MAC (RFC 4291 appendix A).
Address link_local_of(const MacAddress& mac) {
    Address address;
    auto& b = address.mutable_bytes();
    const auto& m = mac.bytes;
    b = {0xfe, 0x80, 0,    0,    0,    0,    0,   0, static_cast<std::uint8_t>(m[0] ^ 2),
         m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
    return address;
}

Status make_pool(DataplaneParts& parts) {
    parts.pool = rte_pktmbuf_pool_create(fresh_name("packets").c_str(), parts.plan.num_mbufs, kMbufCache,
                                         kMetaRoom, parts.plan.data_room, SOCKET_ID_ANY);
    if (parts.pool == nullptr)
        return fail(fmt::format("no memory for {} packet buffers: {}", parts.plan.num_mbufs,
                                rte_strerror(rte_errno)));
    if (parts.plan.num_large > 0) {
        // No cache: they are few, and any worker may free one.
        parts.large_pool = rte_pktmbuf_pool_create(fresh_name("large").c_str(), parts.plan.num_large, 0,
                                                   kMetaRoom, kLargeRoom, SOCKET_ID_ANY);
        if (parts.large_pool == nullptr)
            return fail(fmt::format("no memory for {} large packet buffers: {}", parts.plan.num_large,
                                    rte_strerror(rte_errno)));
    }
    if (!prepare_trace()) return fail(std::string("no room for the trace's mark in packet buffers"));
    const std::size_t size = rte_rcu_qsbr_get_memsize(Spi::kMaxWorkers);
    parts.qsbr = static_cast<rte_rcu_qsbr*>(rte_zmalloc("qsbr", size, RTE_CACHE_LINE_SIZE));
    if (parts.qsbr == nullptr || rte_rcu_qsbr_init(parts.qsbr, Spi::kMaxWorkers) != 0)
        return fail(std::string("no memory for quiescent states"));
    return {};
}

/// One port per distinct device; interfaces that share one are told apart by VLAN.
Status open_ports(DataplaneParts& parts, const config::Config& config) {
    for (const config::Interface& interface : config.interfaces) {
        const std::string name = ethdev_name(interface.device);
        const auto same = [&](const Port& p) { return ethdev_name(p.device) == name; };
        auto at = std::find_if(parts.ports.begin(), parts.ports.end(), same);
        if (at == parts.ports.end()) {
            std::uint16_t mtu = interface.mtu;
            for (const config::Interface& other : config.interfaces)
                if (ethdev_name(other.device) == name) mtu = std::max(mtu, other.mtu);
            auto port = open_port(interface.device, interface.name, mtu, config.dataplane, parts.pool);
            if (!port) return fail(port.error());
            parts.ports.push_back(std::move(*port));
            at = std::prev(parts.ports.end());
        }
        InterfaceInfo& info = parts.interfaces.emplace_back();
        info.index = static_cast<std::uint16_t>(parts.interfaces.size() - 1);
        info.port = static_cast<std::uint16_t>(at - parts.ports.begin());
        info.vlan = interface.vlan;
        info.mtu = interface.mtu;
        info.role = interface.role;
        const bool inside = info.role == InterfaceRole::inside;
        info.source_check = interface.source_check;
        if (info.source_check == SourceCheck::automatic)
            info.source_check = inside ? SourceCheck::strict : SourceCheck::loose;
        info.directed_broadcast = inside && interface.directed_broadcast;
        info.mss_clamp = interface.mss_clamp;
        info.ip_options = interface.ip_options;
        info.source_route = interface.source_route;
        info.mac = at->mac;
        info.link_local = link_local_of(info.mac);
        for (const config::InterfaceAddress& a : interface.addresses)
            if (a.address.is_ipv6() && a.address.is_link_local()) info.link_local = a.address;
        parts.names.push_back(interface.name);
    }
    parts.link_up = std::make_unique<std::atomic<bool>[]>(parts.ports.size());
    for (std::size_t i = 0; i < parts.ports.size(); ++i) parts.link_up[i] = true;
    return {};
}

/// Devices that cannot work end the start here, with what to do about it.
Status note_devices(DataplaneParts& parts, const config::Config& config) {
    for (const DeviceReport& report : inspect_devices(KernelView{}, config)) {
        if (!report.trouble.empty()) return fail(sentence(report, report.trouble));
        if (!report.warning.empty()) parts.warnings.push_back(sentence(report, report.warning));
    }
    return {};
}

std::vector<OwnAddress> own_addresses(const DataplaneParts& parts, const config::Config& config) {
    std::vector<OwnAddress> all;
    for (std::uint16_t i = 0; i < parts.interfaces.size(); ++i) {
        for (const config::InterfaceAddress& a : config.interfaces[i].addresses)
            all.push_back({a.address, a.subnet, i});
        const OwnAddress link_local{parts.interfaces[i].link_local,
                                    Prefix(parts.interfaces[i].link_local, 64), i};
        const auto same = [&](const OwnAddress& own) {
            return own.address == link_local.address && own.interface == i;
        };
        if (std::ranges::none_of(all, same)) all.push_back(link_local);
    }
    return all;
}

Result<rte_ring*, std::string> make_ring(DataplaneParts& parts, unsigned element, unsigned count,
                                         unsigned flags = 0) {
    rte_ring* ring = rte_ring_create_elem(fresh_name("ring").c_str(), element, count, SOCKET_ID_ANY,
                                          RING_F_SP_ENQ | RING_F_SC_DEQ | flags);
    if (ring == nullptr) return fail(fmt::format("no memory for a ring: {}", rte_strerror(rte_errno)));
    parts.rings.push_back(ring);
    return ring;
}

Status make_link(DataplaneParts& parts, Worker& worker) {
    struct Wanted {
        rte_ring*& ring;
        std::size_t element;
        unsigned count;
    };
    WorkerLink& link = worker.link;
    for (const Wanted& w :
         {Wanted{link.commands, sizeof(Command), kCommandRing},
          Wanted{link.transmits, sizeof(Transmit), kTransmitRing},
          Wanted{link.events, sizeof(Event), kEventRing}, Wanted{link.punts, sizeof(Punt), kPuntRing},
          Wanted{link.snapshots, sizeof(SnapshotRecord), kSnapshotRing},
          Wanted{link.traces, sizeof(TraceRecord), kTraceRing},
          Wanted{link.captures, sizeof(CaptureRecord), kCaptureRing}}) {
        auto ring = make_ring(parts, static_cast<unsigned>(w.element), w.count);
        if (!ring) return fail(ring.error());
        w.ring = *ring;
    }
    link.shared = &worker.shared;
    if (worker.idle == IdleMode::interrupt) {
        link.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (link.wake_fd < 0) return fail(fmt::format("no event descriptor: {}", rte_strerror(errno)));
    }
    return {};
}

std::vector<PortUse> use_ports(const DataplaneParts& parts, unsigned worker, unsigned num_workers) {
    std::vector<PortUse> uses(parts.ports.size());
    for (unsigned i = 0; i < uses.size(); ++i) {
        const Port& port = parts.ports[i];
        const Deal rx{num_workers, i, port.num_rx}, tx{num_workers, i, port.num_tx};
        uses[i].port_id = port.id;
        uses[i].rx_queue = rx.queue_of(worker);
        uses[i].tx_queue = tx.queue_of(worker);
        if (uses[i].rx_queue != kNoQueue && !port.interrupt_fds.empty())
            uses[i].interrupt_fd = port.interrupt_fds.at(uses[i].rx_queue);
        uses[i].tx_owner = static_cast<std::uint16_t>(tx.first());
        uses[i].interface_of_vlan.assign(4096, kNoInterface);
        bool first = true;
        for (const InterfaceInfo& interface : parts.interfaces) {
            if (interface.port != i) continue;
            uses[i].interface_of_vlan[interface.vlan] = interface.index;
            uses[i].interfaces.push_back(interface.index);
            uses[i].has_inside |= interface.role == InterfaceRole::inside;
            if (interface.vlan == 0) {
                std::memcpy(&uses[i].untagged_mac, interface.mac.bytes.data(), interface.mac.bytes.size());
                uses[i].untagged_mac <<= 16;
                uses[i].untagged_mtu = interface.mtu;
            }
            if (std::exchange(first, false)) uses[i].first_interface = interface.index;
        }
    }
    return uses;
}

/// A worker sleeps only where every port that it receives from can wake it.
void fall_back(DataplaneParts& parts, Worker& worker) {
    for (std::size_t i = 0; i < worker.ports.size(); ++i) {
        if (worker.ports[i].rx_queue == kNoQueue || worker.ports[i].interrupt_fd >= 0) continue;
        worker.idle = IdleMode::adaptive;
        parts.remarks.push_back(
            fmt::format("worker {} idles adaptively: device '{}' has no receive interrupts", worker.index,
                        parts.ports[i].device));
    }
}

Status make_worker(DataplaneParts& parts, const config::Config& config, OwnerSeed seed, unsigned index) {
    const config::Dataplane& d = config.dataplane;
    auto worker = std::make_unique<Worker>();
    Worker& w = *worker;
    w.index = index;
    w.num_workers = static_cast<unsigned>(d.lcores.size());
    w.lcore = d.lcores[index];
    w.seed = seed;
    w.interfaces = parts.interfaces;
    w.published = &parts.publisher->published();
    w.qsbr = parts.qsbr;
    w.link_up = {parts.link_up.get(), parts.ports.size()};
    w.idle = d.idle;
    w.pool = parts.pool;
    w.icmp_on_deny = d.icmp_on_deny;
    w.df = d.df;
    w.large_pool = parts.large_pool;
    w.buffer_len = static_cast<std::uint16_t>(parts.plan.data_room - RTE_PKTMBUF_HEADROOM);
    if (d.reassemblies > 0)
        w.reassembly = std::make_unique<Reassembly>(
            d.reassemblies, static_cast<std::uint64_t>(d.reassembly_timeout.count()), seed);
    w.ports = use_ports(parts, index, w.num_workers);
    if (w.idle == IdleMode::interrupt) fall_back(parts, w);
    w.handoff_to.resize(w.num_workers);
    w.handoff_from.resize(w.num_workers);
    w.to_pass.resize(w.num_workers);
    w.waiting = std::make_unique<WaitingRoom>(d.waiting_per_neighbour, d.waiting_total,
                                              parts.interfaces.size(), seed);
    w.icmp_tokens.rate_per_second = d.icmp_per_second;
    w.icmp_tokens.depth = d.icmp_per_second;
    w.icmp_tokens.tokens_milli = std::uint64_t{d.icmp_per_second} * 1000;
    w.tallies = std::make_unique<InterfaceTally[]>(std::max<std::size_t>(1, parts.interfaces.size()));
    if (auto ok = make_link(parts, w); !ok) return ok;
    auto security = make_security(config, index, seed);
    if (!security) return fail(security.error());
    w.security = std::move(*security);
    rte_rcu_qsbr_thread_register(parts.qsbr, index);
    parts.links.push_back(w.link);
    parts.workers.push_back(std::move(worker));
    return {};
}

Status join_workers(DataplaneParts& parts, unsigned entries) {
    for (auto& from : parts.workers)
        for (auto& to : parts.workers) {
            if (from == to) continue;
            auto ring = make_ring(parts, sizeof(void*), entries, RING_F_EXACT_SZ);
            if (!ring) return fail(ring.error());
            from->handoff_to[to->index] = *ring;
            to->handoff_from[from->index] = *ring;
        }
    return {};
}

struct Launch {
    Worker* worker;
    const std::atomic<bool>* stopping;
};

int worker_main(void* argument) {
    const std::unique_ptr<Launch> launch(static_cast<Launch*>(argument));
    run(*launch->worker, *launch->stopping);
    return 0;
}

Status launch_workers(DataplaneParts& parts) {
    parts.launched = true;
    for (auto& worker : parts.workers) {
        auto launch = std::make_unique<Launch>(Launch{worker.get(), &parts.stopping});
        if (rte_eal_remote_launch(worker_main, launch.get(), worker->index + 1) != 0)
            return fail(fmt::format("worker {} cannot be launched: its lcore is busy", worker->index));
        static_cast<void>(launch.release());  // worker_main owns it now
    }
    return {};
}

}  // namespace

Dataplane::Dataplane() : parts_(std::make_unique<DataplaneParts>()) {}

Dataplane::~Dataplane() {
    stop();
}

Result<std::unique_ptr<Dataplane>, std::string> Dataplane::start(const config::Config& config, OwnerSeed seed,
                                                                 Workers how, unsigned handoff_entries) {
    std::unique_ptr<Dataplane> dataplane(new Dataplane);
    DataplaneParts& parts = *dataplane->parts_;
    parts.plan = plan_memory(config);
    Status ok = note_devices(parts, config);
    if (ok) ok = start_eal(config, parts.plan);
    if (ok) ok = make_pool(parts);
    if (ok) ok = open_ports(parts, config);
    if (!ok) return fail(ok.error());
    for (const Port& port : parts.ports)
        parts.devices.push_back(fmt::format("{}: {}", port.device, port.description));
    parts.publisher = Publisher::make(static_cast<unsigned>(parts.interfaces.size()),
                                      config.dataplane.neighbours, config.dataplane.routes, parts.qsbr);
    if (!parts.publisher || !parts.publisher->set_addresses(own_addresses(parts, config)))
        return fail(std::string("no memory for the route and neighbour tables"));
    for (unsigned i = 0; ok && i < config.dataplane.lcores.size(); ++i)
        ok = make_worker(parts, config, seed, i);
    for (auto& worker : parts.workers) worker->links = parts.links;
    if (ok) ok = join_workers(parts, handoff_entries);
    if (!ok) return fail(ok.error());
    parts.observer = std::make_unique<CounterReader>(parts.interfaces, parts.names, parts.devices,
                                                     parts.workers, parts.link_up.get());
    if (how == Workers::launched) {
        ok = launch_workers(parts);
    } else {
        for (auto& worker : parts.workers) rte_rcu_qsbr_thread_online(parts.qsbr, worker->index);
    }
    if (!ok) return fail(ok.error());
    return dataplane;
}

Tables& Dataplane::tables() {
    return *parts_->publisher;
}
const Observer& Dataplane::observer() const {
    return *parts_->observer;
}
const std::vector<std::string>& Dataplane::warnings() const {
    return parts_->warnings;
}
std::vector<std::string> Dataplane::describe_ports() const {
    std::vector<std::string> lines;
    for (const Port& port : parts_->ports) lines.push_back(describe(port));
    return lines;
}
const std::vector<WorkerLink>& Dataplane::links() const {
    return parts_->links;
}
MacAddress Dataplane::mac(std::uint16_t interface) const {
    return parts_->interfaces.at(interface).mac;
}
const std::vector<std::string>& Dataplane::remarks() const {
    return parts_->remarks;
}
Address Dataplane::link_local(std::uint16_t interface) const {
    return parts_->interfaces.at(interface).link_local;
}

void Dataplane::refresh_links() {
    for (std::size_t i = 0; i < parts_->ports.size(); ++i)
        parts_->link_up[i].store(link_is_up(parts_->ports[i]), std::memory_order_relaxed);
}

void Dataplane::stop() {
    DataplaneParts& parts = *parts_;
    if (std::exchange(parts.stopped, true)) return;
    parts.stopping.store(true);
    for (const WorkerLink& link : parts.links) wake(link);
    if (parts.launched) rte_eal_mp_wait_lcore();
    for (const Port& port : parts.ports) close_port(port);
    for (auto& worker : parts.workers) {
        rte_rcu_qsbr_thread_offline(parts.qsbr, worker->index);
        rte_rcu_qsbr_thread_unregister(parts.qsbr, worker->index);
    }
    for (WorkerLink& link : parts.links)
        if (const int fd = std::exchange(link.wake_fd, -1); fd >= 0) close(fd);
    // Security goes while its mbufs' pool is there; the pool takes all mbufs with it.
    for (auto& worker : parts.workers) worker->security.reset();
    parts.publisher.reset();
    for (rte_ring* ring : parts.rings) rte_ring_free(ring);
    parts.rings.clear();
    if (parts.pool != nullptr) rte_mempool_free(parts.pool);
    parts.pool = nullptr;
    if (parts.large_pool != nullptr) rte_mempool_free(parts.large_pool);
    parts.large_pool = nullptr;
    rte_free(parts.qsbr);
    parts.qsbr = nullptr;
}

MachineReport check_machine(const config::Config& config) {
    const MemoryPlan plan = plan_memory(config);
    MachineReport report;
    report.text =
        fmt::format("memory: {} packet buffers; {} huge pages of 2 MiB, or {} of 1 GiB\n", plan.num_mbufs,
                    plan.pages_2m(), (plan.bytes + (std::size_t{1} << 30) - 1) >> 30);
    const Status machine = check_machine(config, plan);
    report.usable = machine.has_value();
    if (!machine) report.text += fmt::format("NOT USABLE: {}\n", machine.error());
    for (const DeviceReport& device : inspect_devices(KernelView{}, config)) {
        if (device.trouble.empty()) {
            report.text += fmt::format("interface {}: {}\n", device.interface, device.found);
        } else {
            report.text += fmt::format("NOT USABLE: {}\n", sentence(device, device.trouble));
            report.usable = false;
        }
        if (!device.warning.empty())
            report.text += fmt::format("warning: {}\n", sentence(device, device.warning));
    }
    return report;
}

}  // namespace oegate
