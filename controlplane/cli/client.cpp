#include "cli/client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace oegate::cli {
namespace {

using manage::Response;
using manage::Status;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Closes on every way out.
struct Connection {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        if (fd >= 0) close(fd);
    }
};

Response failure(Status status, std::string text) {
    return {status, nullptr, std::move(text)};
}

struct Deadline {
    SteadyTime at;
    std::chrono::milliseconds timeout{};
    explicit Deadline(std::chrono::milliseconds t) : at(std::chrono::steady_clock::now() + t), timeout(t) {}
    Response late() const {
        return failure(Status::timed_out,
                       fmt::format("oegated did not answer within {} ms\n", timeout.count()));
    }
};

Response cannot_connect(const std::string& path, int error) {
    if (error == EACCES || error == EPERM)
        return failure(
            Status::not_permitted,
            fmt::format("{}: not permitted; run as root, or as the user that oegated runs as\n", path));
    return failure(Status::unreachable, fmt::format("oegated is not running, or --socket is wrong: {}: {}\n",
                                                    path, std::strerror(error)));
}

bool wait_for(int fd, short events, SteadyTime deadline) {
    for (;;) {
        const SteadyTime now = std::chrono::steady_clock::now();
        if (deadline <= now) return false;
        // Rounded up, so that the last part of a millisecond is not a busy one.
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
        pollfd entry{fd, events, 0};
        const int ready = poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

/// nullopt: connected, and the request is on its way. Else what went wrong.
std::optional<Response> begin(const Connection& connection, const std::string& path,
                              const manage::Request& request, const Deadline& deadline) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return failure(Status::usage, "--socket is longer than 107 bytes\n");
    path.copy(address.sun_path, path.size());
    if (connection.fd < 0 ||
        connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return cannot_connect(path, errno);
    const std::string line = encode(request);
    for (std::size_t sent = 0; sent < line.size();) {
        if (!wait_for(connection.fd, POLLOUT, deadline.at)) return deadline.late();
        const ssize_t now =
            send(connection.fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (now < 0 && errno != EAGAIN && errno != EINTR) break;  // the reason may have been sent to us
        if (now > 0) sent += static_cast<std::size_t>(now);
    }
    return std::nullopt;
}

/// The next line into `line`; `rest` is what came behind it. nullopt: here it is.
std::optional<Response> next_line(const Connection& connection, std::string& rest, std::string& line,
                                  const Deadline& deadline) {
    std::array<char, 65536> buffer;
    std::size_t end;
    std::size_t searched = 0;
    while ((end = rest.find('\n', searched)) == std::string::npos) {
        searched = rest.size();
        if (!wait_for(connection.fd, POLLIN, deadline.at)) return deadline.late();
        const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0)
            return failure(Status::unreachable,
                           "oegated closed the connection: it is stopping, or see its log\n");
        rest.append(buffer.data(), static_cast<std::size_t>(got));
    }
    line = rest.substr(0, end);
    rest.erase(0, end + 1);
    return std::nullopt;
}

Response understood(const std::string& line) {
    if (auto response = manage::parse_response(line)) return *response;
    return failure(Status::failed, "oegated answered something else: is it of another version?\n");
}

}  // namespace

Response ask(const std::string& path, const manage::Request& request, std::chrono::milliseconds timeout) {
    const Deadline deadline(timeout);
    const Connection connection;
    if (auto failed = begin(connection, path, request, deadline)) return *failed;
    std::string rest, line;
    if (auto failed = next_line(connection, rest, line, deadline)) return *failed;
    return understood(line);
}

Response follow(const std::string& path, const manage::Request& request, std::chrono::milliseconds timeout,
                std::chrono::seconds longest, const std::function<bool(const Response&)>& more) {
    const Deadline first(timeout);
    Deadline end(longest);
    if (longest.count() == 0) end.at = SteadyTime::max();
    const Connection connection;
    if (auto failed = begin(connection, path, request, first)) return *failed;
    std::string rest, line;
    if (auto failed = next_line(connection, rest, line, first)) return *failed;
    for (;;) {
        const Response response = understood(line);
        if (response.status != Status::done) return response;
        if (!more(response)) return {};
        if (auto failed = next_line(connection, rest, line, end))
            return failed->status == Status::timed_out ? Response{} : *failed;
    }
}

}  // namespace oegate::cli
