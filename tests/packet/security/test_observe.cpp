// Observation on a whole data plane: what a trace records of a datagram on each way, what
// captures copy, that a full ring is counted, that nothing is written when all is off and
// that no packet is lost by switching under traffic.
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <algorithm>

#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "worker/loop.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

struct Observed {
    Observed() : g(options()) {
        g.know_neighbours();
        const ClassRule rules[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_permissive}};
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
    }
    ~Observed() { g.check_ledger(); }
    static Options options() {
        Options o;
        o.dataplane.flows_per_worker = 1024;
        o.dataplane.sas_per_worker = 64;
        return o;
    }
    void send(const std::string& to = "10.3.0.2") {
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({"10.1.0.2", to}, 7, 9, {'x'})));
        g.turn();
    }
    void trace(std::uint32_t count, std::uint8_t protocol = 0) {
        g.command(0, Command(StartTrace{tunnel.pair, protocol, count, ++token}));
        g.turn();
    }
    void capture(StartCapture what, std::uint8_t slot = 0) {
        what.slot = slot;
        what.snaplen = what.snaplen == 0 ? 2000 : what.snaplen;
        what.packets = what.packets == 0 ? 1000 : what.packets;
        what.token = 77;
        g.command(0, Command(what));
        g.turn();
    }
    template <class Record>
    std::vector<Record> drain(rte_ring* ring) {
        std::vector<Record> all;
        Record record;
        while (rte_ring_sc_dequeue_elem(ring, &record, sizeof record) == 0) all.push_back(record);
        return all;
    }
    std::vector<TraceRecord> traces() { return drain<TraceRecord>(g.parts().links[0].traces); }
    std::vector<CaptureRecord> captures() { return drain<CaptureRecord>(g.parts().links[0].captures); }

    Gateway g;
    Tunnel tunnel;
    std::uint32_t token = 0;
};

std::vector<Stage> stages(const std::vector<TraceRecord>& records) {
    std::vector<Stage> all;
    for (const TraceRecord& record : records) all.push_back(record.stage);
    return all;
}

bool in_order(const std::vector<TraceRecord>& records, std::vector<Stage> wanted) {
    const std::vector<Stage> seen = stages(records);
    auto at = seen.begin();
    for (const Stage stage : wanted) {
        at = std::find(at, seen.end(), stage);
        if (at == seen.end()) return false;
        ++at;
    }
    return true;
}

StartCapture of(StartCapture::What what) {
    StartCapture start;
    start.what = what;
    return start;
}

Bytes bytes_of(const CaptureRecord& record) {
    return Bytes(record.data.begin(), record.data.begin() + record.captured);
}

SetPolicy pass(const Pair& pair) {
    SetPolicy policy;
    policy.pair = pair;
    policy.state = FlowState::pass;
    policy.class_kind = ClassKind::oe_permissive;
    return policy;
}

}  // namespace

TEST_CASE("observe: off, nothing is written") {
    Observed o;
    o.g.command(0, Command(pass(o.tunnel.pair)));
    for (int i = 0; i < 10; ++i) o.send();
    CHECK(o.g.out(kOutside).size() == 10);
    CHECK(o.traces().empty());
    CHECK(o.captures().empty());
    CHECK(o.g.worker().watch.on == 0);
    CHECK(o.g.dataplane().observer().workers()[0].stages.empty());
}

TEST_CASE("observe: a trace through hold, release and encryption") {
    Observed o;
    o.trace(1);
    o.send();
    auto records = o.traces();
    REQUIRE_FALSE(records.empty());
    CHECK(in_order(records, {Stage::parse, Stage::screen, Stage::route, Stage::policy, Stage::hold}));
    CHECK(records.back().stage == Stage::hold);
    CHECK(records.front().pair == o.tunnel.pair);
    CHECK(records.front().protocol == 17);
    CHECK(records.front().destination_port == 9);
    CHECK(records.front().in_interface == kInside);
    CHECK(records.front().len == 29);
    CHECK(records.front().worker == 0);
    establish(o.g, o.tunnel);
    o.g.turn();
    records = o.traces();
    CHECK(in_order(records, {Stage::encrypt, Stage::resolve, Stage::transmit}));
    for (const TraceRecord& record : records) {
        CHECK(record.packet == 1);
        CHECK(record.token == o.token);
        if (record.stage == Stage::encrypt) CHECK(record.spi == o.tunnel.spi_out);
    }
    // The mark outlives encryption: what is resolved is the ESP datagram.
    const auto resolved = std::find_if(records.begin(), records.end(),
                                       [](const TraceRecord& r) { return r.stage == Stage::resolve; });
    REQUIRE(resolved != records.end());
    CHECK(resolved->pair == Pair{o.tunnel.local, o.tunnel.remote});
    CHECK(resolved->spi == o.tunnel.spi_out);
    CHECK(resolved->sequence == 1);
    CHECK(records.back().stage == Stage::transmit);
    CHECK(records.back().out_interface == kOutside);
    // One datagram was asked for.
    o.send();
    CHECK(o.traces().empty());
    CHECK(o.g.out(kOutside).size() == 2);
}

