// CREATE_CHILD_SA and INFORMATIONAL: further pairs, rekeys by either side, deletes
// that cross, liveness, the ends of IKE SAs; selectors and tables.
#include <algorithm>
#include <array>

#include "ike/v2/child_offer.hpp"
#include "ike/v2/rows.hpp"
#include "insider.hpp"

using namespace exchange;

namespace {
ChildId only(const Peer& peer) {
    REQUIRE(peer.live.size() == 1);
    return peer.live.begin()->first;
}
bool has_gone(const Peer& peer, ChildId child, ChildGone::Reason reason) {
    return std::any_of(peer.gone.begin(), peer.gone.end(),
                       [&](const ChildGone& gone) { return gone.child == child && gone.reason == reason; });
}
/// The two live children are the two ends of one SA pair.
void check_same_pair(const Peer& a, const Peer& b) {
    REQUIRE(a.live.size() == 1);
    REQUIRE(b.live.size() == 1);
    const InstallChild& x = a.live.begin()->second;
    const InstallChild& y = b.live.begin()->second;
    CHECK(x.spi_in == y.spi_out);
    CHECK(x.spi_out == y.spi_in);
    CHECK(x.inbound.key == y.outbound.key);
    CHECK(x.outbound.key == y.inbound.key);
    CHECK(a.spis.in_use.size() == 1);
    CHECK(b.spis.in_use.size() == 1);
}
}  // namespace

TEST_CASE("a second pair gets its own Diffie-Hellman on the same channel", "[exchange]") {
    Pairing p;
    p.key_up();
    p.a.initiate(p.b, {p.anna, p.bert}, 2);
    const Datagram request = p.world.take();
    CHECK(request.line == "A -> B CREATE_CHILD_SA request 2");
    p.world.hand_over(request);
    p.world.run();
    REQUIRE(p.a.installed.size() == 2);
    CHECK(p.a.installed[1].connection == 2);
    CHECK(p.a.installed[1].pair == Pair{p.anna, p.bert});
    CHECK(p.a.installed[1].outbound.key != p.a.installed[0].outbound.key);
    CHECK(p.a.installed[1].outbound.key == p.b.installed[1].inbound.key);
    CHECK(p.b.wanted_authorization.size() == 2);
    CHECK(p.b.wanted_authorization[1].pair.source == p.anna);
}

TEST_CASE("an undelegated source of a further pair is refused, the first one stays", "[exchange]") {
    Pairing p;
    p.key_up();
    p.b.delegations[{Identity::of(p.a.address), p.anna}] = false;
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::child_refused);
    check_same_pair(p.a, p.b);
}

TEST_CASE("a further pair when the peer is full: NO_ADDITIONAL_SAS", "[exchange]") {
    Pairing p;
    p.key_up();
    p.b.spis.limit = 1;
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::full);
    check_same_pair(p.a, p.b);
}

TEST_CASE("a child is rekeyed by either side; whoever asked deletes the old one", "[exchange]") {
    Pairing p;
    p.key_up();
    const bool by_a = GENERATE(true, false);
    Peer& asks = by_a ? p.a : p.b;
    Peer& other = by_a ? p.b : p.a;
    const ChildId old_a = only(p.a), old_b = only(p.b);
    p.world.story.clear();
    asks.engine->rekey_child(only(asks), p.world.now);
    p.world.run();
    CAPTURE(p.world.told());
    const std::string from = asks.name + " -> " + other.name + " ";
    REQUIRE(p.world.story.size() == 4);
    CHECK(p.world.story[0].find(from + "CREATE_CHILD_SA request") == 0);
    CHECK(p.world.story[2].find(from + "INFORMATIONAL request") == 0);
    CHECK(has_gone(p.a, old_a, ChildGone::Reason::rekeyed));
    CHECK(has_gone(p.b, old_b, ChildGone::Reason::rekeyed));
    CHECK(asks.installed.back().replaces == (by_a ? old_a : old_b));
    CHECK(other.installed.back().replaces == (by_a ? old_b : old_a));
    CHECK(asks.installed.back().initiator);
    CHECK(p.b.wanted_authorization.size() == 1);  // the pair is known
    check_same_pair(p.a, p.b);
}

