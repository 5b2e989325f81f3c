// The configuration: what is refused and exactly how that is said, what is accepted,
// that the documents and the shipped files agree with the key table.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "config/keys.hpp"
#include "config/loader.hpp"

using namespace oegate;
using namespace oegate::config;

namespace {

constexpr const char* kGood = R"(interfaces:
  - {name: in, role: inside, device: net_ring0, addresses: [192.1.0.1/24, "2001:db8:a::1/64"]}
  - {name: out, role: outside, device: net_ring1, addresses: [192.1.2.2/24]}
routes:
  - {prefix: 0.0.0.0/0, via: 192.1.2.254}
)";

std::vector<std::string> problems_of(const std::string& text, LoadOptions options = {.check_files = false}) {
    const auto result = load_text(text, "f.yaml", options);
    std::vector<std::string> lines;
    if (!result)
        for (const Problem& problem : result.error()) lines.push_back(problem.text());
    return lines;
}

std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE(file.good());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

struct Bad {
    const char* text;
    std::vector<std::string> messages;
    bool append_to_good = true;  // text follows kGood, so that it starts at line 6
};

const std::vector<Bad> kBad{
    // The shape of the file.
    {"", {"f.yaml:1:1: file is empty, expected a mapping of keys to values"}, false},
    {"just text",
     {"f.yaml:1:1: the file is not a mapping, expected keys with values, such as \"name: gateway\""},
     false},
    {"name: [a\n", {"f.yaml:2:1: not YAML: end of sequence flow not found, expected correct YAML"}, false},
    {"name: a\n---\nname: b\n", {"f.yaml:3:1: second document in the file, expected one document"}, false},
    {"name: a\x01", {"f.yaml:1:8: control character, expected YAML text in UTF-8"}, false},
    {"name: \xff\xfe", {"f.yaml:1:7: byte that is not UTF-8, expected YAML text in UTF-8"}, false},
    {"name: a\nname: b\n", {"f.yaml:7:1: key \"name\" is given twice, expected it once"}},
    {"name: &n a\n", {"f.yaml:6:7: anchor, expected no anchor: anchors and aliases are not supported"}},
    {"name: !!str a\n",
     {"f.yaml:6:7: tag \"tag:yaml.org,2002:str\", expected no tag: tags are not supported"}},
    {"name: a\n",
     {"f.yaml:1:1: \"interfaces\" is missing, expected a list of mappings (\"- key: value\")"},
     false},
    // Keys.
    {"nmae: a\n", {"f.yaml:6:1: unknown key \"nmae\", expected \"name\""}},
    {"log_level: info\n",
     {"f.yaml:6:1: unknown key \"log_level\", expected one of: name, interfaces, routes, classes, "
      "default-class, peers, dataplane, dns, ike, timers, limits, sticky, publication, management"}},
    {"management: {log_level: info}\n", {"f.yaml:6:14: unknown key \"log_level\", expected \"log-level\""}},
    {"interfaces:\n  - {name: a, rolle: outside, device: x, addresses: [192.0.2.1/24]}\n",
     {"f.yaml:2:15: unknown key \"rolle\", expected \"role\""},
     false},
    {"interfaces:\n  - {name: a, role: outside, addresses: [192.0.2.1/24]}\n",
     {"f.yaml:2:5: \"device\" is missing, expected text of 1 to 256 characters"},
     false},
    // Types and ranges.
    {"dataplane: {flows-per-worker: many}\n",
     {"f.yaml:6:31: \"flows-per-worker\": \"many\" is not a whole number, expected a number from 1024 to "
      "4194304"}},
    {"dataplane: {flows-per-worker: 12}\n",
     {"f.yaml:6:31: \"flows-per-worker\": \"12\" is out of range, expected a number from 1024 to 4194304"}},
    {"dataplane: {flows-per-worker: 99999999999999999999}\n",
     {"f.yaml:6:31: \"flows-per-worker\": \"99999999999999999999\" is not a whole number, expected a number "
      "from 1024 "
      "to 4194304"}},
    {"dataplane: {flows-per-worker: \"2048\"}\n",
     {"f.yaml:6:31: \"flows-per-worker\": \"2048\" is not a whole number, expected a number from 1024 to "
      "4194304"}},
    {"dataplane: {replay-window: 100}\n",
     {"f.yaml:6:28: \"replay-window\": \"100\" is out of range, expected a number from 32 to 32768, a "
      "multiple of 32, or 0 for off"}},
    {"dataplane: {icmp-on-deny: yes}\n",
     {"f.yaml:6:27: \"icmp-on-deny\": \"yes\" is neither true nor false, expected true or false"}},
    {"dataplane: {idle: lazy}\n",
     {"f.yaml:6:19: \"idle\": \"lazy\" is unknown, expected busy, adaptive, interrupt"}},
    {"dataplane: [1]\n", {"f.yaml:6:12: \"dataplane\" is a list, expected a mapping of keys to values"}},
    {"dataplane:\n", {"f.yaml:6:1: \"dataplane\" has no value, expected a mapping of keys to values"}},
    {"dataplane: {lcores: 1}\n",
     {"f.yaml:6:21: \"lcores\": \"1\" is a plain value, expected a list such as [...]; each: a number from 0 "
      "to 127"}},
    {"dataplane: {lcores: []}\n",
     {"f.yaml:6:21: \"lcores\" is an empty list, expected at least one: a number from 0 to 127"}},
    {"dataplane: {lcores: [1, 2, 1]}\n",
     {"f.yaml:6:28: \"lcores\": \"1\" is listed twice, expected each value once"}},
    {"dataplane: {lcores: [1, 128]}\n",
     {"f.yaml:6:25: \"lcores\": \"128\" is out of range, expected a number from 0 to 127"}},
    {"timers: {hold: 30}\n",
     {"f.yaml:6:16: \"hold\": \"30\" has no unit, expected a duration from 1s to 5min, such as 500ms, 30s, "
      "10min or 6h"}},
    {"timers: {hold: 30 parsecs}\n",
     {"f.yaml:6:16: \"hold\": \"30 parsecs\" is not a duration, expected a duration from 1s to 5min, such as "
      "500ms, 30s, "
      "10min or 6h"}},
    {"timers: {hold: 9000000000h}\n",
     {"f.yaml:6:16: \"hold\": \"9000000000h\" is not a duration, expected a duration from 1s to 5min, such "
      "as "
      "500ms, "
      "30s, 10min or 6h"}},
    {"timers: {hold: -3s}\n",
     {"f.yaml:6:16: \"hold\": \"-3s\" is out of range, expected a duration from 1s to 5min, such as 500ms, "
      "30s, 10min "
      "or 6h"}},
    {"ike: {child-bytes: 3 kg}\n",
     {"f.yaml:6:20: \"child-bytes\": \"3 kg\" is not a size, expected a size such as 500MB or 10GiB, at "
      "least "
      "1MiB, or "
      "0 for off"}},
    {"default-class: configured\n",
     {"f.yaml:6:16: class configured needs a peer and destinations, expected one of the other classes, or "
      "an entry of classes"}},
    {"name: a gateway\n",
     {"f.yaml:6:7: \"name\": \"a gateway\" holds a character that a name must not have, expected a name of 1 "
      "to 64 "
      "characters out of letters, digits, \"-\", \"_\", \".\""}},
    // Interfaces and addresses.
    {"interfaces:\n  - {name: a, role: inside, device: x, addresses: [192.0.2.1/24]}\n",
     {"f.yaml:1:1: no outside interface, expected at least one interface with role outside"},
     false},
    {"interfaces:\n"
     "  - {name: a, role: outside, device: x, addresses: [192.0.2.1/24]}\n"
     "  - {name: a, role: inside, device: x, addresses: [192.0.2.1/24, 192.0.2.0/25]}\n",
     {"f.yaml:3:12: name \"a\" is given twice (line 2), expected a name of its own for each interface",
      "f.yaml:3:37: device \"x\" has an untagged interface already (line 2), expected different VLANs on one "
      "device",
      "f.yaml:3:52: address 192.0.2.1 is interface a's already, expected each address once",
      "f.yaml:3:66: subnet 192.0.2.0/25 overlaps 192.0.2.0/24 of interface a, expected subnets that do not "
      "overlap",
      "f.yaml:3:66: 192.0.2.0 is the network or broadcast address of 192.0.2.0/25, expected a host's "
      "address"},
     false},
    {"interfaces:\n  - {name: a, role: outside, device: x, mtu: 576, vlan: 4095, addresses: [192.0.2.300/24, "
     "10.0.0.1, "
     "127.0.0.1/8]}\n",
     {"f.yaml:2:46: \"mtu\": \"576\" is out of range, expected a number from 1280 to 9000",
      "f.yaml:2:57: \"vlan\": \"4095\" is out of range, expected a number from 1 to 4094, or 0 for off",
      "f.yaml:2:75: \"addresses\": \"192.0.2.300/24\" is not an address with a prefix length, expected an "
      "address with "
      "its prefix length, such as 192.0.2.1/24 or 2001:db8::1/64",
      "f.yaml:2:91: \"addresses\": \"10.0.0.1\" is not an address with a prefix length, expected an address "
      "with its "
      "prefix length, such as 192.0.2.1/24 or 2001:db8::1/64",
      "f.yaml:2:101: 127.0.0.1 is no unicast address of a subnet, expected a unicast address that is neither "
      "loopback "
      "nor link-local"},
     false},
    {"interfaces:\n  - {name: a, role: management, device: x, addresses: [192.0.2.1/24]}\n",
     {"f.yaml:2:21: \"role\": \"management\" is unknown, expected inside, outside"},
     false},
    // Routes and classes.
    {"classes:\n  - {class: deny, destinations: [10.0.0.0/8]}\n  - {class: always-clear-text, destinations: "
     "[10.0.0.0/8]}\n",
     {"f.yaml:8:47: prefix 10.0.0.0/8 is also in class deny (line 7), expected each prefix in one class: two "
      "classes "
      "that tie decide nothing"}},
    {"classes:\n  - {class: deny, destinations: [10.0.0.1/8, 10/8, ten]}\n",
     {"f.yaml:7:34: \"destinations\": \"10.0.0.1/8\" has bits set behind its prefix length, expected "
      "10.0.0.0/8",
      "f.yaml:7:46: \"destinations\": \"10/8\" is not a prefix, expected a prefix such as 192.0.2.0/24 or "
      "2001:db8::/32",
      "f.yaml:7:52: \"destinations\": \"ten\" is not a prefix, expected a prefix such as 192.0.2.0/24 or "
      "2001:db8::/32"}},
    {"classes:\n  - {class: deny, destinations: [10.0.0.0/8], sources: [192.0.2.0/24]}\n"
     "  - {class: always-clear-text, destinations: [10.0.0.0/8], sources: [192.0.2.0/25, 192.0.2.0/24]}\n"
     "  - {class: deny, destinations: [10.0.0.0/8], sources: [\"2001:db8::/32\"]}\n",
     {"f.yaml:8:47: prefix 10.0.0.0/8 from 192.0.2.0/24 is also in class deny (line 7), expected each prefix "
      "in one class: two classes that tie decide nothing",
      "f.yaml:9:57: source 2001:db8::/32 is of another family than every destination, expected a prefix of a "
      "destination's family"}},
    {"classes:\n  - {class: configured, destinations: [10.0.0.0/8]}\n"
     "  - {class: deny, destinations: [10.1.0.0/16], peer: x, require-secure: true}\n"
     "default-class: configured\n",
     {"f.yaml:7:13: class configured without a peer, expected peer: the name of one of peers",
      "f.yaml:8:54: class deny has no peer, expected class: configured",
      "f.yaml:8:54: peer \"x\" is unknown, expected the name of one of peers",
      "f.yaml:8:73: class deny asks no DNS, expected an opportunistic class",
      "f.yaml:9:16: class configured needs a peer and destinations, expected one of the other classes, or an "
      "entry of classes"}},
    // Peers.
    {"peers:\n  - {name: a, gateway: 224.0.0.1, keys: [AwEAAc==]}\n  - {name: a, gateway: 198.51.100.1, "
     "identity: 224.0.0.1, keys: [x]}\n",
     {"f.yaml:6:1: a class that encrypts without a private key, expected ike.private-key, a file made by "
      "\"oegate key generate\"",
      "f.yaml:7:24: 224.0.0.1 is no address of a gateway, expected the peer's outside address",
      "f.yaml:7:42: no RSA key in base64, expected the last field of an IPSECKEY record (\"oegate dns "
      "records\" prints it)",
      "f.yaml:8:5: identity 224.0.0.1 is also that of peer a, expected an identity of its own for each peer",
      "f.yaml:8:12: name \"a\" is given twice (line 7), expected a name of its own for each peer",
      "f.yaml:8:66: no RSA key in base64, expected the last field of an IPSECKEY record (\"oegate dns "
      "records\" prints it)"}},
    {"publication: {hosts: [10.0.0.0/23, 10.0.2.0/24]}\n",
     {"f.yaml:6:23: 10.0.0.0/23 has more than 256 addresses, expected prefixes of at most 256 addresses"}},
    // What an opportunistic class needs.
    {"default-class: oe-permissive\n",
     {"f.yaml:6:16: opportunistic class without a resolver, expected dns.resolvers with at least one "
      "validating "
      "resolver",
      "f.yaml:6:16: a class that encrypts without a private key, expected ike.private-key, a file made by "
      "\"oegate key "
      "generate\""}},
    {"dns: {resolvers: []}\n",
     {"f.yaml:6:18: \"resolvers\" is an empty list, expected a list of mappings (\"- key: value\")"}},
    {"ike: {identities: [192.1.0.1]}\ndefault-class: oe-paranoid\ndns: {resolvers: [{address: 127.0.0.1}]}\n",
     {"f.yaml:6:1: a class that encrypts without a private key, expected ike.private-key, a file made by "
      "\"oegate key "
      "generate\"",
      "f.yaml:6:20: identity 192.1.0.1 is no address of an outside interface, expected one of our outside "
      "addresses"}},
    {"ike: {private-key: 5, prvate-key: x, suites: [aes128-cbc]}\n",
     {"f.yaml:6:23: unknown key \"prvate-key\", expected \"private-key\"",
      "f.yaml:6:47: \"suites\": \"aes128-cbc\" is unknown, expected aes128-gcm16, aes256-gcm16, "
      "chacha20-poly1305, aes128-sha1, aes256-sha1, aes128-sha256, aes256-sha256, aes128-sha384, "
      "aes256-sha384, aes128-sha512, aes256-sha512"}},
    // Values that contradict each other.
    {"dataplane: {lcores: [1, 2], control-lcore: 2}\n",
     {"f.yaml:6:44: lcore 2 is both a worker's and the control thread's, expected a core of its own for "
      "each, or idle: adaptive"}},
    {"dataplane: {lcores: [0]}\n",
     {"f.yaml:6:22: lcore 0 is both a worker's and the control thread's, expected a core of its own for "
      "each, or idle: adaptive"}},
    {"dns: {timeout: 1s, retransmit: 2s}\n",
     {"f.yaml:6:32: dns.retransmit is longer than dns.timeout, expected at most dns.timeout"}},
};

}  // namespace

