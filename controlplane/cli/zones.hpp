// What `dns verify` and `key rollover` have in common: whose zones, asked through whom, and
// how a command says that it was stopped before it asked anybody.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/publication.hpp"
#include "config/loader.hpp"
#include "publication/survey.hpp"

namespace oegate::cli {

struct Refused {
    manage::Status status = manage::Status::failed;
    std::string text;
};
inline auto usage(std::string text) {
    return fail(Refused{manage::Status::usage, std::move(text)});
}

Result<config::Config, Refused> configuration(const std::string& file);
/// config: for resolvers that the request does not name; may be null.
Result<publication::SurveySettings, Refused> settings_of(const ZoneRequest& request,
                                                         const config::Config* config);
/// nullopt: interrupted.
std::optional<std::vector<publication::Surveyed>> survey(const publication::SurveySettings& settings,
                                                         const publication::Ours& ours);
manage::Json lines_of(const std::string& text);

}  // namespace oegate::cli
