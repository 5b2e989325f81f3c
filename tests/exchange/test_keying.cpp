// IKE_SA_INIT and IKE_AUTH between two engines: the story on the wire, and how it
// ends when something is wrong.
#include <algorithm>

#include <fmt/format.h>

#include "wire.hpp"

using namespace exchange;

TEST_CASE("two strangers key one host pair in four messages", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 7);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.world.story == std::vector<std::string>{"A -> B IKE_SA_INIT request 0",
                                                    "B -> A IKE_SA_INIT answer 0",
                                                    "A -> B IKE_AUTH request 1", "B -> A IKE_AUTH answer 1"});
    REQUIRE(p.a.installed.size() == 1);
    REQUIRE(p.b.installed.size() == 1);
    const InstallChild& ours = p.a.installed.front();
    const InstallChild& theirs = p.b.installed.front();
    CHECK(ours.initiator);
    CHECK(ours.connection == 7);
    CHECK_FALSE(theirs.initiator);
    CHECK(theirs.connection == 0);
    CHECK(ours.pair == p.pair);
    CHECK(theirs.pair == p.pair.reversed());
    CHECK(ours.spi_in == theirs.spi_out);
    CHECK(ours.spi_out == theirs.spi_in);
    CHECK(ours.inbound.key == theirs.outbound.key);
    CHECK(ours.inbound.salt == theirs.outbound.salt);
    CHECK(ours.outbound.key == theirs.inbound.key);
    CHECK(ours.outbound.key != ours.inbound.key);
    CHECK(ours.outbound.key != decltype(ours.outbound.key){});
    CHECK(ours.lowest_nonce == theirs.lowest_nonce);
    CHECK(ours.verdict == Verdict::secure);
    CHECK(theirs.peer == Identity::of(p.a.address));
    CHECK(p.b.wanted_keys.size() == 1);
    REQUIRE(p.b.wanted_authorization.size() == 1);
    CHECK(p.b.wanted_authorization.front().pair == p.pair);
    CHECK(p.b.wanted_authorization.front().key == key_a().public_key());
    CHECK(p.a.num_established() == 1);
    CHECK(p.b.num_established() == 1);
    CHECK(p.a.engine->status().front().suite == "aes128-gcm16/prfsha256/curve25519");
}