TEST_CASE("a peer that rekeys and never deletes gets no SA for each", "[exchange]") {
    Pairing p([](Settings& s) { s.key_log = true; });
    p.key_up();
    const IkeSaStatus channel = p.a.engine->status().front();
    std::vector<std::string> fields{""};  // of A's IKE key line: SPIi,SPIr,SK_ei,...
    for (const char c : p.a.key_log.front())
        if (c == ',')
            fields.emplace_back();
        else
            fields.back().push_back(c);
    REQUIRE(fields.size() > 2);
    Bytes sk_ei;
    for (std::size_t i = 0; i + 1 < fields[2].size(); i += 2)
        sk_ei.push_back(static_cast<std::uint8_t>(std::stoul(fields[2].substr(i, 2), nullptr, 16)));
    SkSealer sealer{Secret(std::move(sk_ei))};

    std::uint32_t spi = p.b.installed.front().spi_out;
    for (std::uint32_t id = 2; id < 30; ++id) {
        wire::Payloads request;
        request.add(wire::Notify::of_esp(wire::NotifyType::rekey_sa, spi));
        request.add(wire::offer_esp(config::Ike{}, 0x70000000 + id, false));
        request.add(wire::Nonce{Bytes(32, static_cast<std::uint8_t>(id))});
        v2::add_selectors(request, p.pair);
        const wire::Header header{.spi_initiator = channel.spi_initiator,
                                  .spi_responder = channel.spi_responder,
                                  .exchange = wire::ExchangeType::create_child_sa,
                                  .initiator = true,
                                  .response = false,
                                  .message_id = id};
        p.world.hand_over({channel.local, channel.remote, sealer.seal(header, request), "forged"});
        p.world.wire.clear();  // its answers matter to nobody
        spi = p.b.installed.back().spi_out;
    }
    CHECK(p.b.installed.size() == 5);  // the first, and four beside it
    CHECK(p.b.spis.in_use.size() == 5);
    CHECK(p.b.noticed("without a delete"));
    CHECK(p.b.num_established() == 1);
}

TEST_CASE("rekeys that collide leave one child, and both sides the same", "[exchange]") {
    // Ten pairings have other nonces: both outcomes are met.
    bool a_won = false, b_won = false;
    for (int round = 0; round < 10; ++round) {
        Pairing p;
        for (int i = 0; i < round; ++i) p.a.random.u64(), p.b.random.u64();
        p.key_up();
        p.a.engine->rekey_child(only(p.a), p.world.now);
        p.b.engine->rekey_child(only(p.b), p.world.now);
        p.world.run();
        CAPTURE(round, p.world.told());
        check_same_pair(p.a, p.b);
        (p.a.live.begin()->second.initiator ? a_won : b_won) = true;
        CHECK(p.a.rekey_failed.empty());
        CHECK(p.b.rekey_failed.empty());
        for (const ChildGone& gone : p.a.gone) CHECK(gone.reason == ChildGone::Reason::rekeyed);
        for (const ChildGone& gone : p.b.gone) CHECK(gone.reason == ChildGone::Reason::rekeyed);
        // And the survivor can be rekeyed again.
        p.a.engine->rekey_child(only(p.a), p.world.now);
        p.world.run();
        check_same_pair(p.a, p.b);
    }
    CHECK(a_won);
    CHECK(b_won);
}

