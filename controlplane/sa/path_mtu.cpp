#include "sa/path_mtu.hpp"

#include <algorithm>
#include <array>

namespace oegate::sa {
namespace {

/// RFC 791 §3.2: every host takes so much; a report of less would cost us and gain nobody.
constexpr std::uint16_t kLeastIpv4 = 576;
constexpr std::uint16_t kLeastIpv6 = 1280;  // RFC 8200 §5

/// RFC 1191 §7.1, from the largest that an interface of ours may have.
constexpr std::array<std::uint16_t, 6> kPlateaus{8166, 4352, 2002, 1492, 1006, kLeastIpv4};

}  // namespace

std::optional<std::uint16_t> believed_mtu(Family family, std::uint16_t reported, std::uint16_t current) {
    if (family == Family::ipv6) {
        // RFC 8201 §4: a report of less than every link carries is discarded.
        if (reported < kLeastIpv6 || reported >= current) return std::nullopt;
        return reported;
    }
    if (reported == 0) {
        const auto* next = std::ranges::find_if(kPlateaus, [&](std::uint16_t p) { return p < current; });
        if (next == kPlateaus.end()) return std::nullopt;
        return *next;
    }
    const std::uint16_t mtu = std::max(reported, kLeastIpv4);
    if (mtu >= current) return std::nullopt;
    return mtu;
}

std::uint16_t PathMtus::find(const Path& path) const {
    const auto it = paths_.find(path);
    return it == paths_.end() ? std::uint16_t{0} : it->second.mtu;
}

void PathMtus::set(const Path& path, std::uint16_t mtu, Time now) {
    const auto [it, fresh] = paths_.try_emplace(path);
    if (!fresh) {
        const auto [first, last] = by_time_.equal_range(it->second.until);
        by_time_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == path; }));
    }
    it->second = {mtu, now + age_};
    by_time_.emplace(it->second.until, path);
}

std::optional<Path> PathMtus::expire(Time now) {
    if (by_time_.empty() || by_time_.begin()->first > now) return std::nullopt;
    const Path path = by_time_.begin()->second;
    by_time_.erase(by_time_.begin());
    paths_.erase(path);
    return path;
}

}  // namespace oegate::sa
