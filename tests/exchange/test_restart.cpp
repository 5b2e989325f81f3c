// What survives a crash, and what a peer is told after one: INITIAL_CONTACT (RFC 7296
// §2.4), in the first IKE_AUTH with a child or without one (RFC 6023). And names.
#include <algorithm>

#include "wire.hpp"

using namespace exchange;

namespace {

Greet greeting(const Peer& from, const Peer& to) {
    Greet request;
    request.own = Identity::of(from.address);
    request.peer = Identity::of(to.address);
    request.local = from.address;
    request.remote = to.address;
    request.keys = {to.key.public_key()};
    request.verdict = Verdict::secure;
    return request;
}

bool ended_by(const Peer& peer, ChildGone::Reason reason) {
    return std::any_of(peer.gone.begin(), peer.gone.end(),
                       [&](const ChildGone& gone) { return gone.reason == reason; });
}

}  // namespace

TEST_CASE("peers with an IKE SA are known until the last one ends at both ends", "[exchange]") {
    Pairing p;
    p.key_up();
    for (const Peer* peer : {&p.a, &p.b}) {
        const Peer& other = peer == &p.a ? p.b : p.a;
        REQUIRE(peer->known.size() == 1);
        CHECK(peer->known.front().own == Identity::of(peer->address));
        CHECK(peer->known.front().peer == Identity::of(other.address));
        CHECK(peer->known.front().remote == other.address);
        CHECK(peer->known.front().verdict == Verdict::secure);
        CHECK(peer->forgotten.empty());
    }
    SECTION("deleted") {
        p.a.engine->delete_ike_sa(p.a.engine->status().front().id, p.world.now);
        p.world.run();
        CHECK(p.a.forgotten.size() == 1);
        CHECK(p.b.forgotten.size() == 1);
    }
    SECTION("a delete that nobody answers leaves the peer to be told at the next start") {
        p.a.engine->delete_ike_sa(p.a.engine->status().front().id, p.world.now);
        p.world.pass(60s, false);
        CHECK(p.a.engine->status().empty());
        CHECK(p.a.forgotten.empty());
    }
    SECTION("rekeyed: still known") {
        p.world.pass(4h);
        CHECK_FALSE(p.a.ike_rekeyed.empty());
        CHECK(p.a.ike_rekeyed.front().peer == Identity::of(p.b.address));
        CHECK(p.a.ike_rekeyed.front().key == key_b().public_key());
        CHECK(p.a.forgotten.empty());
        CHECK(p.b.forgotten.empty());
    }
}

TEST_CASE("after a restart the stored peer is greeted: its stale SAs go at once", "[exchange]") {
    Pairing p;
    p.key_up();
    p.world.now += 10s;
    p.a.restart();
    p.world.story.clear();
    p.a.engine->greet(greeting(p.a, p.b), p.world.now);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.world.story.size() == 4);  // two exchanges, and no child
    CHECK(p.b.live.empty());
    CHECK(ended_by(p.b, ChildGone::Reason::initial_contact));
    REQUIRE(p.a.greeted.size() == 1);
    CHECK(p.a.greeted.front().established);
    CHECK(p.a.num_established() == 1);
    CHECK(p.b.num_established() == 1);
    // The channel is one like others: a pair is keyed over it, without a new IKE SA.
    p.world.story.clear();
    p.a.initiate(p.b, p.pair, 5);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
    CHECK(p.world.story.front().find("CREATE_CHILD_SA") != std::string::npos);
    // And INITIAL_CONTACT is not said again: it would end what is good now.
    p.world.now += 1s;
    p.a.initiate(p.b, {p.anna, p.bob}, 6, Verdict::secure, true);
    p.world.run();
    CHECK(p.b.live.size() == 2);
}

TEST_CASE("a greeted channel that nobody uses is deleted when it has been idle", "[exchange]") {
    Pairing p;
    p.a.engine->greet(greeting(p.a, p.b), p.world.now);
    p.world.run();
    CHECK(p.b.num_established() == 1);
    p.world.pass(29min);
    CHECK(p.b.num_established() == 1);
    p.world.story.clear();
    p.world.pass(2min);
    CHECK(p.b.num_established() == 0);
    CHECK(p.a.num_established() == 0);
    CHECK(p.world.story.front().find("INFORMATIONAL request") != std::string::npos);
    CHECK(p.a.forgotten.size() == 1);
}

