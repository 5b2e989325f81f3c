// What idleness costs and what it saves, for each dataplane.idle: CPU seconds a second of a
// gateway with nothing to do, and how long the first datagram after a rest takes through it,
// next to one that follows at once. Two TAP ports, which can wake a worker, in a network
// namespace of its own. Run by scripts/bench idle; needs root. --check: only that a port
// wakes a worker that sleeps, and that the sleep is one (smoke/idle).
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/cursor.hpp"
#include "net/checksum.hpp"
#include "port/dataplane.hpp"
#include "port/eal.hpp"

using namespace oegate;

namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr unsigned kRounds = 60;
constexpr auto kIdleFor = 5s;
constexpr std::uint16_t kInside = 0, kOutside = 1;
const MacAddress kAlice = *MacAddress::parse("02:00:00:00:00:0a");
const MacAddress kRouter = *MacAddress::parse("02:00:00:00:00:0c");

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "bench idle: %s\n", why.c_str());
    std::_Exit(1);
}

Address address(const char* text) {
    return *Address::parse(text);
}

config::Config configuration(IdleMode idle, unsigned cpu) {
    config::Config c;
    c.dataplane.huge_pages = config::HugePages::none;
    c.dataplane.idle = idle;
    c.dataplane.lcores = {cpu};
    c.dataplane.control_lcore = 0;
    c.dataplane.flows_per_worker = 1024;
    c.dataplane.sas_per_worker = 64;
    c.interfaces.resize(2);
    c.interfaces[kInside].name = "inside";
    c.interfaces[kInside].role = InterfaceRole::inside;
    c.interfaces[kInside].device = "net_tap0,iface=oein";
    c.interfaces[kInside].addresses = {{address("10.1.0.1"), *Prefix::parse("10.1.0.0/24")}};
    c.interfaces[kOutside].name = "outside";
    c.interfaces[kOutside].role = InterfaceRole::outside;
    c.interfaces[kOutside].device = "net_tap1,iface=oeout";
    c.interfaces[kOutside].addresses = {{address("10.2.0.1"), *Prefix::parse("10.2.0.0/24")}};
    return c;
}

