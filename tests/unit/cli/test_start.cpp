// A daemon that cannot start says why before it touches a port, and exits with the status of
// operations: configuration 8, usage 2, else 1.
#include "operator.hpp"

using namespace operating;

namespace {

/// Of an interface that no machine has.
std::string configuration(const Directory& d, const std::string& rest = "") {
    const std::string file = d.file("oegate.yaml");
    std::ofstream(file) << "interfaces:\n"
                           "  - {name: outside, role: outside, device: \"net_af_packet0,iface=none-such\", "
                           "addresses: [192.1.1.5/24]}\n"
                           "classes:\n"
                           "  - {class: oe-permissive, destinations: [0.0.0.0/0]}\n"
                           "dns: {resolvers: [{address: 127.0.0.1}]"
                        << rest
                        << "}\n"
                           "ike: {private-key: key.pem}\n"
                           "management: {socket: "
                        << d.file("socket") << ", state-directory: " << d.path << "}\n";
    return file;
}

void make_key(const Directory& d) {
    REQUIRE(oegate(d, {"key", "generate", "--out", d.file("key.pem"), "--bits", "2048"}).status == 0);
}

}  // namespace

TEST_CASE("start: what is wrong with the files that the configuration names") {
    const Directory d;
    const std::string config = configuration(d);
    CHECK(oegated(d, {}).status == 2);
    CHECK(oegated(d, {"--config", d.file("none.yaml")}).status == 8);
    const Outcome no_key = oegated(d, {"--config", config});
    CHECK(no_key.status == 8);
    CHECK(contains(no_key.err, config + ":6:"));
    std::ofstream(d.file("key.pem")) << "no key\n";
    REQUIRE(chmod(d.file("key.pem").c_str(), 0600) == 0);
    const Outcome bad_key = oegated(d, {"--config", config});
    CHECK(bad_key.status == 8);
    CHECK(contains(bad_key.err, "oegated: ike.private-key: " + d.file("key.pem")));
    REQUIRE(unlink(d.file("key.pem").c_str()) == 0);
    make_key(d);
    std::ofstream(d.file("root.key")) << "; none yet\n";
    const Outcome bad_anchor =
        oegated(d, {"--config", configuration(d, ", validation: own, trust-anchors: " + d.file("root.key"))});
    CHECK(bad_anchor.status == 8);
    CHECK(contains(bad_anchor.err, "dns.trust-anchors: " + d.file("root.key")));
}

TEST_CASE("start: a second daemon is told of the first, and leaves its socket alone") {
    const Directory d;
    const std::string config = configuration(d);
    make_key(d);
    FakeDaemon first(d.file("socket"), "");
    const Outcome second = oegated(d, {"--config", config});
    CHECK(second.status == 1);
    CHECK(second.err == "oegated: another oegated is running: it answers on " + d.file("socket") + "\n");
    struct stat info {};
    CHECK(stat(d.file("socket").c_str(), &info) == 0);
}
