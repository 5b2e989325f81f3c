// The built `oegate` program, run as an operator runs it: what it prints, on which
// stream, and its exit status. The daemon is a socket with a prepared answer.
#include <sys/socket.h>
#include <sys/stat.h>
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

namespace {

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

std::string contents(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

Outcome oegate(const Directory& directory, const std::vector<std::string>& arguments) {
    const std::string out = directory.file("out");
    const std::string err = directory.file("err");
    std::vector<const char*> argv{OEGATE_PROGRAM};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    argv.push_back(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (freopen(out.c_str(), "w", stdout) == nullptr || freopen(err.c_str(), "w", stderr) == nullptr)
            _exit(126);
        execv(OEGATE_PROGRAM, const_cast<char* const*>(argv.data()));
        _exit(127);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return {WEXITSTATUS(status), contents(out), contents(err)};
}

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

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("help, version, usage") {
    const Directory d;
    const Outcome help = oegate(d, {"--help"});
    CHECK(help.status == 0);
    for (const char* word : {"show", "explain", "config", "key", "dns", "--json", "--socket", "Exit status"})
        CHECK(contains(help.out, word));
    CHECK(oegate(d, {"--version"}).out == "oegate " OEGATE_VERSION "\n");
    const Outcome alone = oegate(d, {});
    CHECK(alone.status == 2);
    CHECK(contains(alone.err, "interactive shell is not there yet"));
    CHECK(contains(oegate(d, {"show", "--help"}).out, "tunnels"));
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{"shwo"},
                                                  {"show"},
                                                  {"show", "nothing"},
                                                  {"explain"},
                                                  {"explain", "192.1.0.65"},
                                                  {"show", "status", "now"},
                                                  {"config", "check"},
                                                  {"key", "generate"},
                                                  {"--nonsense"}}) {
        const Outcome outcome = oegate(d, wrong);
        CAPTURE(wrong);
        CHECK(outcome.status == 2);
        CHECK(outcome.out.empty());
        CHECK_FALSE(outcome.err.empty());
    }
}

TEST_CASE("no daemon: exit 9 and what to do") {
    const Directory d;
    const Outcome outcome = oegate(d, {"--socket", d.file("none"), "show", "status"});
    CHECK(outcome.status == 9);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "oegate: oegated is not running, or --socket is wrong: " + d.file("none") +
                             ": No such file or directory\n");
}

TEST_CASE("a daemon's answer is printed and its status is ours") {
    const Directory d;
    const std::string socket = d.file("s");
    SECTION("text") {
        FakeDaemon daemon(socket, "{\"status\":0,\"text\":\"all is well\\n\"}\n");
        const Outcome outcome = oegate(d, {"--socket", socket, "show", "flows", "192.1.0.65", "192.2.0.66"});
        CHECK(outcome.status == 0);
        CHECK(outcome.out == "all is well\n");
        CHECK(daemon.request() ==
              "{\"verb\":\"show flows\",\"args\":[\"192.1.0.65\",\"192.2.0.66\"],\"want\":\"text\"}\n");
    }
    SECTION("json, the flag behind the command") {
        FakeDaemon daemon(socket, "{\"status\":0,\"json\":{\"flows\":[]}}\n");
        const Outcome outcome = oegate(d, {"--socket", socket, "show", "flows", "--json"});
        CHECK(outcome.status == 0);
        CHECK(nlohmann::json::parse(outcome.out)["flows"].empty());
        CHECK(contains(daemon.request(), "\"want\":\"json\""));
    }
    SECTION("explain takes protocol and port") {
        FakeDaemon daemon(socket, "{\"status\":0,\"text\":\"\"}\n");
        CHECK(oegate(d, {"--socket", socket, "explain", "192.1.0.65", "192.2.0.66", "tcp", "443"}).status ==
              0);
        CHECK(contains(daemon.request(), "[\"192.1.0.65\",\"192.2.0.66\",\"tcp\",\"443\"]"));
    }
    SECTION("refusal") {
        FakeDaemon daemon(socket, "{\"status\":3,\"text\":\"no such tunnel\"}\n");
        const Outcome outcome =
            oegate(d, {"--socket", socket, "tunnel", "delete", "192.1.0.65", "192.2.0.66"});
        CHECK(outcome.status == 3);
        CHECK(outcome.out.empty());
        CHECK(outcome.err == "oegate: no such tunnel\n");
    }
    SECTION("nonsense") {
        FakeDaemon daemon(socket, "{\"status\":77}\n");
        CHECK(oegate(d, {"--socket", socket, "show", "status"}).status == 1);
    }
    SECTION("silence") {
        FakeDaemon daemon(socket, "");
        const Outcome outcome = oegate(d, {"--socket", socket, "--timeout", "100", "show", "status"});
        CHECK(outcome.status == 6);
        CHECK(outcome.err == "oegate: oegated did not answer within 100 ms\n");
    }
}

