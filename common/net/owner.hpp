// Which worker owns a pair (architecture.md, Ownership). Both planes ask the same
// function: the worker to hand a datagram over, control to address its commands
// and to choose the SPI that names the owner of an inbound SA. Inline: a worker asks
// for each datagram, and the flow cache goes by the same hash.
#pragma once

#include "net/address.hpp"

namespace oegate {

/// Drawn once at start from real randomness, so that nobody outside can aim pairs
/// at one worker, or at one bucket of a flow cache.
struct OwnerSeed {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
};

namespace owner_detail {

/// Both halves of the 128-bit product: every input bit reaches every output bit.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t address_hash(const OwnerSeed& seed, const Address& address) {
    std::uint64_t high, low;
    std::memcpy(&high, address.bytes().data(), 8);
    std::memcpy(&low, address.bytes().data() + 8, 8);
    // Both factors hang on the seed: a factor that a stranger can make 0 hides the other.
    return fold(fold(high ^ seed.k0, low ^ seed.k1) ^ 0x9e3779b97f4a7c15, 0xe7037ed1a0b428db);
}

}  // namespace owner_detail

/// Symmetric: a pair and its reverse hash alike. Multiplicative folding, not a
/// linear code: CRC and Toeplitz collide under any seed.
inline std::uint64_t pair_hash(const OwnerSeed& seed, const Address& a, const Address& b) {
    using namespace owner_detail;
    // Addition makes it symmetric without cancelling when both addresses are alike.
    return fold(address_hash(seed, a) + address_hash(seed, b), 0x8ebc6af09c88c6e3 ^ seed.k0);
}

/// Worker index in [0, num_workers), of a pair's hash. num_workers must not be 0.
inline unsigned owner(std::uint64_t hash, unsigned num_workers) {
    return static_cast<unsigned>((hash >> 32) * num_workers >> 32);
}
inline unsigned owner(const OwnerSeed& seed, const Address& a, const Address& b, unsigned num_workers) {
    return owner(pair_hash(seed, a, b), num_workers);
}

}  // namespace oegate
