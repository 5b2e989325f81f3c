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

// ---- path MTU ------------------------------------------------------------------

namespace {

struct PathRig : Rig {
    PathRig() : Rig(2) {
        config.interfaces.resize(1);
        config.interfaces[0].mtu = 1500;
        config.interfaces[0].addresses = {{ip("192.1.1.5"), *Prefix::parse("192.1.1.0/24")}};
    }
    /// A child whose outbound SA is installed.
    ike::InstallChild up(ike::ChildId id, const Pair& pair = kPair) {
        const ike::InstallChild c = child(id, sa.allocate(pair).value(), true, pair);
        REQUIRE(sa.install(c, now));
        apply(drain());
        REQUIRE(sa.use_outbound(id, now));
        return c;
    }
    sa::Sa::PathReport report(std::uint32_t spi, std::uint16_t mtu) {
        PathMtu r;
        r.local = ip("192.1.1.5");
        r.remote = ip("192.2.1.7");
        r.reporter = ip("203.0.113.1");
        r.spi = spi;
        r.mtu = mtu;
        return sa.on_path_mtu(r, now);
    }
    std::vector<SetPathMtu> told() {
        std::vector<SetPathMtu> all;
        for (const auto& c : drain())
            if (c.command.kind == Command::Kind::set_path_mtu) all.push_back(c.command.set_path_mtu);
        return all;
    }
};
using Report = sa::Sa::PathReport;

}  // namespace

TEST_CASE("a path's MTU is told to every SA of the path, and to those that follow") {
    PathRig r;
    const Pair other{ip("192.1.0.66"), ip("192.2.0.66")};
    const auto first = r.up(1), second = r.up(2, other);
    r.drain();
    CHECK(r.report(first.spi_out, 1400) == Report::lowered);
    const auto told = r.told();
    REQUIRE(told.size() == 2);
    CHECK(told[0].mtu == 1400);
    CHECK(told[1].mtu == 1400);
    CHECK(told[0].ref.valid());
    // A rekey of the pair, and the very next SA, begin with it.
    const auto next = r.child(3, r.sa.allocate(kPair).value());
    REQUIRE(r.sa.install(next, r.now));
    r.apply(r.drain());
    REQUIRE(r.sa.use_outbound(3, r.now));
    bool seen = false;
    for (const auto& c : r.drain())
        if (c.command.kind == Command::Kind::install_outbound) {
            seen = true;
            CHECK(c.command.install_outbound.mtu == 1400);
        }
    CHECK(seen);
    // Its time over, the interface's holds again.
    r.now += 10min;
    CHECK(r.sa.next_deadline() <= r.now);
    r.sa.on_timer(r.now);
    for (const SetPathMtu& t : r.told()) CHECK(t.mtu == 0);
    CHECK(r.sa.path_mtu(first.local, first.remote) == 0);
    CHECK(second.spi_out != first.spi_out);
}

TEST_CASE("a report about no SA of ours, or that tells nothing, changes nothing") {
    PathRig r;
    CHECK(r.report(0x1001, 1400) == Report::unknown);
    const auto c = r.up(1);
    r.drain();
    CHECK(r.report(c.spi_out + 1, 1400) == Report::unknown);
    CHECK(r.report(c.spi_out, 1500) == Report::no_news);
    CHECK(r.report(c.spi_out, 9000) == Report::no_news);
    CHECK(r.told().empty());
    CHECK(r.report(c.spi_out, 1300) == Report::lowered);
    CHECK(r.report(c.spi_out, 1300) == Report::no_news);
    CHECK(r.report(c.spi_out, 1400) == Report::no_news);
    CHECK(r.told().size() == 1);
    r.sa.remove(1, false, r.now);
    CHECK(r.report(c.spi_out, 1000) == Report::unknown);
    r.config.dataplane.path_mtu_icmp = false;
    CHECK(r.report(c.spi_out, 1000) == Report::off);
}

TEST_CASE("what is believed of a report: bounds and plateaus (RFC 1191, RFC 8201)") {
    using sa::believed_mtu;
    CHECK(believed_mtu(Family::ipv4, 1400, 1500) == 1400);
    CHECK(believed_mtu(Family::ipv4, 68, 1500) == 576);
    CHECK_FALSE(believed_mtu(Family::ipv4, 68, 576));
    CHECK_FALSE(believed_mtu(Family::ipv4, 1500, 1500));
    CHECK(believed_mtu(Family::ipv4, 0, 9000) == 8166);
    CHECK(believed_mtu(Family::ipv4, 0, 1500) == 1492);
    CHECK(believed_mtu(Family::ipv4, 0, 1492) == 1006);
    CHECK(believed_mtu(Family::ipv4, 0, 1006) == 576);
    CHECK_FALSE(believed_mtu(Family::ipv4, 0, 576));
    CHECK(believed_mtu(Family::ipv6, 1280, 1500) == 1280);
    CHECK_FALSE(believed_mtu(Family::ipv6, 1279, 1500));
    CHECK_FALSE(believed_mtu(Family::ipv6, 0, 1500));
    CHECK_FALSE(believed_mtu(Family::ipv6, 1280, 1280));
}
