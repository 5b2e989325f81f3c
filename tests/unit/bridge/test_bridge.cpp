// The bridge over real rte_rings in plain memory (no EAL: rte_ring_init needs none).
#include "bridge/bridge.hpp"

#include <rte_ring_elem.h>

#include <cstdlib>
#include <memory>

#include "base/secret.hpp"
#include "bridge/datagram.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"

using namespace oegate;
using namespace oegate::bridge;

namespace {

using Ring = std::unique_ptr<rte_ring, decltype(&std::free)>;

template <class Record>
Ring make_ring(unsigned count) {
    const auto size = static_cast<std::size_t>(rte_ring_get_memsize_elem(sizeof(Record), count));
    auto* ring = static_cast<rte_ring*>(std::aligned_alloc(64, (size + 63) / 64 * 64));
    REQUIRE(rte_ring_init(ring, "test", count, RING_F_SP_ENQ | RING_F_SC_DEQ) == 0);
    return Ring(ring, &std::free);
}

struct Wires {
    Ring commands = make_ring<Command>(4);
    Ring transmits = make_ring<Transmit>(4);
    Ring events = make_ring<Event>(4);
    Ring punts = make_ring<Punt>(4);
    Ring snapshots = make_ring<SnapshotRecord>(4);
    WorkerShared shared;
    WorkerLink link() {
        return {commands.get(), transmits.get(), events.get(), punts.get(), snapshots.get(), &shared};
    }
    std::optional<Command> take_command() {
        Command command;
        if (rte_ring_sc_dequeue_elem(commands.get(), &command, sizeof command) != 0) return std::nullopt;
        return command;
    }
};

struct Recorder : Inbox {
    std::vector<Event> events;
    std::vector<Punt> punts;
    std::vector<Bytes> packets;
    std::vector<SnapshotRecord> snapshots;
    std::vector<std::uint64_t> applied;
    void on_event(const Event& event) override { events.push_back(event); }
    void on_punt(const Punt& punt, ByteView data) override {
        punts.push_back(punt);
        packets.emplace_back(data.begin(), data.end());
    }
    void on_snapshot(unsigned, const SnapshotRecord& record) override { snapshots.push_back(record); }
    void on_applied(unsigned, std::uint64_t sequence) override { applied.push_back(sequence); }
};

}  // namespace

TEST_CASE("bridge: commands keep their order and none is lost when the ring is full") {
    Wires wires;
    Bridge bridge({wires.link()});
    Recorder inbox;
    for (std::uint64_t i = 1; i <= 20; ++i) {
        NeighbourChanged change;
        change.interface = static_cast<std::uint16_t>(i);
        CHECK(bridge.post(0, Command(change)) == i);
    }
    CHECK(bridge.num_waiting() == 17);  // a ring of 4 holds 3
    std::uint64_t expected = 1;
    while (expected <= 20) {
        while (const auto command = wires.take_command()) {
            REQUIRE(command->sequence == expected);
            REQUIRE(command->neighbour_changed.interface == expected);
            ++expected;
        }
        bridge.poll(inbox);
    }
    CHECK(bridge.num_waiting() == 0);
    CHECK_FALSE(wires.take_command());
}

TEST_CASE("bridge: events, punts, snapshots and acknowledgements reach the inbox once") {
    Wires wires;
    Bridge bridge({wires.link()});
    Recorder inbox;
    CHECK_FALSE(bridge.poll(inbox));
    const Event event(NeighbourWanted{*Address::parse("192.1.0.65"), 3});
    Punt punt{};
    punt.len = 5;
    SnapshotRecord record;
    record.token = 9;
    rte_ring_sp_enqueue_elem(wires.events.get(), const_cast<Event*>(&event), sizeof event);
    rte_ring_sp_enqueue_elem(wires.punts.get(), &punt, sizeof punt);
    rte_ring_sp_enqueue_elem(wires.snapshots.get(), &record, sizeof record);
    wires.shared.applied.store(7);
    CHECK(bridge.poll(inbox));
    REQUIRE(inbox.events.size() == 1);
    CHECK(inbox.events[0].neighbour_wanted.interface == 3);
    CHECK(inbox.punts.at(0).len == 5);
    CHECK(inbox.snapshots.at(0).token == 9);
    CHECK(inbox.applied == std::vector<std::uint64_t>{7});
    CHECK_FALSE(bridge.poll(inbox));
}

