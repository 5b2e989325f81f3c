// The trace that runs: one at a time, ends after its datagrams, its time or an order, and
// is read portion by portion.
#include "catch.hpp"
#include "recording/tracing.hpp"

using namespace oegate;
using namespace oegate::observe;

namespace {

const Pair kPair{*Address::parse("192.1.0.65"), *Address::parse("192.2.0.66")};

struct World {
    std::vector<Command> posted;
    Time now{1000s};
    Tracing tracing{{2, [this](unsigned, const Command& command) { posted.push_back(command); },
                     [] { return std::uint64_t{3}; }}};

    std::uint32_t start(std::uint32_t count = 1) {
        TraceOrder order;
        order.pair = kPair;
        order.count = count;
        order.user = 1234;
        const auto token = tracing.start(order, now);
        REQUIRE(token);
        return *token;
    }
    void record(std::uint32_t token, std::uint32_t packet, Stage stage) {
        TraceRecord record;
        record.token = token;
        record.packet = packet;
        record.stage = stage;
        tracing.on_record(record, now);
    }
};

}  // namespace

TEST_CASE("a trace ends when its datagrams are through") {
    World w;
    const std::uint32_t token = w.start(2);
    REQUIRE(w.posted.size() == 2);  // a worker each
    CHECK(w.posted[0].kind == Command::Kind::start_trace);
    CHECK(w.posted[0].start_trace.count == 2);
    w.record(token, 1, Stage::parse);
    w.record(token, 2, Stage::parse);
    w.record(token, 1, Stage::transmit);
    w.record(token, 1, Stage::transmit);
    CHECK_FALSE(w.tracing.read(token, 0, w.now)->ended);
    w.record(token, 2, Stage::drop);
    REQUIRE(w.posted.size() == 4);
    CHECK(w.posted[3].kind == Command::Kind::stop_trace);
    w.record(token, 2, Stage::hold);  // came late
    const auto portion = w.tracing.read(token, 2, w.now);
    REQUIRE(portion);
    CHECK(portion->records.size() == 4);
    CHECK(portion->next == 6);
    CHECK(portion->lost == 3);
    CHECK_FALSE(portion->ended);  // more may come
    w.now += Tracing::kTail;
    w.record(token, 2, Stage::hold);  // too late
    const auto last = w.tracing.read(token, 6, w.now);
    CHECK(last->ended);
    CHECK(last->records.empty());
    CHECK(last->why == "the datagrams are through");
}

TEST_CASE("one trace at a time") {
    World w;
    const std::uint32_t token = w.start();
    TraceOrder order;
    order.pair = kPair.reversed();
    const auto second = w.tracing.start(order, w.now + 10s);
    REQUIRE_FALSE(second);
    CHECK(second.error() ==
          "uid 1234 is tracing 192.1.0.65 -> 192.2.0.66, for at most 21 s more: wait, or end it with `oegate "
          "trace stop`");
    REQUIRE(w.tracing.stop(w.now));
    CHECK_FALSE(w.tracing.stop(w.now));
    const auto third = w.tracing.start(order, w.now);
    REQUIRE(third);
    CHECK_FALSE(w.tracing.read(token, 0, w.now));
    w.record(token, 1, Stage::parse);  // of the first trace
    CHECK(w.tracing.read(*third, 0, w.now)->records.empty());
    CHECK_FALSE(w.tracing.read(0, 0, w.now));
}

TEST_CASE("a trace is bounded in time, datagrams and records") {
    World w;
    TraceOrder order;
    order.pair = kPair;
    order.count = 1'000'000;
    order.time = 1000h;
    const auto token = w.tracing.start(order, w.now);
    REQUIRE(token);
    CHECK(w.posted[0].start_trace.count == Tracing::kMaxCount);
    CHECK(w.tracing.next_deadline() == w.now + Tracing::kMaxTime);
    SECTION("time") {
        w.now += Tracing::kMaxTime;
        w.tracing.on_timer(w.now);
        CHECK(w.tracing.next_deadline() == kNever);
        CHECK(w.tracing.read(*token, 0, w.now + 1s)->why == "its time is over");
    }
    SECTION("records") {
        for (std::size_t i = 0; i < Tracing::kMaxRecords + 10; ++i) w.record(*token, 1, Stage::route);
        std::size_t from = 0, num = 0;
        for (;;) {
            const auto portion = w.tracing.read(*token, from, w.now + 1s);
            REQUIRE(portion);
            CHECK(portion->records.size() <= Tracing::kPortion);
            num += portion->records.size();
            from = portion->next;
            if (portion->ended) break;
        }
        CHECK(num == Tracing::kMaxRecords);
        CHECK(w.tracing.read(*token, from, w.now + 1s)->why == "too many records");
        CHECK(w.tracing.read(*token, SIZE_MAX, w.now)->records.empty());
    }
}
