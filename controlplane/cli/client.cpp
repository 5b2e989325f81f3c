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
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd entry{fd, events, 0};
        const int ready = poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

}  // namespace

Response ask(const std::string& path, const manage::Request& request, std::chrono::milliseconds timeout) {
    const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
    Response late =
        failure(Status::timed_out, fmt::format("oegated did not answer within {} ms\n", timeout.count()));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return failure(Status::usage, "--socket is longer than 107 bytes\n");
    path.copy(address.sun_path, path.size());
    const Connection connection;
    if (connection.fd < 0 ||
        connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return cannot_connect(path, errno);

    const std::string line = encode(request);
    for (std::size_t sent = 0; sent < line.size();) {
        if (!wait_for(connection.fd, POLLOUT, deadline)) return late;
        const ssize_t now =
            send(connection.fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (now < 0 && errno != EAGAIN && errno != EINTR) break;  // the reason may have been sent to us
        if (now > 0) sent += static_cast<std::size_t>(now);
    }
    std::string answer;
    std::array<char, 65536> buffer;
    while (answer.empty() || answer.back() != '\n') {
        if (!wait_for(connection.fd, POLLIN, deadline)) return late;
        const ssize_t got = recv(connection.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0)
            return failure(Status::unreachable,
                           "oegated closed the connection: it is stopping, or see its log\n");
        answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
    if (auto response = manage::parse_response(answer)) return *response;
    return failure(Status::failed, "oegated answered something else: is it of another version?\n");
}

}  // namespace oegate::cli
