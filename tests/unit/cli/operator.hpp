// The built `oegate` program, run as an operator runs it: what it prints, on which
// stream, and its exit status. The daemon is a socket with a prepared answer.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"

namespace operating {

struct Outcome {
    int status = -1;
    std::string out;
    std::string err;
};

struct Directory {
    std::string path;
    Directory() {
        char name[] = "/tmp/oegate-test-cli.XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { [[maybe_unused]] const int status = std::system(("rm -r " + path).c_str()); }
    std::string file(const std::string& name) const { return path + "/" + name; }
};

inline std::string contents(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Runs the program with these arguments; waits for its end.
Outcome oegate(const Directory& directory, const std::vector<std::string>& arguments);
/// The daemon, which must find a reason not to start.
Outcome oegated(const Directory& directory, const std::vector<std::string>& arguments);

/// Accepts one client an answer, reads its line, gives the prepared answer.
class FakeDaemon {
  public:
    FakeDaemon(const std::string& path, std::string answer)
        : FakeDaemon(path, std::vector{std::move(answer)}) {}
    FakeDaemon(const std::string& path, std::vector<std::string> answers) : answers_(std::move(answers)) {
        fd_ = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(listen(fd_, 4) == 0);
        const timeval patience{20, 0};  // a program that never comes must not stop the test
        REQUIRE(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeDaemon() {
        shutdown(fd_, SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
        close(fd_);
    }
    const std::string& request() const { return requests_[0]; }
    /// All of them, once each answer was given.
    const std::vector<std::string>& requests() {
        thread_.join();
        return requests_;
    }

  private:
    void serve() {
        for (std::size_t i = 0; i < answers_.size(); ++i)
            if (!serve(answers_[i], requests_[i])) return;
    }
    bool serve(const std::string& answer, std::string& request) {
        const int client = accept(fd_, nullptr, nullptr);
        if (client < 0) return false;
        std::array<char, 4096> buffer;
        const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
        if (got > 0) request.assign(buffer.data(), static_cast<std::size_t>(got));
        if (!answer.empty()) {
            [[maybe_unused]] const auto sent = send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        }
        while (recv(client, buffer.data(), buffer.size(), 0) > 0) {
        }
        close(client);
        return true;
    }
    int fd_ = -1;
    std::vector<std::string> answers_;
    std::vector<std::string> requests_{answers_.size()};
    std::thread thread_;
};

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace operating
