#include "manage/render_workers.hpp"

#include <fmt/format.h>

namespace oegate::manage {
namespace {

constexpr const char* kBurstNames[kBurstSizes] = {"0", "1", "2-3", "4-7", "8-15", "16-31", "32"};

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

double ratio(std::uint64_t above, std::uint64_t below) {
    return below == 0 ? 0 : static_cast<double>(above) / static_cast<double>(below);
}

std::uint64_t measured_cycles(const WorkerStatus& worker) {
    std::uint64_t sum = 0;
    for (const StageStatus& stage : worker.stages) sum += stage.cycles;
    return sum;
}

Json stages_json(const WorkerStatus& worker) {
    const std::uint64_t all = measured_cycles(worker);
    Json list = Json::array();
    for (const StageStatus& stage : worker.stages)
        list.push_back({{"stage", to_text(stage.stage)},
                        {"calls", stage.calls},
                        {"packets", stage.packets},
                        {"cycles", stage.cycles},
                        {"share", ratio(stage.cycles, all)},
                        {"cycles_per_packet",
                         stage.packets == 0 ? Json(nullptr) : Json(ratio(stage.cycles, stage.packets))},
                        {"burst", ratio(stage.packets, stage.calls)},
                        {"max_burst", stage.max_burst}});
    return list;
}

/// One column of cycles a packet for each worker would not fit: a table each.
std::string stages_text(std::size_t index, const WorkerStatus& worker) {
    if (worker.stages.empty()) return "";
    const std::uint64_t all = measured_cycles(worker);
    Table table({"stage", ">share", ">cycles/packet", ">packets", ">burst", ">max", "what"});
    for (const StageStatus& stage : worker.stages)
        table.add({std::string(to_text(stage.stage)), fmt::format("{:.1f}%", 100 * ratio(stage.cycles, all)),
                   stage.packets == 0 ? "-" : fmt::format("{:.0f}", ratio(stage.cycles, stage.packets)),
                   number(stage.packets),
                   stage.calls == 0 ? "-" : fmt::format("{:.1f}", ratio(stage.packets, stage.calls)),
                   stage.max_burst == 0 ? "-" : number(stage.max_burst), std::string(help(stage.stage))});
    std::string bursts;
    for (std::size_t i = 0; i < kBurstSizes; ++i)
        if (worker.receive_bursts[i] != 0)
            bursts +=
                fmt::format("{}{}: {}", bursts.empty() ? "" : ", ", kBurstNames[i], worker.receive_bursts[i]);
    return fmt::format("\nworker {}, stages {}:\n{}receive bursts by size  {}\n", index,
                       worker.measuring ? "while they are measured" : "as last measured", table.text(),
                       bursts.empty() ? "none" : bursts);
}

std::string crypto_text(std::size_t index, const WorkerStatus& worker) {
    Table table({"suite", "seal", ">cycles", "open", ">cycles"});
    for (std::size_t i = 0; i < kNumEspSuites; ++i) {
        const CryptoChoice& seal = worker.crypto.seal[i];
        const CryptoChoice& open = worker.crypto.open[i];
        if (seal.cycles != 0 || open.cycles != 0)
            table.add({std::string(to_text(static_cast<EspSuite>(i))), std::string(to_text(seal.path)),
                       number(seal.cycles), std::string(to_text(open.path)), number(open.cycles)});
    }
    if (table.empty()) return "";
    return fmt::format("\nworker {}, crypto by {}, cycles of 512 bytes when it was chosen:\n{}", index,
                       worker.crypto.architecture, table.text());
}

Json crypto_json(const WorkerStatus& worker) {
    Json suites = Json::array();
    for (std::size_t i = 0; i < kNumEspSuites; ++i) {
        const CryptoChoice& seal = worker.crypto.seal[i];
        const CryptoChoice& open = worker.crypto.open[i];
        suites.push_back({{"suite", to_text(static_cast<EspSuite>(i))},
                          {"seal", to_text(seal.path)},
                          {"seal_cycles", seal.cycles},
                          {"open", to_text(open.path)},
                          {"open_cycles", open.cycles}});
    }
    return {{"architecture", worker.crypto.architecture}, {"suites", suites}};
}

/// Only those with something in them: an empty ring is as it should be.
std::string rings_text(std::size_t index, const WorkerStatus& worker) {
    std::string text;
    for (const RingStatus& ring : worker.rings)
        if (ring.used != 0)
            text += fmt::format("{}{} {}/{}", text.empty() ? "" : ", ", ring.name, ring.used, ring.size);
    return text.empty() ? "" : fmt::format("worker {}, rings in use: {}\n", index, text);
}

std::string stall_text(std::size_t index, const WorkerStatus& worker) {
    if (worker.stalled_ns == 0) return "";
    return fmt::format("worker {} HAS NOT TURNED for {}\n", index,
                       readable(Duration(std::chrono::nanoseconds(worker.stalled_ns))));
}

}  // namespace

Table worker_table(const std::vector<WorkerStatus>& workers, const std::vector<WorkerLoad>& loads) {
    Table table({"worker", ">lcore", ">load", ">flows", ">held", ">waiting", ">SAs in", ">SAs out",
                 ">received", ">sent", ">dropped"});
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const WorkerStatus& worker = workers[i];
        table.add({std::to_string(i), std::to_string(worker.lcore),
                   i < loads.size() ? fmt::format("{:.1f}%", loads[i].share * 100) : "-",
                   number(worker.flows), number(worker.held), number(worker.waiting_neighbour),
                   number(worker.inbound_sas), number(worker.outbound_sas), number(worker.received),
                   number(worker.transmitted), number(worker.dropped)});
    }
    return table;
}