TEST_CASE("monitor: prints what comes, until enough") {
    const Directory d;
    const std::string socket = d.file("s");
    const std::string lines = R"({"status":0,"json":{"event":"begin"}})"
                              "\n"
                              R"({"status":0,"json":{"event":"transition","reason":"n.oe"}})"
                              "\n"
                              R"({"status":0,"json":{"event":"transition","reason":"g.keyed"}})"
                              "\n";
    SECTION("one object a line, and the hosts as they were named") {
        FakeDaemon daemon(socket, lines);
        const Outcome outcome =
            oegate(d, {"--socket", socket, "--json", "monitor", "192.1.0.65", "192.2.0.66", "--count", "2"});
        CHECK(outcome.status == 0);
        CHECK(outcome.out ==
              "{\"event\":\"begin\"}\n{\"event\":\"transition\",\"reason\":\"n.oe\"}\n"
              "{\"event\":\"transition\",\"reason\":\"g.keyed\"}\n");
        CHECK(contains(daemon.requests()[0], R"("verb":"monitor","args":["192.1.0.65","192.2.0.66"])"));
    }
    SECTION("it ends after its time") {
        FakeDaemon daemon(socket, lines);
        CHECK(oegate(d, {"--socket", socket, "--json", "monitor", "--seconds", "1"}).status == 0);
    }
    SECTION("refused: the daemon's words and status") {
        FakeDaemon daemon(socket, "{\"status\":1,\"text\":\"8 readers monitor already\"}\n");
        const Outcome outcome = oegate(d, {"--socket", socket, "monitor"});
        CHECK(outcome.status == 1);
        CHECK(outcome.out.empty());
        CHECK(outcome.err == "oegate: 8 readers monitor already\n");
    }
    SECTION("nobody answers") {
        FakeDaemon daemon(socket, "");
        CHECK(oegate(d, {"--socket", socket, "--timeout", "100", "monitor"}).status == 6);
    }
}

TEST_CASE("what a hand may mistype: exit 2, nothing on standard output, and what was expected") {
    const Directory d;
    const std::vector<std::vector<std::string>> wrong{
        {"shwo", "status"},
        {"show", "everything"},
        {"show"},
        {"show", "status", "now"},
        {"show", "flows", "1", "2", "3"},
        {"explain"},
        {"explain", "192.1.0.65"},
        {"flow", "clear", "192.1.0.65"},
        {"tunnel", "rekey"},
        {"route", "add", "192.3.0.0/24"},
        {"trace", "192.1.0.65", "192.2.0.66", "--count", "many"},
        {"trace", "192.1.0.65", "192.2.0.66", "--seconds", "-1"},
        {"capture", "start"},
        {"monitor", "1", "2", "3"},
        {"monitor", "--count", "-1"},
        {"monitor", "--seconds", "soon"},
        {"--timeout", "soon", "show", "status"},
        {"--no-such-option"},
        {"config", "check"},
        {"key", "generate"},
        {"key", "generate", "--out", d.file("k"), "--bits", "1024"},
        {"key", "generate", "--out", d.file("k"), "--bits", "3072x"},
        {"dns", "records", "--key", d.file("k")},
        {"dns", "records", "--key", d.file("k"), "--gateway", "192.1.1"},
        {"dns", "records", "--key", d.file("k"), "--gateway", "192.1.1.4", "--ttl", "-1"},
        {"dns", "records", "--key", d.file("k"), "--gateway", "192.1.1.4", "--precedence", "256",
         "192.1.0.65"},
        {"dns", "records", "--key", d.file("k"), "--gateway", "192.1.1.4", "alice"}};
    for (const auto& arguments : wrong) {
        std::string line;
        for (const std::string& argument : arguments) line += " " + argument;
        CAPTURE(line);
        std::vector<std::string> all{"--socket", d.file("nobody")};
        all.insert(all.end(), arguments.begin(), arguments.end());
        const Outcome outcome = oegate(d, all);
        CHECK(outcome.status == 2);
        CHECK(outcome.out.empty());
        CHECK_FALSE(outcome.err.empty());
        CHECK_FALSE(contains(outcome.err, "terminate"));
    }
    CHECK_FALSE(std::ifstream(d.file("k")).good());
}