TEST_CASE("each mistake is told exactly, with its place") {
    for (const Bad& bad : kBad) {
        const std::string text = (bad.append_to_good ? kGood : "") + std::string(bad.text);
        INFO(text);
        CHECK(problems_of(text) == bad.messages);
    }
}

TEST_CASE("three mistakes print three messages") {
    const auto lines = problems_of(std::string(kGood) +
                                   "nmae: a\n"
                                   "dataplane: {idle: lazy}\n"
                                   "timers:\n"
                                   "  hold: 30\n");
    CHECK(lines ==
          std::vector<std::string>{
              "f.yaml:6:1: unknown key \"nmae\", expected \"name\"",
              "f.yaml:7:19: \"idle\": \"lazy\" is unknown, expected busy, adaptive, interrupt",
              "f.yaml:9:9: \"hold\": \"30\" has no unit, expected a duration from 1s to 5min, such as 500ms, "
              "30s, 10min or 6h"});
}

TEST_CASE("routes lead somewhere") {
    const std::string interfaces = std::string(kGood).substr(0, std::string(kGood).find("routes:"));
    CHECK(
        problems_of(interfaces + "routes:\n"
                                 "  - {prefix: 10.0.0.0/8, via: 192.1.3.1}\n"
                                 "  - {prefix: \"::/0\", via: 192.1.2.254}\n"
                                 "  - {prefix: 10.0.0.0/8, via: 192.1.2.2}\n"
                                 "  - {prefix: 11.0.0.0/8}\n") ==
        std::vector<std::string>{
            "f.yaml:5:31: next hop 192.1.3.1 is in no subnet of an interface, expected an address in one of: "
            "192.1.0.0/24, 192.1.2.0/24",
            "f.yaml:6:27: next hop 192.1.2.254 is of another family than ::/0, expected an IPv6 address",
            "f.yaml:7:14: prefix 10.0.0.0/8 has a route already (line 5), expected one route for each prefix",
            "f.yaml:7:31: next hop 192.1.2.2 is our own address (out), expected a neighbour's address",
            "f.yaml:8:5: \"via\" is missing, expected an address such as 192.0.2.1 or 2001:db8::1"});
}

