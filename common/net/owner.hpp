// Which worker owns a pair (architecture.md, Ownership). Both planes ask the same
// function: the worker to hand a datagram over, control to address its commands
// and to choose the SPI that names the owner of an inbound SA.
#pragma once

#include "net/address.hpp"

namespace oegate {

/// Drawn once at start from real randomness, so that nobody outside can aim pairs
/// at one worker.
struct OwnerSeed {
    std::uint64_t k0 = 0;
    std::uint64_t k1 = 0;
};

/// Symmetric: a pair and its reverse hash alike. Multiplicative folding, not a
/// linear code: CRC and Toeplitz collide under any seed.
std::uint64_t pair_hash(const OwnerSeed& seed, const Address& a, const Address& b);

/// Worker index in [0, num_workers). num_workers must not be 0.
inline unsigned owner(const OwnerSeed& seed, const Address& a, const Address& b, unsigned num_workers) {
    return static_cast<unsigned>((pair_hash(seed, a, b) >> 32) * num_workers >> 32);
}

}  // namespace oegate