TEST_CASE("trace: asks until the daemon says that it ended") {
    const Directory d;
    const std::string socket = d.file("s");
    const std::vector<std::string> answers{
        R"({"status":0,"json":{"trace":7}})"
        "\n",
        R"({"status":0,"json":{"records":[{"text":"1 parse"},{"text":"1 recall"}],"next":2,"ended":false}})"
        "\n",
        R"({"status":0,"json":{"records":[],"next":2,"ended":true,"why":"time","lost":3}})"
        "\n"};
    SECTION("text") {
        FakeDaemon daemon(socket, answers);
        const Outcome outcome = oegate(d, {"--socket", socket, "trace", "192.1.0.65", "192.2.0.66",
                                           "--protocol", "udp", "--count", "2", "--seconds", "5"});
        CHECK(outcome.status == 0);
        CHECK(outcome.out == "1 parse\n1 recall\nended: time, 3 records lost\n");
        const auto requests = daemon.requests();
        CHECK(contains(requests[0],
                       R"("args":["192.1.0.65","192.2.0.66","protocol=udp","count=2","seconds=5"])"));
        CHECK(contains(requests[0], R"("verb":"trace start")"));
        CHECK(contains(requests[1], R"("args":["7","0"])"));
        CHECK(contains(requests[2], R"("args":["7","2"])"));
    }
    SECTION("json: one document at the end") {
        FakeDaemon daemon(socket, answers);
        const Outcome outcome =
            oegate(d, {"--socket", socket, "--json", "trace", "192.1.0.65", "192.2.0.66"});
        CHECK(outcome.status == 0);
        const auto document = nlohmann::json::parse(outcome.out);
        CHECK(document["records"].size() == 2);
        CHECK(document["lost"] == 3);
    }
    SECTION("refused") {
        FakeDaemon daemon(socket, "{\"status\":5,\"text\":\"a trace runs\"}\n");
        const Outcome outcome = oegate(d, {"--socket", socket, "trace", "192.1.0.65", "192.2.0.66"});
        CHECK(outcome.status == 5);
        CHECK(outcome.out.empty());
        CHECK(outcome.err == "oegate: a trace runs\n");
    }
    SECTION("one address is not a pair") {
        const Outcome outcome = oegate(d, {"--socket", socket, "trace", "192.1.0.65"});
        CHECK(outcome.status == 2);
        CHECK(outcome.out.empty());
    }
}

TEST_CASE("capture: options become the daemon's arguments") {
    const Directory d;
    const std::string socket = d.file("s");
    SECTION("of an interface") {
        FakeDaemon daemon(socket, "{\"status\":0,\"text\":\"\"}\n");
        CHECK(oegate(d, {"--socket", socket, "capture", "start", "monday", "--interface", "inside",
                         "--seconds", "30"})
                  .status == 0);
        CHECK(contains(daemon.request(), R"("verb":"capture start")"));
        CHECK(contains(daemon.request(), R"("args":["monday","interface=inside","seconds=30")"));
    }
    SECTION("of one reason") {
        FakeDaemon daemon(socket, "{\"status\":0,\"text\":\"\"}\n");
        CHECK(oegate(d, {"--socket", socket, "capture", "start", "a", "--drops", "esp_replayed"}).status ==
              0);
        CHECK(contains(daemon.request(), R"("drops=esp_replayed")"));
    }
    SECTION("of decrypted datagrams of a pair") {
        FakeDaemon daemon(socket, "{\"status\":0,\"text\":\"\"}\n");
        CHECK(oegate(d, {"--socket", socket, "capture", "start", "a", "--decrypted", "--pair", "192.1.0.65",
                         "192.2.0.66"})
                  .status == 0);
        CHECK(contains(daemon.request(), R"("decrypted","pair=192.1.0.65,192.2.0.66")"));
    }
}

