// Devices that cannot work, over a sysfs of the test's own: each refusal names what
// stands in the way and the command that mends it.
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "port/devices.hpp"
#include "port/pci.hpp"

namespace oegate {
namespace {

namespace fs = std::filesystem;

int open_error = 0;
int pretend_to_open(const fs::path& file) {
    return fs::exists(file) ? open_error : ENOENT;
}
unsigned only_eth1(const char* name) {
    return std::string(name) == "eth1" ? 3 : 0;
}

/// A machine in a temporary directory, with one NIC under vfio-pci that works.
class Machine {
  public:
    Machine() {
        char name[] = "/tmp/oegate-sysfs-XXXXXX";
        root_ = mkdtemp(name);
        open_error = 0;
        file("sys/bus/pci/drivers/vfio-pci/bind", "");
        file("dev/vfio/vfio", "");
        nic("0000:01:00.0", "vfio-pci", "17");
        file("dev/vfio/17", "");
    }
    ~Machine() { fs::remove_all(root_); }

    void file(const fs::path& path, const std::string& text) {
        fs::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text << "\n";
    }
    void link(const fs::path& path, const std::string& target) {
        fs::create_directories((root_ / path).parent_path());
        fs::remove(root_ / path);
        fs::create_symlink(target, root_ / path);
    }
    void remove(const fs::path& path) { fs::remove_all(root_ / path); }

    void nic(const std::string& address, const std::string& driver, const std::string& group,
             const std::string& device_class = "0x020000") {
        const fs::path device = fs::path("sys/bus/pci/devices") / address;
        file(device / "class", device_class);
        file(device / "numa_node", "0");
        if (!driver.empty()) link(device / "driver", "/drivers/" + driver);
        if (group.empty()) return;
        const fs::path of_group = root_ / "sys/kernel/iommu_groups" / group;
        fs::create_directories(of_group / "devices");
        if (!fs::is_symlink(of_group / "devices" / address))  // it leads nowhere
            fs::create_symlink("elsewhere", of_group / "devices" / address);
        link(device / "iommu_group", of_group.string());
    }
    KernelView view() const { return {root_, pretend_to_open, only_eth1}; }
    /// The refusal; "" when the device is usable.
    std::string refusal(const std::string& address = "0000:01:00.0") const {
        const auto device = check_pci(view(), address);
        return device ? "" : device.error();
    }

