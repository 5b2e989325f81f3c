#include "manage/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "contract/event.hpp"
#include "manage/render_parts.hpp"
#include "manage/text.hpp"

namespace oegate::manage {
namespace {

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string optional_text(const std::optional<Duration>& duration) {
    return duration ? readable(*duration) : "-";
}

/// "nothing" instead of a table with headings alone.
std::string text_or(const Table& table, const char* nothing) {
    return table.empty() ? std::string(nothing) + "\n" : table.text();
}

std::string notes(const SnapshotAnswer& answer, const char* what) {
    std::string text;
    if (answer.truncated)
        text += fmt::format("There are more {} than these {}: name a source.\n", what, answer.records.size());
    if (!answer.complete) text += fmt::format("A worker did not answer in time: {} are missing.\n", what);
    return text;
}

}  // namespace

Response render_flows(const SnapshotAnswer& answer, const ReasonName& reason, WallTime now) {
    std::vector<const FlowRecord*> flows;
    for (const SnapshotRecord& record : answer.records)
        if (record.kind == SnapshotRecord::Kind::flow) flows.push_back(&record.flow);
    std::sort(flows.begin(), flows.end(), [](const auto* a, const auto* b) { return a->pair < b->pair; });
    Table table({"src", "dst", "state", "reason", "class", ">packets", ">bytes", ">last used", ">held"});
    Json list = Json::array();
    for (const FlowRecord* flow : flows) {
        const bool used = flow->last_used_ns != kNeverUsed;
        const Duration ago(used ? static_cast<std::int64_t>(flow->last_used_ns) : 0);
        const std::string why = reason(flow->reason);
        list.push_back(
            {{"src", flow->pair.source.text()},
             {"dst", flow->pair.destination.text()},
             {"state", to_text(flow->state)},
             {"reason", why},
             {"class", to_text(flow->class_kind)},
             {"packets", flow->packets},
             {"bytes", flow->bytes},
             {"last_used", used ? Json(rfc3339(now - std::chrono::duration_cast<WallTime::duration>(ago)))
                                : Json(nullptr)},
             {"held", flow->num_held},
             {"age", seconds(Duration(static_cast<std::int64_t>(flow->age_ns)))}});
        table.add({flow->pair.source.text(), flow->pair.destination.text(), std::string(to_text(flow->state)),
                   why, std::string(to_text(flow->class_kind)), number(flow->packets), number(flow->bytes),
                   used ? readable(ago) : "never", number(flow->num_held)});
    }
    return {Status::done,
            {{"flows", list}, {"truncated", answer.truncated}, {"complete", answer.complete}},
            text_or(table, "No flows.") + notes(answer, "flows")};
}

Response render_tunnels(const std::vector<gateway::TunnelView>& tunnels, const SnapshotAnswer& inbound,
                        const SnapshotAnswer& outbound) {
    // By SPI and pair: peers choose the outbound SPIs, so that two may be alike.
    using Known = std::map<std::pair<std::uint32_t, Pair>, const SaRecord*>;
    const auto known_of = [](const SnapshotAnswer& answer) {
        Known known;
        for (const SnapshotRecord& record : answer.records)
            if (record.kind == SnapshotRecord::Kind::sa)
                known.try_emplace({record.sa.spi, record.sa.pair}, &record.sa);
        return known;
    };
    const Known known_in = known_of(inbound), known_out = known_of(outbound);
    const auto find = [](const Known& known, std::uint32_t spi, const Pair& pair) {
        const auto found = known.find({spi, pair});
        return found == known.end() ? nullptr : found->second;
    };
    Table table({"src", "dst", "gateway", "spi in", "spi out", "suite", "dnssec", "state", ">age",
                 ">packets in", ">packets out", ">bytes in", ">bytes out", ">rekey in"});
    Json list = Json::array();
    for (const auto& tunnel : tunnels) {
        const SaRecord* in = find(known_in, tunnel.spi_in, tunnel.pair.reversed());
        const SaRecord* out = find(known_out, tunnel.spi_out, tunnel.pair);
        const auto count = [](const SaRecord* sa, std::uint64_t SaRecord::*field) {
            return sa != nullptr ? Json(sa->*field) : Json(nullptr);
        };
        const auto count_text = [](const SaRecord* sa, std::uint64_t SaRecord::*field) {
            return sa != nullptr ? number(sa->*field) : "-";
        };
        list.push_back({{"src", tunnel.pair.source.text()},
                        {"dst", tunnel.pair.destination.text()},
                        {"gateway", tunnel.gateway.text()},
                        {"local", tunnel.local.text()},
                        {"identity", tunnel.identity},
                        {"spi_in", spi_text(tunnel.spi_in)},
                        {"spi_out", spi_text(tunnel.spi_out)},
                        {"suite", tunnel.suite},
                        {"dnssec", to_text(tunnel.dnssec)},
                        {"initiator", tunnel.initiator},
                        {"state", tunnel.state},
                        {"in_use", tunnel.in_use},
                        {"age", seconds(tunnel.age)},
                        {"packets_in", count(in, &SaRecord::packets)},
                        {"packets_out", count(out, &SaRecord::packets)},
                        {"bytes_in", count(in, &SaRecord::bytes)},
                        {"bytes_out", count(out, &SaRecord::bytes)},
                        {"rekey_in", optional_seconds(tunnel.rekey_in)},
                        {"expires_in", optional_seconds(tunnel.expires_in)},
                        {"worker", tunnel.worker}});
        table.add({tunnel.pair.source.text(), tunnel.pair.destination.text(), tunnel.gateway.text(),
                   spi_text(tunnel.spi_in), spi_text(tunnel.spi_out), tunnel.suite,
                   std::string(to_text(tunnel.dnssec)), tunnel.state, readable(tunnel.age),
                   count_text(in, &SaRecord::packets), count_text(out, &SaRecord::packets),
                   count_text(in, &SaRecord::bytes), count_text(out, &SaRecord::bytes),
                   optional_text(tunnel.rekey_in)});
    }
    const bool complete = inbound.complete && outbound.complete;
    std::string text = text_or(table, "No tunnels.");
    if (!complete) text += "A worker did not answer in time: counts are missing.\n";
    return {Status::done, {{"tunnels", list}, {"complete", complete}}, text};
}

Response render_ike(const std::vector<gateway::IkeView>& channels) {
    Table table(
        {"local", "remote", "identity", "role", "version", "state", "suite", "dnssec", ">children", ">age"});
    Json list = Json::array();
    for (const auto& channel : channels) {
        list.push_back(ike_json(channel));
        table.add({channel.local.text(), fmt::format("{}:{}", channel.remote.text(), channel.remote_port),
                   channel.identity, channel.initiator ? "initiator" : "responder", "IKEv2", channel.state,
                   channel.suite, std::string(to_text(channel.dnssec)), std::to_string(channel.num_children),
                   readable(channel.age)});
    }
    return {Status::done, {{"ike", list}}, text_or(table, "No keying channels.")};
}

Response render_dns(const std::vector<gateway::DnsView>& answers,
                    const std::vector<gateway::ResolverView>& resolvers) {
    Json list = Json::array();
    Json asked = Json::array();
    std::string text;
    for (const auto& answer : answers) {
        list.push_back(dns_json(answer));
        text += fmt::format("{}  {}, {}, {} left{}{}\n", answer.owner.text(), answer.outcome,
                            to_text(answer.dnssec), readable(answer.left), answer.detail.empty() ? "" : ": ",
                            answer.detail);
        for (const auto& record : answer.records)
            text += fmt::format("    {} {} ({})\n", record.type, record.text, record.judgement);
    }
    if (text.empty()) text = "No answers in use.\n";
    for (const auto& resolver : resolvers) {
        asked.push_back({{"address", resolver.address.text()},
                         {"port", resolver.port},
                         {"trusted", resolver.trusted},
                         {"answers", resolver.answers},
                         {"forgeries", resolver.forgeries},
                         {"rests", resolver.rests}});
        text += fmt::format(
            "resolver {}{}: {} answers{}{}\n", resolver.address.text(),
            resolver.trusted ? ", trusted path" : "", resolver.answers,
            resolver.forgeries == 0
                ? ""
                : fmt::format(", {} failed validation where another's did not", resolver.forgeries),
            resolver.rests ? ", asked last for now" : "");
    }
    return {Status::done, {{"dns", list}, {"resolvers", asked}}, text};
}

Response render_routes(const std::vector<Route>& routes, const std::vector<config::Interface>& configured) {
    Table table({"prefix", "via", "interface"});
    Json list = Json::array();
    for (const Route& route : routes) {
        const std::string interface =
            route.interface < configured.size() ? configured[route.interface].name : "?";
        list.push_back({{"prefix", route.prefix.text()},
                        {"via", route.next_hop ? Json(route.next_hop->text()) : Json(nullptr)},
                        {"interface", interface}});
        table.add({route.prefix.text(), route.next_hop ? route.next_hop->text() : "connected", interface});
    }
    return {Status::done, {{"routes", list}}, text_or(table, "No routes.")};
}

Response render_classes(const std::vector<gateway::ClassView>& classes) {
    Table table({"destination", "source", "class"});
    Json list = Json::array();
    for (const auto& rule : classes) {
        list.push_back({{"destination", rule.destination ? Json(rule.destination->text()) : Json("default")},
                        {"source", rule.source ? Json(rule.source->text()) : Json(nullptr)},
                        {"class", to_text(rule.kind)}});
        table.add({rule.destination ? rule.destination->text() : "default",
                   rule.source ? rule.source->text() : "any", std::string(to_text(rule.kind))});
    }
    return {Status::done, {{"classes", list}}, text_or(table, "No classes.")};
}

Response render_neighbours(const std::vector<NeighbourView>& neighbours) {
    Table table({"interface", "address", "mac", "state", ">age"});
    Json list = Json::array();
    for (const auto& neighbour : neighbours) {
        list.push_back({{"interface", neighbour.interface},
                        {"address", neighbour.address.text()},
                        {"mac", neighbour.mac.text()},
                        {"state", neighbour.state},
                        {"age", seconds(neighbour.age)}});
        table.add({neighbour.interface, neighbour.address.text(), neighbour.mac.text(), neighbour.state,
                   readable(neighbour.age)});
    }
    return {Status::done, {{"neighbours", list}}, text_or(table, "No neighbours.")};
}

Response render_counters(const std::vector<gateway::CounterView>& counters) {
    Table table({"counter", ">value"});
    Json values = Json::object();
    for (const auto& counter : counters) {
        values[counter.name] = counter.value;
        table.add({counter.name, number(counter.value)});
    }
    return {Status::done, {{"counters", values}}, text_or(table, "No counters.")};
}

}  // namespace oegate::manage
