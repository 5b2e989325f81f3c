// `oegate dns verify`: what the world sees of this gateway's records.
#include <fmt/format.h>

#include "cli/output.hpp"
#include "cli/zones.hpp"
#include "ike/crypto/rsa.hpp"
#include "publication/notes_file.hpp"
#include "publication/verify.hpp"

namespace oegate::cli {
namespace {

using manage::Json;
using manage::Status;
namespace rollover = publication::rollover;

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

}  // namespace oegate::cli
