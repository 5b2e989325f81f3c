// Which resolver to ask first: the configured order, but one that was silent or
// unreachable several times in a row rests behind the others for a while; never behind
// one that is trusted less, or whoever keeps it busy with lame zones would choose whom
// we believe. Only an order: a resting resolver is still asked when the others do not
// help, so forged errors can delay but not deny. One whose answers fail validation while
// another's hold rests likewise, and is counted. Used by query and questions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace oegate::discovery {

class Health {
  public:
    /// Empty with validation of our own: then nobody needs to be trusted.
    Health(std::size_t num_resolvers, std::vector<bool> trusted)
        : resolvers_(num_resolvers), trusted_(std::move(trusted)) {}

    void answered(std::size_t resolver, Time now) {
        Resolver& r = resolvers_[resolver];
        r.troubles = 0;
        r.rests_until = {};
        r.answered = now;
        ++r.answers;
    }
    /// Nothing came for a question that was asked at `asked`. Others that it answered
    /// meanwhile show that it lives and only that question is hard.
    void silent(std::size_t resolver, Time asked, Time now) {
        if (resolvers_[resolver].answered < asked) troubled(resolver, now);
    }
    /// Unreachable, or unwilling (REFUSED).
    void troubled(std::size_t resolver, Time now) {
        Resolver& r = resolvers_[resolver];
        if (++r.troubles >= kTroubles) r.rests_until = now + kRest;
    }
    /// Its answer was bogus, and others are being asked: until it is known who was right,
    /// new questions go to those first, or a chain of twenty links would be asked twice.
    void doubt(std::size_t resolver, Time now) {
        Resolver& r = resolvers_[resolver];
        r.mistrusted_until = std::max(r.mistrusted_until, now + kDoubt);
    }
    /// Its answer was bogus, and another resolver had one that is not: true when that is
    /// news (the operator is told once, and again when it goes on for long).
    bool forged(std::size_t resolver, Time now) {
        Resolver& r = resolvers_[resolver];
        ++r.forgeries;
        r.mistrusted_until = now + kRest;
        if (r.told && now - *r.told < kTellAgain) return false;
        r.told = now;
        return true;
    }
    bool rests(std::size_t resolver, Time now) const {
        const Resolver& r = resolvers_[resolver];
        return r.rests_until > now || r.mistrusted_until > now;
    }
    std::uint64_t answers(std::size_t resolver) const { return resolvers_[resolver].answers; }
    std::uint64_t forgeries(std::size_t resolver) const { return resolvers_[resolver].forgeries; }
    /// Indices, the first to be asked first.
    std::vector<std::size_t> order(Time now) const {
        std::vector<std::size_t> order(resolvers_.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::ranges::stable_sort(order, {}, [&](std::size_t i) {
            const bool less_trusted = !trusted_.empty() && trusted_[0] && !trusted_[i];
            return std::pair(less_trusted, rests(i, now));
        });
        return order;
    }

    /// More than one question's bad luck (the three types of one look-up are lost
    /// together), and as long as RFC 2308 §7.2 lets a dead server be remembered: at
    /// most five minutes. One minute, since asking it again costs one repetition.
    static constexpr unsigned kTroubles = 4;
    static constexpr Duration kRest = 60s;
    static constexpr Duration kTellAgain = 24h;
    static constexpr Duration kDoubt = 5s;

  private:
    struct Resolver {
        unsigned troubles = 0;  // in a row
        Time rests_until{};
        Time mistrusted_until{};
        Time answered{};
        std::optional<Time> told;
        std::uint64_t answers = 0;
        std::uint64_t forgeries = 0;
    };
    std::vector<Resolver> resolvers_;
    std::vector<bool> trusted_;
};

}  // namespace oegate::discovery
