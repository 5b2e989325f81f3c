// ESP that its receiver cannot open: what it tells the sender inside their IKE SA, and what
// the sender makes of it (RFC 7296 §1.5, §3.10.1). Forged ESP must gain nothing.
#include <algorithm>

#include "ike/v2/budget.hpp"
#include "insider.hpp"

using namespace exchange;

namespace {

constexpr std::size_t kMost = v2::SaidLately::kMost;

void log_keys(Settings& settings) {
    settings.key_log = true;
}

/// B's half of the child is gone as if A had deleted it, A's is not, and the windows of their
/// IKE SA go on.
void lose_at_b(Pairing& p) {
    const std::uint32_t spi = p.a.installed.front().spi_in;  // of the first IKE SA
    const std::size_t before = p.b.live.size();
    Insider a(p, true), b(p, false);
    wire::Payloads request;
    request.add(wire::Delete{wire::ProtocolId::esp, {spi}});
    a.say(wire::ExchangeType::informational, false, 2, request);
    p.world.take();
    p.a.engine->check_liveness(p.a.live.begin()->first, p.world.now);
    p.world.take();
    b.say(wire::ExchangeType::informational, true, 2, {});
    REQUIRE(p.b.live.size() + 1 == before);
    REQUIRE(p.a.live.size() == before);
    p.world.story.clear();
}

wire::Payloads invalid_spi(std::uint32_t spi) {
    wire::Payloads payloads;
    payloads.add(wire::Notify::of_u32(wire::NotifyType::invalid_spi, spi));
    return payloads;
}

std::size_t num_requests(const World& world, const std::string& who) {
    return static_cast<std::size_t>(
        std::count_if(world.story.begin(), world.story.end(), [&](const std::string& line) {
            return line.find(who + " INFORMATIONAL request") != std::string::npos;
        }));
}

}  // namespace

TEST_CASE("a child that only its sender still has is closed at the receiver's word", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    lose_at_b(p);
    // A's ESP arrives at B, again and again.
    for (int i = 0; i < 5; ++i)
        p.b.engine->on_unknown_spi(p.b.address, p.a.address, p.a.installed[0].spi_out, p.world.now);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.world.story ==
          std::vector<std::string>{"B -> A INFORMATIONAL request 0",  // INVALID_SPI
                                   "A -> B INFORMATIONAL answer 0",
                                   "A -> B INFORMATIONAL request 3",  // delete: B may have the other half
                                   "B -> A INFORMATIONAL answer 3"});
    REQUIRE(p.a.gone.size() == 1);
    CHECK(p.a.gone.front().reason == ChildGone::Reason::lost_by_peer);
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.b.engine->counters().esp_spis_told == 1);
    CHECK(p.a.engine->counters().children_lost_by_peer == 1);
    CHECK(p.a.noticed("INVALID_SPI"));
    // The channel is as good as before.
    p.a.initiate(p.b, p.pair, 2);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
    CHECK(p.a.num_established() == 1);
}

TEST_CASE("INVALID_SPI carries the SPI as its data", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    p.a.engine->on_unknown_spi(p.a.address, p.b.address, 0x12345678, p.world.now);
    const Datagram told = p.world.take();
    const wire::Payloads heard = Listener(p, false).hear(told);
    REQUIRE(heard.list.size() == 1);
    const auto* notify = heard.notify(wire::NotifyType::invalid_spi);
    REQUIRE(notify != nullptr);
    CHECK(notify->spi.empty());
    CHECK(notify->data == Bytes{0x12, 0x34, 0x56, 0x78});
    CHECK(told.line == "A -> B INFORMATIONAL request 2");
    p.world.hand_over(told);
    p.world.run();
    CHECK(p.b.live.size() == 1);
    CHECK(p.b.engine->counters().invalid_spi_of_none == 1);
}

