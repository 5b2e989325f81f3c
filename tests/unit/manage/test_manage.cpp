// The management plane without a data plane: rendering against golden text, the
// protocol against hostile input over a real socket, the log, the snapshots.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "loop/reactor.hpp"
#include "manage/commands.hpp"
#include "manage/log.hpp"
#include "manage/render.hpp"
#include "manage/server.hpp"
#include "manage/snapshots.hpp"
#include "manage/text.hpp"

using namespace oegate;
using namespace oegate::manage;

namespace {

const WallTime kWall{std::chrono::microseconds{1'795'307'090'123'456}};  // 2026-11-22T00:24:50.123456Z

Address ip(const char* text) {
    return *Address::parse(text);
}
const Pair kAliceBob{ip("192.1.0.65"), ip("192.2.0.66")};

SnapshotRecord flow_record(const Pair& pair, FlowState state, std::uint64_t packets) {
    SnapshotRecord record;
    record.kind = SnapshotRecord::Kind::flow;
    record.flow.pair = pair;
    record.flow.state = state;
    record.flow.class_kind = ClassKind::oe_permissive;
    record.flow.reason = 7;
    record.flow.packets = packets;
    record.flow.bytes = packets * 100;
    record.flow.last_used_ns = 1'500'000'000;
    record.flow.num_held = 1;
    return record;
}

SnapshotRecord sa_record(const Pair& pair, std::uint32_t spi, std::uint64_t packets) {
    SnapshotRecord record;
    record.kind = SnapshotRecord::Kind::sa;
    record.sa = {};
    record.sa.pair = pair;
    record.sa.spi = spi;
    record.sa.packets = packets;
    record.sa.bytes = packets * 84;
    return record;
}

gateway::TunnelView tunnel_view() {
    gateway::TunnelView tunnel;
    tunnel.pair = kAliceBob;
    tunnel.gateway = ip("192.1.2.3");
    tunnel.local = ip("192.1.1.4");
    tunnel.spi_in = 0x01000007;
    tunnel.spi_out = 0xc0ffee00;
    tunnel.suite = "aes128-gcm16";
    tunnel.identity = "192.1.2.3";
    tunnel.dnssec = Verdict::secure;
    tunnel.state = "in use";
    tunnel.age = 65s;
    tunnel.rekey_in = 48min;
    return tunnel;
}

class FakeProvider final : public Provider {
  public:
    FakeProvider() {
        config_.name = "sg-a";
        config::Interface inside;
        inside.name = "inside";
        inside.addresses.push_back({ip("192.1.0.1"), *Prefix::parse("192.1.0.0/24")});
        config::Interface outside;
        outside.name = "outside";
        outside.role = InterfaceRole::outside;
        config_.interfaces = {inside, outside};
    }
    const config::Config& configuration() const override { return config_; }
    std::vector<InterfaceStatus> interfaces() const override {
        InterfaceStatus inside{"inside", true, *MacAddress::parse("02:00:00:00:00:01"),
                               1500,     {},   "net_tap0: driver net_tap"};
        inside.counters.received_packets = 1000;
        inside.counters.drops[static_cast<std::size_t>(Drop::hold_replaced)] = 3;
        InterfaceStatus outside{"outside", false, *MacAddress::parse("02:00:00:00:00:02"), 1500, {}, ""};
        return {inside, outside};
    }
    std::vector<WorkerStatus> workers() const override {
        WorkerStatus worker;
        worker.lcore = 1;
        worker.cycles_busy = busy;
        worker.cycles_total = total;
        worker.flows = 4;
        worker.flows_by_state[static_cast<std::size_t>(FlowState::encrypt)] = 3;
        worker.flows_by_state[static_cast<std::size_t>(FlowState::deny)] = 1;
        worker.clear = {{7, 2, 10, 840}, {ClearTotals::kByClass, 0, 5, 420}};
        WorkerStatus other;
        other.lcore = 2;
        other.clear = {{7, 1, 1, 84}, {9, 1, 100, 84000}};
        if (two_workers) return {worker, other};
        return {worker};
    }
    std::vector<MemoryStatus> memory() const override { return {{"packet buffers", -1, 512, 2048}}; }
    void measure_stages(Duration time) override { measured = time; }
    observe::Tracing& tracing() override { return tracing_; }
    observe::Captures& captures() override { return captures_; }
    void audit(const std::string& text, unsigned user) override {
        audited.push_back(fmt::format("{} uid={}", text, user));
    }
    std::vector<Route> routes() const override {
        return {{*Prefix::parse("192.1.0.0/24"), std::nullopt, 0},
                {*Prefix::parse("0.0.0.0/0"), ip("192.1.1.1"), 1}};
    }
    std::vector<NeighbourView> neighbours() const override {
        return {{"outside", ip("192.1.1.1"), *MacAddress::parse("02:00:00:00:00:03"), "reachable", 1500ms}};
    }
    gateway::StatusView status() const override {
        gateway::StatusView view;
        view.tunnels = 3;
        view.ike_sas = 1;
        view.clear_text = 2;
        view.clear_fallbacks = 1;
        view.alarms = {"keys are written to /tmp/keys.log"};
        return view;
    }
    std::vector<gateway::TunnelView> tunnels() const override { return {tunnel_view()}; }
    std::vector<gateway::IkeView> ike() const override { return {}; }
    std::vector<gateway::DnsView> dns() const override {
        return {{ip("192.2.0.66"),
                 "usable",
                 Verdict::secure,
                 3600s,
                 "one gateway",
                 {{"IPSECKEY", "10 1 2 192.1.2.3 AQAB...", "usable"}}}};
    }
    std::vector<gateway::ResolverView> resolvers() const override {
        return {{ip("10.53.0.1"), 53, true, 40, 0, false}, {ip("10.53.0.2"), 53, false, 12, 3, true}};
    }
    std::vector<gateway::ClassView> classes() const override {
        return {{Prefix::parse("10.0.0.0/8"), ClassKind::always_clear_text}, {std::nullopt, ClassKind::deny}};
    }
    std::vector<gateway::CounterView> counters() const override { return {{"ike_refused", 2}}; }
    std::vector<gateway::LimitView> limits() const override {
        return {{"limits.connections", 12, 65536, 3, "answered without an instance"},
                {"dns.max-queries", std::nullopt, 512, std::nullopt, "the question waits"}};
    }
    std::vector<gateway::StickyView> sticky() const override {
        return {{ip("192.2.0.66"), 2, 1795307090, true}};
    }
    ActionResult clear_sticky(const Address& destination) override {
        if (destination == ip("192.2.0.66")) return {ActionResult::Outcome::done, "released"};
        return {ActionResult::Outcome::not_found, "not sticky"};
    }
    gateway::ExplainView explain(const Pair& pair, std::uint8_t protocol, std::uint16_t port) const override {
        gateway::ExplainView view;
        view.pair = pair;
        view.direction = "outbound";
        view.class_kind = ClassKind::oe_paranoid;
        view.class_prefix = Prefix::parse("192.2.0.0/24");
        view.state = "deny";
        view.reason = "p.bogus";
        view.reason_help = "the zone's signatures are wrong";
        view.what_happens = fmt::format("dropped ({} {})", protocol, port);
        view.next = "asked again in 5min 0s";
        view.story = {{2s, "n.oe", "all lookups start at once", ""},
                      {1s, "p.bogus", "SERVFAIL but CD=1 answers", "IPSECKEY"}};
        return view;
    }
    std::string reason(std::uint16_t reason) const override { return "row-" + std::to_string(reason); }
    void snapshot(SnapshotRequest request, std::function<void(SnapshotAnswer)> done) override {
        asked.push_back({std::move(request), std::move(done)});
    }
    ActionResult clear_flow(const Pair& pair) override {
        cleared = pair;
        return {ActionResult::Outcome::done, "cleared"};
    }
    ActionResult delete_tunnel(const Pair&) override {
        return {ActionResult::Outcome::not_found, "no such tunnel"};
    }
    ActionResult rekey_tunnel(const Pair&) override {
        return {ActionResult::Outcome::failed, "being rekeyed already"};
    }

    ActionResult add_route(const Prefix& prefix, const Address& via) override {
        added = prefix.text() + " via " + via.text();
        return {ActionResult::Outcome::done, "added"};
    }
    KeyReload reload_key() override {
        if (!key_trouble.empty()) return {{ActionResult::Outcome::failed, key_trouble}, {}};
        return {{ActionResult::Outcome::done, "signing with the RSA key"},
                {PublicKey::Algorithm::rsa, {1, 2, 3}}};
    }
    ActionResult remove_route(const Prefix&) override {
        return {ActionResult::Outcome::not_found, "no such route"};
    }

    std::string added;
    std::string key_trouble;
    std::vector<std::pair<SnapshotRequest, std::function<void(SnapshotAnswer)>>> asked;
    std::optional<Pair> cleared;
    std::uint64_t busy = 0, total = 0;
    bool two_workers = false;
    std::optional<Duration> measured;
    std::vector<std::string> audited;
    std::vector<Command> posted;
    std::string directory = "/nonexistent/captures";

  private:
    config::Config config_;
    observe::Tracing tracing_{
        {1, [this](unsigned, const Command& c) { posted.push_back(c); }, [] { return std::uint64_t{0}; }}};
    observe::Captures captures_{{directory,
                                 {"inside", "outside"},
                                 1,
                                 [this](unsigned, const Command& c) {
                                     posted.push_back(c);
                                     return posted.size();
                                 },
                                 [](std::uint8_t) { return std::uint64_t{0}; },
                                 [] { return std::uint64_t{0}; },
                                 [] { return std::uint64_t{0}; },
                                 [](const std::string&) {}}};
};

struct Fixture {
    FakeProvider provider;
    Time now{1000s};
    Caller caller{0, Role::admin};
    Commands commands{provider, nullptr, [] { return kWall; }, [this] { return now; }};

    Response run(std::string verb, std::vector<std::string> arguments = {}) {
        std::optional<Response> got;
        int answers = 0;
        commands.run({std::move(verb), std::move(arguments), false}, caller, [&](Response response) {
            got = std::move(response);
            ++answers;
        });
        CHECK(answers == 1);
        return *got;
    }
};

}  // namespace

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
              "clear text   2 pairs, 1 of them because keying failed\n"
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
              "next      asked again in 5min 0s\n"
              "2026-11-22T00:24:48.123456Z      2.0s ago  n.oe: all lookups start at once\n"
              "2026-11-22T00:24:49.123456Z      1.0s ago  p.bogus: SERVFAIL but CD=1 answers: IPSECKEY\n");
        CHECK(response.json["story"][1]["at"] == "2026-11-22T00:24:49.123456Z");
        CHECK(response.json["class"] == "oe-paranoid");
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
    const auto began = std::chrono::steady_clock::now();
    const Response response = render_tunnels(tunnels, in, out);
    CHECK(std::chrono::steady_clock::now() - began < 5s);
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

TEST_CASE("snapshots: one at a time, all workers, a deadline") {
    std::vector<std::pair<unsigned, Snapshot>> posted;
    Snapshots snapshots(
        2, [&](unsigned worker, const Command& command) { posted.emplace_back(worker, command.snapshot); });
    const Time now{1000s};
    std::vector<SnapshotAnswer> answers;
    const auto done = [&](SnapshotAnswer answer) { answers.push_back(std::move(answer)); };
    const auto end = [](std::uint32_t token) {
        SnapshotRecord record;
        record.kind = SnapshotRecord::Kind::end;
        record.token = token;
        return record;
    };
    const auto flow = [](std::uint32_t token) {
        SnapshotRecord record = flow_record(kAliceBob, FlowState::pass, 1);
        record.token = token;
        return record;
    };
    snapshots.ask({Snapshot::Table::flows, nullptr, 2}, done, now);
    snapshots.ask({Snapshot::Table::inbound_sas, nullptr, 2}, done, now);
    REQUIRE(posted.size() == 2);
    CHECK(posted[0].first == 0);
    CHECK(posted[1].first == 1);
    const std::uint32_t token = posted[0].second.token;

    SECTION("answered by all, bounded") {
        for (int i = 0; i < 2; ++i) snapshots.on_record(0, flow(token), now);
        snapshots.on_record(1, flow(token), now);
        snapshots.on_record(0, end(token), now);
        CHECK(answers.empty());
        snapshots.on_record(0, end(token), now);  // the same worker again
        CHECK(answers.empty());
        snapshots.on_record(1, end(token), now);
        REQUIRE(answers.size() == 1);
        CHECK(answers[0].records.size() == 2);
        CHECK(answers[0].truncated);
        CHECK(answers[0].complete);
        REQUIRE(posted.size() == 4);  // the next request has started
        CHECK(posted[2].second.table == Snapshot::Table::inbound_sas);
        snapshots.on_record(0, flow(token), now);  // of the former request: ignored
        CHECK(posted[2].second.token != token);
    }
    SECTION("a worker that does not answer") {
        snapshots.on_record(0, end(token), now);
        CHECK(snapshots.next_deadline() == now + Snapshots::kDeadline);
        snapshots.on_timer(now + Snapshots::kDeadline);
        REQUIRE_FALSE(answers.empty());
        CHECK_FALSE(answers[0].complete);
    }
    SECTION("a large table has time as long as records come, but not for ever") {
        Time at = now;
        for (int i = 0; i < 3; ++i) {
            at += Snapshots::kDeadline - 1s;
            snapshots.on_timer(at);
            snapshots.on_record(0, flow(token), at);
        }
        CHECK(answers.empty());
        CHECK(snapshots.next_deadline() == at + Snapshots::kDeadline);
        at = now + Snapshots::kLongest - 1ms;
        snapshots.on_record(0, flow(token), at);
        CHECK(snapshots.next_deadline() == now + Snapshots::kLongest);
        snapshots.on_timer(now + Snapshots::kLongest);
        REQUIRE_FALSE(answers.empty());
        CHECK_FALSE(answers[0].complete);
        CHECK(answers[0].records.size() == 2);
    }
    SECTION("a full queue answers at once from the timer") {
        for (std::size_t i = 0; i < Snapshots::kMaxQueued + 5; ++i)
            snapshots.ask({Snapshot::Table::flows, nullptr, 1}, done, now);
        CHECK(answers.empty());
        snapshots.on_timer(now);
        CHECK(answers.size() == 7);
    }
    SECTION("a filter sees everything the workers show") {
        Snapshots filtered(
            1, [&](unsigned, const Command& command) { posted.emplace_back(9, command.snapshot); });
        filtered.ask({Snapshot::Table::flows, [](const SnapshotRecord& r) { return r.flow.packets > 5; }, 10},
                     done, now);
        CHECK(posted.back().second.max_records == 0xffffffff);
    }
}

TEST_CASE("the log: one line an event, escaped, cut to a rate") {
    std::vector<std::string> lines;
    WallTime now = kWall;
    Log log(
        config::LogLevel::info, [&](std::string_view line) { lines.emplace_back(line); },
        [&] { return now; });
    log.write(config::LogLevel::debug, "ike", "too quiet");
    CHECK(lines.empty());
    log.write(config::LogLevel::warning, "ike", "message refused",
              {{"peer", "192.1.2.3"}, {"field", "SPI size"}});
    REQUIRE(lines.size() == 1);
    CHECK(lines[0] ==
          "2026-11-22T00:24:50.123456Z warning ike: message refused peer=192.1.2.3 field=\"SPI size\"\n");
    log.write(config::LogLevel::info, "ike", "x\nforged", {{"id", "a\"b\n2026 \x1b[31m\xff"}, {"none", ""}});
    CHECK(lines[1] ==
          "2026-11-22T00:24:50.123456Z info ike: x\\x0aforged id=\"a\\\"b\\x0a2026 \\x1b[31m\\xff\" "
          "none=\"\"\n");
    log.write(config::LogLevel::info, "ike", std::string(10'000, 'x'));
    CHECK(lines[2].size() < 2100);
    lines.clear();
    const auto noisy = [&] { log.write(config::LogLevel::info, "dns", "again"); };
    for (int i = 0; i < 100; ++i) noisy();
    CHECK(lines.size() == Log::kBurst);
    log.write(config::LogLevel::info, "dns", "another site");
    CHECK(lines.size() == Log::kBurst + 1);
    now += std::chrono::seconds(1);
    noisy();
    CHECK(lines.back() == "2026-11-22T00:24:51.123456Z info dns: again suppressed=80\n");
    CHECK(log.num_suppressed() == 80);
    CHECK(log.kept().size() == 3 + Log::kBurst + 2);
}

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