  private:
    fs::path root_;
};

bool says(const std::string& text, const std::string& part) {
    INFO(text << " | should say | " << part);
    CHECK(text.find(part) != std::string::npos);
    return text.find(part) != std::string::npos;
}

config::Config one_interface(const std::string& device) {
    config::Config c;
    c.interfaces.push_back({"outside", InterfaceRole::outside, device, 0, 1500, {}});
    return c;
}

}  // namespace

TEST_CASE("a PCI address is known with and without its domain") {
    CHECK(pci_address("01:00.0") == "0000:01:00.0");
    CHECK(pci_address("0000:3B:00.1,rx_vec=1") == "0000:3b:00.1");
    CHECK_FALSE(pci_address("net_memif0,role=server").has_value());
    CHECK_FALSE(pci_address("0000:01:00").has_value());
    CHECK(ethdev_name("net_memif0,role=server") == "net_memif0");
    CHECK(argument_of("net_memif0,role=server,socket=/run/a", "socket") == "/run/a");
    CHECK(argument_of("net_memif0,role=server,socket=/run/a", "role") == "server");
    CHECK(argument_of("net_memif0,role=server", "sock").empty());
    CHECK(argument_of("net_memif0", "role").empty());
}

TEST_CASE("a NIC under vfio-pci is usable") {
    Machine machine;
    const auto device = check_pci(machine.view(), "0000:01:00.0");
    REQUIRE(device.has_value());
    CHECK(device->driver == "vfio-pci");
    CHECK(device->group == "17");
    CHECK(device->numa_node == 0);
    CHECK_FALSE(device->no_iommu);
}

TEST_CASE("a device that does not exist, or is no NIC") {
    Machine machine;
    says(machine.refusal("0000:09:00.0"), "does not exist; the PCI network devices are 0000:01:00.0");
    machine.nic("0000:02:00.0", "nvme", "18", "0x010802");
    says(machine.refusal("0000:02:00.0"), "is not a network device (PCI class 0x010802)");
    machine.remove("sys/bus/pci/devices");
    says(machine.refusal(), "does not exist, nor does any other PCI network device");
}

TEST_CASE("a NIC that another driver holds: the exact command") {
    Machine machine;
    SECTION("the kernel's") {
        machine.nic("0000:01:00.0", "ixgbe", "17");
        machine.file("sys/bus/pci/devices/0000:01:00.0/net/enp1s0/mtu", "1500");
        const std::string text = machine.refusal();
        says(
            text,
            "bound to the kernel's driver 'ixgbe' as enp1s0: run `dpdk-devbind.py -b vfio-pci 0000:01:00.0`");
        says(text, "`ip link set enp1s0 down`");
        CHECK(text.find("IOMMU") == std::string::npos);
    }
    SECTION("virtio names its interface one level down") {
        machine.nic("0000:01:00.0", "virtio-pci", "17");
        machine.file("sys/bus/pci/devices/0000:01:00.0/virtio0/net/ens3/mtu", "1500");
        says(machine.refusal(), "'virtio-pci' as ens3");
    }
    SECTION("none") {
        machine.remove("sys/bus/pci/devices/0000:01:00.0/driver");
        says(machine.refusal(), "is bound to no driver: run `dpdk-devbind.py -b vfio-pci 0000:01:00.0`");
    }
    SECTION("vfio-pci is not loaded") {
        machine.nic("0000:01:00.0", "e1000e", "17");
        machine.remove("sys/bus/pci/drivers/vfio-pci");
        says(machine.refusal(), "`modprobe vfio-pci`, then `dpdk-devbind.py -b vfio-pci 0000:01:00.0`");
    }
    SECTION("the IOMMU is off") {
        machine.nic("0000:01:00.0", "e1000e", "17");
        machine.remove("sys/kernel/iommu_groups");
        const std::string text = machine.refusal();
        says(text, "The IOMMU is off");
        says(text, "intel_iommu=on");
        says(text, "`modprobe vfio enable_unsafe_noiommu_mode=1`");
        machine.file("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y");
        CHECK(machine.refusal().find("IOMMU is off") == std::string::npos);
    }
    SECTION("those that DPDK shares with the kernel stay") {
        machine.nic("0000:01:00.0", "mlx5_core", "17");
        CHECK(machine.refusal().empty());
    }
}

TEST_CASE("VFIO's own refusals") {
    Machine machine;
    SECTION("a neighbour of the group is the kernel's") {
        machine.nic("0000:01:00.1", "ixgbe", "17");
        machine.nic("0000:00:01.0", "pcieport", "17", "0x060400");
        says(machine.refusal(), "shares IOMMU group 17 with 0000:01:00.1 (ixgbe), which the kernel uses");
    }
    SECTION("a neighbour under vfio-pci or under nothing is none") {
        machine.nic("0000:01:00.1", "vfio-pci", "17");
        machine.nic("0000:01:00.2", "", "17");
        CHECK(machine.refusal().empty());
    }
    SECTION("another process has it, and is named") {
        open_error = EBUSY;
        says(machine.refusal(), "is in use by another process: its VFIO group /dev/vfio/17 is open");
        machine.link("proc/4711/fd/9", "/dev/vfio/17");
        machine.file("proc/4711/comm", "dpdk-testpmd");
        says(machine.refusal(), "in use by another process 4711 (dpdk-testpmd)");
    }
    SECTION("no permission") {
        open_error = EACCES;
        says(machine.refusal(), "no permission for /dev/vfio/17; run as root");
    }
    SECTION("a container without the group's file") {
        machine.remove("dev/vfio/17");
        says(machine.refusal(), "there is no /dev/vfio/17: a container needs it from its host");
    }
    SECTION("without VFIO at all") {
        machine.remove("dev/vfio");
        says(machine.refusal(), "needs /dev/vfio/vfio");
    }
    SECTION("without IOMMU, unsafe mode") {
        machine.file("sys/kernel/iommu_groups/17/name", "vfio-noiommu");
        says(machine.refusal(), "there is no /dev/vfio/noiommu-17");
        machine.file("dev/vfio/noiommu-17", "");
        CHECK(machine.refusal().empty());
        config::Config c = one_interface("0000:01:00.0");
        CHECK(inspect_devices(machine.view(), c)[0].trouble.empty());
        c.dataplane.huge_pages = config::HugePages::none;
        says(inspect_devices(machine.view(), c)[0].trouble, "needs huge pages");
    }
}

TEST_CASE("workers on another socket than their NIC are warned about") {
    Machine machine;
    machine.file("sys/bus/pci/devices/0000:01:00.0/numa_node", "1");
    machine.file("sys/devices/system/cpu/cpu2/node0/x", "");
    machine.file("sys/devices/system/cpu/cpu9/node1/x", "");
    config::Config c = one_interface("0000:01:00.0");
    c.dataplane.lcores = {9};
    CHECK(inspect_devices(machine.view(), c)[0].warning.empty());
    c.dataplane.lcores = {9, 2};
    says(inspect_devices(machine.view(), c)[0].warning,
         "is on NUMA node 1, but workers are on CPU 2 (node 0)");
    machine.file("sys/bus/pci/devices/0000:01:00.0/numa_node", "-1");  // as in virtual machines
    CHECK(inspect_devices(machine.view(), c)[0].warning.empty());
}

TEST_CASE("virtual devices are checked by their arguments") {
    Machine machine;
    machine.file("run/memif/x", "");
    struct Row {
        const char* device;
        const char* trouble;  // "": none
    };
    for (const Row& row : {
             Row{"net_memif0,role=server,socket=/run/memif/a", ""},
             Row{"net_memif0,role=server,socket=@a", ""},
             Row{"net_memif0,role=client,socket=/run/memif/a,socket-abstract=no", ""},
             Row{"net_memif0,socket=/run/memif/a", "needs `role=server` or `role=client`"},
             Row{"net_memif0,role=server", "needs `socket=`"},
             Row{"net_memif0,role=server,socket=/run/none/a,socket-abstract=no", "`mkdir -p /run/none`"},
             Row{"net_memif0,role=server,socket=a,socket-abstract=no", "with its whole path"},
             Row{"net_af_xdp0,iface=eth1", ""},
             Row{"net_af_packet0,iface=eth7", "names 'eth7', but there is no such interface"},
             Row{"net_af_packet0", "needs `iface=`"},
             Row{"net_ring0", ""},
         }) {
        CAPTURE(row.device);
        const auto reports = inspect_devices(machine.view(), one_interface(row.device));
        REQUIRE(reports.size() == 1);
        if (*row.trouble == '\0') {
            CHECK(reports[0].trouble.empty());
        } else {
            says(reports[0].trouble, row.trouble);
        }
    }
    const std::string far(120, 'a');
    says(inspect_devices(machine.view(), one_interface("net_memif0,role=server,socket=/" + far))[0].trouble,
         "107 are possible");
}

TEST_CASE("interfaces that share a device make one report, however it is written") {
    Machine machine;
    config::Config c = one_interface("0000:01:00.0");
    c.interfaces.push_back({"tagged", InterfaceRole::inside, "01:00.0", 7, 1500, {}});
    CHECK(inspect_devices(machine.view(), c).size() == 1);
    const auto report = inspect_devices(machine.view(), one_interface("0000:09:00.0"))[0];
    CHECK(sentence(report, "X") == "interface outside: device '0000:09:00.0' X");
}

}  // namespace oegate
