// owner(): symmetric, spread evenly, and seeded, so that no stranger aims at one worker.
#include "net/owner.hpp"

#include <cstring>
#include <set>

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

TEST_CASE("owner: no interface identifier hides the prefix from the hash") {
    // A factor that a stranger can make 0 would let every prefix of his hash alike.
    const OwnerSeed seed{0x0123456789abcdef, 0xfedcba9876543210};
    for (const std::uint64_t identifier :
         {0x9e3779b97f4a7c15ull, 0xe7037ed1a0b428dbull, 0x8ebc6af09c88c6e3ull, 0ull}) {
        std::set<std::uint64_t> hashes;
        for (std::uint8_t prefix = 0; prefix < 100; ++prefix) {
            Address address = *Address::parse("2001:db8::");
            address.mutable_bytes()[7] = prefix;
            std::memcpy(address.mutable_bytes().data() + 8, &identifier, 8);
            hashes.insert(pair_hash(seed, address, Address::ipv4(1)));
        }
        CHECK(hashes.size() == 100);
    }
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
