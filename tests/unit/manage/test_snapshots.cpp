// Workers' tables and the log: what is collected within bounds, what a line looks like.
#include <string>
#include <vector>

#include "manage/log.hpp"
#include "manage/snapshots.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::manage;
using namespace oegate::manage::world;

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

TEST_CASE("the log: one kind that is noisy does not hide another") {
    std::vector<std::string> lines;
    Log log(
        config::LogLevel::info, [&](std::string_view line) { lines.emplace_back(line); },
        [] { return kWall; });
    const auto say = [&](const char* kind) { log.write(config::LogLevel::info, "control", kind, {}, kind); };
    for (int i = 0; i < 100; ++i) say("n.oe");
    CHECK(lines.size() == Log::kBurst);
    say("g.signature");
    REQUIRE(lines.size() == Log::kBurst + 1);
    CHECK(lines.back() == "2026-11-22T00:24:50.123456Z info control: g.signature\n");
}
