// What is known of the paths to peers: the longest outer datagram that an ICMP error
// allowed, and until when that is believed. Pure; sa.cpp asks it and tells the workers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "net/address.hpp"

namespace oegate::sa {

/// Outer addresses: ours and the peer's.
using Path = std::pair<Address, Address>;

/// The MTU to believe after a report, RFC 1191 and RFC 8201; nullopt: the report tells
/// nothing, or less than a sender may believe. current: what was believed until now.
/// reported 0 is an old router that only says "less" (RFC 1191 §7.1).
std::optional<std::uint16_t> believed_mtu(Family family, std::uint16_t reported, std::uint16_t current);

class PathMtus {
  public:
    explicit PathMtus(Duration age) : age_(age) {}

    /// 0: nothing is known, the interface's MTU holds.
    std::uint16_t find(const Path& path) const;
    void set(const Path& path, std::uint16_t mtu, Time now);
    /// Forgets one path whose time is over.
    std::optional<Path> expire(Time now);
    Time next_deadline() const { return by_time_.empty() ? kNever : by_time_.begin()->first; }

  private:
    struct Known {
        std::uint16_t mtu = 0;
        Time until;
    };
    Duration age_;
    std::map<Path, Known> paths_;
    std::multimap<Time, Path> by_time_;
};

}  // namespace oegate::sa