/// The kernel's end of a TAP port.
int packet_socket(const char* link) {
    const int fd = socket(AF_PACKET, SOCK_RAW, 0xffff);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = static_cast<std::uint16_t>(0x0300);  // ETH_P_ALL in network order
    to.sll_ifindex = static_cast<int>(if_nametoindex(link));
    if (fd < 0 || to.sll_ifindex == 0 || bind(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
        give_up(std::string("no packet socket on ") + link + ": " + std::strerror(errno));
    return fd;
}

/// One UDP datagram from Alice by way of the gateway, numbered.
Bytes frame(const MacAddress& gateway, std::uint32_t number) {
    Writer w;
    w.put(gateway.bytes).put(kAlice.bytes).u16(0x0800);
    w.u8(0x45).u8(0).u16(32).u16(7).u16(0).u8(64).u8(17).u16(0);
    w.put(address("10.1.0.2").wire()).put(address("10.3.0.2").wire());
    w.u16(1).u16(2).u16(12).u16(0).u32(number);
    w.set_u16(24, checksum(w.view().subspan(14, 20)));
    return std::move(w).take();
}

/// Microseconds from one kernel end to the other; gives up after twenty seconds.
double pass(int inside, int outside, const MacAddress& gateway, std::uint32_t number) {
    const Bytes sent = frame(gateway, number);
    const auto from = SteadyClock::now();
    if (send(inside, sent.data(), sent.size(), 0) < 0) give_up(std::strerror(errno));
    while (SteadyClock::now() - from < 20s) {
        pollfd wait{outside, POLLIN, 0};
        poll(&wait, 1, 100);
        std::uint8_t got[2048];
        const ssize_t len = recv(outside, got, sizeof got, MSG_DONTWAIT);
        if (len < 46 || got[23] != 17) continue;
        const ByteView view(got, static_cast<std::size_t>(len));
        Reader reader(view.subspan(42));
        if (reader.u32() != number) continue;
        return std::chrono::duration<double, std::micro>(SteadyClock::now() - from).count();
    }
    give_up("a datagram did not come through");
}

double cpu_seconds() {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(use.ru_utime) + seconds(use.ru_stime);
}

/// Loose, for a busy machine: without a wake a quarter would take 12 ms of a sleep's 50.
bool is_woken(double cpu, double quartile_us) {
    return cpu < 0.2 && quartile_us < 8'000;
}

/// False when a check failed.
bool measure(const char* name, IdleMode idle, unsigned cpu, bool check) {
    if (unshare(CLONE_NEWNET) != 0) give_up(std::string("no network namespace: ") + std::strerror(errno));
    // The kernel's own IPv6 chatter on a new link would wake the worker.
    std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
    auto started = Dataplane::start(configuration(idle, cpu), {1, 2});
    if (!started) give_up(started.error());
    Dataplane& plane = **started;
    for (const std::string& remark : plane.remarks()) std::fprintf(stderr, "%s: %s\n", name, remark.c_str());
    const Route routes[] = {{*Prefix::parse("10.1.0.0/24"), {}, kInside},
                            {*Prefix::parse("10.3.0.0/16"), address("10.2.0.254"), kOutside}};
    Tables& tables = plane.tables();
    if (!tables.set_routes(routes) || !tables.set_neighbour(kInside, address("10.1.0.2"), kAlice) ||
        !tables.set_neighbour(kOutside, address("10.2.0.254"), kRouter) ||
        !tables.set_classes({}, ClassKind::always_clear_text))
        give_up("no tables");
    const int inside = packet_socket("oein"), outside = packet_socket("oeout");
    std::this_thread::sleep_for(500ms);

    const double cpu_from = cpu_seconds();
    const auto from = SteadyClock::now();
    std::this_thread::sleep_for(kIdleFor);
    const double used = cpu_seconds() - cpu_from;
    const double wall = std::chrono::duration<double>(SteadyClock::now() - from).count();

    std::vector<double> first, next;
    for (std::uint32_t i = 0; i < kRounds; ++i) {
        std::this_thread::sleep_for(70ms + i % 7 * 5ms);
        first.push_back(pass(inside, outside, plane.mac(kInside), 2 * i));
        next.push_back(pass(inside, outside, plane.mac(kInside), 2 * i + 1));
    }
    std::ranges::sort(first);
    std::ranges::sort(next);
    const bool good = !check || (plane.remarks().empty() && is_woken(used / wall, first[kRounds / 4]));
    std::printf("%-10s %8.3f %8.0f %8.0f %8.0f %8.0f\n", name, used / wall, first[kRounds / 2],
                first[kRounds * 9 / 10], first.back(), next[kRounds / 2]);
    plane.stop();
    leave_eal();
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    const bool check = argc > 1 && std::strcmp(argv[1], "--check") == 0;
    if (check && access("/dev/net/tun", R_OK | W_OK) != 0) return 77;  // meson: skipped
    if (geteuid() != 0) give_up("needs root, for a network namespace and TAP ports");
    const unsigned cpu = std::max(1u, std::thread::hardware_concurrency()) - 1;
    std::printf("one worker on CPU %u, two TAP ports; %u datagrams each after 70 to 100 ms of rest\n", cpu,
                kRounds);
    std::printf("%-10s %8s %35s\n", "", "CPU s", "first datagram after a rest, us");
    std::printf("%-10s %8s %8s %8s %8s %8s\n", "idle", "per s", "median", "90 %", "longest", "next");
    std::fflush(stdout);
    struct Mode {
        const char* name;
        IdleMode idle;
    };
    for (const Mode& mode : {Mode{"busy", IdleMode::busy}, Mode{"adaptive", IdleMode::adaptive},
                             Mode{"interrupt", IdleMode::interrupt}}) {
        if (check && mode.idle != IdleMode::interrupt) continue;
        const pid_t child = fork();  // EAL starts once a process
        if (child == 0) {
            const bool good = measure(mode.name, mode.idle, cpu, check);
            std::fflush(stdout);
            std::_Exit(good ? 0 : 1);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) return 1;
    }
    return 0;
}
