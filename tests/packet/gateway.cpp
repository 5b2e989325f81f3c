#include "packet/gateway.hpp"

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "port/eal.hpp"
#include "stages/transport_checksum.hpp"
#include "worker/loop.hpp"

namespace oegate::packet_test {
namespace {

struct Wire {
    rte_ring* to_gateway;
    rte_ring* from_gateway;
};

constexpr unsigned kWireRoom = 512;
const char* const kWires[] = {"inside", "outside", "jumbo"};
std::map<std::string, Wire> wires;  // live as long as EAL

Wire& wire(unsigned i) {
    return wires.at(kWires[i]);
}

void make_wires() {
    if (!wires.empty()) return;
    for (const char* name : kWires) {
        const auto ring = [&](const std::string& end) {
            return rte_ring_create((std::string(name) + end).c_str(), kWireRoom, SOCKET_ID_ANY,
                                   RING_F_SP_ENQ | RING_F_SC_DEQ);
        };
        Wire w{ring("_in"), ring("_out")};
        if (rte_eth_from_rings(name, &w.to_gateway, 1, &w.from_gateway, 1, 0) < 0)
            throw std::runtime_error("no ring port");
        wires[name] = w;
    }
}

config::InterfaceAddress own(const std::string& text, const std::string& subnet) {
    return {address(text), *Prefix::parse(subnet)};
}

}  // namespace

const MacAddress kAlice = *MacAddress::parse("02:00:00:00:00:0a");
const MacAddress kBob = *MacAddress::parse("02:00:00:00:00:0b");
const MacAddress kRouter = *MacAddress::parse("02:00:00:00:00:0c");

Address address(const std::string& text) {
    return Address::parse(text).value();
}

config::Config Gateway::configuration(const Options& options) {
    config::Config c;
    c.dataplane = options.dataplane;
    c.dataplane.huge_pages = config::HugePages::none;
    c.dataplane.lcores.assign(options.num_workers, 0);
    c.dataplane.control_lcore = 0;
    c.interfaces.resize(4);
    c.interfaces[kInside] = {"inside",
                             InterfaceRole::inside,
                             "net_ring_inside",
                             0,
                             1500,
                             {own("10.1.0.1", "10.1.0.0/24"), own("2001:db8:1::1", "2001:db8:1::/64")}};
    c.interfaces[kOutside] = {"outside",
                              InterfaceRole::outside,
                              "net_ring_outside",
                              0,
                              1400,
                              {own("10.2.0.1", "10.2.0.0/24"), own("2001:db8:2::1", "2001:db8:2::/64")}};
    c.interfaces[kTagged] = {"tagged", InterfaceRole::inside,           "net_ring_inside", 7,
                             1500,     {own("10.7.0.1", "10.7.0.0/24")}};
    c.interfaces[kJumbo] = {"jumbo", options.jumbo, "net_ring_jumbo",
                            0,       9000,          {own("10.9.0.1", "10.9.0.0/24")}};
    for (config::Interface& interface : c.interfaces) {
        interface.source_check = options.source_check;
        interface.directed_broadcast = options.directed_broadcast;
    }
    return c;
}

Gateway::Gateway(Options options) {
    Options most = options;  // EAL starts once: with the lcores and memory of the largest test
    most.num_workers = 4;
    const config::Config largest = configuration(most);
    MemoryPlan plan = plan_memory(largest);
    plan.bytes *= 2;
    if (auto ok = start_eal(largest, plan); !ok) throw std::runtime_error(ok.error());
    make_wires();
    auto started = Dataplane::start(configuration(options), {0x1234, 0x5678}, Dataplane::Workers::by_hand,
                                    options.handoff_entries);
    if (!started) throw std::runtime_error(started.error());
    dataplane_ = std::move(*started);
    Tables& tables = dataplane_->tables();
    const auto route = [](const std::string& prefix, std::uint16_t interface, const char* via = nullptr) {
        return Route{*Prefix::parse(prefix), via == nullptr ? std::nullopt : Address::parse(via), interface};
    };
    const Route routes[] = {
        route("10.1.0.0/24", kInside),
        route("10.2.0.0/24", kOutside),
        route("10.7.0.0/24", kTagged),
        route("10.9.0.0/24", kJumbo),
        route("2001:db8:1::/64", kInside),
        route("2001:db8:2::/64", kOutside),
        route("10.3.0.0/16", kOutside, "10.2.0.254"),
        route("2001:db8:3::/48", kOutside, "2001:db8:2::fe"),
    };
    REQUIRE(tables.set_routes(routes));
    REQUIRE(tables.set_classes({}, ClassKind::always_clear_text));
}

Gateway::~Gateway() {
    for (std::uint16_t i = 0; i < 4; ++i) out(i);
}

void Gateway::know_neighbours() {
    Tables& tables = dataplane_->tables();
    REQUIRE(tables.set_neighbour(kInside, address("10.1.0.2"), kAlice));
    REQUIRE(tables.set_neighbour(kInside, address("2001:db8:1::2"), kAlice));
    REQUIRE(tables.set_neighbour(kTagged, address("10.7.0.2"), kAlice));
    REQUIRE(tables.set_neighbour(kJumbo, address("10.9.0.2"), kBob));
    REQUIRE(tables.set_neighbour(kOutside, address("10.2.0.254"), kRouter));
    REQUIRE(tables.set_neighbour(kOutside, address("2001:db8:2::fe"), kRouter));
}

void Gateway::in(std::uint16_t interface, const Bytes& frame, std::uint64_t flags) {
    in_of(parts().pool, interface, frame, flags);
}

void Gateway::in_of(rte_mempool* pool, std::uint16_t interface, const Bytes& frame, std::uint64_t flags) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool);
    REQUIRE(packet != nullptr);
    char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
    REQUIRE(room != nullptr);
    std::memcpy(room, frame.data(), frame.size());
    packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM;  // orders of who had it before
    packet->ol_flags |= flags;
    REQUIRE(rte_ring_enqueue(wire(wire_of(interface)).to_gateway, packet) == 0);
}

