#include "cli/zones.hpp"

#include <fmt/format.h>

#include <charconv>

#include "publication/questions.hpp"

namespace oegate::cli {

using manage::Json;
using manage::Status;

namespace {

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

}  // namespace

Result<config::Config, Refused> configuration(const std::string& file) {
    auto config = config::load(file, {.check_files = false});
    if (config) return std::move(*config);
    std::string text = "the configuration cannot be used (--config FILE names another)";
    for (const config::Problem& problem : config.error()) text += "\n  " + problem.text();
    return fail(Refused{Status::configuration, std::move(text)});
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

std::optional<std::vector<publication::Surveyed>> survey(const publication::SurveySettings& settings,
                                                         const publication::Ours& ours) {
    loop::Reactor reactor;
    SystemRandom random;
    publication::Questions questions(reactor, random);
    auto surveyed = publication::survey(questions, settings, ours);
    if (reactor.stopped()) return std::nullopt;
    return surveyed;
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

}  // namespace oegate::cli
