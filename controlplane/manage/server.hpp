// The management socket: a unix stream socket, one JSON request a line, one answer a
// line. Few clients, bounded buffers, deadlines; a client that misbehaves is closed
// and never holds up the control thread. Who may connect is decided by the socket's file
// mode, what he may do by who he is: root and the daemon's own user are admins, members
// of management.viewer-group look on.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "loop/io.hpp"
#include "manage/commands.hpp"
#include "manage/log.hpp"
#include "manage/monitor.hpp"

namespace oegate::manage {

class Server {
  public:
    static constexpr std::size_t kMaxClients = 32;
    static constexpr Duration kIdle = 60s;    // between two requests
    static constexpr Duration kAnswer = 10s;  // for an answer to be made and taken

    /// Listens on path (at most 107 bytes), with mode 0600; with a group (that exists,
    /// else nobody is let in and the log says so) 0660. A socket that a dead
    /// daemon left there is replaced; a living one is an error. The error is a line
    /// for people. log may be null, and monitor: then `monitor` is refused. All must
    /// outlive the server.
    static Result<std::unique_ptr<Server>, std::string> listen(const std::string& path, loop::IoWatcher& io,
                                                               Commands& commands, Log* log,
                                                               std::function<Time()> now,
                                                               const std::string& group = "",
                                                               Monitor* monitor = nullptr);
    /// Does a living daemon answer on this path?
    static bool is_served(const std::string& path);
    /// Closes every client and removes the socket's file.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void on_timer(Time now);
    Time next_deadline() const;
    std::size_t num_clients() const { return clients_.size(); }
    std::uint64_t num_refused() const { return num_refused_; }

  private:
    struct Client {
        int fd = -1;
        unsigned user = 0;
        std::string in;
        std::string out;
        std::size_t sent = 0;
        bool busy = false;          // a request is being answered
        std::uint64_t request = 0;  // counts them: a late answer is not the next one's
        bool end = false;           // no more input; close when all is sent
        Time deadline{};
        std::optional<Monitor::ReaderId> reader;  // it monitors: nothing else comes from it
    };
    using ClientId = std::uint64_t;

    Server(int fd, std::string path, loop::IoWatcher& io, Commands& commands, Log* log,
           std::function<Time()> now, Monitor* monitor);
    void accept_clients();
    void on_ready(ClientId id);
    void read_input(ClientId id);
    void run_next(ClientId id);
    void begin_monitor(ClientId id, const Request& request);
    void feed(Client& client);
    void answer(ClientId id, std::uint64_t request, const Response& response, bool json);
    void write_output(ClientId id);
    void drop(ClientId id);

    int fd_;
    std::string path_;
    loop::IoWatcher& io_;
    Commands& commands_;
    Log* log_;
    std::function<Time()> now_;
    Monitor* monitor_;
    ClientId next_ = 1;
    std::uint64_t num_refused_ = 0;
    std::map<ClientId, Client> clients_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // answers may come after us
};

}  // namespace oegate::manage
