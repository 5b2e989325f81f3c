// Places for queries in flight (dns.max-queries), who holds them, and who waits. Each
// host or peer that questions are asked for is a source with a line of its own; lines
// are served in turn and nobody holds more than a fair share, so that one who scans
// waits for himself only. Used by questions and query; pure.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "discovery/wire.hpp"
#include "net/address.hpp"

namespace oegate::discovery {

/// On whose account: an IPv4 address, or the /64 of an IPv6 one, because one host has
/// all of it. The unspecified address is the gateway itself, which has no share.
Address source_of(const Address& on_behalf);

class Places {
  public:
    /// max_waiting: questions in all lines together.
    Places(std::size_t max, std::size_t max_waiting) : max_(max), max_waiting_(max_waiting) {}

    bool any_free() const { return taken_ < max_; }
    /// A place is free, and the source is below its share: with n sources active, one
    /// holds at most max / (n + 1), so that there is always room for a newcomer.
    bool may_take(const Address& source) const;
    void take(const Address& source);
    void give_back(const Address& source);

    /// Waits in the line of its source. Beyond max_waiting the longest line loses its
    /// last question, which is returned; it may be this one.
    struct Waiting {
        Address source;
        Question question;
    };
    std::optional<Waiting> wait(const Address& source, const Question& question);
    void stop_waiting(const Address& source, const Question& question);
    /// The next that may take a place.
    std::optional<Waiting> next();

    std::size_t taken() const { return taken_; }
    std::size_t waiting() const { return waiting_; }
    std::size_t num_sources() const { return sources_.size(); }

  private:
    struct Source {
        std::size_t held = 0;
        std::deque<Question> line;
    };
    void drop_idle(std::map<Address, Source>::iterator at);

    std::size_t max_;
    std::size_t max_waiting_;
    std::size_t taken_ = 0;
    std::size_t waiting_ = 0;
    std::map<Address, Source> sources_;  // those that hold or wait
    std::deque<Address> turns_;          // sources with a line; each once
};

}  // namespace oegate::discovery