TEST_CASE("rekeys that collide under loss and reordering still converge", "[exchange]") {
    const auto seed = GENERATE(range(1, 201));
    CAPTURE(seed);
    Pairing p;
    SeededRandom chaos(static_cast<std::uint64_t>(seed));
    p.key_up();
    p.a.engine->rekey_child(only(p.a), p.world.now);
    p.b.engine->rekey_child(only(p.b), p.world.now);
    for (int step = 0; step < 200; ++step) {
        p.world.settle();
        if (p.world.wire.empty() || chaos.below(4) == 0) {
            p.world.pass(50ms, false);
            continue;
        }
        const auto at = chaos.below(p.world.wire.size());
        const Datagram datagram = p.world.wire[at];
        if (chaos.below(4) != 0) p.world.wire.erase(p.world.wire.begin() + static_cast<long>(at));
        if (chaos.below(5) != 0) p.world.hand_over(datagram);
    }
    p.world.pass(40s);
    CAPTURE(p.world.told());
    check_same_pair(p.a, p.b);
}

TEST_CASE("a rekey does not bring back a child that is closed while its keys are made", "[exchange]") {
    Pairing p;
    p.key_up();
    p.b.pool.paused = true;
    p.a.engine->rekey_child(only(p.a), p.world.now);
    p.world.run();
    p.b.engine->delete_child(only(p.b), p.world.now);
    const bool answered = GENERATE(true, false);  // the delete, before the keys are there
    p.world.settle();
    if (answered) p.world.run();
    p.b.pool.paused = false;
    p.world.pass(20s);
    CAPTURE(p.world.told());
    CHECK(p.b.installed.size() == 1);
    CHECK(p.a.live.empty());
    CHECK(p.b.live.empty());
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.b.spis.in_use.empty());
    CHECK(p.b.num_established() == 1);
}

TEST_CASE("a rekey that meets the peer's delete ends with the child", "[exchange]") {
    Pairing p;
    p.key_up();
    const ChildId child = only(p.a);
    p.b.engine->delete_child(only(p.b), p.world.now);
    p.a.engine->rekey_child(child, p.world.now);
    p.world.pass(5s);
    CAPTURE(p.world.told());
    CHECK(p.a.live.empty());
    CHECK(p.b.live.empty());
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.b.spis.in_use.empty());
}

TEST_CASE("a rekey that finds no common proposal is given up and says so", "[exchange]") {
    Pairing p([](Settings&) {}, [](Settings& s) { s.ike.groups = {DhGroup::curve25519}; });
    p.key_up();
    p.b.spis.limit = 1;
    p.a.engine->rekey_child(only(p.a), p.world.now);
    p.world.run();
    REQUIRE(p.a.rekey_failed.size() == 1);
    CHECK(p.a.rekey_failed.front().child == only(p.a));
    check_same_pair(p.a, p.b);
}

TEST_CASE("a delete is answered with the paired SPI and ends both ends", "[exchange]") {
    Pairing p;
    p.key_up();
    const bool by_a = GENERATE(true, false);
    Peer& asks = by_a ? p.a : p.b;
    Peer& other = by_a ? p.b : p.a;
    const ChildId ours = only(asks), theirs = only(other);
    asks.engine->delete_child(ours, p.world.now);
    p.world.run();
    CHECK(has_gone(asks, ours, ChildGone::Reason::deleted_by_us));
    CHECK(has_gone(other, theirs, ChildGone::Reason::deleted_by_peer));
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.b.spis.in_use.empty());
    CHECK(p.a.num_established() == 1);
    p.world.pass(31min);
    CHECK(p.a.engine->status().empty());  // the idle channel was closed by an authenticated delete
    CHECK(p.b.engine->status().empty());
}

TEST_CASE("deletes that cross end the child once", "[exchange]") {
    Pairing p;
    p.key_up();
    const ChildId a = only(p.a), b = only(p.b);
    p.a.engine->delete_child(a, p.world.now);
    p.b.engine->delete_child(b, p.world.now);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.a.gone.size() == 1);
    CHECK(p.b.gone.size() == 1);
    CHECK(p.a.num_established() == 1);
    CHECK(p.b.num_established() == 1);
}

