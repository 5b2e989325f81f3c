// SA bookkeeping: SPIs that name owner and slot, slots that come back only after the
// worker's word, one outbound SA a pair, limits.
#include <algorithm>
#include <set>

#include "catch.hpp"
#include "sa/sa.hpp"

using namespace oegate;

namespace {

Address ip(const char* text) {
    return Address::parse(text).value();
}
const Pair kPair{ip("192.1.0.65"), ip("192.2.0.66")};
const OwnerSeed kSeed{1, 2};

struct Rig {
    explicit Rig(unsigned num_workers = 2, std::uint32_t slots = 64)
        : config(with_slots(slots)), outbox(num_workers) {}
    static config::Config with_slots(std::uint32_t slots) {
        config::Config c;
        c.dataplane.sas_per_worker = slots;
        return c;
    }
    config::Config config;
    SeededRandom random{7};
    sa::Outbox outbox;
    sa::Sa sa{config, kSeed, random, outbox};
    Time now{1h};

    ike::InstallChild child(ike::ChildId id, std::uint32_t spi, bool initiator = true,
                            const Pair& pair = kPair) {
        ike::InstallChild c;
        c.child = id;
        c.initiator = initiator;
        c.pair = pair;
        c.local = ip("192.1.1.5");
        c.remote = ip("192.2.1.7");
        c.spi_in = spi;
        c.spi_out = 0x1000 + static_cast<std::uint32_t>(id);
        c.outbound.key[0] = 0x77;
        return c;
    }
    std::vector<sa::WorkerCommand> drain() {
        std::vector<sa::WorkerCommand> all;
        while (auto c = outbox.next()) all.push_back(*c);
        return all;
    }
    void apply(const std::vector<sa::WorkerCommand>& commands) {
        for (const auto& c : commands) outbox.on_applied(c.worker, c.command.sequence);
        for (unsigned w = 0; w < outbox.num_workers(); ++w) sa.on_applied(w, now);
    }
};

}  // namespace

TEST_CASE("an SPI names the owner of its pair, and a slot of its own") {
    Rig r;
    std::set<std::uint32_t> spis;
    for (unsigned i = 0; i < 100; ++i) {
        const Pair pair{kPair.source, Address::ipv4(0xc0020000 + i)};
        const auto spi = r.sa.allocate(pair);
        if (!spi) continue;  // that worker's table is full
        CHECK(*spi > 255);   // RFC 4303 §2.1
        CHECK(Spi::worker(*spi) == owner(kSeed, pair.source, pair.destination, 2));
        CHECK(spis.insert(*spi).second);
    }
    CHECK(spis.size() >= 80);
}

TEST_CASE("a full table refuses, a released SPI comes back under another salt") {
    Rig r(1, 2);
    const auto a = r.sa.allocate(kPair);
    const auto b = r.sa.allocate(kPair);
    REQUIRE((a && b));
    CHECK_FALSE(r.sa.allocate(kPair));
    r.sa.release(*a);
    r.sa.release(*a);  // twice is harmless
    const auto c = r.sa.allocate(kPair);
    REQUIRE(c);
    CHECK(Spi::slot(*c) == Spi::slot(*a));
    CHECK(*c != *a);
    CHECK_FALSE(r.sa.allocate(kPair));
    r.sa.release(*a);  // a former tenant's name
    CHECK_FALSE(r.sa.allocate(kPair));
}

