// Our own addresses, and the directed broadcast addresses of our IPv4 subnets: asked
// once for each source and destination, so a small open hash. Built on the control
// thread, never changed, swapped by tables/publisher.cpp. Pure.
#pragma once

#include <span>
#include <vector>

#include "contract/tables.hpp"

namespace oegate {

class OwnAddresses {
  public:
    enum class Kind : std::uint8_t { foreign, own, broadcast };
    /// Both broadcast forms of each IPv4 subnet are derived; own wins over broadcast.
    explicit OwnAddresses(std::span<const OwnAddress> addresses);

    Kind find(const Address& address) const {
        for (std::size_t i = slot_of(address);; i = (i + 1) & mask_) {
            if (slots_[i].kind == Kind::foreign) return Kind::foreign;
            if (slots_[i].address == address) return slots_[i].kind;
        }
    }
    static constexpr std::uint16_t kNoInterface = 0xffff;
    /// Whose broadcast address it is; only when find() says broadcast. kNoInterface: it
    /// is the obsolete form with a host part of zeros, that nobody forwards.
    std::uint16_t broadcast_of(const Address& address) const {
        std::size_t i = slot_of(address);
        while (slots_[i].address != address) i = (i + 1) & mask_;
        return slots_[i].interface;
    }
    /// Those of one interface, link-local ones last.
    std::span<const Address> of(std::uint16_t interface) const {
        return interface < by_interface_.size() ? std::span<const Address>(by_interface_[interface])
                                                : std::span<const Address>();
    }

  private:
    struct Slot {
        Address address;
        Kind kind = Kind::foreign;
        std::uint16_t interface = 0;
    };
    std::size_t slot_of(const Address& address) const { return std::hash<Address>{}(address) >> 32 & mask_; }
    void put(const Address& address, Kind kind, std::uint16_t interface);

    std::vector<Slot> slots_;  // a power of two, at most half full
    std::size_t mask_ = 0;
    std::vector<std::vector<Address>> by_interface_;
};

}  // namespace oegate
