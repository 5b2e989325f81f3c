// The configured devices, checked before DPDK opens them: PCI devices by port/pci,
// virtual ones by their arguments. Called by port/dataplane.cpp at start and by
// `oegated --check-devices`. Opens nothing, keeps nothing.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "port/pci.hpp"

namespace oegate {

/// ethdev's name for a device: PCI address with domain, or the virtual device's name.
std::string ethdev_name(const std::string& device);

/// Value of `key=` among a device's arguments; "" when it has none.
std::string argument_of(const std::string& device, const std::string& key);

struct DeviceReport {
    std::string interface;  // the first that uses it
    std::string device;
    std::string trouble;  // "": none; behind "device 'X' "
    std::string warning;  // "": none; likewise
    std::string found;    // what it is, for the report
};

/// One for each distinct device, in configuration order.
std::vector<DeviceReport> inspect_devices(const KernelView&, const config::Config&);

/// "interface outside: device 'X' WHAT": `what` as in trouble and warning.
std::string sentence(const DeviceReport&, const std::string& what);

}  // namespace oegate
