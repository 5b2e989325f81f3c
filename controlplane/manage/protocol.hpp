// What crosses the management socket, and the verbs: shared by the daemon and the
// `oegate` command. One JSON object a line in each direction:
//   {"verb":"show flows","args":["192.1.0.65"],"want":"text"}
//   {"status":0,"text":"..."}   or with "want":"json":  {"status":0,"json":{...}}
// To "monitor" there are answers without end, one a line, until the client goes.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oegate::manage {

using Json = nlohmann::ordered_json;

/// Exit statuses of `oegate`, and the status of a response.
enum class Status : int {
    done = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    not_permitted = 4,
    negotiation_failed = 5,
    timed_out = 6,
    dns = 7,
    configuration = 8,
    unreachable = 9,
};

/// Who may: those of management.viewer-group see; root and the daemon's user do all.
enum class Role : std::uint8_t { viewer, admin };

/// One verb that the daemon answers.
struct Verb {
    std::string_view name;       // "show flows"
    std::string_view arguments;  // "[SRC [DST]]"
    std::size_t min_arguments;
    std::size_t max_arguments;
    std::string_view help;
    Role role = Role::viewer;
    bool plain = true;  // false: the `oegate` command has a grammar of its own for it
};
const std::vector<Verb>& verbs();
const Verb* find_verb(std::string_view name);

inline constexpr std::size_t kMaxRequestBytes = 16 * 1024;
inline constexpr std::size_t kMaxArguments = 16;

struct Request {
    std::string verb;
    std::vector<std::string> arguments;
    bool json = false;
};
struct Response {
    Status status = Status::done;
    Json json;         // null: nothing
    std::string text;  // for people; on failure one line that says what to do
};

/// nullopt with a reason for anything that is no request.
std::optional<Request> parse_request(std::string_view line, std::string& why);
std::string encode(const Request& request);
/// One line with its line feed; only the form that was wanted.
std::string encode(const Response& response, bool json);
std::optional<Response> parse_response(std::string_view line);

}  // namespace oegate::manage
