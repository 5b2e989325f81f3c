// What the kernel says of a PCI device, read from sysfs and /dev/vfio before EAL is
// asked for it, so that a device that cannot work is refused with the command that
// mends it. Called by port/devices.cpp; changes nothing, binds nothing.
#pragma once

#include <net/if.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace oegate {

/// 0, or the errno of opening this file for reading and writing.
int try_open(const std::filesystem::path&);

/// Where the kernel shows itself. Tests show a tree of their own.
struct KernelView {
    std::filesystem::path root = "/";
    int (*open)(const std::filesystem::path&) = try_open;
    unsigned (*interface_index)(const char* name) = if_nametoindex;  // 0: none here
};

/// The PCI address of a configured device, with its domain ("0000:01:00.0"), or nothing
/// for a virtual device. Arguments behind a comma are cut off.
std::optional<std::string> pci_address(const std::string& device);

struct PciDevice {
    std::string address;
    std::string driver;               // "": none
    std::vector<std::string> kernel;  // its interfaces there
    std::string group;                // of the IOMMU; "": none
    bool no_iommu = false;            // VFIO without protection
    int numa_node = -1;               // -1: unknown
};

/// The device, usable by DPDK; or a sentence that names what stands in the way and what
/// to do about it. `address` as pci_address() has it.
Result<PciDevice, std::string> check_pci(const KernelView&, const std::string& address);

/// NUMA node of a CPU; -1: unknown.
int node_of_cpu(const KernelView&, unsigned cpu);

}  // namespace oegate
