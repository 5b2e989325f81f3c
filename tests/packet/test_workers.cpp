// Two workers, ports with one queue each: pairs go to their owner, frames to the owner
// of the port, ESP to the worker that its SPI names; nothing is lost between.
#include <set>

#include <rte_cycles.h>
#include "base/cursor.hpp"

#include "catch.hpp"
#include "net/owner.hpp"
#include "packet/gateway.hpp"
#include "port/eal.hpp"
#include "worker/loop.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {
const Bytes kHello{'h', 'e', 'l', 'l', 'o'};
std::string host(unsigned i) {
    return "10.3.1." + std::to_string(i);
}
}  // namespace

TEST_CASE("pairs are handed to their owner and leave by the port's owner") {
    Gateway g({.num_workers = 2});
    g.know_neighbours();
    unsigned of[2] = {0, 0};
    for (unsigned i = 1; i < 101; ++i) {
        ++of[owner(g.worker(), {address("10.1.0.2"), address(host(i))})];
        g.in(kInside, ethernet(g.mac(kInside), 0x0800, udp({"10.1.0.2", host(i)}, 1, 2, kHello)));
    }
    CHECK(of[0] > 25);
    CHECK(of[1] > 25);
    g.turn();
    CHECK(g.out(kOutside).size() == 100);
    const auto status = g.dataplane().observer().workers();
    // The inside port is worker 0's, the outside port worker 1's: worker 0 hands over
    // pairs of worker 1, and the frames of its own pairs.
    CHECK(status[0].received == 100);
    CHECK(status[1].received == 0);
    CHECK(status[0].handed_over == 100);
    CHECK(status[1].transmitted == 100);
    CHECK(g.drops() == 0);
    g.check_ledger();
}

TEST_CASE("a full hand-over ring drops under its reason") {
    Gateway g({.num_workers = 2});
    g.know_neighbours();
    for (unsigned round = 0; round < 5; ++round) {
        for (unsigned i = 0; i < 256; ++i)
            g.in(kInside, ethernet(g.mac(kInside), 0x0800, udp({}, 1, 2, kHello)));
        for (int polls = 0; polls < 8; ++polls) poll_once(g.worker(0), 1);  // worker 1 sleeps
    }
    CHECK(g.sum().handed_over == kHandoffRing);
    CHECK(g.drops(Drop::handoff_full) == 5 * 256 - kHandoffRing);
    g.check_ledger();
    for (unsigned i = 0; i < 8; ++i) {
        for (int polls = 0; polls < 8; ++polls) poll_once(g.worker(1), 1);
        g.out(kOutside);
    }
    g.turn();
    g.out(kOutside);
    g.check_ledger();
    CHECK(g.sum().handed_over == g.sum().taken_over);
}

TEST_CASE("a datagram whose route turns outside while it is handed over meets policy") {
    Gateway g({.num_workers = 2});
    g.know_neighbours();
    const ClassRule rules[] = {{*Prefix::parse("10.0.0.0/8"), ClassKind::oe_permissive}};
    REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
    unsigned i = 1;
    while (owner(g.worker(), {address(host(i)), address("10.1.0.2")}) != 0) ++i;
    g.in(kOutside, ethernet(g.mac(kOutside), 0x0800, udp({host(i), "10.1.0.2"}, 1, 2, kHello)));
    poll_once(g.worker(1), 1);  // receives for the outside port
    CHECK(g.sum().handed_over == 1);
    const Route routes[] = {{*Prefix::parse("10.0.0.0/8"), address("10.2.0.254"), kOutside}};
    REQUIRE(g.dataplane().tables().set_routes(routes));
    g.turn();
    CHECK(g.out(kOutside).empty());
    CHECK(g.sum().held == 1);
    g.check_ledger();
}

TEST_CASE("ESP goes to the worker in its SPI") {
    Gateway g({.num_workers = 2});
    for (unsigned to : {0u, 1u, 9u}) {
        Writer esp;
        esp.u32(Spi::make(7, to, 5)).u32(1).zeros(40);
        g.in(kInside, ethernet(g.mac(kInside), 0x0800,
                               datagram({"10.1.0.2", "10.2.0.1", 64, 50},
                                        Bytes(esp.view().begin(), esp.view().end()))));
    }
    g.turn();
    CHECK(g.drops(Drop::esp_unknown_spi) == 3);
    CHECK(g.sum().handed_over == 1);
    const std::size_t unknown = static_cast<std::size_t>(Drop::esp_unknown_spi);
    CHECK(g.worker(0).tallies[kInside].drops[unknown].get() == 2);
    CHECK(g.worker(1).tallies[kInside].drops[unknown].get() == 1);
    g.check_ledger();
}