TEST_CASE("a mistake in an interface is told once, not again by what depends on it") {
    CHECK(problems_of("interfaces:\n"
                      "  - {name: in, role: inside, device: a, addresses: [192.1.0.1/24]}\n"
                      "  - {name: out, role: outsid, device: b, addresses: [192.1.2/24]}\n"
                      "routes:\n"
                      "  - {prefix: 0.0.0.0/0, via: 192.1.2.254}\n")
              .size() == 2);
}

TEST_CASE("a good file gives the typed configuration") {
    const auto config = load_text(std::string(kGood) + R"(name: sg-a
classes:
  - {class: oe-permissive, destinations: [0.0.0.0/0, "::/0"]}
  - class: deny
    destinations:
      - 198.51.100.0/24
default-class: always-clear-text
dataplane: {lcores: [1, 2], idle: adaptive, huge-pages: none, replay-window: 128, clear-grace: 0s, icmp-on-deny: false}
dns:
  resolvers:
    - {address: 127.0.0.1, trusted-path: true}
    - {address: "2001:db8::53", port: 5353}
  timeout: 1500ms
ike: {private-key: keys/a.pem, groups: [modp2048], suites: [aes256-gcm16], child-bytes: 10GiB, child-packets: 0, identities: [192.1.2.2]}
timers: {hold: 10s, look-again: 1min, normal-failure: 1d}
limits: {connections: 100}
management: {socket: /tmp/s, log-level: debug}
)",
                                  "/etc/oegate/oegate.yaml", {.check_files = false});
    REQUIRE(config.has_value());
    CHECK(config->name == "sg-a");
    REQUIRE(config->interfaces.size() == 2);
    CHECK(config->interfaces[0].name == "in");
    CHECK(config->interfaces[0].role == InterfaceRole::inside);
    REQUIRE(config->interfaces[0].addresses.size() == 2);
    CHECK(config->interfaces[0].addresses[1].address.text() == "2001:db8:a::1");
    CHECK(config->interfaces[0].addresses[1].subnet.text() == "2001:db8:a::/64");
    CHECK(config->interfaces[1].mtu == 1500);
    REQUIRE(config->routes.size() == 1);
    CHECK(config->routes[0].via.text() == "192.1.2.254");
    REQUIRE(config->classes.size() == 2);
    CHECK(config->classes[0].kind == ClassKind::oe_permissive);
    CHECK(config->classes[0].destinations[1].text() == "::/0");
    CHECK(config->default_class == ClassKind::always_clear_text);
    CHECK(config->dataplane.lcores == std::vector<unsigned>{1, 2});
    CHECK(config->dataplane.idle == IdleMode::adaptive);
    CHECK(config->dataplane.huge_pages == HugePages::none);
    CHECK(config->dataplane.replay_window == 128);
    CHECK(config->dataplane.clear_grace == 0s);
    CHECK_FALSE(config->dataplane.icmp_on_deny);
    REQUIRE(config->dns.resolvers.size() == 2);
    CHECK(config->dns.resolvers[0].trusted_path);
    CHECK(config->dns.resolvers[0].port == 53);
    CHECK(config->dns.resolvers[1].port == 5353);
    CHECK(config->dns.timeout == 1500ms);
    CHECK(config->ike.private_key == "/etc/oegate/keys/a.pem");
    CHECK(config->ike.groups == std::vector<DhGroup>{DhGroup::modp2048});
    CHECK(config->ike.suites == std::vector<EspSuite>{EspSuite::aes_gcm_16_256});
    CHECK(config->ike.child_bytes == std::uint64_t{10} << 30);
    CHECK(config->timers.normal_failure == 24h);
    CHECK(config->limits.connections == 100);
    CHECK(config->management.log_level == LogLevel::debug);

    SECTION("and what is shown loads to the same again") {
        const std::string shown = show(*config);
        const auto again = load_text(shown, "/shown.yaml", {.check_files = false});
        INFO(shown);
        REQUIRE(again.has_value());
        CHECK(show(*again) == shown);
        CHECK(again->dns.resolvers[1].address == config->dns.resolvers[1].address);
        CHECK(again->ike.child_bytes == config->ike.child_bytes);
    }
}

