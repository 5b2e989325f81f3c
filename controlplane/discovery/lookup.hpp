// One look-up: which questions it has, what was replied, and when that is enough for
// an answer that cannot change any more. Owned by discovery; asks nobody itself.
#pragma once

#include <variant>

#include "discovery/delegation.hpp"
#include "discovery/discovery.hpp"

namespace oegate::discovery {

using Owner = std::variant<Address, Identity>;  // delegation, keys
using Answer = std::variant<DelegationAnswer, KeyAnswer>;

struct Conclusion {
    Answer answer;
    Duration keep{};  // in the cache; zero: not at all
};

class Lookup {
  public:
    /// name: of the owner in DNS. Ends at now + config.timeout whatever happens.
    Lookup(Owner owner, const std::string& name, const config::Dns& config, const Surroundings& surroundings,
           const Address& source, Time now);

    const Owner& owner() const { return owner_; }
    /// Whose share it costs.
    const Address& source() const { return source_; }

    /// Questions that came up since the last call.
    std::vector<Question> take_questions();
    void take(const Question& question, const Reply& reply);
    /// nullopt: not yet.
    std::optional<Conclusion> conclude(Time now);
    /// When conclude may come to more than before, without any reply.
    Time deadline(Time now) const;
    bool is_over(Time now) const { return now >= end_; }
    /// Asked, and nobody has answered yet.
    std::vector<Question> unanswered() const;

  private:
    struct Asked {
        Question question;
        std::optional<Reply> reply;
        bool open = false;  // asked, and nobody has answered
    };

    bool has(std::size_t i) const { return asked_[i].reply.has_value(); }
    bool complete() const;
    void resolve_names();
    void spread_nxdomain();
    Reply reply_to(const std::string& name, std::uint16_t type) const;
    Answer judge() const;
    bool is_settled(const Answer& answer) const;
    bool early_possible(Time now) const;
    Conclusion finish(Answer answer) const;

    Owner owner_;
    Address source_;
    Rules rules_;
    std::vector<Asked> asked_;  // the types in the order of kTypes, then A and AAAA of each name
    std::vector<std::string> names_;
    std::size_t num_taken_ = 0;
    bool names_known_ = false;
    Time patience_;
    Time end_;
};

}  // namespace oegate::discovery
