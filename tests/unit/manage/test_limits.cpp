// The data plane's bounds for `show limits`: each its own use and hits, of the worker that
// has most.
#include <algorithm>
#include <map>

#include "manage/dataplane_limits.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::manage;
using namespace oegate::manage::world;

TEST_CASE("the data plane's limits: each its own use and hits, of the fullest worker") {
    config::Config config;
    config.dataplane.held_per_source = 7;
    DataplaneFacts facts;
    facts.interfaces.resize(2);
    const auto drop = [&](std::size_t interface, Drop reason, std::uint64_t count) {
        facts.interfaces[interface].counters.drops[static_cast<std::size_t>(reason)] = count;
    };
    drop(0, Drop::flow_table_full, 3);
    drop(1, Drop::flow_table_full, 4);
    drop(0, Drop::hold_limit, 5);
    drop(0, Drop::hold_source_limit, 6);
    drop(1, Drop::neighbour_queue_full, 8);
    drop(1, Drop::reassembly_full, 9);
    drop(0, Drop::icmp_rate_limited, 10);
    drop(0, Drop::no_buffer, 11);
    drop(0, Drop::handoff_full, 12);
    drop(0, Drop::punt_ring_full, 13);
    drop(0, Drop::transmit_full, 14);
    facts.workers.resize(2);
    facts.workers[0].events_lost = 15;
    facts.workers[1].events_lost = 1;
    facts.workers[1].rings = {{"from worker 0", 2, 10}, {"from worker 2", 3, 10}};
    facts.memory = {{"packet buffers", -1, 20, 100},
                    {"large buffers", -1, 1, 32},
                    {"flows", 0, 30, 1000},
                    {"flows", 1, 31, 1000},
                    {"held datagrams", 0, 21, 64},
                    {"held datagrams", 1, 2, 64},
                    {"inbound SAs", 0, 40, 64},
                    {"outbound SAs", 0, 41, 64},
                    {"fragments", 0, 17, 512},
                    {"waiting for a MAC address", 1, 18, 1024},
                    {"held from one source", 0, 4, 7},
                    {"held from one source", 1, 5, 7},
                    {"waiting for one neighbour", 0, 14, 16},
                    {"waiting from one source", 0, 200, 256}};
    facts.routes = 22;
    facts.routes_refused = 1;
    facts.neighbours = 23;
    facts.neighbours_refused = 2;
    facts.sa_pairs_refused = 24;

    std::map<std::string, gateway::LimitView> by_name;
    const auto all = dataplane_limits(config, facts);
    for (const auto& limit : all) by_name[limit.name] = limit;
    CHECK(by_name.size() == all.size());
    struct Row {
        const char* name;
        std::optional<std::uint64_t> use;
        std::uint64_t bound;
        std::optional<std::uint64_t> hits;
    };
    const std::vector<Row> expected{
        {"dataplane.flows-per-worker", 31, 1000, 7},
        {"dataplane.sas-per-worker, inbound", 40, 64, 24},
        {"dataplane.sas-per-worker, outbound", 41, 64, std::nullopt},
        {"dataplane.held-per-worker", 21, 64, 5},
        {"dataplane.held-per-source", 5, 7, 6},
        {"dataplane.waiting-total", 18, 1024, 8},
        {"dataplane.waiting-per-neighbour", 14, 16, std::nullopt},
        {"dataplane.waiting-total, one source", 200, 256, std::nullopt},
        {"dataplane.neighbours", 23, 4096, 2},
        {"dataplane.routes", 22, 65536, 1},
        {"fragments of dataplane.reassemblies", 17, 512, 9},
        {"dataplane.icmp-per-second", std::nullopt, 100, 10},
        {"packet buffers", 20, 100, 11},
        {"large buffers", 1, 32, std::nullopt},
        {"rings: between workers", 3, 10, 12},
        {"rings: to control, packets", std::nullopt, 0, 13},
        {"rings: to control, events", std::nullopt, 0, 16},
        {"rings: to the port", std::nullopt, 512, 14},
    };
    CHECK(expected.size() == all.size());
    for (const Row& row : expected) {
        INFO(row.name);
        REQUIRE(by_name.count(row.name) == 1);
        const auto& got = by_name.at(row.name);
        CHECK(got.use == row.use);
        CHECK(got.bound == row.bound);
        CHECK(got.hits == row.hits);
        CHECK_FALSE(got.beyond.empty());
    }
}
