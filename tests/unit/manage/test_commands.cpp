// What each command answers: text against golden text, JSON against its keys, and who may.
#include <ctime>

#include "manage/text.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::manage;
using namespace oegate::manage::world;

TEST_CASE("quantities") {
    CHECK(readable(Duration(350ms)) == "350ms");
    CHECK(readable(Duration(12340ms)) == "12.3s");
    CHECK(readable(Duration(245s)) == "4min 5s");
    CHECK(readable(Duration(7380s)) == "2h 3min");
    CHECK(readable(Duration(76h)) == "3d 4h");
    CHECK(readable(std::uint64_t{9999}) == "9999");
    CHECK(readable(std::uint64_t{1'234'567}) == "1.23M");
    CHECK(readable(std::uint64_t{999'999}) == "1M");
    CHECK(rfc3339(kWall) == "2026-11-22T00:24:50.123456Z");
    CHECK(seconds(1500us) == 0.002);
}

TEST_CASE("show flows, golden") {
    SnapshotAnswer answer;
    answer.records = {flow_record({ip("192.1.0.65"), ip("192.2.0.67")}, FlowState::pass, 5),
                      flow_record(kAliceBob, FlowState::encrypt, 12345)};
    const auto reason = [](std::uint16_t number) { return "row-" + std::to_string(number); };
    const Response response = render_flows(answer, reason, kWall);
    CHECK(response.text ==
          "src         dst         state    reason  class          packets    bytes  last used  held\n"
          "192.1.0.65  192.2.0.66  encrypt  row-7   oe-permissive    12345  1234500       1.5s     1\n"
          "192.1.0.65  192.2.0.67  pass     row-7   oe-permissive        5      500       1.5s     1\n");
    const Json& flow = response.json["flows"][0];
    CHECK(flow["src"] == "192.1.0.65");
    CHECK(flow["dst"] == "192.2.0.66");
    CHECK(flow["state"] == "encrypt");
    CHECK(flow["packets"] == 12345);
    CHECK(flow["last_used"] == "2026-11-22T00:24:48.623456Z");
    for (const char* key :
         {"src", "dst", "state", "reason", "class", "packets", "bytes", "last_used", "held"})
        CHECK(flow.contains(key));

    SnapshotAnswer partial;
    partial.complete = false;
    CHECK(render_flows(partial, reason, kWall).text ==
          "No flows.\nA worker did not answer in time: flows are missing.\n");
}

TEST_CASE("show tunnels joins the workers' counts by SPI and pair") {
    SnapshotAnswer in;
    in.records = {sa_record(kAliceBob.reversed(), 0x01000007, 10)};
    SnapshotAnswer out;
    out.records = {sa_record({ip("10.0.0.1"), ip("10.0.0.2")}, 0xc0ffee00, 99),
                   sa_record(kAliceBob, 0xc0ffee00, 11)};
    const Response response = render_tunnels({tunnel_view()}, in, out);
    CHECK(response.text ==
          "src         dst         gateway    spi in      spi out     suite         dnssec  state       age"
          "  packets in  packets out  bytes in  bytes out  rekey in\n"
          "192.1.0.65  192.2.0.66  192.1.2.3  0x01000007  0xc0ffee00  aes128-gcm16  secure  in use  1min 5s"
          "          10           11       840        924  48min 0s\n");
    const Json& tunnel = response.json["tunnels"][0];
    for (const char* key : {"src", "dst", "gateway", "spi_in", "spi_out", "suite", "dnssec", "age",
                            "packets_in", "packets_out", "bytes_in", "bytes_out", "rekey_in"})
        CHECK(tunnel.contains(key));
    CHECK(tunnel["age"] == 65.0);
    CHECK(tunnel["packets_out"] == 11);
    CHECK(render_tunnels({tunnel_view()}, {}, {}).json["tunnels"][0]["packets_in"].is_null());
}

TEST_CASE("the commands") {
    Fixture f;

    SECTION("show status, golden, one screen") {
        f.provider.total = 1000;
        f.provider.busy = 250;
        f.now += 65s;
        const Response response = f.run("show status");
        CHECK(response.text ==
              "sg-a  oegate " OEGATE_VERSION
              "  up 1min 5s  since 2026-11-22T00:24:50.123456Z\n"
              "\n"
              "interface  role     link  packets in  packets out  bytes in  bytes out  drops  addresses\n"
              "inside     inside   up          1000            0         0          0      3  192.1.0.1/24\n"
              "outside    outside  DOWN           0            0         0          0      0\n"
              "\n"
              "worker  lcore   load  flows  held  waiting  SAs in  SAs out  received  sent  dropped\n"
              "0           1  25.0%      4     0        0       0        0         0     0        0\n"
              "\n"
              "flows        4 (0 hold, 0 pass, 1 deny, 3 encrypt), 0 datagrams held\n"
              "tunnels      3 over 1 keying channels, 0 pairs being keyed\n"
              "clear text   2 pairs, 1 of them oe-permissive that could not be keyed\n"
              "in clear, by reason  flows  datagrams  bytes\n"
              "row-7                    2         10    840\n"
              "always-clear-text        -          5    420\n"
              "denied       0 pairs\n"
              "drops        3 packets (show drops)\n"
              "ALARM        keys are written to /tmp/keys.log\n"
              "ALARM        interface outside has no link\n");
        CHECK(response.json["ok"] == false);
        CHECK(response.json["flows"]["encrypt"] == 3);
        CHECK(std::count(response.text.begin(), response.text.end(), '\n') <= 24);
    }
    SECTION("load is of the last seconds") {
        f.provider.total = 1000;
        f.provider.busy = 1000;
        for (int i = 0; i < 2; ++i) {
            f.now += 5s;
            f.commands.on_timer(f.now);
        }
        f.provider.total = 2000;
        CHECK(f.run("show workers").json["workers"][0]["load"] == 0.0);
    }
    SECTION("show drops") {
        CHECK(f.run("show drops").text ==
              fmt::format("interface  reason         count  meaning\ninside     hold_replaced      3  {}\n",
                          help(Drop::hold_replaced)));
        CHECK(f.run("show drops", {"outside"}).text == "Nothing was dropped.\n");
        CHECK(f.run("show drops", {"wan"}).status == Status::not_found);
    }
    SECTION("plain tables") {
        CHECK(f.run("show routes").text ==
              "prefix        via        interface\n192.1.0.0/24  connected  inside\n0.0.0.0/0     192.1.1.1  "
              "outside\n");
        CHECK(f.run("show classes").text ==
              "destination  source  class\n10.0.0.0/8   any     always-clear-text\ndefault      any     "
              "deny\n");
        CHECK(f.run("show neighbours").json["neighbours"][0]["state"] == "reachable");
        CHECK(f.run("show ike").text == "No keying channels.\n");
        CHECK(f.run("show dns").text ==
              "192.2.0.66  usable, secure, 1h 0min left: one gateway\n    IPSECKEY 10 1 2 192.1.2.3 AQAB... "
              "(usable)\nresolver 10.53.0.1, trusted path: 40 answers\nresolver 10.53.0.2: 12 answers, 3 "
              "failed validation where another's did not, asked last for now\n");
        CHECK(f.run("show dns").json["resolvers"][1]["forgeries"] == 3);
        CHECK(f.run("show dns", {"192.2.0.67"}).json["dns"].empty());
        CHECK(f.run("show counters").json["counters"]["ike_refused"] == 2);
        CHECK(f.run("show interfaces").json["interfaces"][0]["mac"] == "02:00:00:00:00:01");
        CHECK(f.run("show interfaces").json["interfaces"][0]["device"] == "net_tap0: driver net_tap");
        CHECK(f.run("show interfaces")
                  .text.find("inside     02:00:00:00:00:01  1500  net_tap0: driver net_tap") !=
              std::string::npos);
        CHECK(f.run("show config").text.find("name: sg-a\n") == 0);
    }
    SECTION("explain, golden") {
        const Response response = f.run("explain", {"192.1.0.65", "192.2.0.66", "tcp", "443"});
        CHECK(response.text ==
              "192.1.0.65 -> 192.2.0.66 (outbound)\n"
              "class     oe-paranoid, by 192.2.0.0/24\n"
              "state     deny: p.bogus\n"
              "          the zone's signatures are wrong\n"
              "now       dropped (6 443)\n"
              "to do     ask the zone's owner\n"
              "next      asked again in 5min 0s\n"
              "2026-11-22T00:24:48.123456Z      2.0s ago  n.oe: all lookups start at once\n"
              "2026-11-22T00:24:49.123456Z      1.0s ago  p.bogus: SERVFAIL but CD=1 answers: IPSECKEY\n");
        CHECK(response.json["story"][1]["at"] == "2026-11-22T00:24:49.123456Z");
        CHECK(response.json["class"] == "oe-paranoid");
        CHECK(response.json["advice"] == "ask the zone's owner");
        CHECK(response.json["story"].size() == 2);
    }
    SECTION("wrong arguments say what was expected") {
        CHECK(f.run("explain", {"192.1.0.65"}).text == "usage: oegate explain SRC DST [PROTO [PORT]]");
        CHECK(f.run("explain", {"alice", "192.2.0.66"}).text ==
              "\"alice\" is not an address, expected one such as 192.0.2.1 or 2001:db8::1");
        CHECK(f.run("explain", {"192.1.0.65", "2001:db8::1"}).status == Status::usage);
        CHECK(f.run("explain", {"192.1.0.65", "192.2.0.66", "ipx"}).status == Status::usage);
        CHECK(f.run("explain", {"192.1.0.65", "192.2.0.66", "tcp", "70000"}).status == Status::usage);
        CHECK(f.run("show everything").status == Status::usage);
        CHECK(f.run("show status", {"now"}).status == Status::usage);
        CHECK(f.run("show log", {"-1"}).status == Status::usage);
        CHECK(f.run("show flows", {"x"}).status == Status::usage);
        CHECK(f.provider.asked.empty());
    }
    SECTION("actions") {
        CHECK(f.run("flow clear", {"192.1.0.65", "192.2.0.66"}).status == Status::done);
        CHECK(f.provider.cleared == kAliceBob);
        const Response missing = f.run("tunnel delete", {"192.1.0.65", "192.2.0.66"});
        CHECK(missing.status == Status::not_found);
        CHECK(missing.text == "no such tunnel\n");
        CHECK(f.run("tunnel rekey", {"192.1.0.65", "192.2.0.66"}).status == Status::failed);
        CHECK(f.run("route add", {"192.3.0.0/24", "via", "192.1.2.254"}).status == Status::done);
        CHECK(f.provider.added == "192.3.0.0/24 via 192.1.2.254");
        CHECK(f.run("route add", {"192.3.0.1/24", "via", "192.1.2.254"}).text ==
              "\"192.3.0.1/24\" is not a prefix, expected one such as 192.0.2.0/24 or 2001:db8::/32 with no "
              "host "
              "bits");
        CHECK(f.run("route add", {"192.3.0.0/24", "to", "192.1.2.254"}).status == Status::usage);
        CHECK(f.run("route add", {"192.3.0.0/24", "via", "bob"}).status == Status::usage);
        CHECK(f.run("route remove", {"192.3.0.0/24"}).status == Status::not_found);
        CHECK(f.run("route remove", {"everything"}).status == Status::usage);
    }
    SECTION("show flows filters by pair and answers when the snapshot comes") {
        std::optional<Response> got;
        f.commands.run({"show flows", {"192.1.0.65", "192.2.0.66"}, true}, f.caller,
                       [&](Response r) { got = std::move(r); });
        REQUIRE(f.provider.asked.size() == 1);
        CHECK_FALSE(got.has_value());
        const auto& keep = f.provider.asked[0].first.keep;
        CHECK(keep(flow_record(kAliceBob, FlowState::pass, 1)));
        CHECK_FALSE(keep(flow_record(kAliceBob.reversed(), FlowState::pass, 1)));
        f.provider.asked[0].second({{flow_record(kAliceBob, FlowState::hold, 1)}, false, true});
        REQUIRE(got.has_value());
        CHECK(got->json["flows"][0]["state"] == "hold");
    }
    SECTION("show tunnels asks both directions") {
        std::optional<Response> got;
        f.commands.run({"show tunnels", {"192.1.0.65"}, true}, f.caller,
                       [&](Response r) { got = std::move(r); });
        REQUIRE(f.provider.asked.size() == 1);
        CHECK(f.provider.asked[0].first.table == Snapshot::Table::inbound_sas);
        CHECK(f.provider.asked[0].first.keep(sa_record(kAliceBob.reversed(), 1, 1)));
        auto first = f.provider.asked[0].second;
        first({});
        REQUIRE(f.provider.asked.size() == 2);
        CHECK(f.provider.asked[1].first.table == Snapshot::Table::outbound_sas);
        CHECK(f.provider.asked[1].first.keep(sa_record(kAliceBob, 1, 1)));
        auto second = f.provider.asked[1].second;
        second({});
        REQUIRE(got.has_value());
        CHECK(got->json["tunnels"].size() == 1);
    }
}

TEST_CASE("the ledger of clear text: workers together, most bytes first") {
    Fixture f;
    f.provider.two_workers = true;
    const Json ledger = f.run("show status").json["clear_ledger"];
    REQUIRE(ledger.size() == 3);
    CHECK(ledger[0] == Json{{"reason", "row-9"}, {"flows", 1}, {"datagrams", 100}, {"bytes", 84000}});
    CHECK(ledger[1] == Json{{"reason", "row-7"}, {"flows", 3}, {"datagrams", 11}, {"bytes", 924}});
    CHECK(ledger[2] ==
          Json{{"reason", "always-clear-text"}, {"flows", nullptr}, {"datagrams", 5}, {"bytes", 420}});
}

TEST_CASE("sticky destinations are shown, and released by an admin") {
    Fixture f;
    CHECK(f.run("show sticky").text ==
          "destination  keyed  last                         binds\n"
          "192.2.0.66       2  2026-11-22T00:24:50.000000Z  yes\n");
    CHECK(f.run("sticky clear", {"192.2.0.66"}).status == Status::done);
    CHECK(f.run("sticky clear", {"192.2.0.67"}).status == Status::not_found);
    CHECK(f.run("sticky clear", {"bob"}).status == Status::usage);
    f.caller = {1000, Role::viewer};
    CHECK(f.run("sticky clear", {"192.2.0.66"}).status == Status::not_permitted);
}

TEST_CASE("show limits: use, bound, hits") {
    Fixture f;
    const Response response = f.run("show limits");
    CHECK(response.text ==
          "limit               use  bound  hits  what becomes of one more\n"
          "limits.connections   12  65536     3  answered without an instance\n"
          "dns.max-queries       -    512     -  the question waits\n");
    CHECK(response.json["limits"][1]["use"].is_null());
    CHECK(response.json["limits"][0]["hits"] == 3);
}

TEST_CASE("show tunnels: ten thousand of them at once") {
    // Joined one by one with one by one this would be 10^8 comparisons a direction.
    SnapshotAnswer in, out;
    std::vector<gateway::TunnelView> tunnels;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        gateway::TunnelView tunnel = tunnel_view();
        tunnel.spi_in = 0x01000000 + i;
        tunnel.spi_out = 0xc0000000 + i;
        tunnels.push_back(tunnel);
        in.records.push_back(sa_record(tunnel.pair.reversed(), tunnel.spi_in, i));
        out.records.push_back(sa_record(tunnel.pair, tunnel.spi_out, 2 * i));
    }
    const std::clock_t began = std::clock();  // of the processor: others' work is not counted
    const Response response = render_tunnels(tunnels, in, out);
    CHECK(std::clock() - began < 5 * CLOCKS_PER_SEC);
    CHECK(response.json["tunnels"][9999]["packets_in"] == 9999);
    CHECK(response.json["tunnels"][9999]["packets_out"] == 19998);
}

TEST_CASE("every verb is answered") {
    Fixture f;
    for (const Verb& verb : verbs()) {
        CAPTURE(verb.name);
        std::optional<Response> got;
        const std::vector<std::string> pair{"192.1.0.65", "192.2.0.66"};
        f.commands.run(
            {std::string(verb.name), verb.min_arguments == 2 ? pair : std::vector<std::string>{}, false},
            f.caller, [&](Response r) { got = std::move(r); });
        for (std::size_t i = 0; i < f.provider.asked.size(); ++i) {
            auto done = f.provider.asked[i].second;
            done({});
        }
        f.provider.asked.clear();
        REQUIRE(got.has_value());
        CHECK(got->text.find("not there yet") == std::string::npos);
        CHECK_FALSE(verb.help.empty());
    }
}

TEST_CASE("key reload: for an admin, told to the log, with the key that signs now") {
    Fixture f;
    const Response done = f.run("key reload", {"key rollover activate"});
    CHECK(done.status == Status::done);
    CHECK(done.json["public_key"] == "AQID");
    REQUIRE(f.provider.audited.size() == 1);
    CHECK(f.provider.audited[0] == "key reload: signing with the RSA key (key rollover activate) uid=0");
    f.provider.key_trouble = "/etc/oegate/key.pem: mode 0644 lets others use the key";
    const Response failed = f.run("key reload");
    CHECK(failed.status == Status::failed);
    CHECK(failed.text.find("mode 0644") != std::string::npos);
    CHECK(failed.json.is_null());
    CHECK(f.provider.audited.size() == 2);
}

TEST_CASE("a viewer sees, and changes nothing") {
    Fixture f;
    f.caller.role = Role::viewer;
    const std::vector<std::string> pair{"192.1.0.65", "192.2.0.66"};
    for (const Verb& verb : verbs()) {
        CAPTURE(verb.name);
        std::vector<std::string> arguments = pair;
        arguments.resize(verb.min_arguments, "via");
        std::optional<Response> got;
        f.commands.run({std::string(verb.name), arguments, false}, f.caller,
                       [&](Response r) { got = std::move(r); });
        if (verb.role == Role::viewer) {
            CHECK((!got.has_value() || got->status != Status::not_permitted));
            for (std::size_t i = 0; i < f.provider.asked.size(); ++i) f.provider.asked[i].second({});
        } else {
            REQUIRE(got.has_value());
            CHECK(got->status == Status::not_permitted);
            CHECK(got->text.find(std::string(verb.name) + " is for root") == 0);
            CHECK(f.provider.asked.empty());
        }
        f.provider.asked.clear();
    }
}
