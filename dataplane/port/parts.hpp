// What a Dataplane is made of. For port/dataplane.cpp, tests and benchmarks: nobody
// else looks inside.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "observe/counters.hpp"
#include "port/memory.hpp"
#include "port/port.hpp"
#include "tables/publisher.hpp"
#include "worker/worker.hpp"

namespace oegate {

struct DataplaneParts {
    MemoryPlan plan;
    rte_mempool* pool = nullptr;
    rte_mempool* large_pool = nullptr;
    rte_rcu_qsbr* qsbr = nullptr;
    std::vector<Port> ports;  // one per distinct device
    std::unique_ptr<std::atomic<bool>[]> link_up;
    std::vector<std::string> names;    // of interfaces
    std::vector<std::string> devices;  // what each port is
    std::vector<std::string> warnings;
    std::vector<InterfaceInfo> interfaces;
    std::unique_ptr<Publisher> publisher;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<rte_ring*> rings;  // all of them, to be freed
    std::vector<WorkerLink> links;
    std::vector<std::string> remarks;
    std::unique_ptr<CounterReader> observer;
    std::atomic<bool> stopping{false};
    bool launched = false;
    bool stopped = false;
};

}  // namespace oegate
