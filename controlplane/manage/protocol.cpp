#include "manage/protocol.hpp"

namespace oegate::manage {

const std::vector<Verb>& verbs() {
    static const std::vector<Verb> kVerbs{
        {"show status", "", 0, 0, "Does it work? Interfaces, workers, flows, tunnels, drops, alarms"},
        {"show flows", "[SRC [DST]]", 0, 2, "The flow cache: pairs and what becomes of them"},
        {"show tunnels", "[SRC [DST]]", 0, 2, "Pairs of security associations"},
        {"show ike", "", 0, 0, "Keying channels (IKE SAs)"},
        {"show dns", "[ADDR]", 0, 1, "Answers of DNS in use"},
        {"show drops", "[INTERFACE]", 0, 1, "Dropped packets by reason"},
        {"show interfaces", "", 0, 0, "Interfaces with their counters"},
        {"show workers", "", 0, 0, "Worker cores: load, ledger, rings, stages as last measured"},
        {"show memory", "", 0, 0, "Buffers, flows and SAs against their bounds"},
        {"show captures", "", 0, 0, "Captures that run, and the last that ended"},
        {"show routes", "", 0, 0, "The forwarding table"},
        {"show classes", "", 0, 0, "Destinations and their classes"},
        {"show neighbours", "", 0, 0, "MAC addresses of next hops"},
        {"show counters", "", 0, 0, "Counters of the control plane"},
        {"show config", "", 0, 0, "The configuration in force, defaults filled in"},
        {"show log", "[LINES]", 0, 1, "The last lines of the log"},
        {"show limits", "", 0, 0, "Every limit: its use, and how often it was hit"},
        {"monitor", "[SRC [DST]]", 0, 2, "What happens to connections, as it happens, until interrupted",
         Role::viewer, false},
        {"explain", "SRC DST [PROTO [PORT]]", 2, 4, "What becomes of a datagram, and why"},
        {"show sticky", "", 0, 0, "Destinations that do not fall back to clear text"},
        {"sticky clear", "ADDRESS", 1, 1, "This destination may be spoken to in the clear again",
         Role::admin},
        {"flow clear", "SRC DST", 2, 2, "Forget a pair; its next datagram starts anew", Role::admin},
        {"tunnel delete", "SRC DST", 2, 2, "Delete the tunnel of a pair, telling the peer", Role::admin},
        {"tunnel rekey", "SRC DST", 2, 2, "Replace the keys of a tunnel now", Role::admin},
        {"workers measure", "[SECONDS]", 0, 1, "Measure the stages for a while; show workers tells",
         Role::admin},
        {"trace start", "SRC DST [KEY=VALUE]...", 2, 5, "Begin a trace", Role::admin, false},
        {"trace read", "NUMBER FROM", 2, 2, "What a trace has found", Role::admin, false},
        {"trace stop", "", 0, 0, "End the trace that runs", Role::admin, false},
        {"capture start", "NAME KEY=VALUE...", 2, 7, "Begin a capture", Role::admin, false},
        {"capture stop", "NAME", 1, 1, "End a capture; its file stays", Role::admin},
        {"key reload", "[REASON]", 0, 1, "Read ike.private-key anew and sign with it; what is keyed stays",
         Role::admin},
        {"route add", "PREFIX via ADDRESS", 3, 3, "Add or replace a route until the next start", Role::admin},
        {"route remove", "PREFIX", 1, 1, "Remove a route that was added or configured, until the next start",
         Role::admin},
    };
    return kVerbs;
}

const Verb* find_verb(std::string_view name) {
    for (const Verb& verb : verbs())
        if (verb.name == name) return &verb;
    return nullptr;
}

std::optional<Request> parse_request(std::string_view line, std::string& why) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) {
        why = "not a JSON object";
        return std::nullopt;
    }
    Request request;
    const auto verb = json.find("verb");
    if (verb == json.end() || !verb->is_string()) {
        why = "\"verb\" is not a string";
        return std::nullopt;
    }
    request.verb = verb->get<std::string>();
    if (const auto args = json.find("args"); args != json.end()) {
        if (!args->is_array() || args->size() > kMaxArguments) {
            why = "\"args\" is not a list of at most " + std::to_string(kMaxArguments) + " strings";
            return std::nullopt;
        }
        for (const Json& item : *args) {
            if (!item.is_string()) {
                why = "\"args\" holds something that is not a string";
                return std::nullopt;
            }
            request.arguments.push_back(item.get<std::string>());
        }
    }
    if (const auto want = json.find("want"); want != json.end()) request.json = *want == "json";
    return request;
}

std::string encode(const Request& request) {
    const Json json{
        {"verb", request.verb}, {"args", request.arguments}, {"want", request.json ? "json" : "text"}};
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string encode(const Response& response, bool json) {
    Json out{{"status", static_cast<int>(response.status)}};
    if (json && !response.json.is_null()) out["json"] = response.json;
    if (!json || response.json.is_null()) out["text"] = response.text;
    return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Response> parse_response(std::string_view line) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    const auto status = json.find("status");
    if (status == json.end() || !status->is_number_integer()) return std::nullopt;
    const auto number = status->get<std::int64_t>();
    if (number < 0 || number > static_cast<int>(Status::unreachable)) return std::nullopt;
    Response response;
    response.status = static_cast<Status>(number);
    if (const auto inner = json.find("json"); inner != json.end()) response.json = *inner;
    if (const auto text = json.find("text"); text != json.end() && text->is_string())
        response.text = text->get<std::string>();
    return response;
}

}  // namespace oegate::manage