TEST_CASE("bridge: datagrams beyond the bound are counted and dropped, as are oversized ones") {
    Wires wires;
    Bridge bridge({wires.link()});
    const Bytes small(100, 1);
    for (std::size_t i = 0; i < 3 + Bridge::kMaxTransmits; ++i)
        bridge.transmit(0, Transmit::Kind::datagram, 0, small);
    CHECK(bridge.num_transmits_lost() == 0);
    bridge.transmit(0, Transmit::Kind::datagram, 0, small);
    bridge.transmit(0, Transmit::Kind::datagram, 0, Bytes(kMaxPacketBytes + 1));
    CHECK(bridge.num_transmits_lost() == 2);
}

TEST_CASE("bridge: a packet longer than a record crosses in several, both ways") {
    Wires wires;
    Bridge bridge({wires.link()});
    Recorder inbox;
    for (const std::size_t len : {kMaxRecordBytes, kMaxRecordBytes + 1, std::size_t{6000}}) {
        CAPTURE(len);
        Bytes packet(len);
        for (std::size_t i = 0; i < len; ++i) packet[i] = static_cast<std::uint8_t>(i * 5 + i / 256);
        // A ring of 4 holds 3 records; the rest waits.
        bridge.transmit(0, Transmit::Kind::datagram, 2, packet);
        bridge.transmit(0, Transmit::Kind::datagram, 2, packet);
        for (unsigned round = 0; round < 2; ++round) {
            Bytes got;
            while (got.size() < len) {
                Transmit record;
                bridge.poll(inbox);
                REQUIRE(rte_ring_sc_dequeue_elem(wires.transmits.get(), &record, sizeof record) == 0);
                CHECK(record.len == len);
                CHECK(record.interface == 2);
                append(got, ByteView(record.data).first(std::min(len - got.size(), kMaxRecordBytes)));
            }
            CHECK(got == packet);
        }
        CHECK(bridge.num_waiting() == 0);

        Punt records[3]{};
        const auto count = static_cast<unsigned>(records_of(len));
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = i * kMaxRecordBytes;
            std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(at), std::min(len - at, kMaxRecordBytes),
                        records[i].data.begin());
        }
        records[0].len = static_cast<std::uint16_t>(len);
        REQUIRE(rte_ring_sp_enqueue_bulk_elem(wires.punts.get(), records, sizeof(Punt), count, nullptr) ==
                count);
        bridge.poll(inbox);
        REQUIRE(inbox.packets.size() == 1);
        CHECK(inbox.packets[0] == packet);
        inbox.packets.clear();
    }
    // A packet that is cut off, which no worker sends, is not passed on.
    Punt half{};
    half.len = kMaxRecordBytes + 1;
    rte_ring_sp_enqueue_elem(wires.punts.get(), &half, sizeof half);
    bridge.poll(inbox);
    CHECK(inbox.packets.empty());
}

TEST_CASE("ike datagram: IPv4 and IPv6, checksums right, marker on port 4500") {
    const Bytes payload(31, 0xa5);
    const Address a4 = *Address::parse("192.1.1.4"), b4 = *Address::parse("192.1.1.5");
    const Bytes v4 = ike_datagram(a4, 500, b4, 500, payload);
    CHECK(v4.size() == 20 + 8 + 31);
    CHECK(checksum(ByteView(v4).first(20)) == 0);
    Bytes pseudo(v4.begin() + 12, v4.begin() + 20);
    append(pseudo, Bytes{0, 17, 0, 39});
    CHECK(checksum_finish(checksum_add(checksum_add(0, pseudo), ByteView(v4).subspan(20))) == 0);

    const Address a6 = *Address::parse("2001:db8:1::4"), b6 = *Address::parse("2001:db8:1::5");
    const Bytes v6 = ike_datagram(a6, 4500, b6, 4500, payload);
    CHECK(v6.size() == 40 + 8 + 4 + 31);
    CHECK(to_hex(ByteView(v6).subspan(48, 5)) == "00000000a5");
    Bytes pseudo6(v6.begin() + 8, v6.begin() + 40);
    append(pseudo6, Bytes{0, 17, 0, 43});
    CHECK(checksum_finish(checksum_add(checksum_add(0, pseudo6), ByteView(v6).subspan(40))) == 0);
}
