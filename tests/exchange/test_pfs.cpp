// ike.pfs strict: the first SA pair of an IKE SA, too, has a Diffie-Hellman exchange of its
// own, after an IKE_AUTH without a child (RFC 6023).
#include <algorithm>

#include "insider.hpp"

using namespace exchange;

namespace {

void strict(Settings& settings) {
    settings.ike.pfs = config::Pfs::strict;
    settings.key_log = true;
}

void without_childless(Settings& settings) {
    settings.announce_childless = false;
}

}  // namespace

TEST_CASE("strict forward secrecy: IKE_AUTH without a child, then one with its own Diffie-Hellman",
          "[exchange]") {
    Pairing p(strict);
    p.a.initiate(p.b, p.pair, 1);
    p.world.deliver();
    p.world.deliver();
    const Datagram auth = p.world.take();
    const wire::Payloads asked = Listener(p, false).hear(auth);
    CHECK(asked.find<wire::Authentication>() != nullptr);
    CHECK(asked.find<wire::Sa>() == nullptr);
    CHECK(asked.ts(wire::PayloadType::ts_i) == nullptr);
    p.world.hand_over(auth);
    CHECK(p.b.wanted_authorization.empty());
    const Datagram answer = p.world.take();
    const wire::Payloads answered = Listener(p, true).hear(answer);
    CHECK(answered.find<wire::Authentication>() != nullptr);
    CHECK(answered.find<wire::Sa>() == nullptr);
    CHECK(answered.first_error() == nullptr);
    p.world.hand_over(answer);
    const Datagram create = p.world.take();
    const wire::Payloads child = Listener(p, false).hear(create);
    CHECK(child.find<wire::KeyExchange>() != nullptr);
    CHECK(child.find<wire::Nonce>() != nullptr);
    p.world.hand_over(create);
    p.world.run();
    CHECK(p.world.story ==
          std::vector<std::string>{"A -> B IKE_SA_INIT request 0", "B -> A IKE_SA_INIT answer 0",
                                   "A -> B IKE_AUTH request 1", "B -> A IKE_AUTH answer 1",
                                   "A -> B CREATE_CHILD_SA request 2", "B -> A CREATE_CHILD_SA answer 2"});
    CHECK(p.b.wanted_authorization.size() == 1);
    REQUIRE(p.a.installed.size() == 1);
    REQUIRE(p.b.installed.size() == 1);
    const InstallChild &at_a = p.a.installed.front(), &at_b = p.b.installed.front();
    CHECK(at_a.connection == 1);
    CHECK(at_a.pair == p.pair);
    CHECK(at_a.spi_out == at_b.spi_in);
    CHECK(at_a.outbound.key == at_b.inbound.key);
    CHECK(at_a.inbound.key == at_b.outbound.key);
    CHECK_FALSE(p.a.noticed("RFC 6023"));
}

TEST_CASE("a peer without RFC 6023 is keyed with as usual, and named once", "[exchange]") {
    Pairing p(strict, without_childless);
    for (ConnectionId i = 1; i <= 2; ++i) {
        p.a.initiate(p.b, p.pair, i, Verdict::secure, true);
        p.world.run();
    }
    CHECK(p.a.live.size() == 2);
    CHECK(p.world.story.size() == 8);
    CHECK(std::count_if(p.a.notices.begin(), p.a.notices.end(), [](const Notice& n) {
              return n.level == Notice::Level::notice && n.text.find("RFC 6023") != std::string::npos;
          }) == 1);
}

TEST_CASE("who takes the announcement off the wire is found out by the signature", "[exchange]") {
    Pairing p(strict);
    p.a.initiate(p.b, p.pair, 1);
    p.world.deliver();
    Datagram answer = p.world.take();
    answer.bytes.back() = 0x24;  // of CHILDLESS_IKEV2_SUPPORTED, the last notify: a status that nobody knows
    p.world.hand_over(answer);
    p.world.run();
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.live.empty());
    CHECK(p.b.live.empty());
}

TEST_CASE("strict: pairs that wait for the gateway follow over the same channel", "[exchange]") {
    Pairing p(strict, strict);
    p.a.initiate(p.b, p.pair, 1);
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    CHECK(p.a.live.size() == 2);
    CHECK(p.a.num_established() == 1);
    CHECK(p.a.installed.front().connection == 1);  // in their order
}

TEST_CASE("strict: what ends the first child ends in the right words", "[exchange]") {
    Pairing p(strict);
    SECTION("B knows no key of A: the connection is told") {
        p.b.dns.clear();
        p.a.initiate(p.b, p.pair, 1);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::refused);
        CHECK(p.a.engine->status().empty());
    }
    SECTION("another key answers: the connection is told") {
        p.a.dns[Identity::of(p.b.address)] = {key_c().public_key()};
        p.a.initiate(p.b, p.pair, 1);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::signature);
    }
    SECTION("B refuses the pair: the channel stays") {
        p.b.delegations.clear();
        p.a.initiate(p.b, p.pair, 1);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::child_refused);
        CHECK(p.a.num_established() == 1);
        CHECK(p.b.num_established() == 1);
        p.b.delegations[{Identity::of(p.a.address), p.alice}] = true;
        p.world.story.clear();
        p.a.initiate(p.b, p.pair, 2);
        p.world.run();
        CHECK(p.a.live.size() == 1);
        CHECK(p.world.story.size() == 2);
    }
    SECTION("nobody wants it any more before IKE_AUTH is answered: the channel stays, without a child") {
        p.a.initiate(p.b, p.pair, 1);
        p.world.deliver();
        p.world.deliver();
        p.a.engine->forget(1);
        p.world.run();
        CHECK(p.a.live.empty());
        CHECK(p.b.installed.empty());
        CHECK(p.a.failed.empty());
        CHECK(p.a.num_established() == 1);
        CHECK(p.b.num_established() == 1);
    }
    SECTION("its exchange is not answered: told within the gateway timer, and the channel is dead") {
        p.a.initiate(p.b, p.pair, 1);
        for (int i = 0; i < 4; ++i) p.world.deliver();
        REQUIRE(p.a.num_established() == 1);
        p.world.take();
        p.world.pass(11s, false);
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::dead_channel);
        p.world.pass(30s, false);
        CHECK(p.a.failed.size() == 1);
        CHECK(p.a.num_established() == 0);
        CHECK(p.a.spis.in_use.empty());
    }
    SECTION("B looks up the key for too long: told in time, and keyed late") {
        p.b.answer_keys = false;
        p.a.initiate(p.b, p.pair, 1);
        p.world.pass(11s);
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::silence);
        p.b.engine->peer_keys(p.b.wanted_keys.front().sa, {key_a().public_key()}, Verdict::secure,
                              p.world.now);
        p.world.run();
        REQUIRE(p.a.live.size() == 1);
        CHECK(p.a.installed.front().connection == 1);
        CHECK(p.a.failed.size() == 1);
    }
    SECTION("shutdown between the two exchanges") {
        p.a.initiate(p.b, p.pair, 1);
        p.world.deliver();
        p.world.deliver();
        p.a.engine->shutdown(p.world.now);
        p.world.pass(60s);
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::shutdown);
        CHECK(p.a.engine->num_alive() == 0);
    }
}

TEST_CASE("strict: another group that the peer wants is followed for both", "[exchange]") {
    Pairing p(strict, [](Settings& s) { s.ike.groups = {config::DhGroup::modp2048}; });
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.world.story.size() == 8);  // one more IKE_SA_INIT, no more CREATE_CHILD_SA
}
