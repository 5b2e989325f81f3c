// The part of render.hpp that tells of ports: status, drops, interfaces.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "manage/render.hpp"
#include "manage/render_workers.hpp"
#include "manage/text.hpp"

namespace oegate::manage {
namespace {

constexpr FlowState kStates[] = {FlowState::none, FlowState::hold, FlowState::pass, FlowState::deny,
                                 FlowState::encrypt};

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

}  // namespace

Response render_drops(const std::vector<InterfaceStatus>& interfaces) {
    Table table({"interface", "reason", ">count", "meaning"});
    Json list = Json::array();
    for (const auto& interface : interfaces)
        for (std::size_t i = 0; i < kNumDrops; ++i) {
            const std::uint64_t count = interface.counters.drops[i];
            if (count == 0) continue;
            const auto drop = static_cast<Drop>(i);
            list.push_back({{"interface", interface.name},
                            {"reason", to_text(drop)},
                            {"count", count},
                            {"help", help(drop)}});
            table.add({interface.name, std::string(to_text(drop)), number(count), std::string(help(drop))});
        }
    return {Status::done,
            {{"drops", list}},
            table.empty() ? std::string("Nothing was dropped.\n") : table.text()};
}

namespace {

std::uint64_t total_drops(const InterfaceStatus& interface) {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : interface.counters.drops) sum += count;
    return sum;
}

/// Of the same name; the configuration and the ports may be in different order in a test.
const config::Interface* find_configured(const std::vector<config::Interface>& configured,
                                         const std::string& name) {
    for (const auto& interface : configured)
        if (interface.name == name) return &interface;
    return nullptr;
}

Json addresses_json(const config::Interface& interface) {
    Json list = Json::array();
    for (const auto& own : interface.addresses)
        list.push_back(fmt::format("{}/{}", own.address.text(), own.subnet.length()));
    return list;
}

std::string addresses_text(const config::Interface& interface) {
    std::string text;
    for (const auto& own : interface.addresses)
        text += fmt::format("{}{}/{}", text.empty() ? "" : " ", own.address.text(), own.subnet.length());
    return text;
}

Table interface_table(const std::vector<config::Interface>& configured,
                      const std::vector<InterfaceStatus>& interfaces) {
    Table table({"interface", "role", "link", ">packets in", ">packets out", ">bytes in", ">bytes out",
                 ">drops", "addresses"});
    for (const auto& interface : interfaces) {
        const config::Interface* own = find_configured(configured, interface.name);
        const InterfaceCounters& counters = interface.counters;
        table.add({interface.name, own != nullptr ? std::string(to_text(own->role)) : "",
                   interface.link_up ? "up" : "DOWN", number(counters.received_packets),
                   number(counters.transmitted_packets), number(counters.received_bytes),
                   number(counters.transmitted_bytes), number(total_drops(interface)),
                   own != nullptr ? addresses_text(*own) : ""});
    }
    return table;
}

Json interfaces_json(const std::vector<config::Interface>& configured,
                     const std::vector<InterfaceStatus>& interfaces) {
    Json list = Json::array();
    for (const auto& interface : interfaces) {
        const config::Interface* own = find_configured(configured, interface.name);
        list.push_back({{"name", interface.name},
                        {"role", own != nullptr ? Json(to_text(own->role)) : Json(nullptr)},
                        {"link", interface.link_up ? "up" : "down"},
                        {"mac", interface.mac.text()},
                        {"mtu", interface.mtu},
                        {"device", interface.device},
                        {"addresses", own != nullptr ? addresses_json(*own) : Json::array()},
                        {"packets_in", interface.counters.received_packets},
                        {"packets_out", interface.counters.transmitted_packets},
                        {"bytes_in", interface.counters.received_bytes},
                        {"bytes_out", interface.counters.transmitted_bytes},
                        {"drops", total_drops(interface)}});
    }
    return list;
}

Table device_table(const std::vector<InterfaceStatus>& interfaces) {
    Table table({"interface", "MAC address", ">MTU", "device"});
    for (const auto& interface : interfaces)
        table.add({interface.name, interface.mac.text(), number(interface.mtu), interface.device});
    return table;
}

}  // namespace

Response render_interfaces(const std::vector<config::Interface>& configured,
                           const std::vector<InterfaceStatus>& interfaces) {
    return {Status::done,
            {{"interfaces", interfaces_json(configured, interfaces)}},
            interface_table(configured, interfaces).text() + "\n" + device_table(interfaces).text()};
}