TEST_CASE("interfaces may share a device under different VLANs") {
    CHECK(problems_of("interfaces:\n"
                      "  - {name: a, role: outside, device: x, vlan: 10, addresses: [192.0.2.1/24]}\n"
                      "  - {name: b, role: inside, device: x, vlan: 20, addresses: [198.51.100.1/24]}\n")
              .empty());
}

TEST_CASE("every default is within its own range and loads") {
    Config sample;
    for (const Key& key : keys())
        if (key.kind == Key::Kind::sections) key.add(sample);
    for (const Key& key : keys()) {
        CAPTURE(key.path);
        CHECK_FALSE(key.help.empty());
        if (key.kind != Key::Kind::value || key.accept.required) continue;
        const std::string text = key.show(sample, 0, key.accept);
        if (text == "\"\"") continue;
        Config config = sample;
        Node node;
        node.kind = Node::Kind::scalar;
        node.text = text;
        CHECK_FALSE(key.read(node, key.accept, config, 0).has_value());
        CHECK(key.show(config, 0, key.accept) == text);
    }
}

TEST_CASE("every default of keying, discovery and their bounds names its source") {
    unsigned count = 0;
    for (const Key& key : keys()) {
        if (key.kind != Key::Kind::value || key.accept.required || key.path == "ike.private-key") continue;
        for (const char* section : {"timers.", "limits.", "dns.", "ike.", "sticky."})
            if (key.path.starts_with(section)) {
                CAPTURE(key.path);
                CHECK_FALSE(key.source.empty());
                ++count;
            }
    }
    CHECK(count > 40);
}

