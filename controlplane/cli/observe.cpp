#include "cli/observe.hpp"

#include <csignal>
#include <cstdio>
#include <thread>

#include "cli/client.hpp"

namespace oegate::cli {
namespace {

using manage::Json;
using manage::Response;
using manage::Status;

constexpr auto kReadEvery = std::chrono::milliseconds(200);

volatile std::sig_atomic_t interrupted = 0;

void on_interrupt(int) {
    interrupted = 1;
}

void print(std::FILE* to, const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), to);
    std::fflush(to);
}

Status complain(const Response& response) {
    print(stderr, "oegate: " + response.text + (response.text.ends_with('\n') ? "" : "\n"));
    return response.status == Status::done ? Status::failed : response.status;
}

std::vector<std::string> arguments_of(const TraceRequest& request) {
    std::vector<std::string> arguments = request.pair;
    if (!request.protocol.empty()) arguments.push_back("protocol=" + request.protocol);
    arguments.push_back("count=" + std::to_string(request.count));
    arguments.push_back("seconds=" + std::to_string(request.seconds));
    return arguments;
}

void summarise(const Json& last) {
    const std::string why = last.value("why", "");
    const std::uint64_t lost = last.value("lost", std::uint64_t{0});
    print(stdout, "ended: " + why + (lost == 0 ? "" : ", " + std::to_string(lost) + " records lost") + "\n");
}

}  // namespace

Status trace(const TraceRequest& request, bool json, const Ask& ask) {
    const Response started = ask("trace start", arguments_of(request), true);
    if (started.status != Status::done || !started.json.contains("trace")) return complain(started);
    const std::string token = started.json["trace"].dump();
    std::signal(SIGINT, on_interrupt);
    std::signal(SIGTERM, on_interrupt);
    Json records = Json::array();
    std::uint64_t from = 0;
    for (;;) {
        if (interrupted != 0) {
            interrupted = 0;
            ask("trace stop", {}, true);
        }
        const Response read = ask("trace read", {token, std::to_string(from)}, true);
        if (read.status != Status::done || !read.json.contains("records")) return complain(read);
        for (const Json& record : read.json["records"]) {
            if (json)
                records.push_back(record);
            else
                print(stdout, record.value("text", "") + "\n");
        }
        from = read.json.value("next", from);
        if (read.json.value("ended", true)) {
            if (!json) summarise(read.json);
            if (json)
                print(stdout, Json{{"records", records},
                                   {"why", read.json.value("why", "")},
                                   {"lost", read.json.value("lost", std::uint64_t{0})}}
                                      .dump(2, ' ', false, Json::error_handler_t::replace) +
                                  "\n");
            return Status::done;
        }
        if (read.json["records"].empty()) std::this_thread::sleep_for(kReadEvery);
    }
}

Status monitor(const std::string& socket, const MonitorRequest& request, bool json,
               std::chrono::milliseconds timeout) {
    unsigned seen = 0;
    const Response ended =
        follow(socket, {"monitor", request.hosts, json}, timeout, std::chrono::seconds(request.seconds),
               [&](const Response& line) {
                   print(stdout, json ? line.json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
                                      : line.text);
                   // The first says that it begins.
                   return request.count == 0 || seen++ < request.count;
               });
    return ended.status == Status::done ? Status::done : complain(ended);
}

std::vector<std::string> arguments_of(const CaptureRequest& request) {
    std::vector<std::string> arguments{request.name};
    const auto add = [&arguments](const std::string& key, const std::string& value) {
        if (!value.empty()) arguments.push_back(key + "=" + value);
    };
    add("interface", request.interface);
    if (request.all_drops) arguments.push_back("drops=" + (request.drops.empty() ? "" : request.drops[0]));
    if (request.decrypted) arguments.push_back("decrypted");
    if (request.pair.size() == 2) add("pair", request.pair[0] + "," + request.pair[1]);
    add("snaplen", request.snaplen);
    add("seconds", request.seconds);
    add("packets", request.packets);
    add("size", request.size);
    return arguments;
}

}  // namespace oegate::cli