namespace {

/// What went out in the clear, by reason, of all workers together; most bytes first.
std::vector<ClearTotals> clear_ledger(const std::vector<WorkerStatus>& workers) {
    std::map<std::uint16_t, ClearTotals> by_reason;
    for (const WorkerStatus& worker : workers)
        for (const ClearTotals& line : worker.clear) {
            ClearTotals& sum = by_reason[line.reason];
            sum.reason = line.reason;
            sum.flows += line.flows;
            sum.datagrams += line.datagrams;
            sum.bytes += line.bytes;
        }
    std::vector<ClearTotals> ledger;
    for (const auto& [reason, sum] : by_reason) ledger.push_back(sum);
    std::ranges::stable_sort(ledger, [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    return ledger;
}

std::string clear_reason(const ClearTotals& line, const ReasonName& reason) {
    return line.reason == ClearTotals::kByClass ? "always-clear-text" : reason(line.reason);
}

Json ledger_json(const std::vector<ClearTotals>& ledger, const ReasonName& reason) {
    Json list = Json::array();
    for (const ClearTotals& line : ledger)
        list.push_back({{"reason", clear_reason(line, reason)},
                        // Those of the class have no flow to count.
                        {"flows", line.reason == ClearTotals::kByClass ? Json(nullptr) : Json(line.flows)},
                        {"datagrams", line.datagrams},
                        {"bytes", line.bytes}});
    return list;
}

std::string ledger_text(const std::vector<ClearTotals>& ledger, const ReasonName& reason) {
    if (ledger.empty()) return "in clear     nothing since the start\n";
    Table table({"in clear, by reason", ">flows", ">datagrams", ">bytes"});
    for (const ClearTotals& line : ledger)
        table.add({clear_reason(line, reason),
                   line.reason == ClearTotals::kByClass ? "-" : number(line.flows), number(line.datagrams),
                   number(line.bytes)});
    return table.text();
}

}  // namespace

Response render_status(const StatusFacts& facts, const ReasonName& reason) {
    std::uint64_t by_state[5] = {};
    std::uint64_t num_flows = 0;
    std::uint64_t held = 0;
    for (const WorkerStatus& worker : facts.workers) {
        for (std::size_t i = 0; i < 5; ++i) by_state[i] += worker.flows_by_state[i];
        num_flows += worker.flows;
        held += worker.held;
    }
    std::uint64_t drops = 0;
    for (const auto& interface : facts.interfaces) drops += total_drops(interface);

    // A link that is down is the commonest reason for "it does not work".
    std::vector<std::string> alarms = facts.control.alarms;
    for (const auto& interface : facts.interfaces)
        if (!interface.link_up) alarms.push_back(fmt::format("interface {} has no link", interface.name));

    const gateway::StatusView& control = facts.control;
    const std::vector<ClearTotals> ledger = clear_ledger(facts.workers);
    Json flows = Json::object();
    std::string flow_text;
    for (const FlowState state : kStates) {
        const std::uint64_t count = by_state[static_cast<std::size_t>(state)];
        if (state == FlowState::none) continue;
        flows[std::string(to_text(state))] = count;
        flow_text += fmt::format("{}{} {}", flow_text.empty() ? "" : ", ", count, to_text(state));
    }
    Json json{{"name", facts.name},
              {"version", facts.version},
              {"started", rfc3339(facts.started)},
              {"uptime", seconds(facts.uptime)},
              {"ok", alarms.empty()},
              {"alarms", alarms},
              {"interfaces", interfaces_json(facts.configured, facts.interfaces)},
              {"workers", workers_json(facts.workers, facts.loads)},
              {"flows", flows},
              {"held", held},
              {"connections", control.connections},
              {"pending", control.pending},
              {"keyed", control.keyed},
              {"denied", control.denied},
              {"clear_text", control.clear_text},
              {"clear_fallbacks", control.clear_fallbacks},
              {"clear_ledger", ledger_json(ledger, reason)},
              {"tunnels", control.tunnels},
              {"ike", control.ike_sas},
              {"commands_unapplied", control.commands_unapplied},
              {"drops", drops}};

    std::string text = fmt::format("{}  oegate {}  up {}  since {}\n\n", facts.name, facts.version,
                                   readable(facts.uptime), rfc3339(facts.started));
    text += interface_table(facts.configured, facts.interfaces).text() + "\n";
    text += worker_table(facts.workers, facts.loads).text() + "\n";
    text += fmt::format("flows        {} ({}), {} datagrams held\n", readable(num_flows), flow_text, held);
    text += fmt::format("tunnels      {} over {} keying channels, {} pairs being keyed\n", control.tunnels,
                        control.ike_sas, control.pending);
    text += fmt::format("clear text   {} pairs, {} of them oe-permissive that could not be keyed\n",
                        control.clear_text, control.clear_fallbacks);
    text += ledger_text(ledger, reason);
    text += fmt::format("denied       {} pairs\n", control.denied);
    text += fmt::format("drops        {} packets (show drops)\n", readable(drops));
    if (alarms.empty()) text += "alarms       none\n";
    for (const std::string& alarm : alarms) text += fmt::format("ALARM        {}\n", alarm);
    return {Status::done, std::move(json), std::move(text)};
}

}  // namespace oegate::manage