TEST_CASE("the IKE SA's delete ends its children at both ends", "[exchange]") {
    Pairing p;
    p.key_up();
    const ChildId b = only(p.b);
    SECTION("from one side") {
        p.a.engine->delete_ike_sa(p.a.engine->status().front().id, p.world.now);
        p.world.run();
        CHECK(has_gone(p.b, b, ChildGone::Reason::ike_gone));
    }
    SECTION("from both at once") {
        p.a.engine->delete_ike_sa(p.a.engine->status().front().id, p.world.now);
        p.b.engine->delete_ike_sa(p.b.engine->status().front().id, p.world.now);
        p.world.run();
    }
    SECTION("at shutdown") {
        p.a.engine->shutdown(p.world.now);
        p.world.run();
        CHECK(has_gone(p.b, b, ChildGone::Reason::ike_gone));
        p.b.initiate(p.a, p.pair.reversed(), 5);  // offers are ignored now
        p.world.pass(11s);
        REQUIRE(p.b.failed.size() == 1);
        CHECK(p.b.failed.front().failure == Failure::silence);
    }
    CHECK(p.a.live.empty());
    CHECK(p.b.live.empty());
    p.world.pass(61s);
    CHECK(p.a.engine->status().empty());
    CHECK(p.b.engine->status().empty());
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.b.spis.in_use.empty());
}

TEST_CASE("a liveness check is answered; it is rate-limited", "[exchange]") {
    Pairing p;
    p.key_up();
    p.world.story.clear();
    for (int i = 0; i < 5; ++i) {
        p.a.engine->check_liveness(only(p.a), p.world.now);
        p.world.run();
    }
    CHECK(p.world.story.size() == 2);
    p.world.pass(61s);
    p.a.engine->check_liveness(only(p.a), p.world.now);
    p.world.run();
    CHECK(p.world.story.size() == 4);
    CHECK(p.a.num_established() == 1);
}

TEST_CASE("a dead peer: exponential retransmission, then its children are gone, then INITIAL_CONTACT",
          "[exchange]") {
    Pairing p;
    p.key_up();
    const ChildId child = only(p.a), stale = only(p.b);
    p.world.story.clear();
    p.a.engine->check_liveness(child, p.world.now);
    const Time asked = p.world.now;
    while (p.a.gone.empty() && p.world.now - asked < 120s) {
        p.world.pass(100ms, false);
        p.world.wire.clear();
    }
    CHECK(p.world.story.size() == 6);
    CHECK(p.world.now - asked > 31s);
    CHECK(p.world.now - asked < 33s);
    CHECK(has_gone(p.a, child, ChildGone::Reason::ike_dead));
    CHECK(p.a.engine->status().empty());
    // The peer was only cut off: it still has the old SA, until INITIAL_CONTACT.
    p.a.initiate(p.b, p.pair, 2);
    p.world.run();
    CHECK(has_gone(p.b, stale, ChildGone::Reason::initial_contact));
    check_same_pair(p.a, p.b);
}