TEST_CASE("a data plane with launched workers starts, forwards and stops") {
    Gateway by_hand;  // starts EAL and the wires
    by_hand.dataplane().stop();
    config::Config c = Gateway::configuration({.num_workers = 2});
    c.dataplane.idle = IdleMode::adaptive;
    auto started = Dataplane::start(c, {1, 2});
    REQUIRE(started);
    Dataplane& d = **started;
    const Route routes[] = {{*Prefix::parse("10.1.0.0/24"), {}, kInside}};
    REQUIRE(d.tables().set_routes(routes));
    rte_delay_us_sleep(20'000);
    CHECK(d.links()[0].shared->heartbeat.load() == 0);  // classes are not said yet: nothing may die
    REQUIRE(d.tables().set_classes({}, ClassKind::always_clear_text));
    const std::uint64_t before = d.links()[1].shared->heartbeat.load();
    constexpr int kPatience = 60'000;  // milliseconds, on however busy a machine
    const auto turning = [&] {
        return d.links()[1].shared->heartbeat.load() >= before + 100 &&
               d.links()[0].shared->heartbeat.load() > 0;
    };
    for (int i = 0; i < kPatience && !turning(); ++i) rte_delay_us_sleep(1000);
    CHECK(turning());
    for (int i = 0; i < kPatience && d.parts().publisher->num_retired() > 0; ++i) {
        d.tables().reclaim();
        rte_delay_us_sleep(1000);
    }
    CHECK(d.parts().publisher->num_retired() == 0);  // sleeping workers do not hold it back
    d.stop();
    d.stop();
}

TEST_CASE("what is missing is said in a sentence") {
    Gateway g;  // starts EAL
    g.dataplane().stop();
    config::Config c = Gateway::configuration({});
    SECTION("a device") {
        c.interfaces[kOutside].device = "net_af_packet7,iface=no-such-link";
        const auto started = Dataplane::start(c, {}, Dataplane::Workers::by_hand);
        REQUIRE_FALSE(started);
        CHECK(started.error().find("interface outside: device 'net_af_packet7,iface=no-such-link'") == 0);
    }
    SECTION("a PCI device") {
        c.interfaces[kOutside].device = "0000:7f:1f.6";
        const auto started = Dataplane::start(c, {}, Dataplane::Workers::by_hand);
        REQUIRE_FALSE(started);
        CHECK(started.error().find("device '0000:7f:1f.6' does not exist") != std::string::npos);
    }
    SECTION("a CPU") {
        c.dataplane.lcores = {0, 4000};
        const auto started = Dataplane::start(c, {}, Dataplane::Workers::by_hand);
        REQUIRE_FALSE(started);
        CHECK(started.error().find("dataplane.lcores: CPU 4000 does not exist") == 0);
    }
    SECTION("huge pages") {
        const MemoryPlan plan = plan_memory(c);
        CHECK(check_huge_pages(plan, plan.bytes, 0));
        const auto missing = check_huge_pages(plan, std::size_t{10} << 21, 30);
        REQUIRE_FALSE(missing);
        CHECK(missing.error().find(std::to_string(plan.pages_2m()) + " pages of 2 MiB are needed") !=
              std::string::npos);
        CHECK(missing.error().find("vm.nr_hugepages=" + std::to_string(plan.pages_2m() - 10 + 30)) !=
              std::string::npos);
    }
}

TEST_CASE("EAL's arguments follow the configuration") {
    config::Config c = Gateway::configuration({.num_workers = 2});
    c.dataplane.lcores = {2, 2};
    c.dataplane.control_lcore = 1;
    const auto has = [](const std::vector<std::string>& args, const std::string& arg) {
        return std::find(args.begin(), args.end(), arg) != args.end();
    };
    auto args = eal_arguments(c, plan_memory(c), 77);
    CHECK(has(args, "--lcores=0@1,1@2,2@2"));
    CHECK(has(args, "--no-huge"));
    CHECK_FALSE(has(args, "--in-memory"));
    CHECK(has(args, "--no-telemetry"));
    CHECK(has(args, "--no-pci"));
    c.dataplane.huge_pages = config::HugePages::automatic;
    c.interfaces[0].device = "0000:01:00.0";
    args = eal_arguments(c, plan_memory(c), 77);
    CHECK(has(args, "--in-memory"));
    CHECK_FALSE(has(args, "--no-huge"));
    CHECK(has(args, "0000:01:00.0"));
    CHECK_FALSE(has(args, "--no-pci"));
    CHECK(is_pci_device("01:00.0,txq=4"));
    CHECK_FALSE(is_pci_device("net_tap0"));
}

TEST_CASE("queues are dealt out so that every worker and port has its place") {
    for (unsigned workers = 1; workers <= 4; ++workers)
        for (unsigned queues = 1; queues <= workers; ++queues)
            for (unsigned port = 0; port < 5; ++port) {
                const Deal deal{workers, port, queues};
                std::set<unsigned> dealt;
                for (unsigned w = 0; w < workers; ++w)
                    if (deal.queue_of(w) != kNoQueue) dealt.insert(deal.queue_of(w));
                CHECK(dealt.size() == queues);
                CHECK(deal.queue_of(deal.first()) == 0);
            }
}
