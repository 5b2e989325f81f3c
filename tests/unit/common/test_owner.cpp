// owner(): symmetric, spread evenly, and seeded, so that no stranger aims at one worker.
#include "net/owner.hpp"

#include "base/random.hpp"
#include "catch.hpp"
#include "contract/command.hpp"
#include "contract/datagram.hpp"
#include "contract/drop.hpp"
#include "contract/event.hpp"
#include "contract/snapshot.hpp"

using namespace oegate;

TEST_CASE("owner: symmetric, in range, and spread over the workers") {
    SeededRandom random(1);
    const OwnerSeed seed{random.u64(), random.u64()};
    unsigned count[3] = {};
    for (unsigned i = 0; i < 30000; ++i) {
        const Address a = Address::ipv4(0xc0010000u + i % 256);
        const Address b = Address::ipv4(0x0a000000u + i);
        const unsigned worker = owner(seed, a, b, 3);
        REQUIRE(worker < 3);
        REQUIRE(worker == owner(seed, b, a, 3));
        ++count[worker];
    }
    for (unsigned n : count) CHECK((n > 9500 && n < 10500));
}

TEST_CASE("owner: an address talking to itself is no special case") {
    const OwnerSeed seed{1, 2};
    CHECK(pair_hash(seed, Address::ipv4(1), Address::ipv4(1)) !=
          pair_hash(seed, Address::ipv4(2), Address::ipv4(2)));
}

TEST_CASE("spi: names worker and slot") {
    const std::uint32_t spi = Spi::make(0x5a, 3, 0xabcde);
    CHECK(spi == 0x5a3abcde);
    CHECK(Spi::worker(spi) == 3);
    CHECK(Spi::slot(spi) == 0xabcde);
}

TEST_CASE("drop: every reason has a name and help") {
    for (std::size_t i = 0; i < kNumDrops; ++i) {
        CHECK_FALSE(to_text(static_cast<Drop>(i)).empty());
        CHECK_FALSE(help(static_cast<Drop>(i)).empty());
    }
    CHECK(to_text(Drop::hold_replaced) == "hold_replaced");
}