TEST_CASE("INITIAL_CONTACT does not end an IKE SA with a stronger verdict", "[exchange]") {
    Pairing p;
    p.key_up();
    Peer reborn(p.world, "A", p.a.address, key_a(), 77, [](Settings&) {});
    Initiate request;
    request.connection = 1;
    request.pair = {p.anna, p.bob};
    request.local = p.a.address;
    request.gateway = p.b.address;
    request.peer = Identity::of(p.b.address);
    request.keys = {key_b().public_key()};
    request.verdict = Verdict::secure;
    request.initial_contact = true;
    p.world.now += 1s;
    reborn.engine->initiate(request, p.world.now);
    p.b.answer_keys = false;
    for (int i = 0; i < 4; ++i) {
        while (reborn.drain()) {
        }
        p.world.settle();
        if (p.world.wire.empty()) break;
        const Datagram datagram = p.world.take();
        if (datagram.to.address == p.b.address)
            p.world.hand_over(datagram);
        else
            reborn.engine->on_datagram(datagram.to, datagram.from, datagram.bytes, p.world.now);
    }
    REQUIRE(p.b.wanted_keys.size() == 2);
    SECTION("weaker") {
        p.b.engine->peer_keys(p.b.wanted_keys[1].sa, {key_a().public_key()}, Verdict::insecure, p.world.now);
        p.world.settle();
        CHECK(p.b.live.size() == 2);
        CHECK(p.b.gone.empty());
    }
    SECTION("as strong") {
        p.b.engine->peer_keys(p.b.wanted_keys[1].sa, {key_a().public_key()}, Verdict::secure, p.world.now);
        p.world.settle();
        CHECK(p.b.live.size() == 1);
        REQUIRE(p.b.gone.size() == 1);
        CHECK(p.b.gone.front().reason == ChildGone::Reason::initial_contact);
    }
}

TEST_CASE("a reused channel that is dead is reported in time for a fresh exchange", "[exchange]") {
    Pairing p;
    p.key_up();
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.pass(11s, false);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::dead_channel);
    CHECK(p.a.failed.front().connection == 2);
    p.world.wire.clear();
    p.world.story.clear();
    p.a.initiate(p.b, {p.anna, p.bob}, 3, Verdict::secure, true);
    p.world.settle();
    CHECK(p.world.story.front() == "A -> B IKE_SA_INIT request 0");
}

TEST_CASE("a repeated request gets the same bytes again, an old one nothing", "[exchange]") {
    Pairing p;
    p.key_up();
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    const Datagram request = p.world.take();
    p.world.hand_over(request);
    const Datagram answer = p.world.take();
    p.world.hand_over(request);
    const Datagram again = p.world.take();
    CHECK(again.bytes == answer.bytes);
    CHECK(p.b.installed.size() == 2);
    p.world.hand_over(answer);
    p.world.hand_over(again);
    CHECK(p.a.installed.size() == 2);
    p.a.engine->check_liveness(p.a.live.begin()->first, p.world.now);
    p.world.run();
    p.world.hand_over(request);
    CHECK(p.world.wire.empty());
    CHECK(p.b.engine->counters().out_of_window == 1);
}

TEST_CASE("the IKE SA is rekeyed in time, its children and its handle live on", "[exchange]") {
    Pairing p([](Settings& s) { s.ike.ike_lifetime = 1000s; });
    p.key_up();
    const auto before = p.a.engine->status().front();
    p.world.pass(890s);
    CAPTURE(p.world.told());
    REQUIRE(p.a.num_established() == 1);
    REQUIRE(p.b.num_established() == 1);
    const auto after = p.a.engine->status().front();
    CHECK(after.spi_initiator != before.spi_initiator);
    CHECK(after.id == before.id);
    check_same_pair(p.a, p.b);
    CHECK(p.a.gone.empty());
    // New children and rekeys use the successor's keys.
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    CHECK(p.a.live.size() == 2);
    p.b.engine->rekey_child(p.b.live.begin()->first, p.world.now);
    p.world.run();
    CHECK(p.a.live.size() == 2);
    CHECK(p.b.live.size() == 2);
}

