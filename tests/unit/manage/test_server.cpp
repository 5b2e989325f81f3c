// The management socket with a real reactor: questions, readers of the monitor, hostile
// clients, and sockets that former daemons left.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>

#include "loop/reactor.hpp"
#include "manage/monitor.hpp"
#include "manage/server.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::manage;
using namespace oegate::manage::world;

namespace {

/// A server over a real socket, driven by a real reactor.
struct Daemon {
    Fixture f;
    loop::Reactor reactor;
    std::string path = "/tmp/oegate-test-manage." + std::to_string(getpid()) + "/s";
    Monitor monitor{[] { return kWall; }};
    std::unique_ptr<Server> server;
    Time now{1000s};

    Daemon() {
        auto listening = Server::listen(
            path, reactor, f.commands, nullptr, [this] { return now; }, "", &monitor);
        if (!listening) FAIL(listening.error());
        server = std::move(*listening);
    }
    ~Daemon() {
        server.reset();
        rmdir(path.substr(0, path.rfind('/')).c_str());
    }
    int client() const {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        return fd;
    }
    void rounds(int n = 5) {
        for (int i = 0; i < n; ++i) reactor.run_once(0ms);
    }
    std::string received(int fd) {
        std::string all;
        char buffer[4096];
        for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;)
            all.append(buffer, static_cast<std::size_t>(got));
        return all;
    }
    bool is_closed(int fd) {
        char byte;
        return recv(fd, &byte, 1, MSG_PEEK) == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }
    void send_text(int fd, const std::string& text) {
        REQUIRE(send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    }
};

}  // namespace