void Gateway::in_chained(std::uint16_t interface, const Bytes& first, const Bytes& second) {
    rte_mbuf* head = rte_pktmbuf_alloc(parts().pool);
    rte_mbuf* tail = rte_pktmbuf_alloc(parts().pool);
    REQUIRE((head != nullptr && tail != nullptr));
    std::memcpy(rte_pktmbuf_append(head, static_cast<std::uint16_t>(first.size())), first.data(),
                first.size());
    std::memcpy(rte_pktmbuf_append(tail, static_cast<std::uint16_t>(second.size())), second.data(),
                second.size());
    REQUIRE(rte_pktmbuf_chain(head, tail) == 0);
    REQUIRE(rte_ring_enqueue(wire(wire_of(interface)).to_gateway, head) == 0);
}

void Gateway::turn() {
    for (bool busy = true; busy;) {
        busy = false;
        for (auto& worker : parts().workers) busy |= poll_once(*worker, now_ns_);
    }
    // Once more each: reminders look at one waiting neighbour a turn.
    for (auto& worker : parts().workers) poll_once(*worker, now_ns_);
}

unsigned Gateway::waiting_on_wire(std::uint16_t interface) {
    return rte_ring_count(wire(wire_of(interface)).to_gateway);
}

bool Gateway::poll(unsigned worker) {
    return poll_once(*parts().workers[worker], now_ns_);
}

std::vector<Bytes> Gateway::out(std::uint16_t interface) {
    std::vector<Bytes> frames;
    void* taken = nullptr;
    while (rte_ring_dequeue(wire(wire_of(interface)).from_gateway, &taken) == 0) {
        auto* packet = static_cast<rte_mbuf*>(taken);
        CHECK((packet->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) == 0);  // we order nothing
        frames.emplace_back(data(packet), data(packet) + rte_pktmbuf_data_len(packet));
        rte_pktmbuf_free(packet);
    }
    return frames;
}

void Gateway::command(unsigned worker, Command command) {
    REQUIRE(rte_ring_enqueue_elem(parts().links[worker].commands, &command, sizeof command) == 0);
}

void Gateway::transmit(unsigned worker, const Transmit& record) {
    REQUIRE(rte_ring_enqueue_elem(parts().links[worker].transmits, const_cast<Transmit*>(&record),
                                  sizeof record) == 0);
}

namespace {
template <class Record>
std::vector<Record> drain(rte_ring* ring) {
    std::vector<Record> all;
    Record record;
    while (rte_ring_dequeue_elem(ring, &record, sizeof record) == 0) all.push_back(record);
    return all;
}
}  // namespace

void Gateway::transmit(unsigned worker, const Bytes& datagram) {
    for (std::size_t at = 0; at < datagram.size(); at += kMaxRecordBytes) {
        Transmit record{};
        record.interface = kOutside;
        record.len = static_cast<std::uint16_t>(datagram.size());
        std::memcpy(record.data.data(), datagram.data() + at,
                    std::min(datagram.size() - at, kMaxRecordBytes));
        transmit(worker, record);
    }
}

std::vector<Punt> Gateway::punts(unsigned worker) {
    const auto records = drain<Punt>(parts().links[worker].punts);
    std::vector<Punt> firsts;
    for (std::size_t i = 0; i < records.size(); i += records_of(records[i].len)) firsts.push_back(records[i]);
    return firsts;
}
std::vector<Bytes> Gateway::punted(unsigned worker) {
    const auto records = drain<Punt>(parts().links[worker].punts);
    std::vector<Bytes> all;
    for (std::size_t i = 0; i < records.size(); i += records_of(records[i].len)) {
        Bytes& whole = all.emplace_back();
        REQUIRE(i + records_of(records[i].len) <= records.size());
        for (std::size_t k = 0; k < records_of(records[i].len); ++k)
            whole.insert(whole.end(), records[i + k].data.begin(), records[i + k].data.end());
        whole.resize(records[i].len);
    }
    return all;
}
std::vector<Event> Gateway::events(unsigned worker) {
    return drain<Event>(parts().links[worker].events);
}

