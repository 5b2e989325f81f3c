// Randomness, injected. SystemRandom for keys, nonces and SPIs of a real gateway;
// SeededRandom makes a simulation replay exactly and must never key real traffic.
#pragma once

#include "base/bytes.hpp"

namespace oegate {

class Random {
  public:
    virtual ~Random() = default;
    virtual void fill(MutableBytes out) = 0;

    std::uint32_t u32();
    std::uint64_t u64();
    /// Uniform in [0, bound). bound must not be 0.
    std::uint64_t below(std::uint64_t bound);
    Bytes bytes(std::size_t num_bytes);
};

/// getrandom(2). Ends the process when the kernel has no randomness: nothing this
/// gateway does is safe without it.
class SystemRandom final : public Random {
  public:
    void fill(MutableBytes out) override;
};

/// xoshiro256** from a seed. For tests and simulation only.
class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed);
    void fill(MutableBytes out) override;

  private:
    std::uint64_t next();
    std::uint64_t state_[4];
};

}  // namespace oegate
