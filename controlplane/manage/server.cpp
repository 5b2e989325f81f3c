#include "manage/server.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace oegate::manage {
namespace {

constexpr std::size_t kMostFed = 64 * 1024;  // bytes of a monitor's lines at once

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

/// Somebody accepts connections on this path.
bool is_alive(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const sockaddr_un address = address_of(path);
    const bool alive = connect(fd, generic(address), sizeof address) == 0;
    close(fd);
    return alive;
}

bool is_socket(const std::string& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

/// errno says why not.
bool let_in(const std::string& path, const std::string& group) {
    errno = 0;
    const struct group* found = getgrnam(group.c_str());
    if (found == nullptr) {
        if (errno == 0) errno = ENOENT;
        return false;
    }
    return chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) == 0 && chmod(path.c_str(), 0660) == 0;
}

}  // namespace

bool Server::is_served(const std::string& path) {
    return path.size() < sizeof(sockaddr_un::sun_path) && is_socket(path) && is_alive(path);
}

Result<std::unique_ptr<Server>, std::string> Server::listen(const std::string& path, loop::IoWatcher& io,
                                                            Commands& commands, Log* log,
                                                            std::function<Time()> now,
                                                            const std::string& group, Monitor* monitor) {
    const auto error = [&](const char* what) {
        return fail(fmt::format("management socket {}: {}: {}", path, what, std::strerror(errno)));
    };
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
        return fail(fmt::format("management socket {}: the name is longer than 107 bytes", path));
    std::error_code ignored;  // a directory that is missing is told by bind
    std::filesystem::create_directory(std::filesystem::path(path).parent_path(), ignored);
    if (is_served(path))
        return fail(fmt::format("management socket {}: another oegated is running on it", path));
    if (is_socket(path)) unlink(path.c_str());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return error("socket");
    const sockaddr_un address = address_of(path);
    // The mode must be right from the first moment, so it comes from the umask.
    const mode_t former = umask(0177);
    const bool bound = bind(fd, generic(address), sizeof address) == 0;
    umask(former);
    if (!bound || ::listen(fd, 16) != 0) {
        const auto failure = error(bound ? "listen" : "bind");
        close(fd);
        return failure;
    }
    if (!group.empty() && !let_in(path, group) && log != nullptr)
        log->write(config::LogLevel::warning, "manage", "management.viewer-group lets nobody in",
                   {{"group", group}, {"error", std::strerror(errno)}});
    return std::unique_ptr<Server>(new Server(fd, path, io, commands, log, std::move(now), monitor));
}

Server::Server(int fd, std::string path, loop::IoWatcher& io, Commands& commands, Log* log,
               std::function<Time()> now, Monitor* monitor)
    : fd_(fd),
      path_(std::move(path)),
      io_(io),
      commands_(commands),
      log_(log),
      now_(std::move(now)),
      monitor_(monitor) {
    io_.watch(fd_, false, [this] { accept_clients(); });
}

Server::~Server() {
    *alive_ = false;
    while (!clients_.empty()) drop(clients_.begin()->first);
    io_.unwatch(fd_);
    close(fd_);
    unlink(path_.c_str());
}

void Server::accept_clients() {
    for (;;) {
        const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        if (clients_.size() >= kMaxClients) {
            ++num_refused_;
            const std::string line =
                encode({Status::failed, nullptr, "too many clients, try again\n"}, false);
            [[maybe_unused]] const auto sent = send(fd, line.data(), line.size(), MSG_NOSIGNAL);
            close(fd);
            continue;
        }
        const ClientId id = next_++;
        Client& client = clients_[id];
        client.fd = fd;
        client.deadline = now_() + kIdle;
        ucred who{};
        socklen_t len = sizeof who;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) client.user = who.uid;
        io_.watch(fd, false, [this, id] { on_ready(id); });
    }
}

void Server::on_ready(ClientId id) {
    write_output(id);
    if (clients_.contains(id)) read_input(id);
}