Json workers_json(const std::vector<WorkerStatus>& workers, const std::vector<WorkerLoad>& loads) {
    Json list = Json::array();
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const WorkerStatus& worker = workers[i];
        const bool known = i < loads.size();
        Json rings = Json::array();
        for (const RingStatus& ring : worker.rings)
            rings.push_back({{"ring", ring.name}, {"used", ring.used}, {"size", ring.size}});
        Json bursts = Json::object();
        for (std::size_t b = 0; b < kBurstSizes; ++b) bursts[kBurstNames[b]] = worker.receive_bursts[b];
        list.push_back({{"lcore", worker.lcore},
                        {"load", known ? Json(loads[i].share) : Json(nullptr)},
                        {"loops_per_second", known ? Json(loads[i].loops_per_second) : Json(nullptr)},
                        {"packets_per_second", known ? Json(loads[i].packets_per_second) : Json(nullptr)},
                        {"cycles_per_packet", known ? Json(loads[i].cycles_per_packet) : Json(nullptr)},
                        {"loops", worker.loops},
                        {"busy_loops", worker.busy_loops},
                        {"cycles_busy", worker.cycles_busy},
                        {"cycles_total", worker.cycles_total},
                        {"stalled", seconds(Duration(std::chrono::nanoseconds(worker.stalled_ns)))},
                        {"flows", worker.flows},
                        {"held", worker.held},
                        {"waiting_neighbour", worker.waiting_neighbour},
                        {"reassembling", worker.reassembling},
                        {"inbound_sas", worker.inbound_sas},
                        {"outbound_sas", worker.outbound_sas},
                        {"events_lost", worker.events_lost},
                        {"received", worker.received},
                        {"generated", worker.generated},
                        {"fragments_made", worker.fragments_made},
                        {"transmitted", worker.transmitted},
                        {"dropped", worker.dropped},
                        {"consumed", worker.consumed},
                        {"merged", worker.merged},
                        {"handed_over", worker.handed_over},
                        {"taken_over", worker.taken_over},
                        {"measuring", worker.measuring},
                        {"stages", stages_json(worker)},
                        {"receive_bursts", bursts},
                        {"crypto", crypto_json(worker)},
                        {"rings", rings}});
    }
    return list;
}

Response render_workers(const std::vector<WorkerStatus>& workers, const std::vector<WorkerLoad>& loads) {
    std::string text = worker_table(workers, loads).text();
    Table ledger({"worker", ">loops/s", ">packets/s", ">cycles/packet", ">generated", ">fragments",
                  ">consumed", ">merged", ">handed over", ">taken over", ">events lost"});
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const WorkerStatus& worker = workers[i];
        const WorkerLoad load = i < loads.size() ? loads[i] : WorkerLoad{};
        ledger.add({std::to_string(i), fmt::format("{:.0f}", load.loops_per_second),
                    fmt::format("{:.0f}", load.packets_per_second),
                    load.cycles_per_packet > 0 ? fmt::format("{:.0f}", load.cycles_per_packet) : "-",
                    number(worker.generated), number(worker.fragments_made), number(worker.consumed),
                    number(worker.merged), number(worker.handed_over), number(worker.taken_over),
                    number(worker.events_lost)});
    }
    text += "\n" + ledger.text();
    bool measured = false;
    for (std::size_t i = 0; i < workers.size(); ++i) {
        measured |= !workers[i].stages.empty();
        text += crypto_text(i, workers[i]) + rings_text(i, workers[i]) + stall_text(i, workers[i]) +
                stages_text(i, workers[i]);
    }
    if (!measured) text += "\noegate workers measure shows where the cycles go.\n";
    return {Status::done, {{"workers", workers_json(workers, loads)}}, std::move(text)};
}

}  // namespace oegate::manage