TEST_CASE("a child is installed when its worker says so; outbound on demand and once") {
    Rig r;
    const auto spi = r.sa.allocate(kPair);
    REQUIRE(r.sa.install(r.child(1, *spi, false), r.now));
    auto commands = r.drain();
    REQUIRE(commands.size() == 1);
    const InstallInbound inbound = commands[0].command.install_inbound;
    CHECK(commands[0].command.kind == Command::Kind::install_inbound);
    CHECK(commands[0].worker == Spi::worker(*spi));
    CHECK(inbound.pair == kPair.reversed());
    CHECK(inbound.spi == *spi);
    CHECK(inbound.report_first);
    CHECK(inbound.replay_window % 64 == 0);
    CHECK_FALSE(r.sa.next_installed());
    r.apply(commands);
    CHECK(r.sa.next_installed() == 1);
    CHECK_FALSE(r.sa.next_installed());

    const auto ref = r.sa.use_outbound(1, r.now);
    REQUIRE(ref);
    CHECK(r.sa.use_outbound(1, r.now) == ref);
    commands = r.drain();
    REQUIRE(commands.size() == 1);
    const auto& outbound = commands[0].command.install_outbound;
    CHECK(outbound.key.key[0] == 0x77);
    CHECK(outbound.pair == kPair);
    CHECK(outbound.limits.hard_packets < (1ull << 32));
    CHECK(outbound.limits.soft_packets < outbound.limits.hard_packets);
    CHECK(outbound.limits.soft_ns >= outbound.limits.hard_ns / 100 * 85);
    CHECK(outbound.limits.soft_ns <= outbound.limits.hard_ns / 100 * 90);
    CHECK(inbound.limits.hard_ns > outbound.limits.hard_ns);
    CHECK(r.sa.child_of(commands[0].worker, Direction::outbound, *ref) == 1);
    CHECK_FALSE(r.sa.child_of(commands[0].worker, Direction::outbound, {ref->slot, ref->generation + 1}));
    CHECK_FALSE(r.sa.child_of(99, Direction::outbound, *ref));

    // Retired, it is never installed again: its sequence numbers would repeat.
    r.sa.retire_outbound(kPair);
    CHECK_FALSE(r.sa.use_outbound(1, r.now));
}

TEST_CASE("one outbound SA a pair; an old inbound SA stays for stragglers") {
    Rig r;
    for (ike::ChildId id : {1, 2}) {
        REQUIRE(r.sa.install(r.child(id, *r.sa.allocate(kPair)), r.now));
        REQUIRE(r.sa.use_outbound(id, r.now));
    }
    r.sa.retire_outbound(kPair, 2);
    unsigned num_in_use = 0;
    for (const auto& c : r.sa.children()) num_in_use += c.in_use ? 1 : 0;
    CHECK(num_in_use == 1);
    r.apply(r.drain());
    r.sa.remove(1, true, r.now);
    CHECK(r.drain().empty());
    CHECK(r.sa.next_deadline() == r.now + r.config.timers.old_inbound);
    r.sa.on_timer(r.now + r.config.timers.old_inbound);
    const auto commands = r.drain();
    REQUIRE(commands.size() == 1);
    CHECK(commands[0].command.kind == Command::Kind::remove_sa);
    CHECK(commands[0].command.remove_sa.direction == Direction::inbound);
    const std::size_t num_left = r.sa.children().size();
    CHECK(num_left == 1);
}

TEST_CASE("a slot is not reused before its worker acknowledged the removal") {
    Rig r(1, 1);
    const auto spi = r.sa.allocate(kPair);
    REQUIRE(r.sa.install(r.child(1, *spi), r.now));
    const auto before = r.sa.inbound(1);
    r.apply(r.drain());
    r.sa.remove(1, false, r.now);
    CHECK_FALSE(r.sa.allocate(kPair));
    r.apply(r.drain());
    const auto again = r.sa.allocate(kPair);
    REQUIRE(again);
    CHECK(*again != *spi);
    REQUIRE(r.sa.install(r.child(2, *again), r.now));
    CHECK(r.sa.inbound(2)->generation != before->generation);
    CHECK_FALSE(r.sa.child_of(0, Direction::inbound, *before));
}

TEST_CASE("a child under an SPI that is not its own is refused") {
    Rig r;
    CHECK_FALSE(r.sa.install(r.child(1, 0), r.now));
    CHECK_FALSE(r.sa.install(r.child(1, 0xffffffff), r.now));
    const auto spi = r.sa.allocate(kPair);
    CHECK_FALSE(r.sa.install(r.child(1, *spi ^ 0x01000000), r.now));  // another salt
    REQUIRE(r.sa.install(r.child(1, *spi), r.now));
    CHECK_FALSE(r.sa.install(r.child(2, *spi), r.now));  // taken
    CHECK(r.sa.children().size() == 1);
}