TEST_CASE("rekeys of the IKE SA that collide leave one IKE SA with the child", "[exchange]") {
    bool a_won = false, b_won = false;
    for (int round = 0; round < 10; ++round) {
        const auto short_life = [](Settings& s) { s.ike.ike_lifetime = 60s; };
        Pairing p(short_life, short_life);
        for (int i = 0; i < round; ++i) p.a.random.u64(), p.b.random.u64();
        p.key_up();
        p.world.pass(59s, false);  // both have asked, nothing has arrived
        CAPTURE(round, p.world.told());
        p.world.run();
        REQUIRE(p.a.num_established() == 1);
        REQUIRE(p.b.num_established() == 1);
        const auto established = [](const Peer& peer) {
            for (const auto& sa : peer.engine->status())
                if (sa.state == "established") return sa;
            return IkeSaStatus{};
        };
        CHECK(established(p.a).spi_initiator == established(p.b).spi_initiator);
        CHECK(established(p.a).spi_responder == established(p.b).spi_responder);
        CHECK(established(p.a).num_children == 1);
        CHECK(established(p.b).num_children == 1);
        (established(p.a).initiator ? a_won : b_won) = true;
        check_same_pair(p.a, p.b);
        p.a.engine->rekey_child(only(p.a), p.world.now);
        p.world.run();
        check_same_pair(p.a, p.b);
    }
    CHECK(a_won);
    CHECK(b_won);
}

TEST_CASE("rekeys of the IKE SA that collide under loss and reordering still converge", "[exchange]") {
    const auto seed = GENERATE(range(1, 101));
    CAPTURE(seed);
    const auto short_life = [](Settings& s) { s.ike.ike_lifetime = 200s; };
    Pairing p(short_life, short_life);
    SeededRandom chaos(static_cast<std::uint64_t>(seed) + 1000);
    p.key_up();
    const ChildId a = only(p.a), b = only(p.b);
    p.world.pass(155s, false);
    // B's turn comes some seconds after A's: nothing arrives until both have asked.
    while (p.world.story.back().find("B -> A CREATE") != 0) {
        REQUIRE(p.world.now < Time{} + 1199s);
        p.world.wire.clear();
        p.world.pass(200ms, false);
    }
    for (int step = 0; step < 100; ++step) {
        p.world.settle();
        if (p.world.wire.empty() || chaos.below(4) == 0) {
            p.world.pass(50ms, false);
            continue;
        }
        const auto at = chaos.below(p.world.wire.size());
        const Datagram datagram = p.world.wire[at];
        if (chaos.below(4) != 0) p.world.wire.erase(p.world.wire.begin() + static_cast<long>(at));
        if (chaos.below(5) != 0) p.world.hand_over(datagram);
    }
    p.world.pass(20s);
    CAPTURE(p.world.told());
    CHECK(p.a.num_established() == 1);
    CHECK(p.b.num_established() == 1);
    CHECK(only(p.a) == a);
    CHECK(only(p.b) == b);
}

TEST_CASE("a child request while the IKE SA is being rekeyed is put off, then succeeds", "[exchange]") {
    Pairing p([](Settings& s) { s.ike.ike_lifetime = 1000s; });
    p.key_up();
    Time end = p.world.now + 900s;
    while (p.world.wire.empty() && p.world.now < end) p.world.pass(1s, false);
    REQUIRE_FALSE(p.world.wire.empty());  // A's rekey request is on the wire
    p.b.initiate(p.a, {p.bert, p.alice}, 2);
    p.world.pass(10s);
    CAPTURE(p.world.told());
    CHECK(p.b.live.size() == 2);
    CHECK(p.a.live.size() == 2);
    CHECK(p.b.failed.empty());
}

TEST_CASE("an SA that cannot be installed is taken back", "[exchange]") {
    Pairing p;
    SECTION("by the responder: NO_ADDITIONAL_SAS, and the channel goes on") {
        p.key_up();
        p.b.install = false;
        p.a.initiate(p.b, {p.anna, p.bob}, 2);
        p.world.run();
        REQUIRE(p.b.live.size() == 2);
        p.b.engine->delete_child(p.b.live.rbegin()->first, p.world.now);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::full);
        check_same_pair(p.a, p.b);
    }
    SECTION("by the responder of IKE_AUTH") {
        p.b.install = false;
        p.a.initiate(p.b, p.pair, 1);
        p.world.run();
        p.b.engine->delete_child(only(p.b), p.world.now);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::full);
        CHECK(p.a.num_established() == 1);
    }
    SECTION("by the initiator: the peer is told") {
        p.a.install = false;
        p.a.initiate(p.b, p.pair, 1);
        p.world.run();
        p.a.engine->delete_child(only(p.a), p.world.now);
        p.world.run();
        CHECK(p.b.live.empty());
        CHECK(p.a.live.empty());
        CHECK(p.a.num_established() == 1);
    }
    p.world.pass(1s);
    CHECK(p.a.spis.in_use.size() == p.a.live.size());
    CHECK(p.b.spis.in_use.size() == p.b.live.size());
}