TEST_CASE("observe: a trace through decryption, of either direction, and no other pair") {
    Observed o;
    establish(o.g, o.tunnel);
    o.g.turn();
    o.trace(10);
    const Bytes inner = udp({"10.3.0.2", "10.1.0.2"}, 9, 7, {'y'});
    o.g.in(kOutside, ethernet(o.g.mac(kOutside), kIpv4, seal(o.tunnel, inner)));
    o.g.turn();
    const auto records = o.traces();
    REQUIRE_FALSE(records.empty());
    CHECK(records.front().stage == Stage::decrypt);
    CHECK(records.front().spi == o.tunnel.spi_in);
    CHECK(records.front().sequence == 1);
    CHECK(in_order(records, {Stage::decrypt, Stage::recall, Stage::resolve, Stage::transmit}));
    CHECK(o.g.out(kInside).size() == 1);
    o.send("10.3.0.77");
    CHECK(o.traces().empty());
}

TEST_CASE("observe: a traced datagram that dies names its reason; another protocol is not traced") {
    Observed o;
    SetPolicy deny = pass(o.tunnel.pair);
    deny.state = FlowState::deny;
    o.g.command(0, Command(deny));
    o.trace(5, 6);  // TCP
    o.send();
    CHECK(o.traces().empty());
    o.trace(5);
    o.send();
    const auto records = o.traces();
    const auto death = std::find_if(records.begin(), records.end(),
                                    [](const TraceRecord& r) { return r.stage == Stage::drop; });
    REQUIRE(death != records.end());
    CHECK(death->reason == Drop::policy_deny);
    o.g.command(0, Command(StopTrace{o.token + 1}));  // of another trace: no effect
    o.g.turn();
    CHECK(o.g.worker().watch.has(Watch::kTrace));
    o.g.command(0, Command(StopTrace{o.token}));
    o.send();
    CHECK(o.traces().empty());
    CHECK(o.g.worker().watch.on == 0);
    o.g.out(kInside);  // ICMP prohibited
}