TEST_CASE("the private key must be there and be nobody else's") {
    const std::string path = "/tmp/oegate-test-key." + std::to_string(getpid());
    const std::string text =
        std::string(kGood) +
        "default-class: oe-paranoid\ndns: {resolvers: [{address: 127.0.0.1}]}\nike: {private-key: " + path +
        "}\n";
    unlink(path.c_str());
    CHECK(problems_of(text, {}) ==
          std::vector<std::string>{
              "f.yaml:8:20: " + path +
              ": No such file or directory, expected a readable PEM file made by \"oegate key generate\""});
    std::ofstream(path) << "key";
    REQUIRE(chmod(path.c_str(), 0644) == 0);
    CHECK(problems_of(text, {}) ==
          std::vector<std::string>{"f.yaml:8:20: " + path +
                                   " has mode 0644: others may use it, expected mode 0600 (chmod 600)"});
    REQUIRE(chmod(path.c_str(), 0600) == 0);
    CHECK(problems_of(text, {}).empty());
    unlink(path.c_str());
}

TEST_CASE("hostile files give problems, not a crash") {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += "[";
    CHECK(problems_of(deep).size() == 1);
    deep.clear();
    for (int i = 0; i < 20000; ++i) deep += "[\n";
    CHECK(problems_of(deep).size() == 1);
    deep.clear();
    for (int i = 0; i < 2000; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
    CHECK(problems_of(deep).size() == 1);
    deep.clear();
    for (int i = 0; i < 5000; ++i) deep += "- ";
    CHECK(problems_of(deep).size() == 1);
    deep.clear();
    for (int i = 0; i < 5000; ++i) deep += "? ";
    CHECK_FALSE(problems_of(deep).empty());

    std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
    for (char c = 'b'; c < 'z'; ++c) {
        bomb += std::string(1, c) + ": &" + c + " [";
        for (int i = 0; i < 9; ++i) bomb += std::string(i ? ", " : "") + "*" + static_cast<char>(c - 1);
        bomb += "]\n";
    }
    CHECK_FALSE(problems_of(bomb).empty());
    CHECK(problems_of(bomb).size() <= 201);
    CHECK_FALSE(problems_of(std::string(5 << 20, 'a')).empty());
    CHECK_FALSE(problems_of("[a: b]: c").empty());
    CHECK_FALSE(problems_of("{a: b}: c").empty());
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "key" + std::to_string(i) + ": 1\n";
    CHECK(problems_of(many).size() == 201);
}

TEST_CASE("files that cannot be read") {
    CHECK(load("/nonexistent/x.yaml").error()[0].text() ==
          "/nonexistent/x.yaml: cannot be read: No such file or directory, expected a YAML file");
    CHECK(load("/").error()[0].text() == "/: cannot be read: it is a directory, expected a YAML file");
    CHECK(load("/dev/zero").error().size() == 1);
}

TEST_CASE("the shipped configurations load") {
    for (const char* name : {"minimal.yaml", "gateway.yaml"}) {
        const std::string path = std::string(OEGATE_SOURCE_DIR) + "/configs/" + name;
        const auto config = load(path, {.check_files = false});
        if (!config)
            for (const Problem& problem : config.error()) INFO(problem.text());
        CAPTURE(name);
        CHECK(config.has_value());
    }
    const std::string minimal = file_text(std::string(OEGATE_SOURCE_DIR) + "/configs/minimal.yaml");
    CHECK(std::count(minimal.begin(), minimal.end(), '\n') < 20);
}

TEST_CASE("the lab's configurations load, whatever directory it puts in") {
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(OEGATE_SOURCE_DIR) + "/configs/lab")) {
        std::string text = file_text(entry.path().string());
        for (std::size_t at; (at = text.find("@LAB@")) != std::string::npos;) text.replace(at, 5, "/tmp/lab");
        CAPTURE(entry.path().string());
        CHECK(problems_of(text).empty());
    }
}

TEST_CASE("gateway.yaml shows every key") {
    const std::string text = file_text(std::string(OEGATE_SOURCE_DIR) + "/configs/gateway.yaml");
    for (const Key& key : keys()) {
        CAPTURE(key.path);
        CHECK(text.find(key.name() + ":") != std::string::npos);
    }
}

TEST_CASE("docs/configuration.md is current: else oegate config document > docs/configuration.md") {
    CHECK(file_text(std::string(OEGATE_SOURCE_DIR) + "/docs/configuration.md") == documentation());
}
