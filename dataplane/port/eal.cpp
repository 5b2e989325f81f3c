#include "port/eal.hpp"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "port/dataplane.hpp"
#include "port/pci.hpp"

namespace oegate {
namespace {

bool started = false;

std::size_t number_in(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::size_t value = 0;
    in >> value;
    return value;
}

struct HugePagesFound {
    std::size_t free_bytes = 0;
    std::size_t total_2m = 0;
};

HugePagesFound find_huge_pages() {
    HugePagesFound found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        const std::string name = entry.path().filename().string();  // hugepages-2048kB
        const std::size_t kib =
            std::strtoul(name.c_str() + std::min<std::size_t>(10, name.size()), nullptr, 10);
        found.free_bytes += number_in(entry.path() / "free_hugepages") * kib * 1024;
        if (kib == 2048) found.total_2m = number_in(entry.path() / "nr_hugepages");
    }
    return found;
}

Result<void, std::string> check_cpus(const config::Dataplane& d) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    const auto check = [&](unsigned cpu, const char* what) -> Result<void, std::string> {
        if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &allowed)) return {};
        return fail(
            fmt::format("dataplane.{}: CPU {} does not exist or is not allowed to this process "
                        "({} CPUs are)",
                        what, cpu, CPU_COUNT(&allowed)));
    };
    if (d.lcores.empty()) return fail(std::string("dataplane.lcores: at least one worker is needed"));
    if (d.lcores.size() > Spi::kMaxWorkers)
        return fail(fmt::format("dataplane.lcores: {} workers, at most {} are possible", d.lcores.size(),
                                Spi::kMaxWorkers));
    if (auto ok = check(d.control_lcore, "control_lcore"); !ok) return ok;
    for (unsigned cpu : d.lcores)
        if (auto ok = check(cpu, "lcores"); !ok) return ok;
    return {};
}

}  // namespace

bool is_pci_device(const std::string& device) {
    return pci_address(device).has_value();
}

std::vector<std::string> eal_arguments(const config::Config& config, const MemoryPlan& plan,
                                       long process_id) {
    const config::Dataplane& d = config.dataplane;
    std::vector<std::string> args{"oegated", "--no-telemetry", "--log-level=error"};
    std::string lcores = fmt::format("0@{}", d.control_lcore);
    for (std::size_t i = 0; i < d.lcores.size(); ++i) lcores += fmt::format(",{}@{}", i + 1, d.lcores[i]);
    args.insert(args.end(), {"--lcores=" + lcores, "--main-lcore=0"});
    if (d.huge_pages == config::HugePages::none) {
        // Excludes --in-memory, so what keeps processes apart is said one by one.
        args.insert(args.end(), {"--no-huge", "-m", std::to_string((plan.bytes >> 20) + 1), "--no-shconf",
                                 fmt::format("--file-prefix=oegate{}", process_id)});
    } else {
        args.push_back("--in-memory");
    }
    std::set<std::string> pci;
    for (const config::Interface& i : config.interfaces)
        if (const auto address = pci_address(i.device))
            pci.insert(*address + i.device.substr(std::min(i.device.find(','), i.device.size())));
    for (const std::string& device : pci) args.insert(args.end(), {"-a", device});
    if (pci.empty()) args.insert(args.end(), {"--no-pci", "--iova-mode=va"});
    return args;
}

Result<void, std::string> check_machine(const config::Config& config, const MemoryPlan& plan) {
    if (auto ok = check_cpus(config.dataplane); !ok) return ok;
    if (started || config.dataplane.huge_pages == config::HugePages::none) return {};
    const HugePagesFound found = find_huge_pages();
    return check_huge_pages(plan, found.free_bytes, found.total_2m);
}

Result<void, std::string> start_eal(const config::Config& config, const MemoryPlan& plan) {
    if (auto ok = check_machine(config, plan); !ok) return ok;
    if (started) return {};
    std::vector<std::string> args = eal_arguments(config, plan, getpid());
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
        return fail(fmt::format("EAL does not start: {} (arguments: {})", rte_strerror(rte_errno),
                                fmt::join(args, " ")));
    started = true;
    return {};
}

void leave_eal() {
    if (started) rte_eal_cleanup();
    started = false;
}

}  // namespace oegate