std::uint64_t Gateway::drops(Drop reason) const {
    std::uint64_t sum = 0;
    for (const InterfaceStatus& i : dataplane_->observer().interfaces())
        sum += i.counters.drops[static_cast<std::size_t>(reason)];
    return sum;
}

std::uint64_t Gateway::drops() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kNumDrops; ++i) sum += drops(static_cast<Drop>(i));
    return sum;
}

WorkerStatus Gateway::sum() const {
    WorkerStatus sum;
    for (const WorkerStatus& w : dataplane_->observer().workers()) {
        sum.received += w.received;
        sum.generated += w.generated;
        sum.fragments_made += w.fragments_made;
        sum.transmitted += w.transmitted;
        sum.dropped += w.dropped;
        sum.consumed += w.consumed;
        sum.merged += w.merged;
        sum.held += w.held;
        sum.waiting_neighbour += w.waiting_neighbour;
        sum.reassembling += w.reassembling;
        sum.handed_over += w.handed_over;
        sum.taken_over += w.taken_over;
    }
    return sum;
}

void Gateway::check_ledger() const {
    const WorkerStatus s = sum();
    const std::uint64_t in_rings = s.handed_over - s.taken_over;
    CAPTURE(s.received, s.generated, s.fragments_made, s.transmitted, s.dropped, s.consumed, s.held,
            s.waiting_neighbour, s.reassembling, in_rings);
    CHECK(s.received + s.generated + s.fragments_made == s.transmitted + s.dropped + s.consumed + s.merged +
                                                             s.held + s.waiting_neighbour + s.reassembling +
                                                             in_rings);
    CHECK(s.dropped == drops());
    std::uint64_t on_wires = 0;  // enqueued for the test to take
    for (unsigned i = 0; i < std::size(kWires); ++i)
        on_wires += rte_ring_count(wire(i).from_gateway) + rte_ring_count(wire(i).to_gateway);
    CHECK(rte_mempool_in_use_count(dataplane_->parts().pool) ==
          s.held + s.waiting_neighbour + s.reassembling + in_rings + on_wires);
    if (dataplane_->parts().large_pool != nullptr)
        CHECK(rte_mempool_in_use_count(dataplane_->parts().large_pool) == 0);
}

Bytes ethernet(const MacAddress& to, std::uint16_t type, const Bytes& payload, int vlan) {
    Writer w;
    w.put(to.bytes).put(kAlice.bytes);
    if (vlan >= 0) w.u16(0x8100).u16(static_cast<std::uint16_t>(vlan));
    w.u16(type).put(payload);
    return std::move(w).take();
}

Bytes datagram(const Ip& ip, const Bytes& payload) {
    const Address source = address(ip.source), destination = address(ip.destination);
    Writer w;
    if (source.is_ipv4()) {
        w.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(20 + payload.size())).u16(0x4242).u16(ip.fragment);
        w.u8(ip.ttl).u8(ip.protocol).u16(0).put(source.wire()).put(destination.wire());
        w.set_u16(10, checksum(w.view()));
    } else {
        w.u32(6u << 28).u16(static_cast<std::uint16_t>(payload.size())).u8(ip.protocol).u8(ip.ttl);
        w.put(source.wire()).put(destination.wire());
    }
    w.put(payload);
    return std::move(w).take();
}

Bytes udp(const Ip& ip, std::uint16_t source_port, std::uint16_t port, const Bytes& payload) {
    Writer w;
    w.u16(source_port).u16(port).u16(static_cast<std::uint16_t>(8 + payload.size())).u16(0).put(payload);
    w.set_u16(6, transport_checksum({address(ip.source), address(ip.destination)}, Protocol::udp, w.view()));
    Ip with = ip;
    with.protocol = 17;
    return datagram(with, std::move(w).take());
}

Bytes icmp(const Ip& ip, std::uint8_t type, std::uint8_t code, const Bytes& rest) {
    const Address source = address(ip.source);
    Writer w;
    w.u8(type).u8(code).u16(0).put(rest);
    const Pair pair{source, address(ip.destination)};
    w.set_u16(2,
              source.is_ipv4() ? checksum(w.view()) : transport_checksum(pair, Protocol::icmpv6, w.view()));
    Ip with = ip;
    with.protocol = source.is_ipv4() ? 1 : 58;
    return datagram(with, std::move(w).take());
}

}  // namespace oegate::packet_test
