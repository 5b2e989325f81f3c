#include "port/devices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>

namespace oegate {
namespace {

namespace fs = std::filesystem;

void inspect_pci(const KernelView& kernel, const config::Dataplane& d, const std::string& address,
                 DeviceReport& report) {
    const auto device = check_pci(kernel, address);
    if (!device) {
        report.trouble = device.error();
        return;
    }
    report.found = fmt::format("PCI {}, driver {}", address, device->driver);
    if (device->no_iommu) report.found += ", without IOMMU";
    if (!device->group.empty() && !device->no_iommu) report.found += ", IOMMU group " + device->group;
    if (device->numa_node >= 0) report.found += fmt::format(", NUMA node {}", device->numa_node);
    // Without an IOMMU the device is told physical addresses, which only huge pages keep.
    const bool physical = device->no_iommu || device->driver.find("uio") != std::string::npos;
    if (physical && d.huge_pages == config::HugePages::none) {
        report.trouble = "without an IOMMU needs huge pages: remove `huge-pages: none`";
        return;
    }
    std::vector<std::string> far;
    for (unsigned cpu : d.lcores) {
        const int node = node_of_cpu(kernel, cpu);
        if (device->numa_node >= 0 && node >= 0 && node != device->numa_node)
            far.push_back(fmt::format("{} (node {})", cpu, node));
    }
    if (!far.empty())
        report.warning = fmt::format(
            "is on NUMA node {}, but workers are on CPU {}: each packet crosses between "
            "sockets; choose `lcores` of the device's node",
            device->numa_node, fmt::join(far, ", "));
}

void inspect_memif(const KernelView& kernel, DeviceReport& report) {
    const std::string& device = report.device;
    const std::string role = argument_of(device, "role");
    if (role != "server" && role != "client") {
        report.trouble = "needs `role=server` or `role=client`: the server opens the socket";
        return;
    }
    const std::string socket = argument_of(device, "socket");
    if (socket.empty()) {
        report.trouble = "needs `socket=`, the socket that both ends name";
        return;
    }
    constexpr std::size_t kLongest = 107;  // sun_path, less the final zero
    if (socket.size() > kLongest) {
        report.trouble =
            fmt::format("has a socket name of {} bytes; {} are possible", socket.size(), kLongest);
        return;
    }
    const bool abstract = argument_of(device, "socket-abstract") != "no";
    report.found = fmt::format("memif {}, {} socket {}", role, abstract ? "abstract" : "file", socket);
    if (abstract) return;
    const fs::path directory = fs::path(socket).parent_path();
    std::error_code error;
    if (!directory.is_absolute()) {
        report.trouble = "needs a socket with its whole path";
    } else if (!fs::is_directory(kernel.root / directory.relative_path(), error)) {
        report.trouble = fmt::format("wants its socket in {}, which is no directory: `mkdir -p {}`",
                                     directory.string(), directory.string());
    }
}

/// Over a kernel interface: af_packet, af_xdp.
void inspect_kernel_interface(const KernelView& kernel, DeviceReport& report) {
    const std::string name = argument_of(report.device, "iface");
    if (name.empty()) {
        report.trouble = "needs `iface=`, the kernel interface that it takes its frames from";
    } else if (kernel.interface_index(name.c_str()) == 0) {
        report.trouble =
            fmt::format("names '{}', but there is no such interface in this network namespace", name);
    } else {
        report.found = "kernel interface " + name;
    }
}

void inspect(const KernelView& kernel, const config::Config& config, DeviceReport& report) {
    const std::string name = ethdev_name(report.device);
    if (const auto address = pci_address(report.device)) {
        inspect_pci(kernel, config.dataplane, *address, report);
    } else if (name.starts_with("net_memif")) {
        inspect_memif(kernel, report);
    } else if (name.starts_with("net_af_packet") || name.starts_with("net_af_xdp")) {
        inspect_kernel_interface(kernel, report);
    } else {
        report.found = "virtual device " + name;
    }
}

}  // namespace

std::string ethdev_name(const std::string& device) {
    return pci_address(device).value_or(device.substr(0, device.find(',')));
}

std::string argument_of(const std::string& device, const std::string& key) {
    std::size_t at = device.find(',');
    while (at != std::string::npos) {
        const std::size_t end = device.find(',', at + 1);
        const std::string pair = device.substr(at + 1, end == std::string::npos ? end : end - at - 1);
        if (pair.starts_with(key + "=")) return pair.substr(key.size() + 1);
        at = end;
    }
    return "";
}

std::vector<DeviceReport> inspect_devices(const KernelView& kernel, const config::Config& config) {
    std::vector<DeviceReport> reports;
    std::set<std::string> seen;
    for (const config::Interface& interface : config.interfaces) {
        if (!seen.insert(ethdev_name(interface.device)).second) continue;
        DeviceReport& report = reports.emplace_back();
        report.interface = interface.name;
        report.device = interface.device;
        inspect(kernel, config, report);
    }
    return reports;
}

std::string sentence(const DeviceReport& report, const std::string& what) {
    return fmt::format("interface {}: device '{}' {}", report.interface, report.device, what);
}

}  // namespace oegate