TEST_CASE("forged ESP makes us say little, and ends nothing", "[exchange]") {
    Pairing p;
    p.key_up();
    p.world.story.clear();
    const Time begin = p.world.now;
    unsigned spi = 0x20000000;
    for (; p.world.now - begin < 59s; p.world.now += 10ms) {
        p.a.engine->on_unknown_spi(p.a.address, p.b.address, ++spi, p.world.now);
        p.a.engine->on_unknown_spi(p.a.address, p.b.address, 0x30000000, p.world.now);  // always the same
        p.world.run();
    }
    CHECK(num_requests(p.world, "A -> B") == kMost);
    CHECK(p.a.engine->counters().esp_spis_told == kMost);
    CHECK(p.a.engine->counters().esp_spis_untold > 5000);
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
    // Another interval, another few.
    p.world.now = begin + 61s;
    p.a.engine->on_unknown_spi(p.a.address, p.b.address, 0x30000000, p.world.now);
    p.world.run();
    CHECK(p.a.engine->counters().esp_spis_told == kMost + 1);
    CHECK(p.b.engine->counters().invalid_spi_of_none == kMost + 1);
    // From where nobody has an IKE SA with us, or to another address of ours: not a word.
    p.world.story.clear();
    p.a.engine->on_unknown_spi(p.a.address, ip("198.51.100.9"), 0x40000000, p.world.now + 100s);
    p.a.engine->on_unknown_spi(ip("192.1.0.2"), p.b.address, 0x40000000, p.world.now + 100s);
    p.a.engine->on_unknown_spi(p.a.address, p.b.address, 255, p.world.now + 100s);
    p.world.run();
    CHECK(p.world.story.empty());
}

TEST_CASE("the budget of forged ESP goes on with the channel's successor", "[exchange]") {
    Pairing p([](Settings& s) { s.ike.ike_lifetime = 100s, s.timers.liveness = 10min; },
              [](Settings& s) { s.ike.ike_lifetime = 1h; });
    p.key_up();
    for (unsigned spi = 1000; spi < 1100; ++spi)
        p.a.engine->on_unknown_spi(p.a.address, p.b.address, spi, p.world.now);
    p.world.run();
    REQUIRE(p.a.engine->counters().esp_spis_told == kMost);
    p.world.pass(95s);
    REQUIRE(p.a.ike_rekeyed.size() == 1);
    p.a.engine->on_unknown_spi(p.a.address, p.b.address, 2000, p.world.now);
    p.world.run();
    CHECK(p.a.engine->counters().esp_spis_told == kMost);
}

TEST_CASE("ESP on a child that is being made is early, not lost", "[exchange]") {
    Pairing p;
    p.key_up();
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.deliver();
    REQUIRE(p.b.installed.size() == 2);  // the answer is on the wire, B's ESP has overtaken it
    p.world.story.clear();
    p.a.engine->on_unknown_spi(p.a.address, p.b.address, p.b.installed.back().spi_out, p.world.now);
    p.world.run();
    CHECK(p.a.live.size() == 2);
    CHECK(p.b.live.size() == 2);
    CHECK(num_requests(p.world, "A -> B") == 0);
    CHECK(p.a.engine->counters().esp_spis_told == 0);
    // Installed a moment ago: the worker's word may be older. Later it is the worker that lost it.
    const std::uint32_t spi = p.a.installed.back().spi_in;
    p.a.engine->on_unknown_spi(p.a.address, p.b.address, spi, p.world.now + 9s);
    p.world.run();
    CHECK(p.a.engine->counters().esp_spis_told == 0);
    p.world.now += 11s;
    p.a.engine->on_unknown_spi(p.a.address, p.b.address, spi, p.world.now);
    p.world.run();
    CHECK(p.a.engine->counters().esp_spis_told == 1);
    CHECK(p.a.live.size() == 1);  // closed by B, at both ends
    CHECK(p.b.live.size() == 1);
    CHECK(p.b.gone.front().reason == ChildGone::Reason::lost_by_peer);
}

TEST_CASE("INVALID_SPI outside of the IKE SA decides nothing and is not answered", "[exchange]") {
    Pairing p;
    p.key_up();
    for (const bool response : {false, true}) {
        wire::Header header;
        header.exchange = wire::ExchangeType::informational;
        header.initiator = true;
        header.response = response;
        header.spi_initiator = GENERATE(0, 0x1234);
        const Bytes forged = wire::serialise(header, invalid_spi(p.a.installed.front().spi_out));
        p.world.hand_over({{p.b.address, 500}, {p.a.address, 500}, forged, "forged"});
    }
    CHECK(p.world.wire.empty());
    CHECK(p.a.live.size() == 1);
    CHECK(p.a.engine->counters().children_lost_by_peer == 0);
    CHECK(p.a.engine->counters().invalid_spi_answered == 0);
}

