// What one source may use up: a count for each /32 or /64 and their sum. Sources with
// nothing counted take no memory. And how often something may be said.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "base/clock.hpp"
#include "net/address.hpp"

namespace oegate::ike::v2 {

class Budget {
  public:
    /// Whoever has an IPv6 address has its /64.
    static Address source_of(const Address& address) {
        return Prefix(address, address.is_ipv4() ? 32 : 64).address();
    }

    void enter(const Address& address) {
        ++total_;
        ++by_source_[source_of(address)];
    }
    void leave(const Address& address) {
        const auto found = by_source_.find(source_of(address));
        if (found == by_source_.end()) return;
        --total_;
        if (--found->second == 0) by_source_.erase(found);
    }
    unsigned total() const { return total_; }
    unsigned of(const Address& address) const {
        const auto found = by_source_.find(source_of(address));
        return found == by_source_.end() ? 0 : found->second;
    }
    /// Of the source that has most; looks at each.
    unsigned most() const {
        unsigned most = 0;
        for (const auto& [source, count] : by_source_) most = std::max(most, count);
        return most;
    }

  private:
    std::map<Address, unsigned> by_source_;
    unsigned total_ = 0;
};

/// Few numbers, and each of them once, in any `window`.
class SaidLately {
  public:
    static constexpr std::size_t kMost = 8;
    bool has(std::uint32_t number, Time now, Duration window) const {
        return std::any_of(said_.begin(), said_.end(),
                           [&](const Said& x) { return x.number == number && now - x.at < window; });
    }
    bool take(std::uint32_t number, Time now, Duration window) {
        if (has(number, now, window)) return false;
        std::erase_if(said_, [&](const Said& x) { return now - x.at >= window; });
        if (said_.size() >= kMost) return false;
        said_.push_back({now, number});
        return true;
    }

  private:
    struct Said {
        Time at;
        std::uint32_t number;
    };
    std::vector<Said> said_;
};

/// At most `burst` at once and one each `every` in the long run.
class TokenBucket {
  public:
    TokenBucket(unsigned burst, Duration every) : burst_(burst), every_(every), tokens_(burst) {}
    bool has(Time now) {
        const auto earned = now > refilled_ ? static_cast<std::uint64_t>((now - refilled_) / every_) : 0;
        if (earned > 0) {
            tokens_ = static_cast<unsigned>(std::min<std::uint64_t>(burst_, tokens_ + earned));
            refilled_ = now;
        }
        return tokens_ > 0;
    }
    bool take(Time now) {
        if (!has(now)) return false;
        --tokens_;
        return true;
    }

  private:
    unsigned burst_;
    Duration every_;
    unsigned tokens_;
    Time refilled_{};
};

}  // namespace oegate::ike::v2
