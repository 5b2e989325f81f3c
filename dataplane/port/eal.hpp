// EAL, DPDK's environment: its arguments from the configuration, checked first so that
// what is missing is said in a sentence. Called by port/dataplane.cpp, once a process.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "port/memory.hpp"

namespace oegate {

/// A PCI address, with or without domain and arguments; everything else is a vdev.
bool is_pci_device(const std::string& device);

/// The arguments, argv[0] included. Worker i is EAL lcore 1 + i, control is lcore 0,
/// each mapped to the CPU that the configuration names, so that several may share one.
std::vector<std::string> eal_arguments(const config::Config&, const MemoryPlan&, long process_id);

/// CPUs and huge pages: what EAL would miss, as a sentence.
Result<void, std::string> check_machine(const config::Config&, const MemoryPlan&);

/// Does nothing when EAL is up already (tests).
Result<void, std::string> start_eal(const config::Config&, const MemoryPlan&);

}  // namespace oegate
