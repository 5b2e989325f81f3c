#include "net/owner.hpp"

#include <cstring>

namespace oegate {
namespace {

/// Both halves of the 128-bit product: every input bit reaches every output bit.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t address_hash(const OwnerSeed& seed, const Address& address) {
    std::uint64_t high, low;
    std::memcpy(&high, address.bytes().data(), 8);
    std::memcpy(&low, address.bytes().data() + 8, 8);
    // Both factors hang on the seed: a factor that a stranger can make 0 hides the other.
    return fold(fold(high ^ seed.k0, low ^ seed.k1) ^ 0x9e3779b97f4a7c15, 0xe7037ed1a0b428db);
}

}  // namespace

std::uint64_t pair_hash(const OwnerSeed& seed, const Address& a, const Address& b) {
    // Addition makes it symmetric without cancelling when both addresses are alike.
    return fold(address_hash(seed, a) + address_hash(seed, b), 0x8ebc6af09c88c6e3 ^ seed.k0);
}

}  // namespace oegate
