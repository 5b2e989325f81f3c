// The monitor's queues, without a socket: who sees what, and what a slow reader loses.
#include <string>
#include <vector>

#include "catch.hpp"
#include "manage/monitor.hpp"

using namespace oegate;
using namespace oegate::manage;

namespace {

const WallTime kWall{std::chrono::microseconds{1'795'307'090'123'456}};  // 2026-11-22T00:24:50.123456Z
const Pair kAliceBob{*Address::parse("192.1.0.65"), *Address::parse("192.2.0.66")};

gateway::TransitionView keyed(const std::optional<Pair>& pair) {
    return {pair, "pending", "keyed", "g.keyed", "SA pair installed", "gateway 192.1.1.5", "", false};
}

struct Rig {
    Monitor monitor{[] { return kWall; }};

    std::vector<Response> drain(Monitor::ReaderId id) {
        std::vector<Response> all;
        while (auto line = monitor.next(id)) {
            REQUIRE(line->ends_with('\n'));
            auto response = parse_response(*line);
            REQUIRE(response.has_value());
            all.push_back(std::move(*response));
        }
        return all;
    }
};

}  // namespace

TEST_CASE("monitor: a transition as a line and as an object") {
    Rig rig;
    const auto text = *rig.monitor.open({}, false, nullptr);
    const auto json = *rig.monitor.open({}, true, nullptr);
    auto told = keyed(kAliceBob);
    told.detail = "gateway\n192.1.1.5\x1b[2J";
    told.advice = "nothing to do";
    told.security = true;
    rig.monitor.tell(told);
    const auto lines = rig.drain(text);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].text == "2026-11-22T00:24:50.123456Z  begin\n");
    // What a peer sent cannot forge a line nor drive a terminal.
    CHECK(lines[1].text ==
          "2026-11-22T00:24:50.123456Z  192.1.0.65 -> 192.2.0.66  pending to keyed  g.keyed: "
          "gateway\\x0a192.1.1.5\\x1b[2J  [security]  -> nothing to do\n");
    const auto objects = rig.drain(json);
    REQUIRE(objects.size() == 2);
    CHECK(objects[1].json["src"] == "192.1.0.65");
    CHECK(objects[1].json["reason"] == "g.keyed");
    CHECK(objects[1].json["security"] == true);
    CHECK(objects[1].json["advice"] == "nothing to do");
}

TEST_CASE("monitor: an event without a row, an offer without a pair") {
    Rig rig;
    const auto id = *rig.monitor.open({}, true, nullptr);
    auto told = keyed(std::nullopt);
    told.row.clear();
    rig.monitor.tell(told);
    const auto lines = rig.drain(id);
    CHECK(lines[1].json["reason"] == "refused");
    CHECK(lines[1].json["src"].is_null());
}

TEST_CASE("monitor: one host, or a pair in either direction") {
    Rig rig;
    const Address carol = *Address::parse("192.1.1.67");
    const auto host = *rig.monitor.open({kAliceBob.destination, {}}, true, nullptr);
    const auto pair = *rig.monitor.open({kAliceBob.destination, kAliceBob.source}, true, nullptr);
    rig.monitor.tell(keyed(kAliceBob));
    rig.monitor.tell(keyed(kAliceBob.reversed()));
    rig.monitor.tell(keyed(Pair{kAliceBob.destination, carol}));
    rig.monitor.tell(keyed(Pair{kAliceBob.source, carol}));
    rig.monitor.tell(keyed(std::nullopt));
    CHECK(rig.drain(host).size() == 1 + 3);
    CHECK(rig.drain(pair).size() == 1 + 2);
}

TEST_CASE("monitor: a slow reader loses lines, counted; the others lose none") {
    Rig rig;
    int woken = 0;
    const auto slow = *rig.monitor.open({}, true, [&] { ++woken; });
    const auto quick = *rig.monitor.open({}, true, nullptr);
    std::size_t quick_lines = 0;
    for (std::size_t i = 0; i < Monitor::kMaxLines + 499; ++i) {
        rig.monitor.tell(keyed(kAliceBob));
        quick_lines += rig.drain(quick).size();
    }
    CHECK(quick_lines == 1 + Monitor::kMaxLines + 499);
    CHECK(rig.monitor.num_lost() == 500);
    CHECK(woken == 0);  // `begin` was there all the time
    auto lines = rig.drain(slow);
    CHECK(lines.size() == Monitor::kMaxLines + 1);
    CHECK(lines.back().json["event"] == "lost");
    CHECK(lines.back().json["lines"] == 500);
    rig.monitor.tell(keyed(kAliceBob));
    CHECK(woken == 1);
    // Lost in the middle: told where they are missing.
    for (std::size_t i = 0; i < Monitor::kMaxLines + 9; ++i) rig.monitor.tell(keyed(kAliceBob));
    for (int i = 0; i < 10; ++i) rig.monitor.next(slow);
    rig.monitor.tell(keyed(kAliceBob));
    lines = rig.drain(slow);
    REQUIRE(lines.size() == Monitor::kMaxLines - 10 + 2);
    CHECK(lines[lines.size() - 2].json["lines"] == 10);
    CHECK(lines.back().json["event"] == "transition");
}

TEST_CASE("monitor: places for readers are bounded and come back") {
    Rig rig;
    std::vector<Monitor::ReaderId> ids;
    for (std::size_t i = 0; i < Monitor::kMaxReaders; ++i)
        ids.push_back(*rig.monitor.open({}, true, nullptr));
    CHECK_FALSE(rig.monitor.open({}, true, nullptr).has_value());
    rig.monitor.close(ids[0]);
    CHECK_FALSE(rig.monitor.next(ids[0]).has_value());
    CHECK(rig.monitor.open({}, true, nullptr).has_value());
    for (const auto id : ids) rig.monitor.close(id);
    CHECK(rig.monitor.is_read());
    CHECK(rig.monitor.num_readers() == 1);
}
