#include "discovery/transport.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace oegate::discovery {
namespace {

constexpr std::size_t kMaxMessage = 65535;
/// Datagrams taken from one socket before the others get their turn.
constexpr int kMaxBurst = 8;

socklen_t to_sockaddr(const Address& address, std::uint16_t port, sockaddr_storage& out) {
    std::memset(&out, 0, sizeof out);
    if (address.is_ipv4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, address.wire().data(), 4);
        std::memcpy(&out, &in, sizeof in);
        return sizeof in;
    }
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    std::memcpy(&in6.sin6_addr, address.wire().data(), 16);
    std::memcpy(&out, &in6, sizeof in6);
    return sizeof in6;
}

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

Transport::Transport(loop::IoWatcher& watcher, OnMessage on_message, OnError on_error)
    : watcher_(watcher), on_message_(std::move(on_message)), on_error_(std::move(on_error)) {}

Transport::~Transport() {
    while (!sockets_.empty()) close(sockets_.begin()->first);
}

void Transport::carry(const TransportAction& action) {
    if (const auto* query = std::get_if<SendQuery>(&action))
        send(*query);
    else
        close(std::get<CloseQuery>(action).query);
}

void Transport::send(const SendQuery& query) {
    sockaddr_storage to;
    const socklen_t to_len = to_sockaddr(query.server, query.port, to);
    const int kind = (query.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    Socket socket;
    socket.fd = ::socket(query.server.is_ipv4() ? AF_INET : AF_INET6, kind, 0);
    socket.tcp = query.tcp;
    if (socket.fd < 0) return on_error_(query.query);
    const bool connected = ::connect(socket.fd, reinterpret_cast<const sockaddr*>(&to), to_len) == 0;
    bool good = connected || (query.tcp && errno == EINPROGRESS);
    if (good && !query.tcp)
        good = ::send(socket.fd, query.message.data(), query.message.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(query.message.size());
    if (!good) {
        ::close(socket.fd);
        return on_error_(query.query);
    }
    if (query.tcp) {
        socket.out = {static_cast<std::uint8_t>(query.message.size() >> 8),
                      static_cast<std::uint8_t>(query.message.size())};
        append(socket.out, query.message);
    }
    const int fd = socket.fd;
    sockets_.emplace(query.query, std::move(socket));
    watcher_.watch(fd, query.tcp, [this, id = query.query] { ready(id); });
}

void Transport::close(QueryId query) {
    const auto at = sockets_.find(query);
    if (at == sockets_.end()) return;
    watcher_.unwatch(at->second.fd);
    ::close(at->second.fd);
    sockets_.erase(at);
}

void Transport::ready(QueryId query) {
    const auto at = sockets_.find(query);
    if (at == sockets_.end()) return;
    if (at->second.tcp)
        ready_tcp(query);
    else
        ready_udp(query);
}

void Transport::ready_udp(QueryId query) {
    std::array<std::uint8_t, kMaxMessage> buffer;
    for (int i = 0; i < kMaxBurst; ++i) {
        const ssize_t len = ::recv(sockets_.at(query).fd, buffer.data(), buffer.size(), 0);
        if (len < 0 && would_block()) return;
        // ICMP unreachable. Reading it cleared it: the socket waits on, closed only
        // by discovery.
        if (len < 0) return on_error_(query);
        on_message_(query, ByteView(buffer).first(static_cast<std::size_t>(len)));
    }
}

/// false: the socket is broken.
bool Transport::flush(QueryId query, Socket& socket) {
    while (!socket.out.empty()) {
        const ssize_t len = ::send(socket.fd, socket.out.data(), socket.out.size(), MSG_NOSIGNAL);
        if (len < 0) return would_block() || errno == ENOTCONN || errno == EINPROGRESS;
        socket.out.erase(socket.out.begin(), socket.out.begin() + len);
    }
    watcher_.watch(socket.fd, false, [this, query] { ready(query); });
    return true;
}

void Transport::ready_tcp(QueryId query) {
    Socket& socket = sockets_.at(query);
    if (!socket.out.empty() && !flush(query, socket)) return on_error_(query);
    std::array<std::uint8_t, 4096> buffer;
    constexpr std::size_t kPrefixLen = 2;
    while (socket.out.empty()) {
        const ssize_t len = ::recv(socket.fd, buffer.data(), buffer.size(), 0);
        if (len < 0 && would_block()) return;
        if (len <= 0) return on_error_(query);
        append(socket.in, ByteView(buffer).first(static_cast<std::size_t>(len)));
        if (socket.in.size() < kPrefixLen) continue;
        const std::size_t message_len = static_cast<std::size_t>(socket.in[0]) << 8 | socket.in[1];
        if (socket.in.size() < kPrefixLen + message_len) continue;
        // One question a connection, so one answer.
        return on_message_(query, ByteView(socket.in).subspan(kPrefixLen, message_len));
    }
}

}  // namespace oegate::discovery