TEST_CASE("a child that the peer deletes while its keys are made is not installed", "[exchange]") {
    const bool overtakes = GENERATE(false, true);  // the delete, on its way, the answer
    CAPTURE(overtakes);
    Pairing p;
    p.key_up();
    p.a.initiate(p.b, {p.anna, p.bert}, 2);
    p.world.hand_over(p.world.take());
    const Datagram answer = p.world.take();
    p.b.engine->delete_child(p.b.live.rbegin()->first, p.world.now);
    p.world.settle();
    const Datagram request = p.world.take();
    // Both arrive before the crypto pool gets to A's Diffie-Hellman.
    for (const Datagram& d : overtakes ? std::array{request, answer} : std::array{answer, request})
        p.a.engine->on_datagram(d.to, d.from, d.bytes, p.world.now);
    p.world.run();
    CHECK(p.a.spis.in_use.size() == 1);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::child_refused);
    check_same_pair(p.a, p.b);
}

TEST_CASE("traffic selectors are narrowed to the one host pair that they name", "[exchange]") {
    using wire::PayloadType;
    using wire::TrafficSelector;
    const auto list = [](std::vector<TrafficSelector> i, std::vector<TrafficSelector> r) {
        wire::Payloads payloads;
        payloads.add(wire::TrafficSelectors{PayloadType::ts_i, std::move(i), 0});
        payloads.add(wire::TrafficSelectors{PayloadType::ts_r, std::move(r), 0});
        return v2::narrow_to_pair(payloads);
    };
    const Address a = ip("192.1.0.65"), b = ip("192.2.0.66");
    const TrafficSelector range{0, 0, 65535, ip("192.1.0.0"), ip("192.1.0.255")};
    const TrafficSelector everything{0, 0, 65535, ip("0.0.0.0"), ip("255.255.255.255")};
    const TrafficSelector packet{6, 1234, 1234, a, a};
    CHECK(list({TrafficSelector::host(a)}, {TrafficSelector::host(b)}) == Pair{a, b});
    CHECK(list({packet, range}, {TrafficSelector::host(b), everything}) == Pair{a, b});
    CHECK_FALSE(list({range}, {TrafficSelector::host(b)}));
    CHECK_FALSE(list({packet}, {TrafficSelector::host(b)}));  // one port is not the host
    CHECK_FALSE(list({}, {TrafficSelector::host(b)}));
    CHECK_FALSE(list({TrafficSelector::host(a)}, {TrafficSelector::host(ip("2001:db8::1"))}));
}

