// `oegate key rollover`: asks the zones, takes the step that they allow, tells the daemon.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <optional>

#include "cli/client.hpp"
#include "cli/output.hpp"
#include "cli/zones.hpp"
#include "publication/notes_file.hpp"
#include "publication/procedure.hpp"

namespace oegate::cli {
namespace {

using manage::Json;
using manage::Status;
namespace rollover = publication::rollover;

std::string utc(std::int64_t seconds) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

publication::Reloaded reload(const RolloverRequest& request, const std::string& socket) {
    using Outcome = publication::Reloaded::Outcome;
    std::string reason = "key rollover " + request.order;
    for (const std::string& ignored : request.zones.ignored) reason += ", authority " + ignored + " ignored";
    const auto response =
        ask(socket, {"key reload", {reason}, true}, std::chrono::milliseconds(request.timeout_ms));
    if (response.status == Status::unreachable)
        return {Outcome::not_running, "the daemon does not run; it takes the new key at its next start", {}};
    if (response.status != Status::done) return {Outcome::refused, response.text, {}};
    publication::Reloaded out{Outcome::done, response.json.value("text", ""), {}};
    if (const auto data = from_base64(response.json.value("public_key", "")))
        out.key = {PublicKey::Algorithm::rsa, *data};
    return out;
}

std::string records(const publication::Ours& ours, const std::vector<PublicKey>& keys, unsigned ttl) {
    std::string text;
    for (const publication::Claim& claim : ours.claims)
        text += publication::records_of(ours, claim, keys, ttl);
    return text;
}

std::string when(const rollover::Outlook& outlook, std::int64_t now) {
    if (!outlook.missing.empty()) return "not before nothing is missing";
    if (outlook.possible_at <= now) return "now";
    return fmt::format("{}, in {} s", utc(outlook.possible_at), outlook.possible_at - now);
}

/// What each authority of each name shows of the two keys.
void describe(const publication::Report& report, std::string& text, Json& json) {
    Json authorities = Json::array();
    for (const publication::Surveyed& s : report.surveyed)
        for (const publication::Sight& sight : s.authorities) {
            const auto seen = report.notes.seen.find({s.claim.owner, sight.server});
            const bool known = seen != report.notes.seen.end();
            const bool has_new = publication::carries(sight.contents, report.notes.new_key);
            const bool has_old = publication::mentions(sight.contents, report.notes.old_key);
            const std::int64_t since = known ? seen->second.carries_since : 0;
            std::string shows = has_new ? "new key since " + utc(since) : "no new key";
            shows += has_old ? ", old key" : ", no old key";
            if (known) shows += fmt::format(", TTL {} s", seen->second.wait);
            if (!sight.trouble.empty()) shows = sight.trouble;
            if (sight.ignored) shows = "ignored";
            text += fmt::format("  {}  {} {}  {}\n", s.claim.label, sight.name, sight.server, shows);
            authorities.push_back({{"owner", s.claim.label},
                                   {"name", s.claim.owner},
                                   {"authority", sight.server},
                                   {"carries_new", has_new},
                                   {"carries_since", since},
                                   {"carries_old", has_old},
                                   {"ttl", known ? seen->second.wait : 0},
                                   {"ignored", sight.ignored},
                                   {"trouble", sight.trouble}});
        }
    json["authorities"] = std::move(authorities);
    if (!report.outlook) return;
    Json missing = Json::array();
    for (const rollover::Obstacle& o : report.outlook->missing) {
        text +=
            fmt::format("  missing: {}{}{}: {}\n", o.owner, o.server.empty() ? "" : " at ", o.server, o.what);
        missing.push_back({{"owner", o.owner}, {"authority", o.server}, {"what", o.what}});
    }
    json["missing"] = std::move(missing);
    json["possible_at"] = report.outlook->missing.empty() ? Json(report.outlook->possible_at) : Json(nullptr);
}

Status status_of(const publication::Report& report) {
    if (!report.refused()) return Status::done;
    if (report.row == nullptr || !report.trouble.empty()) return Status::failed;
    return report.outlook ? Status::dns : Status::failed;
}

Status tell(const publication::Report& report, const publication::Ours& ours, const RolloverRequest& request,
            bool as_json) {
    const std::string_view state = rollover::to_text(report.notes.state);
    Json json{{"state", state}};
    std::string text = fmt::format("key rollover: {}\n", state);
    std::string publish;
    if (report.row != nullptr) {
        json["row"] = report.row->name;
        text += fmt::format("{}\n", report.row->story);
    }
    describe(report, text, json);
    const bool coming =
        report.notes.state == rollover::State::announced || report.notes.state == rollover::State::ready;
    if (report.outlook)
        text += fmt::format("{}: {}\n", coming ? "activation possible" : "retirement possible",
                            when(*report.outlook, std::time(nullptr)));
    if (report.daemon) {
        text += "daemon: " + report.daemon->text + "\n";
        json["daemon"] = report.daemon->text;
    }
    // Both keys side by side while the new one comes; afterwards the new one alone.
    if (!report.refused() && request.order == "start")
        publish = records(ours, {report.notes.old_key, report.notes.new_key}, request.ttl);
    else if (report.outlook && !report.outlook->missing.empty())
        publish = coming ? records(ours, {report.notes.old_key, report.notes.new_key}, request.ttl)
                         : records(ours, {report.notes.new_key}, request.ttl);
    if (!publish.empty()) text += "Records:\n" + publish;
    json["records"] = lines_of(publish);
    if (!report.trouble.empty()) {
        text += "stopped: " + report.trouble + "\n";
        json["trouble"] = report.trouble;
    }
    const Status status = status_of(report);
    if (report.row != nullptr) {
        text += fmt::format("next: {}\n", report.row->next);
        json["next"] = report.row->next;
    }
    if (as_json)
        print_json(json);
    else
        print(stdout, text);
    if (status == Status::done) return status;
    const std::string why = !report.trouble.empty() ? report.trouble : std::string(report.row->story);
    return refuse(status, fmt::format("key rollover {}: {}", request.order, why));
}

std::optional<rollover::Order> order_of(const std::string& text) {
    using rollover::Order;
    for (const Order order : {Order::start, Order::status, Order::activate, Order::retire, Order::cancel})
        if (text == rollover::to_text(order)) return order;
    return std::nullopt;
}

}  // namespace

Status key_rollover(const RolloverRequest& request, bool json) {
    const auto order = order_of(request.order);
    if (!order) return refuse(Status::usage, fmt::format("no such order: key rollover {}", request.order));
    if (request.bits < ike::kMinRsaBits || request.bits > ike::kMaxRsaBits)
        return refuse(Status::usage, fmt::format("--bits {} is out of range, expected {} to {}", request.bits,
                                                 ike::kMinRsaBits, ike::kMaxRsaBits));
    const auto config = configuration(request.zones.config);
    if (!config) return refuse(config.error().status, config.error().text);
    if (config->ike.private_key.empty())
        return refuse(Status::configuration, request.zones.config + ": no ike.private-key to replace");
    const auto settings = settings_of(request.zones, &*config);
    if (!settings) return refuse(settings.error().status, settings.error().text);
    const auto files = publication::KeyFiles::open(config->ike.private_key);
    if (!files && ::access(config->ike.private_key.c_str(), R_OK) != 0 && errno == EACCES)
        return refuse(Status::not_permitted, files.error() + "; run as root, or as who owns the key");
    if (!files) return refuse(Status::failed, files.error());
    const publication::Ours ours = publication::ours_of(*config);
    const std::string socket = request.socket.empty() ? config->management.socket : request.socket;

    bool interrupted = false;
    publication::Outside outside;
    outside.survey = [&](const publication::Ours& all) {
        auto surveyed = survey(*settings, all);
        interrupted = !surveyed;
        return surveyed ? std::move(*surveyed) : std::vector<publication::Surveyed>{};
    };
    outside.reload = [&] { return reload(request, socket); };
    outside.wall_seconds = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
    outside.may_take = [&](rollover::Step) { return !interrupted; };
    const auto report = publication::carry_out(*files, *order, ours, request.bits, outside);
    if (interrupted) return refuse(Status::failed, "interrupted; nothing was changed");
    return tell(report, ours, request, json);
}

}  // namespace oegate::cli
