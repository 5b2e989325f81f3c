// The commands that need no daemon: config check, keys, records, and what is wrong with an
// order of `key rollover` or `dns verify` before anything is asked.
#include "operator.hpp"

using namespace operating;

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

TEST_CASE("config check: files that are there and of no use to the daemon") {
    const Directory d;
    const std::string key = d.file("key.pem"), anchors = d.file("root.key"), file = d.file("oegate.yaml");
    const auto check = [&](const std::string& options = "") {
        std::ofstream(file)
            << "interfaces:\n"
               "  - {name: outside, role: outside, device: net_ring0, addresses: [192.1.1.5/24]}\n"
               "classes:\n"
               "  - {class: oe-permissive, destinations: [0.0.0.0/0]}\n"
               "dns: {resolvers: [{address: 127.0.0.1}]"
            << options
            << "}\n"
               "ike: {private-key: key.pem}\n";
        return oegate(d, {"config", "check", file});
    };
    std::ofstream(key) << "no key\n";
    REQUIRE(chmod(key.c_str(), 0600) == 0);
    const Outcome no_key = check();
    CHECK(no_key.status == 8);
    CHECK(contains(no_key.out, file + ": ike.private-key: " + key));
    CHECK(contains(no_key.out, "expected a key made by \"oegate key generate\""));
    CHECK(oegate(d, {"config", "check", "--no-files", file}).status == 0);
    const auto json = nlohmann::json::parse(oegate(d, {"--json", "config", "check", file}).out);
    CHECK(json["ok"] == false);
    CHECK(json["problems"].size() == 1);

    REQUIRE(unlink(key.c_str()) == 0);
    REQUIRE(oegate(d, {"key", "generate", "--out", key, "--bits", "2048"}).status == 0);
    CHECK(check().status == 0);
    std::ofstream(anchors) << "; none yet\n";
    const Outcome no_anchor = check(", validation: own, trust-anchors: " + anchors);
    CHECK(no_anchor.status == 8);
    CHECK(contains(no_anchor.out, file + ": dns.trust-anchors: " + anchors + ": no trust anchor"));
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