TEST_CASE("a greeting that fails says why, and the next exchange carries INITIAL_CONTACT", "[exchange]") {
    Pairing p;
    p.key_up();
    p.world.now += 10s;
    p.a.restart();
    SECTION("the peer is silent") {
        p.a.engine->greet(greeting(p.a, p.b), p.world.now);
        p.world.pass(11s, false);
        p.world.wire.clear();
        REQUIRE(p.a.greeted.size() == 1);
        CHECK_FALSE(p.a.greeted.front().established);
        p.world.pass(61s);
    }
    SECTION("the peer takes no IKE_AUTH without a child") {
        p.a.engine->greet(greeting(p.a, p.b), p.world.now);
        p.world.hand_over(p.world.take());
        Datagram answer = p.world.take();
        const std::string notify{"\x00\x00\x00\x08\x00\x00\x40\x22", 8};  // CHILDLESS_IKEV2_SUPPORTED, last
        REQUIRE(std::equal(notify.begin(), notify.end(), answer.bytes.end() - 8,
                           [](char x, std::uint8_t y) { return static_cast<std::uint8_t>(x) == y; }));
        answer.bytes[answer.bytes.size() - 1] = 0x24;  // another status, which nobody knows
        p.world.hand_over(answer);
        p.world.run();
        REQUIRE(p.a.greeted.size() == 1);
        CHECK(p.a.greeted.front().detail.find("RFC 6023") != std::string::npos);
        CHECK(p.b.live.size() == 1);
        CHECK(p.a.engine->status().empty());
    }
    SECTION("another key answers") {
        Greet request = greeting(p.a, p.b);
        request.keys = {key_c().public_key()};
        p.a.engine->greet(request, p.world.now);
        p.world.run();
        REQUIRE(p.a.greeted.size() == 1);
        CHECK_FALSE(p.a.greeted.front().established);
        CHECK(p.a.num_established() == 0);
        return;  // B believed A's own signature, and rightly
    }
    SECTION("somebody else's exchange comes first") {
        p.a.initiate(p.b, p.pair, 3);
        p.a.engine->greet(greeting(p.a, p.b), p.world.now);
        p.world.run();
        CHECK(p.a.greeted.size() == 1);
        CHECK(p.a.live.size() == 1);
        return;
    }
    p.a.initiate(p.b, p.pair, 3);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
    CHECK(ended_by(p.b, ChildGone::Reason::initial_contact));
}

TEST_CASE("pairs that wait behind a greeting use its channel", "[exchange]") {
    Pairing p;
    p.a.engine->greet(greeting(p.a, p.b), p.world.now);
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.num_established() == 1);
}

TEST_CASE("who was restarted and is asked first says INITIAL_CONTACT in its answer", "[exchange]") {
    Pairing p;
    p.key_up();
    p.world.now += 10s;
    p.a.restart();
    p.a.engine->expect_stale(Identity::of(p.a.address), Identity::of(p.b.address));
    p.b.initiate(p.a, {p.bob, p.anna}, 4, Verdict::secure, true);
    p.world.run();
    CHECK(ended_by(p.b, ChildGone::Reason::initial_contact));
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
}

TEST_CASE("a peer that comes to us while we ask it is not told of a former life", "[exchange]") {
    const bool greeting_it = GENERATE(false, true);
    Pairing p;
    p.a.engine->expect_stale(Identity::of(p.a.address), Identity::of(p.b.address));
    if (greeting_it)
        p.a.engine->greet(greeting(p.a, p.b), p.world.now);
    else
        p.a.initiate(p.b, p.pair, 1);
    p.world.take();  // A's IKE_SA_INIT is lost
    p.b.initiate(p.a, {p.bob, p.anna}, 4);
    p.world.run();
    REQUIRE(p.b.live.size() == 1);
    p.world.pass(1s);  // A's again: B takes it for a later exchange than its own
    CAPTURE(p.world.told());
    CHECK(p.b.gone.empty());
    CHECK(p.a.gone.empty());
    CHECK(p.b.num_established() == 2);
    CHECK(p.b.live.size() == (greeting_it ? 1u : 2u));
    if (!greeting_it) return;
    REQUIRE(p.a.greeted.size() == 1);
    CHECK_FALSE(p.a.greeted.front().established);
}

TEST_CASE("INITIAL_CONTACT never ends a configured peer's tunnels", "[exchange]") {
    Pairing p;
    p.b.configured = true;
    p.key_up();
    CHECK(p.b.known.empty());  // and it is not stored
    p.world.now += 10s;
    p.a.restart();
    p.a.engine->greet(greeting(p.a, p.b), p.world.now);
    p.world.run();
    CHECK(p.b.live.size() == 1);
    CHECK(p.b.gone.empty());
}

