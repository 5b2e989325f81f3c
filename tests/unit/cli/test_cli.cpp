// What an operator types and the program answers by itself or hands to the daemon: help,
// usage, exit statuses, monitor, trace, capture.
#include "operator.hpp"

using namespace operating;

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
    const auto said = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--socket", d.file("nobody")});
        return oegate(d, arguments).err;
    };
    CHECK(contains(said({"explain", "192.1.0.65"}), "usage: oegate explain SRC DST [PROTO [PORT]]\n"));
    CHECK(contains(said({"show", "status", "now"}), "usage: oegate show status\n"));
    CHECK(contains(said({"flow", "clear", "192.1.0.65"}), "usage: oegate flow clear SRC DST\n"));
    CHECK(contains(said({"show", "everything"}), "expected one of: status, flows, tunnels, ike"));
    CHECK(contains(said({"key", "rollover", "now"}), "expected one of: "));
    CHECK(contains(said({"shwo", "status"}), "Run oegate --help for the commands.\n"));
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
