// A daemon's facts made up for the tests of manage/: one pair of hosts, one tunnel, and
// Commands over them. No data plane, no socket.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "manage/commands.hpp"
#include "manage/provider.hpp"
#include "manage/render.hpp"

namespace oegate::manage::world {
inline const WallTime kWall{std::chrono::microseconds{1'795'307'090'123'456}};  // 2026-11-22T00:24:50.123456Z

inline Address ip(const char* text) {
    return *Address::parse(text);
}
inline const Pair kAliceBob{ip("192.1.0.65"), ip("192.2.0.66")};

inline SnapshotRecord flow_record(const Pair& pair, FlowState state, std::uint64_t packets) {
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

inline SnapshotRecord sa_record(const Pair& pair, std::uint32_t spi, std::uint64_t packets) {
    SnapshotRecord record;
    record.kind = SnapshotRecord::Kind::sa;
    record.sa = {};
    record.sa.pair = pair;
    record.sa.spi = spi;
    record.sa.packets = packets;
    record.sa.bytes = packets * 84;
    return record;
}

inline gateway::TunnelView tunnel_view() {
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
        view.advice = "ask the zone's owner";
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

}  // namespace oegate::manage::world