TEST_CASE("the IKE SA of a configured peer is no channel for an opportunistic pair", "[exchange]") {
    Pairing p;
    Initiate request;
    request.pair = p.pair;
    request.local = p.a.address;
    request.gateway = p.b.address;
    request.peer = Identity::of(p.b.address);
    request.keys = {key_b().public_key()};
    request.connection = 1;
    request.verdict = Verdict::secure;
    request.configured = true;
    p.a.engine->initiate(request, p.world.now);
    p.world.run();
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    CHECK(p.a.num_established() == 2);
    CHECK(p.a.known.size() == 1);
}

TEST_CASE("a gateway that initiates under its name proves it; nobody else is told of a restart",
          "[exchange]") {
    Pairing p([](Settings& s) { s.ike.name = "sg-a.example"; });
    const Identity name = Identity::of_name("sg-a.example");
    p.b.dns[name] = {key_a().public_key()};
    for (const Address& host : {p.alice, p.anna}) p.b.delegations[{name, host}] = true;
    p.key_up();
    REQUIRE(p.b.wanted_keys.size() == 1);
    CHECK(p.b.wanted_keys.front().peer == name);
    // A name may be another gateway's too: A neither stores nor says INITIAL_CONTACT under it.
    CHECK(p.a.known.empty());
    CHECK(p.b.known.size() == 1);
    p.world.now += 10s;
    Initiate request;
    request.connection = 2;
    request.pair = {p.anna, p.bob};
    request.local = p.a.address;
    request.gateway = p.b.address;
    request.peer = Identity::of(p.b.address);
    request.keys = {key_b().public_key()};
    request.verdict = Verdict::secure;
    request.fresh = request.initial_contact = true;
    p.a.engine->initiate(request, p.world.now);
    p.world.run();
    CHECK(p.b.live.size() == 2);
}

TEST_CASE("a responder answers under the identity that it is asked for, if it is its own", "[exchange]") {
    Pairing p([](Settings&) {}, [](Settings& s) { s.ike.name = "sg-b.example"; });
    const Identity name = Identity::of_name("sg-b.example");
    Initiate request;
    request.connection = 1;
    request.pair = p.pair;
    request.local = p.a.address;
    request.gateway = p.b.address;
    request.keys = {key_b().public_key()};
    request.verdict = Verdict::secure;
    SECTION("its name") {
        request.peer = name;
    }
    SECTION("its address") {
        request.peer = Identity::of(p.b.address);
    }
    SECTION("another name: it answers under its address, which will do") {
        request.peer = Identity::of_name("alias.example");
        request.also = {Identity::of(p.b.address)};
    }
    SECTION("another name: it answers under its address, which will not do") {
        request.peer = Identity::of_name("alias.example");
        p.a.engine->initiate(request, p.world.now);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::signature);
        CHECK(p.b.num_established() == 0);  // it was told
        return;
    }
    p.a.engine->initiate(request, p.world.now);
    p.world.run();
    REQUIRE(p.a.live.size() == 1);
    const Identity expected = request.peer == name ? name : Identity::of(p.b.address);
    CHECK(p.a.live.begin()->second.peer == expected);
    // The channel is found again under either.
    request.connection = 2;
    request.pair = {p.anna, p.bob};
    p.a.engine->initiate(request, p.world.now);
    p.world.run();
    CHECK(p.a.num_established() == 1);
    CHECK(p.a.live.size() == 2);
}

TEST_CASE("an orderly shutdown tells every peer and ends when they have answered", "[exchange]") {
    Pairing p;
    p.key_up();
    p.a.initiate(p.b, {p.anna, p.bob}, 2, Verdict::secure, true);
    p.world.run();
    p.world.story.clear();
    p.a.engine->shutdown(p.world.now);
    CHECK(p.a.engine->num_alive() == 2);
    p.world.run();
    CHECK(p.a.engine->num_alive() == 0);
    CHECK(p.a.live.empty());
    CHECK(p.b.live.empty());
    CHECK(p.world.story.size() == 4);  // a delete and its answer for each
    CHECK(p.a.forgotten.size() == 1);
    // Offers are ignored from now on.
    p.b.initiate(p.a, {p.bob, p.alice}, 9);
    p.world.pass(11s);
    REQUIRE(p.b.failed.size() == 1);
    CHECK(p.b.failed.front().failure == Failure::silence);
}
