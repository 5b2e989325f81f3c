#include "cli/local.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "cli/output.hpp"
#include "config/loader.hpp"
#include "discovery/publish.hpp"
#include "discovery/validate/anchors.hpp"
#include "ike/crypto/rsa.hpp"

namespace oegate::cli {
namespace {

using manage::Json;
using manage::Status;

Status key_failure(const ike::KeyFileError& error) {
    using Kind = ike::KeyFileError::Kind;
    switch (error.kind) {
        case Kind::missing:
            return refuse(Status::not_found, error.detail);
        case Kind::unreadable:
        case Kind::permissions:
            return refuse(Status::not_permitted, error.detail);
        case Kind::size:
            return refuse(Status::usage, error.detail);
        default:
            return refuse(Status::failed, error.detail);
    }
}

/// What the daemon would not start with, though the files are there.
std::vector<config::Problem> read_files(const config::Config& config, const std::string& file) {
    std::vector<config::Problem> problems;
    if (!config.ike.private_key.empty())
        if (const auto key = ike::PrivateKey::load(config.ike.private_key); !key)
            problems.push_back({file, 0, 0, "ike.private-key: " + key.error().detail,
                                "a key made by \"oegate key generate\""});
    if (config.dns.validation == config::Validation::own)
        if (const auto anchors = discovery::validate::load_anchors(config.dns.trust_anchors); !anchors)
            problems.push_back({file, 0, 0, "dns.trust-anchors: " + anchors.error(), ""});
    return problems;
}

}  // namespace

Status config_check(const std::string& file, bool check_files, bool json) {
    const auto config = config::load(file, {.check_files = check_files});
    std::vector<config::Problem> found;
    if (!config)
        found = config.error();
    else if (check_files)
        found = read_files(*config, file);
    if (found.empty()) {
        if (json)
            print_json({{"ok", true}, {"problems", Json::array()}});
        else
            print(stdout, file + ": ok\n");
        return Status::done;
    }
    Json problems = Json::array();
    for (const config::Problem& problem : found) {
        problems.push_back({{"file", problem.file},
                            {"line", problem.line},
                            {"column", problem.column},
                            {"what", problem.what},
                            {"expected", problem.expected}});
        if (!json) print(stdout, problem.text() + "\n");
    }
    if (json) print_json({{"ok", false}, {"problems", problems}});
    return Status::configuration;
}

Status config_document() {
    print(stdout, config::documentation());
    return Status::done;
}

Status key_generate(const std::string& out, unsigned bits, bool json) {
    if (bits < ike::kMinRsaBits || bits > ike::kMaxRsaBits)
        return refuse(Status::usage, fmt::format("--bits {} is out of range, expected {} to {}", bits,
                                                 ike::kMinRsaBits, ike::kMaxRsaBits));
    const auto key = ike::PrivateKey::generate(bits);
    if (!key) return key_failure(key.error());
    if (const auto written = key->write(out); !written) return key_failure(written.error());
    if (json)
        print_json({{"file", out},
                    {"algorithm", "rsa"},
                    {"bits", key->bits()},
                    {"public_key", to_base64(key->public_key().data)}});
    else
        print(stdout, fmt::format("{}: RSA key of {} bits, mode 0600\nNext: oegate dns records --key {} "
                                  "--gateway ADDRESS HOST...\n",
                                  out, key->bits(), out));
    return Status::done;
}

Status dns_records(const RecordsRequest& request, bool json) {
    discovery::Publication publication;
    const auto gateway = Address::parse(request.gateway);
    if (!gateway)
        return refuse(Status::usage, fmt::format("--gateway \"{}\" is not an address", request.gateway));
    publication.gateway = *gateway;
    for (const std::string& host : request.hosts) {
        const auto address = Address::parse(host);
        if (!address) return refuse(Status::usage, fmt::format("host \"{}\" is not an address", host));
        publication.hosts.push_back(*address);
    }
    if (request.precedence > 255)
        return refuse(Status::usage,
                      fmt::format("--precedence {} is out of range, expected 0 to 255", request.precedence));
    const auto key = ike::PrivateKey::load(request.key);
    if (!key) return key_failure(key.error());
    publication.key = key->public_key();
    publication.precedence = request.precedence;
    publication.ttl = request.ttl;
    publication.key_records = request.key_records;
    const std::string records = discovery::zone_records(publication);
    if (records.empty()) return refuse(Status::failed, "this key cannot be published: it is not RSA");
    if (json) {
        Json lines = Json::array();
        for (std::size_t at = 0; at < records.size();) {
            const std::size_t end = std::min(records.find('\n', at), records.size());
            if (end > at) lines.push_back(records.substr(at, end - at));
            at = end + 1;
        }
        print_json({{"records", lines}});
    } else {
        print(stdout, records);
    }
    return Status::done;
}

}  // namespace oegate::cli