TEST_CASE("the socket: a question, an answer") {
    Daemon daemon;
    struct stat status {};
    REQUIRE(stat(daemon.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    const int fd = daemon.client();

    SECTION("json and text, several on one connection") {
        daemon.send_text(fd, encode(Request{"show classes", {}, true}));
        daemon.rounds();
        auto response = parse_response(daemon.received(fd));
        REQUIRE(response.has_value());
        CHECK(response->json["classes"][1]["class"] == "deny");
        daemon.send_text(fd, encode(Request{"show classes", {}, false}));
        daemon.rounds();
        response = parse_response(daemon.received(fd));
        REQUIRE(response.has_value());
        CHECK(response->text.find("always-clear-text") != std::string::npos);
    }
    SECTION("pipelined and in pieces") {
        const std::string line = encode(Request{"show classes", {}, false});
        daemon.send_text(fd, line + line + line.substr(0, 10));
        daemon.rounds(10);
        daemon.send_text(fd, line.substr(10));
        daemon.rounds(10);
        const std::string answers = daemon.received(fd);
        CHECK(std::count(answers.begin(), answers.end(), '\n') == 3);
    }
    SECTION("an asynchronous answer, also to a client that ended its side") {
        daemon.send_text(fd, encode(Request{"show flows", {}, true}));
        shutdown(fd, SHUT_WR);
        daemon.rounds();
        REQUIRE(daemon.f.provider.asked.size() == 1);
        daemon.f.provider.asked[0].second({});
        daemon.rounds();
        CHECK(parse_response(daemon.received(fd)).has_value());
        CHECK(daemon.is_closed(fd));
        CHECK(daemon.server->num_clients() == 0);
    }
    SECTION("a client that is gone before its answer") {
        daemon.send_text(fd, encode(Request{"show flows", {}, true}));
        daemon.rounds();
        const int other = daemon.client();
        daemon.rounds();
        daemon.f.provider.asked[0].second({});
        daemon.rounds();
        close(other);
        daemon.rounds();
        CHECK(daemon.server->num_clients() == 1);
    }
    SECTION("an answer that comes too late is not the next question's") {
        daemon.send_text(fd, encode(Request{"show flows", {}, true}));
        daemon.rounds();
        daemon.now += Server::kAnswer;
        CHECK(daemon.server->next_deadline() <= daemon.now);
        daemon.server->on_timer(daemon.now);
        daemon.rounds();
        CHECK(parse_response(daemon.received(fd))->status == Status::timed_out);
        daemon.send_text(fd, encode(Request{"show tunnels", {}, true}));
        daemon.rounds();
        REQUIRE(daemon.f.provider.asked.size() == 2);
        daemon.f.provider.asked[0].second({});
        daemon.rounds();
        CHECK(daemon.received(fd).empty());
    }
    SECTION("idle clients are closed") {
        daemon.rounds();
        daemon.now += Server::kIdle;
        daemon.server->on_timer(daemon.now);
        CHECK(daemon.is_closed(fd));
    }
    SECTION("an answer after the server has gone") {
        daemon.send_text(fd, encode(Request{"show flows", {}, true}));
        daemon.rounds();
        daemon.server.reset();
        daemon.f.provider.asked[0].second({});
        CHECK(daemon.is_closed(fd));
        CHECK(access(daemon.path.c_str(), F_OK) != 0);
    }
    close(fd);
}

TEST_CASE("the socket: a reader of the monitor stays, and the others with it") {
    Daemon daemon;
    const int fd = daemon.client();
    gateway::TransitionView transition;
    transition.pair = kAliceBob;
    transition.from = "potential";
    transition.to = "pending";
    transition.row = "p.found";

    SECTION("lines come as they happen, without end; a question of another is answered meanwhile") {
        daemon.send_text(fd, encode(Request{"monitor", {}, true}));
        daemon.rounds();
        CHECK(parse_response(daemon.received(fd))->json["event"] == "begin");
        daemon.now += 10 * Server::kIdle;
        daemon.server->on_timer(daemon.now);
        for (int i = 0; i < 3; ++i) {
            daemon.monitor.tell(transition);
            daemon.rounds();
            CHECK(parse_response(daemon.received(fd))->json["reason"] == "p.found");
        }
        const int other = daemon.client();
        daemon.send_text(other, encode(Request{"show classes", {}, true}));
        daemon.rounds();
        CHECK(parse_response(daemon.received(other)).has_value());
        close(other);
        daemon.rounds();
    }
    SECTION("one that does not read loses lines, and is told how many") {
        daemon.send_text(fd, encode(Request{"monitor", {}, true}));
        daemon.rounds();
        transition.detail = std::string(1000, 'x');
        std::size_t told = 0;
        for (; daemon.monitor.num_lost() == 0; ++told) {
            REQUIRE(told < 10 * Monitor::kMaxLines);
            daemon.monitor.tell(transition);
            daemon.rounds(1);
        }
        daemon.monitor.tell(transition);
        CHECK(daemon.monitor.num_lost() == 2);
        std::string all, more;
        for (int quiet = 0; quiet < 3; more.empty() ? ++quiet : quiet = 0) {
            more = daemon.received(fd);
            all += more;
            daemon.rounds();
        }
        CHECK(static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n')) == told - 1 + 2);
        CHECK(parse_response(all.substr(all.rfind('\n', all.size() - 2) + 1))->json["lines"] == 2);
    }
    SECTION("gone: its place is free") {
        daemon.send_text(fd, encode(Request{"monitor", {}, false}));
        daemon.rounds();
        CHECK(daemon.monitor.num_readers() == 1);
        shutdown(fd, SHUT_WR);
        daemon.rounds();
        CHECK(daemon.monitor.num_readers() == 0);
        CHECK(daemon.server->num_clients() == 0);
        daemon.monitor.tell(transition);
        daemon.rounds();
    }
    SECTION("wrong hosts, and too many readers, are told so; the connection goes on") {
        daemon.send_text(fd, encode(Request{"monitor", {"alice"}, false}));
        daemon.rounds();
        CHECK(parse_response(daemon.received(fd))->status == Status::usage);
        daemon.send_text(fd, encode(Request{"monitor", {"192.1.0.65", "192.2.0.66", "x"}, false}));
        daemon.rounds();
        CHECK(parse_response(daemon.received(fd))->text == "usage: oegate monitor [SRC [DST]]");
        for (std::size_t i = 0; i < Monitor::kMaxReaders; ++i) daemon.monitor.open({}, true, [] {});
        daemon.send_text(fd, encode(Request{"monitor", {}, false}));
        daemon.rounds();
        CHECK(parse_response(daemon.received(fd))->status == Status::failed);
        daemon.send_text(fd, encode(Request{"show classes", {}, true}));
        daemon.rounds();
        CHECK(parse_response(daemon.received(fd))->status == Status::done);
    }
    SECTION("one that talks on is closed") {
        daemon.send_text(fd, encode(Request{"monitor", {}, false}));
        daemon.rounds();
        const std::string talk(8192, 'x');
        for (int i = 0; i < 4; ++i) {
            [[maybe_unused]] const auto sent = send(fd, talk.data(), talk.size(), MSG_NOSIGNAL);
            daemon.rounds();
        }
        CHECK(daemon.monitor.num_readers() == 0);
    }
    close(fd);
}

TEST_CASE("the socket: hostile input is refused and costs nothing") {
    Daemon daemon;
    const int fd = daemon.client();
    const char* const kMalformed[] = {"\n",
                                      "hello\n",
                                      "[]\n",
                                      "{}\n",
                                      "{\"verb\":5}\n",
                                      "{\"verb\":\"show status\",\"args\":{}}\n",
                                      "{\"verb\":\"show status\",\"args\":[5]}\n",
                                      "{\"verb\":\"\\u0000\\ud800\"}\n",
                                      "{\"verb\":\"nothing\"}\n",
                                      "{\"verb\":\"explain\",\"args\":[\"\xff\xfe\",\"\"]}\n",
                                      "{\"verb\":\"show "
                                      "status\",\"args\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
                                      "\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}\n"};
    for (const char* line : kMalformed) {
        CAPTURE(line);
        daemon.send_text(fd, line);
        daemon.rounds();
        const auto response = parse_response(daemon.received(fd));
        REQUIRE(response.has_value());
        CHECK(response->status == Status::usage);
        CHECK_FALSE(response->text.empty());
    }
    SECTION("deep nesting") {
        daemon.send_text(fd, std::string(15'000, '[') + "\n");
        daemon.rounds(20);
        CHECK(parse_response(daemon.received(fd))->status == Status::usage);
    }
    SECTION("a line without end") {
        const std::string part(8192, 'x');
        for (int i = 0; i < 5; ++i) {
            [[maybe_unused]] const auto sent = send(fd, part.data(), part.size(), MSG_NOSIGNAL);
            daemon.rounds();
        }
        daemon.rounds(20);
        CHECK(daemon.server->num_clients() == 0);
    }
    SECTION("too many clients") {
        std::vector<int> fds;
        for (std::size_t i = 0; i < Server::kMaxClients + 4; ++i) {
            fds.push_back(daemon.client());
            daemon.rounds(2);
        }
        CHECK(daemon.server->num_clients() == Server::kMaxClients);
        CHECK(parse_response(daemon.received(fds.back()))->status == Status::failed);
        for (const int other : fds) close(other);
        daemon.rounds(50);
        CHECK(daemon.server->num_clients() == 1);
    }
    close(fd);
}

TEST_CASE("a stale socket is replaced, a living one is not") {
    std::string path;
    {
        Daemon daemon;
        path = daemon.path;
        CHECK(Server::is_served(path));
        const auto second =
            Server::listen(path, daemon.reactor, daemon.f.commands, nullptr, [] { return Time{}; });
        REQUIRE_FALSE(second.has_value());
        CHECK(second.error() == "management socket " + path + ": another oegated is running on it");
    }
    loop::Reactor reactor;
    Fixture f;
    const auto directory = path.substr(0, path.rfind('/'));
    const auto nowhere =
        Server::listen("/nonexistent/a/b", reactor, f.commands, nullptr, [] { return Time{}; });
    REQUIRE_FALSE(nowhere.has_value());
    CHECK(nowhere.error() == "management socket /nonexistent/a/b: bind: No such file or directory");
    mkdir(directory.c_str(), 0700);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    close(dead);
    CHECK(Server::listen(path, reactor, f.commands, nullptr, [] { return Time{}; }).has_value());
    rmdir(directory.c_str());
}
