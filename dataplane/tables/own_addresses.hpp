// Our own addresses, and the directed broadcast addresses of our IPv4 subnets: asked
// once for each source and destination, so a small open hash. Built at start, never
// changed. Pure.
#pragma once

#include <span>
#include <vector>

#include "net/address.hpp"

namespace oegate {

class OwnAddresses {
  public:
    enum class Kind : std::uint8_t { foreign, own, broadcast };
    struct Entry {
        Address address;
        Kind kind = Kind::foreign;
    };
    explicit OwnAddresses(std::span<const Entry> entries);

    Kind find(const Address& address) const {
        for (std::size_t i = std::hash<Address>{}(address) >> 32 & mask_;; i = (i + 1) & mask_) {
            if (slots_[i].kind == Kind::foreign) return Kind::foreign;
            if (slots_[i].address == address) return slots_[i].kind;
        }
    }

  private:
    std::vector<Entry> slots_;  // a power of two, at most half full
    std::size_t mask_ = 0;
};

}  // namespace oegate
