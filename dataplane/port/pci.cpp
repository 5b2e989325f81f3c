#include "port/pci.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace oegate {
namespace {

namespace fs = std::filesystem;
using Refusal = std::optional<std::string>;

// DPDK works beside these kernel drivers: the device stays bound to them.
constexpr std::array<const char*, 3> kShared{"mlx4_core", "mlx5_core", "mana"};
constexpr std::array<const char*, 2> kUio{"uio_pci_generic", "igb_uio"};
constexpr const char* kVfio = "vfio-pci";

template <std::size_t N>
bool one_of(const std::array<const char*, N>& all, const std::string& name) {
    return std::find(all.begin(), all.end(), name) != all.end();
}

std::string line_of(const fs::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

/// Last part of what a link points to; "" when there is none.
std::string target_of(const fs::path& link) {
    std::error_code error;
    return fs::read_symlink(link, error).filename().string();
}

fs::path pci_directory(const KernelView& kernel) {
    return kernel.root / "sys/bus/pci/devices";
}

bool is_network(const fs::path& device) {
    return line_of(device / "class").starts_with("0x02");  // base class of network controllers
}

PciDevice read_device(const KernelView& kernel, const std::string& address) {
    const fs::path directory = pci_directory(kernel) / address;
    PciDevice device;
    device.address = address;
    device.driver = target_of(directory / "driver");
    device.kernel = names_in(directory / "net");
    for (const auto& virtio : names_in(directory))  // virtio's interfaces are one level down
        if (virtio.starts_with("virtio"))
            for (auto& name : names_in(directory / virtio / "net")) device.kernel.push_back(name);
    device.group = target_of(directory / "iommu_group");
    device.no_iommu = line_of(directory / "iommu_group/name") == "vfio-noiommu";
    const std::string node = line_of(directory / "numa_node");
    if (!node.empty()) device.numa_node = std::atoi(node.c_str());
    return device;
}

Refusal absent(const KernelView& kernel, const std::string& address) {
    const fs::path all = pci_directory(kernel);
    if (fs::exists(all / address)) return std::nullopt;
    std::vector<std::string> network;
    for (const std::string& name : names_in(all))
        if (is_network(all / name)) network.push_back(name);
    if (network.empty()) return "does not exist, nor does any other PCI network device";
    return fmt::format("does not exist; the PCI network devices are {}", fmt::join(network, ", "));
}

bool iommu_is_on(const KernelView& kernel) {
    return !names_in(kernel.root / "sys/kernel/iommu_groups").empty();
}

/// What VFIO needs where the IOMMU is off or absent; "" where it is on.
std::string about_iommu(const KernelView& kernel) {
    if (iommu_is_on(kernel)) return "";
    const std::string unsafe = line_of(kernel.root / "sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
    if (unsafe == "Y" || unsafe == "1") return "";
    return ". The IOMMU is off, and vfio-pci will refuse the device: switch VT-d or AMD-Vi on in the BIOS "
           "(Intel: and boot with `intel_iommu=on iommu=pt`). A virtual machine without one: "
           "`modprobe vfio enable_unsafe_noiommu_mode=1`, which lets the device write to all memory";
}

/// Bound to nothing, or to a driver of the kernel's.
Refusal not_ours(const KernelView& kernel, const PciDevice& device) {
    if (device.driver == kVfio || one_of(kUio, device.driver) || one_of(kShared, device.driver))
        return std::nullopt;
    std::string bind = fmt::format("`dpdk-devbind.py -b vfio-pci {}`", device.address);
    if (!fs::exists(kernel.root / "sys/bus/pci/drivers" / kVfio)) bind = "`modprobe vfio-pci`, then " + bind;
    if (device.driver.empty())
        return fmt::format("is bound to no driver: run {}{}", bind, about_iommu(kernel));
    std::string as, down;
    if (!device.kernel.empty()) {
        as = fmt::format(" as {}", fmt::join(device.kernel, ", "));
        // devbind refuses an interface that carries a route; and so might whoever is logged in by it.
        down = fmt::format(" (make sure that you are not logged in over it; then `ip link set {} down`)",
                           device.kernel.front());
    }
    return fmt::format("is bound to the kernel's driver '{}'{}: run {}{}{}", device.driver, as, bind, down,
                       about_iommu(kernel));
}

/// VFIO hands out whole groups: no member may be the kernel's (Documentation/driver-api/vfio).
Refusal group_not_viable(const KernelView& kernel, const PciDevice& device) {
    std::vector<std::string> others;
    for (const std::string& member :
         names_in(pci_directory(kernel) / device.address / "iommu_group/devices")) {
        const std::string driver = target_of(pci_directory(kernel) / member / "driver");
        if (driver.empty() || driver == kVfio || driver == "pci-stub" || driver == "pcieport") continue;
        others.push_back(fmt::format("{} ({})", member, driver));
    }
    if (others.empty()) return std::nullopt;
    return fmt::format(
        "shares IOMMU group {} with {}, which the kernel uses: bind all of the group to vfio-pci, "
        "or put the card into another slot",
        device.group, fmt::join(others, ", "));
}

/// "1234 (dpdk-testpmd)" of who has the file open; "" when nobody is seen.
std::string holder_of(const KernelView& kernel, const fs::path& file) {
    for (const std::string& process : names_in(kernel.root / "proc")) {
        if (process.find_first_not_of("0123456789") != std::string::npos) continue;
        const fs::path directory = kernel.root / "proc" / process;
        for (const std::string& fd : names_in(directory / "fd")) {
            std::error_code error;
            if (fs::read_symlink(directory / "fd" / fd, error) == file)
                return fmt::format(" {} ({})", process, line_of(directory / "comm"));
        }
    }
    return "";
}

Refusal group_not_open(const KernelView& kernel, const PciDevice& device) {
    if (!fs::exists(kernel.root / "dev/vfio/vfio"))
        return "needs /dev/vfio/vfio, which is not there: `modprobe vfio-pci`; a container needs /dev/vfio "
               "from "
               "its host";
    const fs::path file = fs::path("dev/vfio") / ((device.no_iommu ? "noiommu-" : "") + device.group);
    switch (const int error = kernel.open(kernel.root / file); error) {
        case 0:
            return std::nullopt;
        case EBUSY:
            return fmt::format("is in use by another process{}: its VFIO group /{} is open",
                               holder_of(kernel, "/" / file), file.string());
        case ENOENT:
            return fmt::format("has VFIO group {}, but there is no /{}: a container needs it from its host",
                               device.group, file.string());
        case EACCES:
        case EPERM:
            return fmt::format(
                "cannot be opened: no permission for /{}{}", file.string(),
                device.no_iommu ? " (without IOMMU it needs CAP_SYS_RAWIO)" : "; run as root or `chown` it");
        default:
            return fmt::format("cannot be opened: /{}: {}", file.string(), std::strerror(error));
    }
}

Refusal vfio_refuses(const KernelView& kernel, const PciDevice& device) {
    if (device.driver != kVfio) return std::nullopt;
    if (device.group.empty()) return "is bound to vfio-pci, but in no IOMMU group" + about_iommu(kernel);
    if (auto reason = group_not_viable(kernel, device)) return reason;
    return group_not_open(kernel, device);
}

}  // namespace

int try_open(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return errno;
    ::close(fd);
    return 0;
}

std::optional<std::string> pci_address(const std::string& device) {
    const std::string address = device.substr(0, device.find(','));
    // [DDDD:]BB:DD.F
    std::string shape;
    for (char c : address) shape += std::isxdigit(static_cast<unsigned char>(c)) != 0 ? 'h' : c;
    if (shape != "hh:hh.h" && shape != "hhhh:hh:hh.h") return std::nullopt;
    std::string full = shape.size() == 7 ? "0000:" + address : address;
    for (char& c : full) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return full;
}

Result<PciDevice, std::string> check_pci(const KernelView& kernel, const std::string& address) {
    if (auto reason = absent(kernel, address)) return fail(*reason);
    const fs::path directory = pci_directory(kernel) / address;
    if (!is_network(directory))
        return fail(fmt::format("is not a network device (PCI class {})", line_of(directory / "class")));
    PciDevice device = read_device(kernel, address);
    if (auto reason = not_ours(kernel, device)) return fail(*reason);
    if (auto reason = vfio_refuses(kernel, device)) return fail(*reason);
    return device;
}

int node_of_cpu(const KernelView& kernel, unsigned cpu) {
    const fs::path directory = kernel.root / "sys/devices/system/cpu" / fmt::format("cpu{}", cpu);
    for (const std::string& name : names_in(directory))
        if (name.starts_with("node") && name.find_first_not_of("0123456789", 4) == std::string::npos)
            return std::atoi(name.c_str() + 4);
    return -1;
}

}  // namespace oegate