TEST_CASE("observe: full rings are counted and lose no packet") {
    Observed o;
    o.g.command(0, Command(pass(o.tunnel.pair)));
    o.trace(60'000);
    o.capture(of(StartCapture::What::interface));  // inside, both directions
    for (int i = 0; i < 600; ++i) {
        o.send();
        CHECK(o.g.out(kOutside).size() == 1);
    }
    const WorkerShared& shared = *o.g.parts().links[0].shared;
    const std::uint64_t lost = shared.captures_lost[0].load();
    const std::size_t kept = o.captures().size();
    CHECK(kept == rte_ring_get_capacity(o.g.parts().links[0].captures));
    CHECK(lost == 600 - kept);
    CHECK(shared.traces_lost.load() > 0);
    CHECK(o.traces().size() == rte_ring_get_capacity(o.g.parts().links[0].traces));
    CHECK(o.g.drops() == 0);
}

TEST_CASE("observe: capture of drops names the reason") {
    Observed o;
    StartCapture some = of(StartCapture::What::drops);
    some.reason = Drop::hold_replaced;
    o.capture(of(StartCapture::What::drops), 0);
    o.capture(some, 1);
    for (int i = 0; i < 3; ++i) o.send();  // first, last, a later last
    Bytes bad = udp({"10.1.0.2", "10.3.0.2"}, 7, 9, {'x'});
    bad[10] ^= 1;
    o.g.in(kInside, ethernet(o.g.mac(kInside), kIpv4, bad));
    const MacAddress stranger = *MacAddress::parse("02:99:00:00:00:01");
    o.g.in(kInside, ethernet(stranger, kIpv4, udp({"10.1.0.2", "10.3.0.2"}, 7, 9, {'x'})));
    o.g.turn();
    const auto records = o.captures();
    REQUIRE(records.size() == 4);
    CHECK(records[0].reason == Drop::hold_replaced);
    CHECK(records[1].reason == Drop::hold_replaced);
    CHECK((records[0].slot != records[1].slot));
    CHECK_FALSE(records[0].ethernet);
    CHECK(bytes_of(records[0])[0] == 0x45);
    CHECK(records[2].reason == Drop::ip_checksum);
    CHECK(bytes_of(records[2]) == bad);
    CHECK(records[3].reason == Drop::frame_not_for_us);
    CHECK(records[3].ethernet);
    CHECK(bytes_of(records[3])[0] == 0x02);
    CHECK(records[3].interface == kInside);
}

TEST_CASE("observe: outside shows ESP, decrypted shows what is inside") {
    Observed o;
    establish(o.g, o.tunnel);
    o.g.turn();
    StartCapture outside = of(StartCapture::What::interface);
    outside.interface = kOutside;
    outside.snaplen = 64;
    o.capture(outside, 0);
    StartCapture inside = of(StartCapture::What::decrypted);
    inside.one_pair = true;
    inside.pair = o.tunnel.pair.reversed();
    o.capture(inside, 1);
    o.send();
    const Bytes inner = udp({"10.3.0.2", "10.1.0.2"}, 9, 7, {'s', 'e', 'c', 'r', 'e', 't'});
    o.g.in(kOutside, ethernet(o.g.mac(kOutside), kIpv4, seal(o.tunnel, inner)));
    o.g.turn();
    unsigned num_esp = 0, num_inner = 0;
    for (const CaptureRecord& record : o.captures()) {
        const Bytes bytes = bytes_of(record);
        if (record.slot == 0) {
            ++num_esp;
            CHECK(record.ethernet);
            CHECK(bytes.size() == 64);
            CHECK(record.len > 64);
            CHECK(bytes[14 + 9] == 50);  // ESP
            CHECK((record.direction == (num_esp == 1 ? CaptureRecord::Direction::outbound
                                                     : CaptureRecord::Direction::inbound) ||
                   num_esp > 2));
        } else {
            ++num_inner;
            CHECK_FALSE(record.ethernet);
            CHECK(bytes[9] == 17);  // UDP
            if (record.direction == CaptureRecord::Direction::inbound) CHECK(bytes == inner);
        }
    }
    CHECK(num_esp == 2);
    CHECK(num_inner == 2);
    o.g.command(0, Command(StopCapture{0, 77}));
    o.g.command(0, Command(StopCapture{1, 76}));  // of another capture: goes on
    o.send();
    const auto records = o.captures();
    REQUIRE(records.size() == 1);
    CHECK(records[0].slot == 1);
}

TEST_CASE("observe: bounds of a worker's captures, and orders that make no sense") {
    Observed o;
    StartCapture two = of(StartCapture::What::interface);
    two.packets = 2;
    o.capture(two);
    for (int i = 0; i < 5; ++i) o.send("10.3.0." + std::to_string(10 + i));
    CHECK(o.captures().size() == 2);
    StartCapture wrong = of(StartCapture::What::interface);
    wrong.interface = 999;
    o.capture(wrong, 2);
    o.capture(of(StartCapture::What::drops), 200);
    o.g.command(0, Command(StopCapture{200, 77}));
    o.send();
    CHECK(o.captures().empty());
}

TEST_CASE("observe: the stage clock counts what passes, and ends by itself") {
    Observed o;
    o.g.command(0, Command(pass(o.tunnel.pair)));
    o.g.command(0, Command(MeasureStages{true, 1'000'000}));
    o.g.turn();
    for (int i = 0; i < 8; ++i)
        o.g.in(kInside, ethernet(o.g.mac(kInside), kIpv4, udp({"10.1.0.2", "10.3.0.2"}, 7, 9, {'x'})));
    o.g.turn();
    CHECK(o.g.out(kOutside).size() == 8);
    const WorkerStatus status = o.g.dataplane().observer().workers()[0];
    CHECK(status.measuring);
    const auto stage = [&](Stage wanted) {
        for (const StageStatus& s : status.stages)
            if (s.stage == wanted) return s;
        return StageStatus{};
    };
    CHECK(stage(Stage::parse).packets == 8);
    CHECK(stage(Stage::parse).max_burst == 8);
    CHECK(stage(Stage::parse).calls == 1);
    CHECK(stage(Stage::transmit).packets == 8);
    CHECK(stage(Stage::parse).cycles > 0);
    CHECK(status.receive_bursts[4] == 1);  // 8 to 15
    CHECK(status.receive_bursts[0] > 0);
    o.g.pass_time(2'000'000);
    o.g.turn();
    CHECK_FALSE(o.g.dataplane().observer().workers()[0].measuring);
    CHECK(o.g.worker().watch.on == 0);
    o.send();
    CHECK(o.g.dataplane().observer().workers()[0].stages.size() == status.stages.size());
    o.g.out(kOutside);
}

TEST_CASE("observe: switched on and off under traffic, no packet is lost") {
    Observed o;
    establish(o.g, o.tunnel);
    o.g.turn();
    std::size_t num_out = 0;
    for (unsigned i = 0; i < 400; ++i) {
        StartCapture what = of(static_cast<StartCapture::What>(i % 3));
        what.snaplen = 100;
        what.packets = 50;
        what.token = 77;
        what.slot = static_cast<std::uint8_t>(i % kMaxCaptures);
        if (i % 4 < 2)
            o.g.command(0, Command(what));
        else
            o.g.command(0, Command(StopCapture{what.slot, 77}));
        if (i % 7 == 0) o.g.command(0, Command(StartTrace{o.tunnel.pair, 0, 3, i + 1}));
        if (i % 11 == 0) o.g.command(0, Command(MeasureStages{i % 2 == 0, 1'000'000'000}));
        o.send();
        num_out += o.g.out(kOutside).size();
        o.captures();
        o.traces();
    }
    CHECK(num_out == 400);
    CHECK(o.g.drops() == 0);
}