TEST_CASE("config check: exit 8, every problem, on standard output") {
    const Directory d;
    const std::string file = d.file("bad.yaml");
    std::ofstream(file)
        << "nmae: a\n"
           "interfaces:\n"
           "  - {name: out, role: outside, device: net_ring0, addresses: [192.1.2.2/24], mtu: 100}\n"
           "timers: {hold: 30}\n";
    const Outcome text = oegate(d, {"config", "check", file});
    CHECK(text.status == 8);
    CHECK(text.out == file + ":1:1: unknown key \"nmae\", expected \"name\"\n" + file +
                          ":3:83: \"mtu\": \"100\" is out of range, expected a number from 1280 to 9000\n" +
                          file +
                          ":4:16: \"hold\": \"30\" has no unit, expected a duration from 1s to 5min, such as "
                          "500ms, 30s, 10min or 6h\n");
    const Outcome json = oegate(d, {"--json", "config", "check", file});
    CHECK(json.status == 8);
    const auto parsed = nlohmann::json::parse(json.out);
    CHECK(parsed["ok"] == false);
    REQUIRE(parsed["problems"].size() == 3);
    CHECK(parsed["problems"][1]["line"] == 3);
    CHECK(parsed["problems"][1]["column"] == 83);

    const Outcome missing = oegate(d, {"config", "check", d.file("none.yaml")});
    CHECK(missing.status == 8);
    CHECK(contains(missing.out, "cannot be read: No such file or directory"));
    const Outcome good =
        oegate(d, {"config", "check", "--no-files", OEGATE_SOURCE_DIR "/configs/minimal.yaml"});
    CHECK(good.status == 0);
    CHECK(contains(good.out, ": ok\n"));
    CHECK(oegate(d, {"config", "document"}).out == contents(OEGATE_SOURCE_DIR "/docs/configuration.md"));
}

