// Integers as they stand on the wire: big-endian, any alignment, with explicit
// conversion so that a forgotten byte swap does not compile.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace oegate {

template <class T>
class BigEndian {
  public:
    constexpr BigEndian() = default;
    constexpr explicit BigEndian(T host) : bytes_(std::bit_cast<Storage>(swap(host))) {}
    /// The value in host order.
    constexpr T host() const { return swap(std::bit_cast<T>(bytes_)); }
    constexpr explicit operator T() const { return host(); }
    constexpr bool operator==(const BigEndian&) const = default;

  private:
    using Storage = std::array<std::uint8_t, sizeof(T)>;
    static constexpr T swap(T value) {
        if constexpr (std::endian::native == std::endian::big) return value;
        if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
        if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
        if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
    }
    Storage bytes_{};
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;
static_assert(sizeof(Be16) == 2 && alignof(Be16) == 1 && sizeof(Be64) == 8);

}  // namespace oegate
