#include "packet/workers/plain_ports.hpp"

#include <rte_ethdev.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <sched.h>

#include <array>
#include <iostream>
#include <mutex>

#include "worker/loop.hpp"

namespace oegate::packet_test {
namespace {

// ---- pools
struct List {
    std::mutex mutex;
    std::vector<void*> objects;
};

List& list_of(const rte_mempool* pool) {
    return *static_cast<List*>(pool->pool_data);
}

int make_list(rte_mempool* pool) {
    auto list = std::make_unique<List>();
    list->objects.reserve(pool->size);
    pool->pool_data = list.release();
    return 0;
}

void free_list(rte_mempool* pool) {
    delete &list_of(pool);
}

int put(rte_mempool* pool, void* const* objects, unsigned count) {
    List& list = list_of(pool);
    const std::lock_guard lock(list.mutex);
    list.objects.insert(list.objects.end(), objects, objects + count);
    return 0;
}

int take(rte_mempool* pool, void** objects, unsigned count) {
    List& list = list_of(pool);
    const std::lock_guard lock(list.mutex);
    if (list.objects.size() < count) return -ENOBUFS;
    const auto from = list.objects.end() - count;
    std::copy(from, list.objects.end(), objects);
    list.objects.erase(from, list.objects.end());
    return 0;
}

unsigned count_of(const rte_mempool* pool) {
    List& list = list_of(pool);
    const std::lock_guard lock(list.mutex);
    return static_cast<unsigned>(list.objects.size());
}

rte_mempool_ops list_ops() {
    rte_mempool_ops ops{};
    std::strcpy(ops.name, "locked_list");
    ops.alloc = make_list;
    ops.free = free_list;
    ops.enqueue = put;
    ops.dequeue = take;
    ops.get_count = count_of;
    return ops;
}

// ---- ports
struct PlainPort {
    rte_ring* to_gateway = nullptr;
    rte_ring* from_gateway = nullptr;
    void* rx_queue = nullptr;  // one each; an array of one, as ethdev wants it
    void* tx_queue = nullptr;
};
std::array<PlainPort, RTE_MAX_ETHPORTS> ports;
std::atomic<Publish> how{Publish::release};

std::uint16_t receive(void* queue, rte_mbuf** frames, std::uint16_t count) {
    auto& port = *static_cast<PlainPort*>(queue);
    return static_cast<std::uint16_t>(
        rte_ring_sc_dequeue_burst(port.to_gateway, reinterpret_cast<void**>(frames), count, nullptr));
}

/// As rte_ring does it, but that nobody who sees the new tail need see the frames.
std::uint16_t give_relaxed(rte_ring& ring, rte_mbuf** frames, std::uint16_t count) {
    const std::uint32_t tail = __atomic_load_n(&ring.prod.tail, __ATOMIC_RELAXED);
    const std::uint32_t room = ring.capacity + __atomic_load_n(&ring.cons.tail, __ATOMIC_ACQUIRE) - tail;
    const auto num = static_cast<std::uint16_t>(std::min<std::uint32_t>(room, count));
    void** places = reinterpret_cast<void**>(&ring + 1);
    for (std::uint16_t i = 0; i < num; ++i) places[(tail + i) & ring.mask] = frames[i];
    ring.prod.head = tail + num;
    __atomic_store_n(&ring.prod.tail, tail + num, __ATOMIC_RELAXED);
    return num;
}

std::uint16_t transmit(void* queue, rte_mbuf** frames, std::uint16_t count) {
    auto& port = *static_cast<PlainPort*>(queue);
    if (how.load(std::memory_order_relaxed) == Publish::relaxed)
        return give_relaxed(*port.from_gateway, frames, count);
    return static_cast<std::uint16_t>(
        rte_ring_sp_enqueue_burst(port.from_gateway, reinterpret_cast<void* const*>(frames), count, nullptr));
}

}  // namespace

void use_plain_pools() {
    static const rte_mempool_ops ops = list_ops();
    static const int registered = rte_mempool_register_ops(&ops);
    if (registered < 0 || rte_mbuf_set_user_mempool_ops(ops.name) != 0)
        throw std::runtime_error("no mempool operations of ours");
}

void use_plain_ports(DataplaneParts& parts) {
    for (const Port& port : parts.ports) {
        const std::string wire = port.device.substr(std::string("net_ring_").size());
        PlainPort& plain = ports.at(port.id);
        plain = {rte_ring_lookup((wire + "_in").c_str()), rte_ring_lookup((wire + "_out").c_str()), &plain,
                 &plain};
        if (plain.to_gateway == nullptr || plain.from_gateway == nullptr)
            throw std::runtime_error("no wire " + wire);
        auto& ops = rte_eth_fp_ops[port.id];
        ops.rx_pkt_burst = receive;
        ops.tx_pkt_burst = transmit;
        ops.rxq.data = &plain.rx_queue;
        ops.txq.data = &plain.tx_queue;
    }
}

void publish_frames(Publish publish) {
    how.store(publish, std::memory_order_relaxed);
}

std::thread start_worker(Worker& worker, const std::atomic<bool>& stopping) {
    return std::thread([&worker, &stopping] {
        // EAL has pinned who made us to its own CPU.
        cpu_set_t all;
        CPU_ZERO(&all);
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &all);
        sched_setaffinity(0, sizeof all, &all);
        if (rte_thread_register() != 0) std::cerr << "worker " << worker.index << " has no lcore\n";
        run(worker, stopping);
        rte_thread_unregister();
    });
}

}  // namespace oegate::packet_test