TEST_CASE("key generate, then dns records") {
    const Directory d;
    const std::string key = d.file("key.pem");
    const Outcome made = oegate(d, {"key", "generate", "--out", key, "--bits", "2048"});
    CHECK(made.status == 0);
    struct stat status {};
    REQUIRE(stat(key.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    const std::string first = contents(key);
    CHECK(first.starts_with("-----BEGIN PRIVATE KEY-----"));
    CHECK_FALSE(contains(made.out, "PRIVATE"));

    const Outcome again = oegate(d, {"key", "generate", "--out", key, "--bits", "2048"});
    CHECK(again.status == 1);
    CHECK(contains(again.err, key));
    CHECK(contents(key) == first);
    CHECK(oegate(d, {"key", "generate", "--out", d.file("k"), "--bits", "1024"}).status == 2);

    const Outcome records = oegate(d, {"dns", "records", "--key", key, "--gateway", "192.1.1.4", "--host",
                                       "192.1.0.65", "--host", "192.1.0.66"});
    CHECK(records.status == 0);
    CHECK(contains(records.out, "65.0.1.192.in-addr.arpa."));
    CHECK(contains(records.out, "66.0.1.192.in-addr.arpa."));
    CHECK(contains(records.out, "IPSECKEY"));
    CHECK(contains(records.out, "X-IPsec-Server"));
    CHECK(
        nlohmann::json::parse(
            oegate(d, {"--json", "dns", "records", "--key", key, "--gateway", "2001:db8::4"}).out)["records"]
            .size() >= 1);

    CHECK(oegate(d, {"dns", "records", "--key", key, "--gateway", "here"}).status == 2);
    CHECK(oegate(d, {"dns", "records", "--key", key, "--gateway", "192.1.1.4", "--host", "x"}).status == 2);
    CHECK(oegate(d, {"dns", "records", "--key", d.file("none"), "--gateway", "192.1.1.4"}).status == 3);
    REQUIRE(chmod(key.c_str(), 0644) == 0);
    CHECK(oegate(d, {"dns", "records", "--key", key, "--gateway", "192.1.1.4"}).status == 4);
}

namespace {

/// A configuration that loads, with its key; the resolver is a port where nobody listens.
std::string rollover_config(const Directory& d) {
    REQUIRE(oegate(d, {"key", "generate", "--out", d.file("key.pem"), "--bits", "2048"}).status == 0);
    std::ofstream(d.file("oegate.yaml"))
        << "interfaces:\n"
           "  - {name: outside, role: outside, device: net_ring0, addresses: [192.1.1.5/24]}\n"
           "classes:\n"
           "  - {class: oe-permissive, destinations: [0.0.0.0/0]}\n"
           "dns: {resolvers: [{address: 127.0.0.1, port: 9}]}\n"
           "ike: {private-key: key.pem}\n"
           "publication: {hosts: [192.2.0.66]}\n";
    return d.file("oegate.yaml");
}

}  // namespace

TEST_CASE("key rollover: made, refused while the zones cannot be seen, given up") {
    const Directory d;
    const std::string config = rollover_config(d);
    const std::string key = contents(d.file("key.pem"));
    const Outcome idle = oegate(d, {"key", "rollover", "activate", "--config", config});
    CHECK(idle.status == 1);
    CHECK(contains(idle.err, "no rollover runs"));

    const Outcome started =
        oegate(d, {"--json", "key", "rollover", "start", "--bits", "2048", "--config", config});
    CHECK(started.status == 0);
    const auto json = nlohmann::json::parse(started.out);
    CHECK(json["state"] == "announced");
    // Of the host IPSECKEY and TXT, of the gateway IPSECKEY, and all that of both keys.
    CHECK(json["records"].size() == 6);
    CHECK_FALSE(contains(started.out, "PRIVATE"));
    struct stat status {};
    REQUIRE(stat(d.file("key.pem.next").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);

    const Outcome refused = oegate(d, {"key", "rollover", "activate", "--config", config});
    CHECK(refused.status == 7);
    CHECK(contains(refused.out, "missing: 192.2.0.66"));
    CHECK(contains(refused.err, "not to be seen everywhere"));
    CHECK(contents(d.file("key.pem")) == key);

    CHECK(oegate(d, {"key", "rollover", "cancel", "--config", config}).status == 0);
    CHECK(stat(d.file("key.pem.next").c_str(), &status) != 0);
    CHECK(contents(d.file("key.pem")) == key);
}

TEST_CASE("key rollover and dns verify: what is wrong with the order itself") {
    const Directory d;
    const std::string config = rollover_config(d);
    CHECK(oegate(d, {"key", "rollover"}).status == 2);
    CHECK(oegate(d, {"key", "rollover", "begin"}).status == 2);
    CHECK(oegate(d, {"key", "rollover", "start", "--bits", "1024", "--config", config}).status == 2);
    CHECK(oegate(d, {"key", "rollover", "status", "--config", d.file("none.yaml")}).status == 8);
    CHECK(oegate(d, {"key", "rollover", "status", "--resolver", "x", "--config", config}).status == 2);
    CHECK(oegate(d, {"key", "rollover", "status", "--ignore-authority", "x", "--config", config}).status ==
          2);
    std::ofstream(d.file("key.pem.rollover")) << "not ours";
    const Outcome notes = oegate(d, {"key", "rollover", "status", "--config", config});
    CHECK(notes.status == 1);
    CHECK(contains(notes.err, "key.pem.rollover: not a JSON object"));

    CHECK(oegate(d, {"dns", "verify", "--config", config, "192.2.0.0/16"}).status == 2);
    CHECK(oegate(d, {"dns", "verify", "--config", config, "a..b"}).status == 2);
    CHECK(oegate(d, {"dns", "verify", "--config", config, "--gateway", "here"}).status == 2);
    CHECK(oegate(d, {"dns", "verify", "--config", config, "--public-key", "AAAA"}).status == 2);
    CHECK(oegate(d, {"dns", "verify", "--config", config, "--key", d.file("none")}).status == 3);
    const Outcome unseen = oegate(d, {"--json", "dns", "verify", "--config", config, "192.2.0.66"});
    CHECK(unseen.status == 7);
    CHECK(nlohmann::json::parse(unseen.out)["verdicts"][0]["verdict"] == "unreachable");
}
