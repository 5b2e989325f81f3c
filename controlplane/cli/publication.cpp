#include "cli/publication.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>

#include "cli/client.hpp"
#include "cli/output.hpp"
#include "config/loader.hpp"
#include "publication/notes_file.hpp"
#include "publication/procedure.hpp"
#include "publication/verify.hpp"

namespace oegate::cli {
namespace {

using manage::Json;
using manage::Status;
namespace rollover = publication::rollover;

/// What stopped a command before it asked anybody.
struct Refused {
    Status status = Status::failed;
    std::string text;
};
auto usage(std::string text) {
    return fail(Refused{Status::usage, std::move(text)});
}

Result<config::Config, Refused> configuration(const std::string& file) {
    auto config = config::load(file, {.check_files = false});
    if (config) return std::move(*config);
    std::string text = "the configuration cannot be used (--config FILE names another)";
    for (const config::Problem& problem : config.error()) text += "\n  " + problem.text();
    return fail(Refused{Status::configuration, std::move(text)});
}

/// ADDR or ADDR#PORT, as unbound and dnsmasq write it.
std::optional<publication::Server> server_of(const std::string& text) {
    const std::size_t mark = text.find('#');
    const auto address = Address::parse(text.substr(0, mark));
    if (!address) return std::nullopt;
    publication::Server server{*address, 53};
    if (mark == std::string::npos) return server;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + mark + 1, end, server.port);
    if (error != std::errc{} || at != end || server.port == 0) return std::nullopt;
    return server;
}

Result<publication::SurveySettings, Refused> settings_of(const ZoneRequest& request,
                                                         const config::Config* config) {
    publication::SurveySettings settings;
    for (const std::string& text : request.resolvers) {
        const auto server = server_of(text);
        if (!server) return usage(fmt::format("--resolver \"{}\" is no ADDRESS or ADDRESS#PORT", text));
        settings.resolvers.push_back(*server);
    }
    if (settings.resolvers.empty() && config != nullptr)
        for (const config::Resolver& r : config->dns.resolvers)
            settings.resolvers.push_back({r.address, r.port});
    if (settings.resolvers.empty()) return usage("no resolver: name one with --resolver ADDRESS");
    for (const std::string& text : request.ignored) {
        const auto prefix = Prefix::parse(text);
        if (!prefix) return usage(fmt::format("--ignore-authority \"{}\" is no address or prefix", text));
        settings.ignored.push_back(*prefix);
    }
    return settings;
}

/// nullopt: interrupted.
std::optional<std::vector<publication::Surveyed>> survey(const publication::SurveySettings& settings,
                                                         const publication::Ours& ours) {
    loop::Reactor reactor;
    SystemRandom random;
    publication::Questions questions(reactor, random);
    auto surveyed = publication::survey(questions, settings, ours);
    if (reactor.stopped()) return std::nullopt;
    return surveyed;
}

std::string utc(std::int64_t seconds) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

Json lines_of(const std::string& text) {
    Json lines = Json::array();
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (end > at) lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

// ---- dns verify ----------------------------------------------------------------------

struct Wanted {
    publication::Ours ours;
    publication::Keys keys;
    publication::SurveySettings settings;
};

/// The key in use; during a rollover also the other one that may be published.
Result<publication::Keys, Refused> keys_of(const VerifyRequest& request, const config::Config* config) {
    publication::Keys keys;
    if (!request.public_key.empty()) {
        const auto data = from_base64(request.public_key);
        if (!data || ike::rsa_bits({PublicKey::Algorithm::rsa, *data}) == 0)
            return usage("--public-key is no RSA key in the form of an IPSECKEY record");
        keys.current = {PublicKey::Algorithm::rsa, *data};
        return keys;
    }
    const std::string file = !request.key.empty() ? request.key
                             : config != nullptr  ? config->ike.private_key
                                                  : "";
    if (file.empty()) return usage("no key to compare with: name --key FILE or --public-key BASE64");
    const auto key = ike::PrivateKey::load(file);
    if (!key) {
        using Kind = ike::KeyFileError::Kind;
        const Kind kind = key.error().kind;
        return fail(
            Refused{kind == Kind::missing ? Status::not_found : Status::not_permitted, key.error().detail});
    }
    keys.current = key->public_key();
    // Notes that cannot be read are for `key rollover` to complain of.
    const auto notes = publication::load_notes(file + ".rollover");
    if (notes && notes->state != rollover::State::none) {
        if (keys.current == notes->old_key && notes->state != rollover::State::retired)
            keys.next = notes->new_key;
        if (keys.current == notes->new_key) keys.old = notes->old_key;
    }
    return keys;
}

Result<Wanted, Refused> wanted(const VerifyRequest& request) {
    std::optional<config::Config> config;
    const bool needs_config = request.gateway.empty() || request.zones.resolvers.empty() ||
                              (request.key.empty() && request.public_key.empty());
    if (needs_config) {
        auto loaded = configuration(request.zones.config);
        if (!loaded) return fail(loaded.error());
        config = std::move(*loaded);
    }
    std::vector<Prefix> hosts;
    std::vector<Address> addresses;
    std::vector<std::string> names;
    for (const std::string& text : request.hosts) {
        const auto prefix = Prefix::parse(text);
        const unsigned bits = !prefix ? 0 : (prefix->address().is_ipv4() ? 32u : 128u) - prefix->length();
        if (bits > 8) return usage(fmt::format("{} has more than 256 addresses", text));
        if (prefix)
            hosts.push_back(*prefix);
        else if (!discovery::canonical_name(text).empty())
            names.push_back(text);
        else
            return usage(fmt::format("\"{}\" is no address, prefix or name", text));
    }
    Wanted out;
    if (!request.gateway.empty()) {
        const auto gateway = Address::parse(request.gateway);
        if (!gateway) return usage(fmt::format("--gateway \"{}\" is not an address", request.gateway));
        out.ours = publication::ours_of(*gateway, hosts);
        for (publication::Claim& claim : publication::narrowed(out.ours, {}, names).claims)
            out.ours.claims.push_back(std::move(claim));
    } else {
        out.ours = publication::ours_of(*config);
        if (!request.hosts.empty()) out.ours = publication::narrowed(out.ours, hosts, names);
    }
    auto keys = keys_of(request, config ? &*config : nullptr);
    if (!keys) return fail(keys.error());
    out.keys = std::move(*keys);
    auto settings = settings_of(request.zones, config ? &*config : nullptr);
    if (!settings) return fail(settings.error());
    out.settings = std::move(*settings);
    return out;
}

void print_lines(const std::vector<publication::Line>& lines) {
    std::string text, publish, last;
    for (const publication::Line& line : lines) {
        text += fmt::format("{:<13}  {}  {}  {}\n", publication::to_text(line.verdict), line.owner,
                            line.where, line.detail);
        // One name is told once, however many servers have it wrong.
        if (!line.publish.empty() && line.name != last) {
            publish += line.publish;
            last = line.name;
        }
    }
    if (!publish.empty()) text += "\nPublish instead:\n" + publish;
    print(stdout, text);
}

Json json_of(const publication::Line& line) {
    return {{"verdict", publication::to_text(line.verdict)},
            {"owner", line.owner},
            {"name", line.name},
            {"where", line.where},
            {"detail", line.detail},
            {"publish", lines_of(line.publish)}};
}

// ---- key rollover --------------------------------------------------------------------

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

Status dns_verify(const VerifyRequest& request, bool json) {
    const auto what = wanted(request);
    if (!what) return refuse(what.error().status, what.error().text);
    if (what->ours.claims.empty())
        return refuse(Status::usage, "nothing to look at: name hosts, or fill publication.hosts");
    const auto surveyed = survey(what->settings, what->ours);
    if (!surveyed) return refuse(Status::failed, "interrupted");
    const auto lines = publication::judge(what->ours, what->keys, *surveyed);
    bool good = true;
    Json verdicts = Json::array();
    for (const publication::Line& line : lines) {
        good = good && line.verdict == publication::Verdict::ok;
        verdicts.push_back(json_of(line));
    }
    if (json)
        print_json({{"ok", good}, {"verdicts", verdicts}});
    else
        print_lines(lines);
    return good ? Status::done : Status::dns;
}

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
