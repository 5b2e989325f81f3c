// Key rollover (OE draft §5.4) between two engines: the signer decides which of its
// published keys is used, at any time, and what runs goes on.
#include "wire.hpp"

using namespace exchange;

TEST_CASE("key rollover: exchanges sign with the new key, IKE SAs go on", "[exchange]") {
    Pairing p;
    p.b.dns[Identity::of(p.a.address)] = {key_a().public_key(), key_c().public_key()};
    p.key_up(1);
    REQUIRE(p.b.wanted_authorization.size() == 1);
    CHECK(p.b.wanted_authorization.back().key == key_a().public_key());
    const ChildId child = p.a.installed.front().child;

    p.a.engine->set_key(key_c());
    p.a.engine->rekey_child(child, p.world.now);
    p.world.run();
    CHECK(p.a.installed.size() == 2);
    CHECK(p.a.num_established() == 1);

    p.a.initiate(p.b, {p.anna, p.bert}, 2, Verdict::secure, true);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.a.failed.empty());
    CHECK(p.a.num_established() == 2);
    CHECK(p.b.wanted_authorization.back().key == key_c().public_key());
    CHECK(p.a.gone.size() == 1);  // the child that was rekeyed, nothing else
}

TEST_CASE("key rollover: a channel that knows us by the former key makes no further pairs", "[exchange]") {
    Pairing p;
    p.b.dns[Identity::of(p.a.address)] = {key_a().public_key(), key_c().public_key()};
    p.key_up(1);
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    CHECK(p.a.num_established() == 1);

    p.a.engine->set_key(key_c());
    p.b.dns[Identity::of(p.a.address)] = {key_c().public_key()};  // retired
    p.a.initiate(p.b, {p.anna, p.bert}, 3);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.a.num_established() == 2);
    CHECK(p.b.wanted_authorization.back().key == key_c().public_key());
    p.a.initiate(p.b, {p.alice, p.bert}, 4);  // on the new one
    p.world.run();
    CHECK(p.a.num_established() == 2);
    CHECK(p.a.failed.empty());
    CHECK(p.b.wanted_authorization.back().key == key_c().public_key());
}

TEST_CASE("key rollover: as responder too", "[exchange]") {
    Pairing p;
    p.a.dns[Identity::of(p.b.address)] = {key_c().public_key()};
    p.b.engine->set_key(key_c());
    p.key_up(1);
    CHECK(p.a.num_established() == 1);
}

TEST_CASE("key rollover: a signature in the making is finished with the key it began with", "[exchange]") {
    Pairing p;
    p.b.dns[Identity::of(p.a.address)] = {key_a().public_key(), key_c().public_key()};
    p.a.initiate(p.b, p.pair, 1);
    REQUIRE(p.world.deliver());
    const Datagram answer = p.world.take();
    REQUIRE(answer.line == "B -> A IKE_SA_INIT answer 0");
    p.a.engine->on_datagram(answer.to, answer.from, answer.bytes, p.world.now);  // the job waits in the pool
    p.a.engine->set_key(key_c());
    p.world.run();
    REQUIRE(p.b.wanted_authorization.size() == 1);
    CHECK(p.b.wanted_authorization.back().key == key_a().public_key());
    CHECK(p.a.num_established() == 1);
}
