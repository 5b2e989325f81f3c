// The part of render.hpp that tells why: explain, and what bounds there are.
#include <fmt/format.h>

#include "manage/render.hpp"
#include "manage/render_parts.hpp"

namespace oegate::manage {
namespace {

std::string ike_spi_text(std::uint64_t spi) {
    return fmt::format("0x{:016x}", spi);
}

std::string time_of(WallTime now, Duration ago) {
    return rfc3339(now - std::chrono::duration_cast<WallTime::duration>(ago));
}

}  // namespace

std::string spi_text(std::uint32_t spi) {
    return fmt::format("0x{:08x}", spi);
}

Json ike_json(const gateway::IkeView& channel) {
    return {{"local", channel.local.text()},
            {"local_port", channel.local_port},
            {"remote", channel.remote.text()},
            {"remote_port", channel.remote_port},
            {"identity", channel.identity},
            {"role", channel.initiator ? "initiator" : "responder"},
            {"version", 2},
            {"state", channel.state},
            {"suite", channel.suite},
            {"dnssec", to_text(channel.dnssec)},
            {"spi_initiator", ike_spi_text(channel.spi_initiator)},
            {"spi_responder", ike_spi_text(channel.spi_responder)},
            {"children", channel.num_children},
            {"age", seconds(channel.age)}};
}

Json dns_json(const gateway::DnsView& answer) {
    Json records = Json::array();
    for (const auto& record : answer.records)
        records.push_back({{"type", record.type}, {"text", record.text}, {"judgement", record.judgement}});
    return {{"owner", answer.owner.text()},     {"outcome", answer.outcome},
            {"dnssec", to_text(answer.dnssec)}, {"ttl_left", seconds(answer.left)},
            {"detail", answer.detail},          {"records", records}};
}

Response render_limits(const std::vector<gateway::LimitView>& limits) {
    Table table({"limit", ">use", ">bound", ">hits", "what becomes of one more"});
    Json list = Json::array();
    for (const auto& limit : limits) {
        list.push_back({{"name", limit.name},
                        {"use", limit.use ? Json(*limit.use) : Json(nullptr)},
                        {"bound", limit.bound != 0 ? Json(limit.bound) : Json(nullptr)},
                        {"hits", limit.hits ? Json(*limit.hits) : Json(nullptr)},
                        {"beyond", limit.beyond}});
        table.add({limit.name, limit.use ? std::to_string(*limit.use) : "-",
                   limit.bound != 0 ? std::to_string(limit.bound) : "-",
                   limit.hits ? std::to_string(*limit.hits) : "-", limit.beyond});
    }
    return {Status::done, {{"limits", list}}, table.text()};
}

Response render_sticky(const std::vector<gateway::StickyView>& destinations) {
    Table table({"destination", ">keyed", "last", "binds"});
    Json list = Json::array();
    for (const auto& entry : destinations) {
        const std::string last = rfc3339(WallTime{std::chrono::seconds(entry.last)});
        list.push_back({{"destination", entry.destination.text()},
                        {"times", entry.times},
                        {"last", last},
                        {"binds", entry.binds}});
        table.add(
            {entry.destination.text(), std::to_string(entry.times), last, entry.binds ? "yes" : "not yet"});
    }
    return {Status::done,
            {{"sticky", list}},
            table.empty() ? std::string("No destination is remembered.\n") : table.text()};
}

Response render_explain(const gateway::ExplainView& view, WallTime now) {
    const std::string prefix = view.class_prefix ? view.class_prefix->text() : "default";
    Json story = Json::array();
    for (const auto& line : view.story)
        story.push_back({{"at", time_of(now, line.ago)},
                         {"ago", seconds(line.ago)},
                         {"row", line.row},
                         {"help", line.help},
                         {"detail", line.detail}});
    Json json{{"src", view.pair.source.text()},
              {"dst", view.pair.destination.text()},
              {"direction", view.direction},
              {"class", to_text(view.class_kind)},
              {"class_prefix", prefix},
              {"class_source", view.class_source ? Json(view.class_source->text()) : Json(nullptr)},
              {"state", view.state},
              {"reason", view.reason},
              {"reason_help", view.reason_help},
              {"advice", view.advice},
              {"what_happens", view.what_happens},
              {"next", view.next},
              {"next_in", optional_seconds(view.next_in)},
              {"dns", view.dns ? dns_json(*view.dns) : Json(nullptr)},
              {"gateways", view.gateways},
              {"ike", view.ike ? ike_json(*view.ike) : Json(nullptr)},
              {"tunnel", nullptr},
              {"story", story}};
    if (view.tunnel)
        json["tunnel"] = {{"gateway", view.tunnel->gateway.text()},
                          {"spi_in", spi_text(view.tunnel->spi_in)},
                          {"spi_out", spi_text(view.tunnel->spi_out)},
                          {"suite", view.tunnel->suite},
                          {"state", view.tunnel->state},
                          {"age", seconds(view.tunnel->age)}};

    std::string text = fmt::format("{} ({})\n", view.pair.text(), view.direction);
    text += fmt::format("class     {}, by {}{}\n", to_text(view.class_kind), prefix,
                        view.class_source ? " from " + view.class_source->text() : "");
    text += fmt::format("state     {}{}{}\n", view.state, view.reason.empty() ? "" : ": ", view.reason);
    if (!view.reason_help.empty()) text += fmt::format("          {}\n", view.reason_help);
    if (!view.what_happens.empty()) text += fmt::format("now       {}\n", view.what_happens);
    if (!view.advice.empty()) text += fmt::format("to do     {}\n", view.advice);
    if (!view.next.empty())
        text += view.next_in ? fmt::format("next      in {}: {}\n", readable(*view.next_in), view.next)
                             : fmt::format("next      {}\n", view.next);
    if (view.dns) {
        text += fmt::format("dns       {}, {}, {} left{}{}\n", view.dns->outcome, to_text(view.dns->dnssec),
                            readable(view.dns->left), view.dns->detail.empty() ? "" : ": ", view.dns->detail);
        for (const auto& record : view.dns->records)
            text += fmt::format("          {} {} ({})\n", record.type, record.text, record.judgement);
    }
    for (const std::string& gateway : view.gateways) text += fmt::format("gateway   {}\n", gateway);
    if (view.ike)
        text += fmt::format("ike       {} with {}, {}{}{}, age {}\n", view.ike->state,
                            view.ike->remote.text(), view.ike->initiator ? "initiator" : "responder",
                            view.ike->suite.empty() ? "" : ", ", view.ike->suite, readable(view.ike->age));
    if (view.tunnel)
        text += fmt::format("tunnel    {}, spi in {} out {}, {}, age {}\n", view.tunnel->suite,
                            spi_text(view.tunnel->spi_in), spi_text(view.tunnel->spi_out), view.tunnel->state,
                            readable(view.tunnel->age));
    for (const auto& line : view.story)
        text += fmt::format("{}  {:>8} ago  {}: {}{}{}\n", time_of(now, line.ago), readable(line.ago),
                            line.row.empty() ? "refused" : line.row, line.help,
                            line.detail.empty() ? "" : ": ", line.detail);
    return {Status::done, std::move(json), std::move(text)};
}

}  // namespace oegate::manage