TEST_CASE("an initiator accepts exactly the pair that it asked for", "[exchange]") {
    using wire::PayloadType;
    using wire::TrafficSelector;
    Pairing p;
    v2::Core core(Settings{}, key_a(), p.a.random, p.a.spis, p.a.pool);
    v2::IkeSa& sa = core.make_sa({}, {}, p.world.now);
    v2::Child& child = core.make_child(sa, p.pair, 0);
    child.first = child.initiator = true;
    child.offer = wire::offer_esp(config::Ike{}, 0x1234, false);
    const auto chosen = wire::choose_esp(child.offer, config::Ike{}, std::nullopt, true, 0x5678);
    REQUIRE(chosen.has_value());
    const auto judge = [&](std::vector<TrafficSelector> i, std::vector<TrafficSelector> r,
                           bool transport = false) {
        wire::Payloads payloads;
        payloads.add(chosen->answer);
        payloads.add(wire::TrafficSelectors{PayloadType::ts_i, std::move(i), 0});
        payloads.add(wire::TrafficSelectors{PayloadType::ts_r, std::move(r), 0});
        if (transport) payloads.add(wire::Notify::of(wire::NotifyType::use_transport_mode));
        v2::Turn turn{core, sa, p.world.now};
        return v2::judge_answer(turn, child, payloads);
    };
    const auto alice = TrafficSelector::host(p.alice), bob = TrafficSelector::host(p.bob);
    CHECK(judge({alice}, {bob}) == v2::ChildEvent::accepted);
    CHECK(judge({alice}, {bob}, true) == v2::ChildEvent::unacceptable);
    CHECK(judge({{6, 0, 65535, p.alice, p.alice}}, {bob}) == v2::ChildEvent::unacceptable);
    CHECK(judge({{0, 80, 80, p.alice, p.alice}}, {bob}) == v2::ChildEvent::unacceptable);
    CHECK(judge({{0, 0, 65535, p.alice, p.anna}}, {bob}) == v2::ChildEvent::unacceptable);
    CHECK(judge({alice}, {TrafficSelector::host(p.bert)}) == v2::ChildEvent::unacceptable);
    CHECK(judge({alice, alice}, {bob}) == v2::ChildEvent::unacceptable);
    CHECK(judge({}, {bob}) == v2::ChildEvent::unacceptable);
}

TEST_CASE("who asks for transport mode and compression gets a tunnel without either", "[exchange]") {
    Pairing p([](Settings& s) { s.key_log = true; });
    p.key_up();
    wire::Payloads request;
    request.add(wire::Notify::of_esp(wire::NotifyType::rekey_sa, p.b.installed.front().spi_out));
    request.add(wire::Notify::of(wire::NotifyType::use_transport_mode));
    const wire::Notify compression = wire::Notify::of(wire::NotifyType::ipcomp_supported, {0x12, 0x34, 2});
    request.add(compression);  // CPI, DEFLATE (RFC 7296 §2.22)
    request.add(wire::offer_esp(config::Ike{}, 0x70000001, false));
    request.add(wire::Nonce{Bytes(32, 7)});
    v2::add_selectors(request, p.pair);
    Insider(p, true).say(wire::ExchangeType::create_child_sa, false, 2, request);
    const wire::Payloads answer = Listener(p, true).hear(p.world.take());
    CHECK(answer.find<wire::Sa>() != nullptr);
    CHECK(answer.notify(wire::NotifyType::use_transport_mode) == nullptr);
    CHECK(answer.notify(wire::NotifyType::ipcomp_supported) == nullptr);
    REQUIRE(p.b.installed.size() == 2);
    CHECK(p.b.installed.back().pair == p.b.installed.front().pair);
}

TEST_CASE("IPv6 gateways and hosts", "[exchange]") {
    World world;
    Peer& a = world.add("A", "2001:db8:1::1");
    Peer& b = world.add("B", "2001:db8:2::1");
    for (Peer* peer : {&a, &b}) {
        peer->dns[Identity::of(a.address)] = {key_a().public_key()};
        peer->dns[Identity::of(b.address)] = {key_b().public_key()};
    }
    // The gateways' own traffic: an identity speaks for its own address (r.self).
    a.initiate(b, {a.address, b.address}, 1);
    world.run();
    CHECK(a.live.size() == 1);
    CHECK(b.live.size() == 1);
}

TEST_CASE("every state can be left, and every row is in words", "[exchange]") {
    const auto rows = v2::describe_rows();
    std::set<std::string> from, to;
    for (const auto& row : rows) {
        CHECK_FALSE(row.story.empty());
        from.insert(row.machine + row.from);
        to.insert(row.machine + row.to);
    }
    for (const auto& state : to)
        if (state != "child SAgone") CHECK(from.count(state) == 1);
}