void Server::read_input(ClientId id) {
    Client& client = clients_.at(id);
    std::array<char, 4096> buffer;
    while (!client.end && client.in.size() <= kMaxRequestBytes) {
        const ssize_t got = recv(client.fd, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (got < 0) return drop(id);
        if (got == 0) {
            client.end = true;
        } else {
            client.in.append(buffer.data(), static_cast<std::size_t>(got));
        }
    }
    if (client.end && client.reader) return drop(id);
    run_next(id);
    // An ended input stays readable for ever: not watched until there is an answer.
    const auto found = clients_.find(id);
    if (found != clients_.end() && found->second.end && found->second.busy) io_.unwatch(found->second.fd);
}

void Server::run_next(ClientId id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    Client& client = found->second;
    if (client.busy || client.sent < client.out.size()) {
        if (client.in.size() > kMaxRequestBytes) drop(id);  // pipelining has its bound
        return;
    }
    const std::size_t line_end = client.in.find('\n');
    if (line_end > kMaxRequestBytes) {  // npos is
        if (client.in.size() > kMaxRequestBytes) {
            client.in.clear();
            client.end = true;
            client.busy = true;
            answer(id, client.request, {Status::usage, nullptr, "request is too long\n"}, false);
        } else if (client.end) {
            drop(id);
        }
        return;
    }
    const std::string line = client.in.substr(0, line_end);
    client.in.erase(0, line_end + 1);
    client.busy = true;
    const std::uint64_t number = ++client.request;
    client.deadline = now_() + kAnswer;
    std::string why;
    const auto request = parse_request(line, why);
    if (!request)
        return answer(id, client.request, {Status::usage, nullptr, "malformed request: " + why + "\n"},
                      false);
    if (log_ != nullptr && !request->verb.starts_with("show ") && request->verb != "explain" &&
        request->verb != "trace read")
        log_->write(config::LogLevel::notice, "manage", "command",
                    {{"verb", request->verb},
                     {"arguments", fmt::format("{}", fmt::join(request->arguments, " "))},
                     {"uid", std::to_string(client.user)}});
    if (request->verb == "monitor" && monitor_ != nullptr) return begin_monitor(id, *request);
    const Caller caller{client.user,
                        client.user == 0 || client.user == geteuid() ? Role::admin : Role::viewer};
    commands_.run(
        *request, caller,
        [this, id, number, alive = std::weak_ptr(alive_), json = request->json](const Response& response) {
            if (const auto living = alive.lock(); living && *living) answer(id, number, response, json);
        });
}

/// What the reader gets from now on goes by write_output(); the client stays busy, so that
/// nothing else of it is read.
void Server::begin_monitor(ClientId id, const Request& request) {
    Client& client = clients_.at(id);
    const auto refuse = [&](Response response) { answer(id, client.request, response, request.json); };
    if (request.arguments.size() > find_verb("monitor")->max_arguments)
        return refuse(usage("usage: oegate monitor [SRC [DST]]"));
    const auto filter = Monitor::filter_argument(request.arguments, refuse);
    if (!filter) return;
    // Also when it could be written at once: tell() is not the place to find a client gone.
    const auto wake = [this, id] {
        if (const auto found = clients_.find(id); found != clients_.end())
            io_.watch(found->second.fd, true, [this, id] { on_ready(id); });
    };
    client.reader = monitor_->open(*filter, request.json, wake);
    if (!client.reader)
        return refuse({Status::failed, nullptr,
                       fmt::format("{} readers monitor already: end one of them\n", Monitor::kMaxReaders)});
    client.deadline = kNever;
    wake();
}

void Server::feed(Client& client) {
    if (!client.reader) return;
    while (client.out.size() < kMostFed) {
        auto line = monitor_->next(*client.reader);
        if (!line) return;
        client.out += *line;
    }
}

void Server::answer(ClientId id, std::uint64_t request, const Response& response, bool json) {
    const auto found = clients_.find(id);
    if (found == clients_.end() || !found->second.busy || found->second.request != request)
        return;  // too late
    Client& client = found->second;
    client.busy = false;
    client.out = encode(response, json);
    client.sent = 0;
    client.deadline = now_() + kAnswer;
    // Also when it can be written at once: the next request is then taken from the
    // loop and not from within this one, however many are pipelined.
    io_.watch(client.fd, true, [this, id] { on_ready(id); });
}

void Server::write_output(ClientId id) {
    Client& client = clients_.at(id);
    if (client.out.empty()) feed(client);
    if (client.out.empty()) {
        if (client.reader) io_.watch(client.fd, false, [this, id] { on_ready(id); });
        return;
    }
    while (client.sent < client.out.size()) {
        const ssize_t sent =
            send(client.fd, client.out.data() + client.sent, client.out.size() - client.sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (sent < 0) return drop(id);
        client.sent += static_cast<std::size_t>(sent);
        if (!client.reader) client.deadline = now_() + kAnswer;  // it takes what it asked for
    }
    client.out.clear();
    client.sent = 0;
    if (client.reader) return;  // watched until there is nothing more to feed
    client.deadline = now_() + kIdle;
    if (client.end && client.in.empty()) return drop(id);
    io_.watch(client.fd, false, [this, id] { on_ready(id); });
}

void Server::drop(ClientId id) {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    if (found->second.reader) monitor_->close(*found->second.reader);
    io_.unwatch(found->second.fd);
    close(found->second.fd);
    clients_.erase(found);
}

void Server::on_timer(Time now) {
    std::vector<ClientId> late;
    for (const auto& [id, client] : clients_)
        if (client.deadline <= now) late.push_back(id);
    for (const ClientId id : late) {
        Client& client = clients_.at(id);
        // A late answer is told once; whoever does not take it is closed.
        if (client.busy)
            answer(id, client.request, {Status::timed_out, nullptr, "no answer in time\n"}, false);
        else
            drop(id);
    }
}

Time Server::next_deadline() const {
    Time next = kNever;
    for (const auto& [id, client] : clients_) next = std::min(next, client.deadline);
    return next;
}

}  // namespace oegate::manage