TEST_CASE("with several channels the newest is told first, then the others", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    const std::uint32_t lost = p.a.installed.front().spi_out;
    p.world.now += 1s;
    SECTION("of the same peer and key: one word is enough, whichever channel the child is of") {
        p.a.initiate(p.b, {p.anna, p.bob}, 2, Verdict::secure, true);
        p.world.run();
        lose_at_b(p);
        p.b.engine->on_unknown_spi(p.b.address, p.a.address, lost, p.world.now);
        p.world.run();
        CHECK(p.a.live.size() == 1);
        CHECK(p.a.gone.front().reason == ChildGone::Reason::lost_by_peer);
        CHECK(p.b.engine->counters().esp_spis_told == 1);
    }
    SECTION("another key at the same address: only the channel that made the child closes it") {
        p.b.engine->set_key(key_c());
        p.a.dns[Identity::of(p.b.address)] = {key_c().public_key()};
        p.a.initiate(p.b, {p.anna, p.bob}, 2, Verdict::secure, true);
        p.world.run();
        lose_at_b(p);
        p.b.engine->on_unknown_spi(p.b.address, p.a.address, lost, p.world.now);
        p.world.run();
        CHECK(p.a.live.size() == 2);
        CHECK(p.a.engine->counters().invalid_spi_of_none == 1);
        p.b.engine->on_unknown_spi(p.b.address, p.a.address, lost, p.world.now);
        p.world.run();
        CHECK(p.a.live.size() == 1);
        CHECK(p.b.engine->counters().esp_spis_told == 2);
        // There is nobody left to tell.
        p.b.engine->on_unknown_spi(p.b.address, p.a.address, lost, p.world.now);
        p.world.run();
        CHECK(p.b.engine->counters().esp_spis_told == 2);
    }
}

TEST_CASE("a peer closes its own children only", "[exchange]") {
    Pairing p;
    p.key_up();
    Peer& c = p.world.add("C", "192.3.0.3");
    for (Peer* peer : {&p.a, &c}) peer->dns[Identity::of(c.address)] = {key_c().public_key()};
    c.dns[Identity::of(p.a.address)] = {key_a().public_key()};
    const Address carol = ip("192.3.0.65");
    p.a.delegations[{Identity::of(c.address), carol}] = true;
    c.spis.allocate({});  // not the SPI that B has, too
    c.initiate(p.a, {carol, p.alice}, 7);
    p.world.run();
    REQUIRE(p.a.live.size() == 2);
    c.engine->on_unknown_spi(c.address, p.a.address, p.a.installed.front().spi_out, p.world.now);
    p.world.run();
    CHECK(c.engine->counters().esp_spis_told == 1);
    CHECK(p.a.live.size() == 2);
    CHECK(p.a.engine->counters().invalid_spi_of_none == 1);
}

TEST_CASE("a child that is replaced or closed already does not end twice", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    const ChildId child = p.a.live.begin()->first;
    Insider b(p, false);
    SECTION("replaced by the peer's rekey, its delete lost with the SA: gone, the new one stays") {
        p.b.engine->rekey_child(p.b.live.begin()->first, p.world.now);
        p.world.deliver();
        p.world.deliver();
        REQUIRE(p.a.live.size() == 2);
        p.world.take();  // B's delete of the old one, message ID 1
        b.say(wire::ExchangeType::informational, false, 1, invalid_spi(p.a.installed.front().spi_out));
        CHECK(p.a.live.size() == 1);
        REQUIRE(p.a.gone.size() == 1);
        CHECK(p.a.gone.front().child == child);
        CHECK(p.a.gone.front().reason == ChildGone::Reason::rekeyed);
    }
    SECTION("our delete is on its way") {
        p.a.engine->delete_child(child, p.world.now);
        const Datagram own = p.world.take();
        b.say(wire::ExchangeType::informational, false, 0, invalid_spi(p.a.installed.front().spi_out));
        CHECK(p.a.engine->counters().invalid_spi_of_none == 1);
        CHECK(p.a.live.size() == 1);
        p.world.hand_over(own);
        p.world.run();
        REQUIRE(p.a.gone.size() == 1);
        CHECK(p.a.gone.front().reason == ChildGone::Reason::deleted_by_us);
    }
    SECTION("a wrong length is no SPI") {
        wire::Payloads wrong;
        wrong.add(wire::Notify::of(wire::NotifyType::invalid_spi, Bytes(3)));
        wrong.add(wire::Notify::of(wire::NotifyType::invalid_spi, Bytes(8)));
        wrong.add(wire::Notify::of_esp(wire::NotifyType::invalid_spi, p.a.installed.front().spi_out));
        b.say(wire::ExchangeType::informational, false, 0, wrong);
        CHECK(p.a.live.size() == 1);
        CHECK(p.a.engine->counters().children_lost_by_peer == 0);
    }
}
